"""The judge: a reward model that learns from comparisons of two sentences which of them somebody likes better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from engine.contract.device import generator
from engine.labs.alignment.config import ASKED
from engine.labs.alignment.enumerated import features, sentences, taste
from engine.labs.alignment.language import LENGTH, WORDS
from engine.labs.alignment.objectives import preference_loss
from engine.labs.alignment.policy import reference

HIDDEN = 32
STEPS, RATE = 200, 0.1
PRIOR = 0.5  # times the squares of all weights: each is expected to be about 1
PAIRS = 4_096  # new ones at each step, where comparisons have no end


def drawn(log_probs: Tensor, dice: Tensor) -> Tensor:
    """Sentences (…, B) that random numbers `dice` (…, B) in [0, 1) choose from log-probabilities (…, N).

    As if written word by word: the first word cuts the unit interval into parts, the second each of these, and so on.
    """
    edges = log_probs.exp().cumsum(-1)
    edges = (edges / edges[..., -1:]).contiguous()
    return torch.searchsorted(edges, dice.to(edges.dtype).contiguous(), right=True).clamp_max(edges.shape[-1] - 1)


def compared(ref_log_probs: Tensor, reward: Tensor, *, count: int, noise: float, dice: torch.Generator) -> Tensor:
    """Pairs of sentences of the reference (N,), the winner first, (count, 2).

    Somebody who goes by `reward` (N,) prefers the first with probability sigmoid(difference / noise): Bradley and Terry
    at a noise of 1, and always the better one at 0.
    """
    pair = drawn(ref_log_probs, torch.rand(count, 2, generator=dice))
    chance = torch.rand(count, generator=dice)
    difference = reward[pair[:, 0]] - reward[pair[:, 1]]
    likes_first = torch.sigmoid(difference / max(noise, 1e-6)) > chance
    return torch.where(likes_first[:, None], pair, pair.flip(1))


@lru_cache(maxsize=16)
def asked(seed: int, count: int) -> tuple[tuple[int, int], ...]:
    """Pairs that a visitor is asked about: two different sentences each, so that every one is as likely."""
    dice = generator(seed, "asked")
    first = torch.randint(WORDS**LENGTH, (count,), generator=dice)
    apart = torch.randint(1, WORDS**LENGTH, (count,), generator=dice)
    second = (first + apart) % WORDS**LENGTH
    return tuple(zip(first.tolist(), second.tolist(), strict=True))


@dataclass(frozen=True)
class People:
    """Who compares sentences, one for each of `seeds`, and how: the knobs of the Config that bear on it."""

    seeds: tuple[int, ...]
    hidden: int  # of the references that write the sentences
    taste: str
    comparisons: int
    noise: float
    choices: str = ""  # L or R for each pair, if the taste is a visitor's own

    def truth(self) -> Tensor:
        """The true reward of every sentence, (N,); of your own taste it is not known, and this is 0."""
        every = sentences(WORDS, LENGTH)
        return torch.zeros(len(every)).double() if self.taste == "yours" else taste(self.taste, every).double()

    def compare(self, dice: Sequence[torch.Generator], count: int) -> Tensor:
        """New pairs of each, the winners first, (S, count, 2)."""
        ref, reward = references(self.seeds, self.hidden), self.truth()
        return torch.stack([compared(each, reward, count=count, noise=self.noise, dice=g)
                            for each, g in zip(ref, dice, strict=True)])  # fmt: skip


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def references(seeds: tuple[int, ...], hidden: int) -> Tensor:
    """Log-probabilities of all sentences in each reference, (S, N)."""
    with torch.no_grad():
        log_probs: Tensor = reference(seeds, hidden)()
    return log_probs


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def answers(people: People) -> Tensor:
    """All comparisons that there are, the winners first, (S, M, 2)."""
    if people.taste != "yours":
        return people.compare([generator(seed, "comparisons") for seed in people.seeds], people.comparisons)
    told = []
    for seed in people.seeds:
        pairs = zip(asked(seed, ASKED), people.choices, strict=False)
        told.append([pair if choice == "L" else pair[::-1] for pair, choice in pairs])
    return torch.tensor(told, dtype=torch.long).view(len(people.seeds), -1, 2)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def beliefs(people: People, kind: str, fresh: bool) -> Tensor:
    """What judges of this kind believe of all sentences, (S, N); with `fresh` comparisons none was read twice."""
    dice, known = [generator(seed, "fresh") for seed in people.seeds], answers(people)
    with torch.enable_grad():
        judge = Judge(kind, people.seeds)
        if fresh:
            judge.learn(lambda: people.compare(dice, PAIRS), PAIRS * STEPS)
        elif known.shape[1]:
            judge.learn(lambda: known, known.shape[1])
        return judge.rewards().detach()


class Judge:
    """S judges of one kind: "linear" adds a number for each word at each place, "two_layer" has a hidden layer."""

    def __init__(self, kind: str, seeds: Sequence[int]) -> None:
        self.inputs = features(sentences(WORDS, LENGTH), WORDS).double()  # (N, 24)
        wide, dice = self.inputs.shape[1], [generator(seed, "judge") for seed in seeds]
        self.weights = [torch.zeros(len(seeds), wide, 1)]
        if kind == "two_layer":
            first = torch.stack([torch.randn(wide, HIDDEN, generator=g) / LENGTH**0.5 for g in dice])
            self.weights = [first, torch.zeros(len(seeds), 1, HIDDEN), torch.zeros(len(seeds), HIDDEN, 1)]
        self.weights = [weight.double().requires_grad_(True) for weight in self.weights]

    def rewards(self) -> Tensor:
        """What the judges believe of all sentences, (S, N): nothing before they have learned."""
        if len(self.weights) == 1:
            return (self.inputs @ self.weights[0])[..., 0]
        first, bias, last = self.weights
        return (torch.tanh(self.inputs @ first + bias) @ last)[..., 0]

    def learn(self, pairs: Callable[[], Tensor], count: int) -> None:
        """Fit `pairs` (S, M, 2), winners first, asked for at each step; `count` are all that there are of them."""
        optimiser = torch.optim.Adam(self.weights, lr=RATE if len(self.weights) == 1 else 0.2 * RATE)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        for _ in range(STEPS):
            reward = self.rewards()
            winners, losers = (reward.gather(1, side) for side in pairs().unbind(-1))
            size = torch.stack([weight.square().sum() for weight in self.weights]).sum()
            loss = preference_loss(winners, losers).sum() + PRIOR / count * size
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            falling.step()
