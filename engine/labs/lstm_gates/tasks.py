"""Tasks that need a memory: adding, copying, bracket matching, and the next character of a text.

A task makes as many sequences as asked for, from a generator; none is ever seen twice but by chance.  References:
Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997 (adding, copying); Karpathy, Johnson,
Fei-Fei, "Visualizing and understanding recurrent networks", 2015 (text).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data.text import Alphabet, border

SYMBOLS = "ABCDEFGH"  # to be copied
REMEMBERED = 4  # symbols in a sequence to copy
BRACKETS = "()·"  # opens, closes, means nothing
OPENS = CLOSES = 0.4  # chances of a bracket; the rest means nothing
DEEPEST = 8  # brackets open at a time


class Batch(NamedTuple):
    """`x` is what comes in, `y` what is asked for: numbers, or classes as whole numbers."""

    x: Tensor  # (B, T, inputs)
    y: Tensor  # (B, T)


class Task(Protocol):
    """`asked` is the index of the first step whose answer counts; later ones do too.  `guess`: the loss of guessing."""

    inputs: int
    outputs: int
    asked: int
    guess: float

    def draw(self, count: int, g: torch.Generator, *, test: bool = False) -> Batch:
        """`count` sequences; `test` keeps to what is never trained on, where there is a difference."""
        ...

    def tokens(self, x: Tensor) -> list[str]:
        """What comes in at each step of one sequence (T, inputs), as text."""
        ...

    def answers(self, y: Tensor) -> list[str]:
        """Answers (T,) of one sequence as text."""
        ...


def loss(task: Task, outputs: Tensor, y: Tensor) -> Tensor:
    """Mean over the steps that are asked: squared error of a number, cross-entropy of a class.

    `outputs` are (B, T, K), `y` (B, T).
    """
    said, wanted = outputs[:, task.asked :], y[:, task.asked :]
    if task.outputs == 1:
        return (said[..., 0] - wanted).square().mean()
    return F.cross_entropy(said.flatten(0, 1), wanted.flatten())


def choices(task: Task, outputs: Tensor) -> Tensor:
    """The answers (…, T) that `outputs` (…, T, K) give: the number, or the likeliest class."""
    return outputs[..., 0] if task.outputs == 1 else outputs.argmax(-1)


@dataclass(frozen=True)
class Adding:
    """Numbers come in, two of them marked: one in the first half, one in the second.  At the end: their sum?

    Guessing the mean of the sum, 1, costs the variance of two uniform numbers, 2 / 12.
    """

    length: int
    inputs: int = 2
    outputs: int = 1
    asked: int = -1
    guess: float = 1 / 6

    def draw(self, count: int, g: torch.Generator, *, test: bool = False) -> Batch:
        value, mark = torch.rand(count, self.length, generator=g), torch.zeros(count, self.length)
        half, rows = self.length // 2, torch.arange(count)
        mark[rows, torch.randint(0, half, (count,), generator=g)] = 1
        mark[rows, torch.randint(half, self.length, (count,), generator=g)] = 1
        return Batch(torch.stack([value, mark], -1), (value * mark).cumsum(1))

    def tokens(self, x: Tensor) -> list[str]:
        return [f"{'✓' if mark else ''}{value:.2f}".replace("0.", ".") for value, mark in x.tolist()]

    def answers(self, y: Tensor) -> list[str]:
        return [f"{value:.2f}" for value in y.tolist()]


@dataclass(frozen=True)
class Copying:
    """Four letters come in, then nothing for a long time, then four times "?": which letters were they?"""

    length: int
    inputs: int = len(SYMBOLS) + 2
    outputs: int = len(SYMBOLS)
    asked: int = -REMEMBERED
    guess: float = math.log(len(SYMBOLS))

    def draw(self, count: int, g: torch.Generator, *, test: bool = False) -> Batch:
        letters = torch.randint(0, len(SYMBOLS), (count, REMEMBERED), generator=g)
        seen = torch.full((count, self.length), len(SYMBOLS))
        seen[:, :REMEMBERED], seen[:, -REMEMBERED:] = letters, len(SYMBOLS) + 1
        y = torch.zeros(count, self.length, dtype=torch.int64)
        y[:, -REMEMBERED:] = letters
        return Batch(F.one_hot(seen, self.inputs).float(), y)

    def tokens(self, x: Tensor) -> list[str]:
        return [f"{SYMBOLS}·?"[place] for place in x.argmax(-1).tolist()]

    def answers(self, y: Tensor) -> list[str]:
        return [SYMBOLS[place] for place in y.tolist()]


@dataclass(frozen=True)
class Brackets:
    """Brackets open and close, at most eight deep, with dots between.  After each step: is any bracket open?"""

    length: int
    inputs: int = len(BRACKETS)
    outputs: int = 2
    asked: int = 0

    @cached_property
    def guess(self) -> float:
        """Entropy of the share of steps at which a bracket is open, by following the chances of every depth."""
        chances, open_ = torch.zeros(DEEPEST + 1, dtype=torch.float64), 0.0
        chances[0] = 1
        for _ in range(self.length):
            up, down = OPENS * chances, CLOSES * chances
            up[-1], down[0], down[-1] = 0, 0, (OPENS + CLOSES) * chances[-1]
            chances = chances - up - down + up.roll(1) + down.roll(-1)
            open_ += float(1 - chances[0]) / self.length
        return -open_ * math.log(open_) - (1 - open_) * math.log(1 - open_)

    def draw(self, count: int, g: torch.Generator, *, test: bool = False) -> Batch:
        chance = torch.rand(count, self.length, generator=g)
        depth, seen, depths = torch.zeros(count, dtype=torch.int64), [], []
        for p in chance.unbind(1):
            token = torch.where(p < OPENS, 0, torch.where(p < OPENS + CLOSES, 1, 2))
            token = torch.where((token == 1) & (depth == 0), 2, token)
            token = torch.where((token == 0) & (depth == DEEPEST), 1, token)
            depth = depth + (token == 0).long() - (token == 1).long()
            seen.append(token)
            depths.append(depth)
        return Batch(F.one_hot(torch.stack(seen, 1), self.inputs).float(), (torch.stack(depths, 1) > 0).long())

    def tokens(self, x: Tensor) -> list[str]:
        return [BRACKETS[place] for place in x.argmax(-1).tolist()]

    def answers(self, y: Tensor) -> list[str]:
        return ["open" if value else "closed" for value in y.tolist()]

    @staticmethod
    def depth(x: Tensor) -> Tensor:
        """How many brackets are open after each step, (…, T), for sequences (…, T, 3)."""
        return (x[..., 0] - x[..., 1]).cumsum(-1)


class NextCharacter:
    """Characters come in one by one, each as a one in a row of zeros.  After each: which one comes next?

    The end of the text is never trained on: see `text.border`.  Raises `TextError` if the text is too short.
    """

    asked = 0

    def __init__(self, text: str, alphabet: Alphabet, length: int) -> None:
        self.alphabet, self.length = alphabet, length
        self.inputs = self.outputs = len(alphabet)
        self.places = torch.from_numpy(alphabet.encode(text))
        self.border = border(len(self.places), length + 1)
        share = torch.bincount(self.places, minlength=self.inputs) / len(self.places)
        self.guess = float(torch.special.entr(share).sum())  # of who knows how frequent each is

    def draw(self, count: int, g: torch.Generator, *, test: bool = False) -> Batch:
        total, window = len(self.places), self.length + 1
        low, high = (self.border, total - window + 1) if test else (0, self.border - self.length)
        starts = torch.randint(low, high, (count, 1), generator=g)
        windows = self.places[starts + torch.arange(window)]  # (B, T + 1)
        return Batch(F.one_hot(windows[:, :-1], self.inputs).float(), windows[:, 1:])

    def tokens(self, x: Tensor) -> list[str]:
        labels = self.alphabet.labels()
        return [labels[place] for place in x.argmax(-1).tolist()]

    def answers(self, y: Tensor) -> list[str]:
        labels = self.alphabet.labels()
        return [labels[place] for place in y.tolist()]
