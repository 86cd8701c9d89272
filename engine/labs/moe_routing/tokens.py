"""What a mixture of experts is given: tokens, their targets, and the kind that each token is of.

`Clusters` are points of the plane in a few discs, each disc with a rule of its own; `Text` is a text, character by
character.  Both give training tokens by generator and a fixed set of test tokens.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.contract.device import generator
from engine.data.text import Alphabet, alphabet, border, own

RADIUS = 0.45  # of a disc; their centres stand on the unit circle
SHARED_PART = 3.0  # third number of every point: as in trained networks, tokens have much in common
TEST = 512  # tokens

CONTEXT = 8  # characters that a network sees
MODEL = 32  # numbers that stand for a token of text
EMBEDDING = 16
GROUPS = ("lower case", "upper case", "digit", "space", "punctuation")


class Batch(NamedTuple):
    """N tokens: what a network is given (N, ...), what it should answer (N, ...) and the kind of each (N,).

    The kind is the number of a point's disc, or of the character in the alphabet.
    """

    given: Tensor
    target: Tensor
    kind: Tensor


class Clusters:
    """Discs around the unit circle, each with a linear rule of its own.

    A point is (x, y, 3).  Its target is a slope across its disc, pointing away from the middle of the plane, and, with
    weight `common`, one slope that all discs share; both have variance 1 before they are mixed.  Skewed: each disc has
    half as many points as the one before.
    """

    inputs, outputs = 3, 1

    def __init__(self, count: int, *, skewed: bool, common: float) -> None:
        angle = torch.arange(count) * 2 * math.pi / count + math.pi / 4
        self.centres = torch.stack([angle.cos(), angle.sin()], dim=1)  # (K, 2), also the discs' own slopes
        self.radius = min(RADIUS, 0.9 * math.sin(math.pi / count))  # discs never touch
        self.common = common
        share = 0.5 ** torch.arange(count) if skewed else torch.ones(count)
        self.share = share / share.sum()  # (K,)
        self.groups = torch.arange(count)  # of each kind, its place in `names`
        self.names = tuple(f"cluster {k + 1}" for k in range(count))
        wanted = (self.share * TEST).round().long().clamp_min(1)
        stream = generator(0, "test points")
        kinds = torch.arange(count).repeat_interleave(wanted)
        self.test = self._points(kinds[torch.randperm(len(kinds), generator=stream)], stream)
        self.spread = float(self.test.target.var(correction=0))

    def batch(self, count: int, stream: torch.Generator) -> Batch:
        """`count` points of random discs."""
        return self._points(torch.multinomial(self.share, count, replacement=True, generator=stream), stream)

    def _points(self, kind: Tensor, stream: torch.Generator) -> Batch:
        radius = self.radius * torch.rand(len(kind), generator=stream).sqrt()
        angle = 2 * math.pi * torch.rand(len(kind), generator=stream)
        xy = self.centres[kind] + torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
        return Batch(self.given(xy), self.target(xy), kind)

    def losses(self, answers: Tensor, target: Tensor) -> Tensor:
        """The loss of each token, (N,): its squared error as a share of the targets' variance."""
        return (answers - target).square().mean(1) / self.spread

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """The share of the targets' variance that answers (N, 1) leave unexplained."""
        return F.mse_loss(answers, target) / self.spread

    def given(self, xy: Tensor) -> Tensor:
        """Points (N, 2) as networks see them, (N, 3)."""
        return torch.cat([xy, xy.new_full((len(xy), 1), SHARED_PART)], dim=1)

    def target(self, xy: Tensor) -> Tensor:
        """What is to be answered at points (N, 2) of the plane, (N, 1): the rule of the nearest disc."""
        nearest = self.centres[torch.cdist(xy, self.centres).argmin(dim=1)]
        own = ((xy - nearest) * nearest).sum(1) * 2 / self.radius  # a disc's width has variance radius^2 / 4
        shared = xy @ xy.new_tensor([0.894, 0.447]) * math.sqrt(2)
        return (math.sqrt(1 - self.common) * own + math.sqrt(self.common) * shared)[:, None]


class Text:
    """A text in which every character is a token: given it and the seven before, the next one is to be answered."""

    inputs = outputs = MODEL

    def __init__(self, key: str) -> None:
        """Raises `TextError`."""
        self.alphabet, self.text = read(key)
        self.names = GROUPS
        self.groups = torch.tensor([_group(character) for character in self.alphabet.characters])
        self.cut = border(len(self.text), CONTEXT + 1)
        self.test = self._at(torch.arange(self.cut, min(self.cut + TEST, len(self.text) - CONTEXT)))

    def batch(self, count: int, stream: torch.Generator) -> Batch:
        """`count` random places in the first nine tenths of the text."""
        return self._at(torch.randint(self.cut - CONTEXT, (count,), generator=stream))

    def losses(self, answers: Tensor, target: Tensor) -> Tensor:
        """The cross-entropy of each next character in nats, (N,)."""
        return F.cross_entropy(answers, target, reduction="none")

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy of the next character in nats; answers are logits (N, V)."""
        return F.cross_entropy(answers, target)

    def _at(self, start: Tensor) -> Batch:
        windows = self.text[start[:, None] + torch.arange(CONTEXT + 1)]  # (N, CONTEXT + 1)
        return Batch(windows[:, :-1], windows[:, -1], windows[:, -2])


@lru_cache(maxsize=8)
def read(key: str) -> tuple[Alphabet, Tensor]:
    """The embedded text, or the one with this key on the shelf: its alphabet, and its characters as numbers (T,).

    Raises `TextError`.
    """
    text = own(key)
    known = alphabet(text)
    return known, torch.from_numpy(known.encode(text))


def _group(character: str) -> int:
    tests = (str.islower, str.isupper, str.isdigit, str.isspace)
    return next((place for place, test in enumerate(tests) if test(character)), len(tests))
