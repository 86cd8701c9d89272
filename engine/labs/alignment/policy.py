"""The policies: small networks that write a sentence word by word, and the reference that they begin as."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from engine.contract.device import generator
from engine.labs.alignment.enumerated import beginnings, joined, markov
from engine.labs.alignment.language import LENGTH, WORDS

EMBEDDED = 12
PRETRAINING, RATE = 120, 0.02  # steps and learning rate of the reference


class Policy(nn.Module):
    """S networks of one shape: up to three words before, embedded, two hidden layers, and the next word.

    In double precision: they are small, and whoever repeats a run draws the same sentences.
    """

    before: Tensor
    embedding: Tensor
    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor
    last: Tensor
    last_bias: Tensor

    def __init__(self, seeds: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.register_buffer("before", beginnings(WORDS, LENGTH), persistent=False)  # (C, T - 1)
        drawn = [self._drawn(generator(seed, "policy"), hidden) for seed in seeds]
        for name in drawn[0]:
            setattr(self, name, nn.Parameter(torch.stack([one[name] for one in drawn]).double()))

    @staticmethod
    def _drawn(dice: torch.Generator, hidden: int) -> dict[str, Tensor]:
        wide = EMBEDDED * (LENGTH - 1)
        return {
            "embedding": torch.randn(WORDS + 1, EMBEDDED, generator=dice),
            "first": torch.randn(wide, hidden, generator=dice) / wide**0.5, "first_bias": torch.zeros(1, hidden),
            "second": torch.randn(hidden, hidden, generator=dice) / hidden**0.5, "second_bias": torch.zeros(1, hidden),
            "last": torch.randn(hidden, WORDS, generator=dice) / hidden**0.5, "last_bias": torch.zeros(1, WORDS),
        }  # fmt: skip

    def following(self) -> Tensor:
        """Log-probabilities of the next word after every beginning, (S, C, V)."""
        x = self.embedding[:, self.before].flatten(2)  # (S, C, 36)
        x = torch.baddbmm(self.first_bias, x, self.first).tanh()
        x = torch.baddbmm(self.second_bias, x, self.second).tanh()
        return torch.baddbmm(self.last_bias, x, self.last).log_softmax(-1)

    def forward(self) -> Tensor:
        """Log-probabilities of all sentences, (S, N)."""
        return joined(self.following(), LENGTH)


def reference(seeds: Sequence[int], hidden: int) -> Policy:
    """Policies that have learned to write like a random language, another one for each of `seeds`."""
    policy = Policy(seeds, hidden)
    policy.load_state_dict(_pretrained(tuple(seeds), hidden))
    return policy


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _pretrained(seeds: tuple[int, ...], hidden: int) -> dict[str, Tensor]:
    """Its weights: cross-entropy over all sentences at once, so that nothing here is left to chance."""
    with torch.enable_grad():
        policy = Policy(seeds, hidden)
        language = torch.stack([markov(generator(seed, "language")) for seed in seeds]).double().exp()  # (S, N)
        optimiser = torch.optim.Adam(policy.parameters(), lr=RATE)
        for _ in range(PRETRAINING):
            log_probs: Tensor = policy()
            optimiser.zero_grad()
            (-language * log_probs).sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return {name: tensor.detach().clone() for name, tensor in policy.state_dict().items()}
