"""Which tasks there are, and the tokens of each."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.data import bpe
from engine.data.bpe import Tokeniser
from engine.data.text import TRAIN_SHARE, Alphabet, alphabet, own

TASKS = ("induction", "lookup", "reverse", "sort", "text")
LETTERS = 26
SYMBOLS = Alphabet("abcdefghijklmnopqrstuvwxyz0123456789_>")  # a blank to be filled, and the end of a question


def symbols(task: str, text_key: str, merges: int = 0) -> Alphabet | Tokeniser:
    """The tokens of a task, each a character; of a text with `merges`, pieces of words.  Raises `TextError`."""
    return _of_text(text_key, merges) if task == "text" else SYMBOLS


@lru_cache(maxsize=16)
def _of_text(text_key: str, merges: int) -> Alphabet | Tokeniser:
    text = own(text_key)
    return bpe.train(text[: int(TRAIN_SHARE * len(text))], merges) if merges else alphabet(text)


@lru_cache(maxsize=16)
def encoded(text_key: str, merges: int) -> NDArray[np.int64]:
    """A text as tokens, (N,).  Raises `TextError`."""
    return np.asarray(_of_text(text_key, merges).encode(own(text_key)), dtype=np.int64)
