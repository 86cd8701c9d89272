"""Sentences of the made world, and what they say of which words stand together."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.labs.language_model.made_world import EVERYWHERE, LENGTH, NOUNS, OF_KIND, OWN, PEOPLE, WORDS

TWO = len(OF_KIND) // 4  # words that go with each sex, and with each kind of place


def sentences(count: int, generator: torch.Generator) -> Tensor:
    """So many sentences, (count, 7), as numbers of words."""
    heads = torch.randint(len(NOUNS), (count,), generator=generator)
    pair, second = heads // 2, heads % 2
    place = pair >= len(PEOPLE)
    own = len(NOUNS) + 3 * pair[:, None] + _some(2, 3, count, generator)
    kinds = len(NOUNS) + len(OWN) + TWO * (2 * place + second)[:, None] + _some(2, TWO, count, generator)
    others = len(WORDS) - len(EVERYWHERE) + _some(2, len(EVERYWHERE), count, generator)
    said = torch.cat([heads[:, None], own, kinds, others], 1)
    return said.gather(1, torch.rand(said.shape, generator=generator).argsort(1))


def _some(chosen: int, of: int, count: int, generator: torch.Generator) -> Tensor:
    """`chosen` different ones `of` so many, (count, chosen)."""
    return torch.rand((count, of), generator=generator).argsort(1)[:, :chosen]


def information(said: Tensor) -> Tensor:
    """Pointwise mutual information of words that stand in one sentence, (117, 117): log p(w, c) / (p(w) p(c)); or -inf.

    Church and Hanks, 1990.
    """
    V = len(WORDS)
    together = torch.zeros(V, V, dtype=torch.float64)
    for i in range(LENGTH):
        for j in range(LENGTH):
            if i != j:
                together += torch.bincount(said[:, i] * V + said[:, j], minlength=V * V).reshape(V, V)
    alone = together.sum(1)
    return (together * together.sum() / (alone[:, None] * alone)).log()
