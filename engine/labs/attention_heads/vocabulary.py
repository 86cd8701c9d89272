"""Which tasks there are, and the tokens of each."""

from __future__ import annotations

from functools import lru_cache

from engine.data.text import Alphabet, alphabet, own

TASKS = ("induction", "lookup", "reverse", "sort", "text")
LETTERS = 26
SYMBOLS = Alphabet("abcdefghijklmnopqrstuvwxyz0123456789_>")  # a blank to be filled, and the end of a question


def symbols(task: str, text_key: str) -> Alphabet:
    """The tokens of a task, each a character.  Raises `engine.data.text.TextError`."""
    return _of_text(text_key) if task == "text" else SYMBOLS


@lru_cache(maxsize=16)
def _of_text(text_key: str) -> Alphabet:
    return alphabet(own(text_key))
