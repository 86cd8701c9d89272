"""What a token is: a character, a byte, or a piece that byte pair encoding found; and the text as tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import bpe, text
from engine.labs.language_model import ngrams

Array = NDArray[Any]


@dataclass(frozen=True)
class Characters:
    """Every character is a token; one that the text does not have, or hardly ever, is the last, U+FFFD."""

    alphabet: text.Alphabet

    def __len__(self) -> int:
        return len(self.alphabet)

    def encode(self, text: str) -> list[int]:
        return self.alphabet.encode(text).tolist()  # type: ignore[no-any-return]

    def decode(self, tokens: list[int]) -> str:
        return self.alphabet.decode(np.array(tokens, dtype=np.int64))


Tokens = Characters | bpe.Tokeniser


@dataclass(frozen=True)
class Corpus:
    """A text as tokens: those that are learned from, and those of its last tenth, which are held out."""

    tokens: Tokens
    train: Array  # (N,) int64
    held: Array  # (M,)
    characters: int  # in the whole text
    known: Array  # how many characters each token stands for, (V,); a byte within a character counts 0

    @cached_property
    def labels(self) -> list[str]:
        """How each token is written where it must be seen."""
        return self.tokens.alphabet.labels() if isinstance(self.tokens, Characters) else self.tokens.labels()

    def label(self, token: int) -> str:
        return self.labels[token]

    @cached_property
    def starts(self) -> Array:
        """How many characters of the held-out text stand before each of its tokens, (M + 1,)."""
        return np.concatenate([[0], np.cumsum(self.known[self.held])])


@lru_cache(maxsize=8)
def tokeniser(text_key: str, unit: str, merges: int) -> Tokens:
    """What cuts the text; merges are learned from the part that is trained on.  Raises `TextError`."""
    if unit == "characters":
        return Characters(text.alphabet(text.own(text_key)))
    return bpe.train(parts(text_key)[0], merges if unit == "bpe" else 0)


@lru_cache(maxsize=8)
def parts(text_key: str) -> tuple[str, str]:
    """What is learned from, and the last tenth, which is held out."""
    whole = text.own(text_key)
    cut = int(text.TRAIN_SHARE * len(whole))
    return whole[:cut], whole[cut:]


@lru_cache(maxsize=8)
def corpus(text_key: str, unit: str, merges: int, context: int) -> Corpus:
    """The text with this key on the shelf, or the one that is shipped, as tokens.

    Of a short text there are fewer merges, so that a piece of `context` tokens is there to be held out.
    """
    cut, (train, held) = tokeniser(text_key, unit, merges), parts(text_key)
    if isinstance(cut, bpe.Tokeniser):
        while cut.merges and (len(cut.encode(held)) < context + 2 or len(cut.encode(train)) < 2 * context):
            cut = cut.after(len(cut.merges) // 2)
    if isinstance(cut, Characters):
        known = np.ones(len(cut), dtype=np.int64)
    else:
        known = np.array([sum(byte & 0xC0 != 0x80 for byte in piece) for piece in cut.pieces])
    return Corpus(cut, np.array(cut.encode(train), dtype=np.int64), np.array(cut.encode(held), dtype=np.int64),
                  len(train) + len(held), known)  # fmt: skip


def merges(text_key: str, most: int, context: int) -> int:
    """How many merges a `corpus` has of `most` that are asked for; a long text is not cut to know.  Raises `TextError`.

    A text whose end has enough words for a piece has enough tokens with any merges.
    """
    if len(parts(text_key)[1]) >= (bpe.LONGEST + 1) * (context + 2):
        return most
    found = corpus(text_key, "bpe", most, context).tokens
    return len(found.merges) if isinstance(found, bpe.Tokeniser) else 0


@lru_cache(maxsize=8)
def counted(text_key: str, unit: str = "bpe") -> tuple[Array, float]:
    """Bits that tables of 1 to 6 characters need for each character held out, (6, H), and a character by lot.

    Where tokens are characters, one that is not among them is U+FFFD for the tables too: a model has no other to say.
    """
    train, held = parts(text_key)
    if unit == "characters":
        cut = tokeniser(text_key, unit, 0)
        train, held = cut.decode(cut.encode(train)), cut.decode(cut.encode(held))
    kinds = len(set(train + held))
    return ngrams.surprise(train, held), float(np.log2(max(2, kinds)))
