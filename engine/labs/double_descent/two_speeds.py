"""A linear model with fast and slow inputs, trained by gradient descent: test error falls, rises and falls again.

References: Heckel and Yilmaz, "Early stopping in deep networks: double descent and how to eliminate it", 2021; Pezeshki
et al., "Multi-scale feature learning dynamics: insights for double descent", 2022.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.contract.device import generator
from engine.labs.double_descent.sweeps import Point, Setting, array, empty_linear

SLOWNESS = 0.03  # standard deviation of a slow input; that of a fast one is 1
LEARNING_RATE = 0.3
LAST_EPOCH = 300_000


class TwoSpeeds:
    """One seed: n samples, n / 2 fast inputs and n / 10 slow ones; each kind carries a signal of variance 1.

    Gradient descent on |X beta - y|² / (2 n) + ridge |beta|² / (2 n) from beta = 0 goes along each eigenvector of
    X^T X on its own, so beta after t epochs is known without walking there.
    """

    def __init__(self, *, samples: int, noise: float, seed: int, device: torch.device) -> None:
        g = generator(seed, "data")
        self.fast, self.slow = max(2, samples // 2), max(1, samples // 10)
        sizes = torch.tensor([self.fast, self.slow])
        self.scales = torch.tensor([1.0, SLOWNESS], dtype=torch.float64).repeat_interleave(sizes)
        beta = torch.randn(len(self.scales), generator=g, dtype=torch.float64)
        beta[: self.fast] /= beta[: self.fast].norm()
        beta[self.fast :] /= beta[self.fast :].norm() * SLOWNESS
        x = torch.randn(samples, len(beta), generator=g, dtype=torch.float64) * self.scales
        y = x @ beta + noise * torch.randn(samples, generator=g, dtype=torch.float64)
        self.x, self.y, self.beta, self.scales = x.to(device), y.to(device), beta.to(device), self.scales.to(device)
        self.floor = noise**2
        self.values, self.vectors = torch.linalg.eigh(self.x.mT @ self.x / samples)
        self.pull = self.vectors.mT @ (self.x.mT @ self.y) / samples

    def coefficients(self, epoch: int, ridge: float = 0.0) -> Tensor:
        """beta after so many epochs, (d,)."""
        curvature = (self.values + ridge / len(self.y)).clamp_min(1e-300)
        learned = -torch.expm1(epoch * torch.log1p(-LEARNING_RATE * curvature))  # 1 - (1 - eta h)^t
        beta: Tensor = self.vectors @ (learned / curvature * self.pull)
        return beta

    def train_error(self, beta: Tensor) -> float:
        """Mean squared error on the samples."""
        return float((self.x @ beta - self.y).square().mean())

    def parts(self, beta: Tensor) -> tuple[float, float]:
        """Expected squared error that is due to the fast and to the slow inputs; noise² comes on top of it."""
        wrong = ((beta - self.beta) * self.scales).square()
        return float(wrong[: self.fast].sum()), float(wrong[self.fast :].sum())


def epochs(count: int) -> list[int]:
    """`count` epochs from 1 to `LAST_EPOCH`, evenly on a logarithmic scale."""
    wanted = [round(math.exp(k / (count - 1) * math.log(LAST_EPOCH))) for k in range(count)]
    return sorted(set(wanted))


class AcrossEpochs:
    """One linear model with fast and slow inputs, after more and more epochs of gradient descent."""

    exact = True
    threshold = math.nan

    def __init__(self, problems: Sequence[TwoSpeeds], stops: list[int]) -> None:
        self.problems, self.stops = problems, stops

    def parts(self, k: int) -> int:
        return 1

    def work(self, k: int, part: int, ridge: float) -> float:
        return math.nan

    def point(self, k: int, ridge: float) -> Point:
        rows = []
        for problem in self.problems:
            beta = problem.coefficients(self.stops[k], ridge)
            fast, slow = problem.parts(beta)
            rows.append({
                "train_error": problem.train_error(beta), "test_error": fast + slow + problem.floor,
                "norm": float(beta.norm()), "fast": fast, "slow": slow,
            })  # fmt: skip
        first = self.problems[0]
        found = first.coefficients(self.stops[k], ridge) * first.scales
        return Point.of(rows, array(found))

    def model(self, done: int, fit: Callable[[Tensor, Tensor], Tensor]) -> nn.Module:
        first = self.problems[0]
        model = empty_linear(len(first.beta), 1, bias=False).to(first.x.dtype)
        model.weight.data[0] = first.coefficients(self.stops[done - 1] if done else 0)
        return model

    def theory(self, ridge: float) -> tuple[list[int], list[float]]:
        return [], []

    def setting(self) -> Setting:
        true = array(self.problems[0].beta * self.problems[0].scales)
        return Setting("coefficients", true.shape, true, np.zeros((0, 8, 8), np.float32), np.zeros((0, 2), np.float32))

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...
