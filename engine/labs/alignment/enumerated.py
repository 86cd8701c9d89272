"""All sentences of a toy language, and what somebody thinks of them: so few that every expectation is a sum."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.labs.alignment.language import LENGTH, NO, SURE, WE, WORDS, YES


def sentences(words: int, length: int) -> Tensor:
    """Every sentence of `length` words out of so many, (words^length, length), in the order of a dictionary."""
    return torch.cartesian_prod(*[torch.arange(words)] * length).view(-1, length)


def beginnings(words: int, length: int) -> Tensor:
    """What can stand before a word: each beginning of 0 to `length` - 1 words, (C, length - 1).

    C is 1 + words + words^2 + ….  They stand at the right, and what is missing on their left is the number `words`.
    """
    rows = [torch.full((1, length - 1), words)]
    for known in range(1, length):
        rows.append(torch.nn.functional.pad(sentences(words, known), (length - 1 - known, 0), value=words))
    return torch.cat(rows)


def joined(log_probs: Tensor, length: int) -> Tensor:
    """Log-probabilities of all sentences (…, V^length) from those of the next word after each beginning (…, C, V)."""
    words, at = log_probs.shape[-1], 1
    total = log_probs[..., 0, :]  # of the first word
    for known in range(1, length):
        count = words**known
        total = (total[..., None] + log_probs[..., at : at + count, :]).flatten(-2)
        at += count
    return total


def features(every: Tensor, words: int) -> Tensor:
    """Which word stands where: (N, T) to (N, T · words), one 1 for each place."""
    return torch.nn.functional.one_hot(every, words).flatten(1).float()


def repeats(every: Tensor) -> Tensor:
    """How often a word follows itself at once, (N,)."""
    return (every[:, 1:] == every[:, :-1]).sum(1)


def taste(name: str, every: Tensor) -> Tensor:
    """The true reward of every sentence (N, T), (N,): what the one who compares them goes by.

    "words": +1 for each yes and each sure, -1 for each no.  "repetition": besides, -2.5 for each word that follows
    itself at once.  "order": besides, +2 where "can" follows "we".
    """
    reward = ((every == YES) | (every == SURE)).sum(1).float() - (every == NO).sum(1)
    if name in ("repetition", "order"):
        reward = reward - 2.5 * repeats(every)
    if name == "order":
        reward = reward + 2.0 * ((every[:, :-1] == WE) & (every[:, 1:] == WE + 1)).sum(1)
    return reward


def markov(generator: torch.Generator) -> Tensor:
    """Log-probabilities of all sentences of a random language, (N,), in which a word depends on the one before."""
    first = torch.randn(WORDS, generator=generator).log_softmax(-1)
    following = (1.5 * torch.randn(WORDS, WORDS, generator=generator)).log_softmax(-1)
    every = sentences(WORDS, LENGTH)
    return first[every[:, 0]] + following[every[:, :-1], every[:, 1:]].sum(1)
