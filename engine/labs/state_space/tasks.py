"""Sequences of which something must be kept: selective copying, copying after a delay, recall, digits, and a text.

Each task makes (inputs, targets, asked): tokens (B, T), or numbers (B, T, 1) for the pixels; what is wanted at each
place, (B, T); and at which places an answer is asked for, (B, T) bool.  Gu, Dao, "Mamba", 2023, section 4.1.1; Arjovsky
et al., "Unitary evolution recurrent neural networks", 2016 (copying); Zoology, Arora et al., 2024 (recall).
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

from engine.data import text
from engine.labs.state_space.config import CLASSES, LONGEST_READ
from engine.labs.state_space.vocabulary import ASK, KEYS, LETTERS, NOISE, TEXT, VALUES, read, spelled

Batch = tuple[Tensor, Tensor, Tensor]
PIXELS, HELD_OUT = 64, 297  # of 8 x 8 digits, the last 297 of which are never trained on


def batch(
    task: str, generator: torch.Generator, *, count: int, length: int, kept: int, held_out: bool = False
) -> Batch:
    """`count` sequences of a task with `length` places and `kept` letters or pairs in them, then the question.

    `held_out` takes digits, or a part of the text, that training never shows; of the other tasks every sequence is new.
    """
    if task == "digits":
        return _digits(count, generator, held_out)
    if task == "recall":
        return _recall(count, length, kept, generator)
    if task == "text":
        return _text(count, length, generator, held_out)
    letters = torch.randint(LETTERS, (count, kept), generator=generator)
    if task == "delay":  # the letters first, always; then noise, so each answer is T places after its letter
        place = torch.arange(kept).expand(count, -1)
    else:
        place = torch.rand(count, length, generator=generator).argsort(dim=1)[:, :kept].sort(dim=1).values
    tokens = torch.full((count, length + kept), NOISE).scatter_(1, place, letters)
    tokens[:, length:] = ASK
    return _asked_last(tokens, letters)


def answers(task: str) -> range:
    """The classes that may be right: digits, letters, or the values of keys."""
    if task == "digits":
        return range(CLASSES)
    if task == "text":
        return range(len(TEXT))
    return range(ASK + 1 + KEYS, ASK + 1 + KEYS + VALUES) if task == "recall" else range(LETTERS)


def _asked_last(tokens: Tensor, answers: Tensor) -> Batch:
    """The last places ask, one for each of `answers` (B, k)."""
    k = answers.shape[1]
    targets = torch.full_like(tokens, -1)
    targets[:, -k:] = answers
    return tokens, targets, targets >= 0


def _recall(count: int, length: int, pairs: int, generator: torch.Generator) -> Batch:
    """Keys with values, "A3", noise between; then each key once more, to be answered by its value."""
    pairs = min(pairs, KEYS, length // 2)
    keys = torch.rand(count, KEYS, generator=generator).argsort(dim=1)[:, :pairs]
    values = torch.randint(VALUES, (count, pairs), generator=generator)
    place = 2 * torch.rand(count, length // 2, generator=generator).argsort(dim=1)[:, :pairs].sort(dim=1).values
    tokens = torch.full((count, length + pairs), NOISE)
    tokens.scatter_(1, place, ASK + 1 + keys).scatter_(1, place + 1, ASK + 1 + KEYS + values)
    order = torch.rand(count, pairs, generator=generator).argsort(dim=1)
    tokens[:, length:] = ASK + 1 + keys.gather(1, order)
    return _asked_last(tokens, ASK + 1 + KEYS + values.gather(1, order))


@cache
def _pictures() -> tuple[Tensor, Tensor]:
    """The 1,797 digits, row after row in [-1, 1], (n, 64, 1), in an order that no seed changes, and their classes."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = torch.randperm(len(found.target), generator=torch.Generator().manual_seed(0))
    pixels = torch.tensor(found.data, dtype=torch.float32)[order, :, None] / 8 - 1
    return pixels, torch.tensor(found.target)[order]


def _digits(count: int, generator: torch.Generator, held_out: bool) -> Batch:
    pixels, classes = _pictures()
    border = len(classes) - HELD_OUT
    low, high = (border, len(classes)) if held_out else (0, border)
    chosen = torch.randint(low, high, (count,), generator=generator)
    targets = torch.full((count, PIXELS), -1)
    targets[:, -1] = classes[chosen]
    return pixels[chosen], targets, targets >= 0


@cache
def _written() -> Tensor:
    """The tokens of the shipped text."""
    return torch.tensor(spelled(text.corpus()))


def _text(count: int, length: int, generator: torch.Generator, held_out: bool) -> Batch:
    """Windows of a text, of which each place asks for the next sign; `held_out` are those of its last tenth."""
    tokens = _written()
    border = text.border(len(tokens), 4 * LONGEST_READ + 1)
    low, high = (border, len(tokens) - length) if held_out else (0, border - length)
    places = torch.randint(low, high, (count, 1), generator=generator) + torch.arange(length + 1)
    found = tokens[places]
    return found[:, :-1], found[:, 1:], torch.ones(count, length, dtype=torch.bool)


def typed(task: str, told: str, *, length: int) -> tuple[Batch | None, str]:
    """What a visitor typed as one sequence with its question, and what of it says nothing here.

    At most `length` places are read.  None if nothing is left that could be asked for.
    """
    if task == "text":
        tokens = torch.tensor([spelled(told)[: length + 1]])
        asked = torch.ones_like(tokens[:, 1:], dtype=torch.bool)
        return ((tokens[:, :-1], tokens[:, 1:], asked) if tokens.shape[1] > 1 else None), ""
    symbols, ignored = read(task, told)
    symbols = symbols[:length]
    if task == "recall":
        return _typed_pairs(symbols), ignored
    letters = [symbol for symbol in symbols if symbol < LETTERS]
    if not letters:
        return None, ignored
    tokens = torch.tensor([symbols + [ASK] * len(letters)])
    return _asked_last(tokens, torch.tensor([letters])), ignored


def _typed_pairs(symbols: list[int]) -> Batch | None:
    first_value = ASK + 1 + KEYS
    told = {key: value for key, value in pairwise(symbols) if ASK < key < first_value <= value}
    if not told:
        return None
    return _asked_last(torch.tensor([[*symbols, *told]]), torch.tensor([[*told.values()]]))
