"""Words as numbers: what a model reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PAD, START, END = 0, 1, 2
SPECIAL = ("<pad>", "<start>", "<end>")


@dataclass(frozen=True)
class Vocabulary:
    """Source words from 1 on, target words from 3 on; a source may be turned round before it is read."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    turned: bool = False

    @property
    def sizes(self) -> tuple[int, int]:
        """How many different numbers there are on both sides, with those that are no words."""
        return 1 + len(self.source), len(SPECIAL) + len(self.target)

    def read(self, sentences: Sequence[Sequence[str]]) -> Tensor:
        """Source sentences as (B, S), filled up with `PAD`.  Raises `ValueError` for a word that it does not have."""
        places = {word: n for n, word in enumerate(self.source, start=1)}
        rows = [[_place(places, word) for word in sentence] for sentence in sentences]
        return padded([row[::-1] if self.turned else row for row in rows])

    def write(self, sentences: Sequence[Sequence[str]]) -> Tensor:
        """Target sentences as (B, T + 1), each with `END`, filled up with `PAD`.  Raises `ValueError` as `read`."""
        places = {word: n for n, word in enumerate(self.target, start=len(SPECIAL))}
        return padded([[*(_place(places, word) for word in sentence), END] for sentence in sentences])

    def words(self, tokens: Sequence[int]) -> list[str]:
        """The words of target `tokens`, up to the end."""
        every = (*SPECIAL, *self.target)
        stop = tokens.index(END) if END in tokens else len(tokens)
        return [every[token] for token in tokens[:stop]]


def _place(places: dict[str, int], word: str) -> int:
    if word not in places:
        raise ValueError(f"'{word[:40]}' is no word of this vocabulary.")
    return places[word]


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of different lengths as one tensor, filled up with `PAD`."""
    longest = max(map(len, rows), default=0)
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])
