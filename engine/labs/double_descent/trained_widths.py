"""Two-layer networks across width, all seeds together, trained on all samples at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.double_descent.feature_maps import Problem
from engine.labs.double_descent.sweeps import (
    SLICE,
    Point,
    Setting,
    empty_linear,
    setting,
    share_wrong,
    shown,
    squared_error,
)

EPOCHS = 1_200  # for each width
LEARNING_RATE = 0.02
EPOCH_OVERHEAD = 4e6  # multiplications that take as long as the rest of an epoch


class TrainedWidth:
    """S networks d - width - K with tanh, one for each problem, by gradient descent with Adam's step sizes.

    The learning rate falls evenly to zero, so that all widths end at rest.  The loss is the squared error, summed over
    outputs, averaged over samples, plus ridge / n times the squared weights.
    """

    def __init__(self, problems: Sequence[Problem], width: int, *, seeds: Sequence[int]) -> None:
        self.width, self.epoch = width, 0
        self.x, self.y = (torch.stack([getattr(p, name) for p in problems]).float() for name in ("x", "y"))
        self.x_test = problems[0].x_test.float()
        d, k = self.x.shape[2], self.y.shape[2]
        drawn: list[list[Tensor]] = []
        for seed in seeds:
            g = generator(seed, f"weights/{width}")
            first = torch.randn(d, width, generator=g) * (1.4 / d**0.5)
            shift = 0.5 * torch.randn(1, width, generator=g)
            drawn.append([first, shift, torch.randn(width, k, generator=g) / width**0.5, torch.zeros(1, k)])
        self.weights = [nn.Parameter(torch.stack(w).to(self.x.device)) for w in zip(*drawn, strict=True)]
        self.optimiser = torch.optim.Adam(self.weights, lr=LEARNING_RATE)

    def answers(self, x: Tensor) -> Tensor:
        """Of every network, (S, N, K), about x (S, N, d) or (N, d)."""
        w, a, v, c = self.weights
        return torch.tanh(x @ w + a) @ v + c

    def train(self, epochs: int, ridge: float) -> float:
        """So many epochs more; the mean loss before the last one."""
        w, _, v, _ = self.weights
        loss = torch.zeros(())
        for _ in range(epochs):
            self.optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 - self.epoch / EPOCHS)
            loss = (self.answers(self.x) - self.y).square().sum((1, 2)) / self.x.shape[1]  # (S,)
            price = ridge / self.x.shape[1] * (w.square().sum() + v.square().sum())
            self.optimiser.zero_grad()
            torch.autograd.backward(loss.sum() + price)
            self.optimiser.step()
            self.epoch += 1
        return float(loss.detach().mean())  # the GPU must finish here

    def state_dict(self) -> dict[str, Any]:
        held = copied(self.optimiser.state_dict()["state"])
        return {"epoch": self.epoch, "weights": [w.detach().clone() for w in self.weights], "optimiser": held}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]
        with torch.no_grad():
            for mine, saved in zip(self.weights, state["weights"], strict=True):
                mine.copy_(saved)
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})


class AcrossTraining:
    """Two-layer networks of growing width, trained one width after the other."""

    exact = False  # another ridge would need another training

    def __init__(self, problems: Sequence[Problem], stops: list[int], *, seed: int) -> None:
        self.problems, self.stops, self.seed = problems, stops, seed
        self.threshold = network_threshold(problems[0])
        self.k, self.trained = 0, self._fresh(0)
        self.epochs = [self._epochs(k) for k in range(len(stops))]  # in one step

    def _fresh(self, k: int) -> TrainedWidth:
        seeds = range(self.seed, self.seed + len(self.problems))
        return TrainedWidth(self.problems, self.stops[k], seeds=seeds)

    def _epochs(self, k: int) -> int:
        d, outputs = self.problems[0].x.shape[1], self.problems[0].y.shape[1]
        products = 3 * self.stops[k] * (d + outputs) * len(self.problems) * len(self.problems[0].x)
        wanted = min(40, max(1, int(SLICE / 2 / (products + EPOCH_OVERHEAD))))
        return next(n for n in range(wanted, 0, -1) if EPOCHS % n == 0)

    def parts(self, k: int) -> int:
        return EPOCHS // self.epochs[k]

    def work(self, k: int, part: int, ridge: float) -> float:
        if part == 0:
            self.k, self.trained = k, self._fresh(k)
        return self.trained.train(self.epochs[k], ridge)

    def point(self, k: int, ridge: float) -> Point:
        trained = self.trained
        with torch.no_grad():
            answers = list(trained.answers(trained.x_test))
            left = (trained.answers(trained.x) - trained.y).square().sum(2).mean(1).tolist()
            norms = torch.stack([w.square().sum((1, 2)) for w in trained.weights]).sum(0).sqrt().tolist()
        rows = []
        for problem, said, train_error, norm in zip(self.problems, answers, left, norms, strict=True):
            rows.append({
                "train_error": train_error, "test_error": squared_error(problem, said), "norm": norm,
                "wrong": share_wrong(problem, said),
            })  # fmt: skip
        return Point.of(rows, shown(self.problems[0], answers))

    def model(self, done: int, fit: Callable[[Tensor, Tensor], Tensor]) -> nn.Module:
        w, a, v, c = (p.detach()[0] for p in self.trained.weights)
        d, k, widest = len(w), v.shape[1], self.stops[-1]
        first, last = empty_linear(d, widest), empty_linear(widest, k)
        with torch.no_grad():
            for p in (*first.parameters(), *last.parameters()):
                p.zero_()  # neurons beyond the width have no weights
            first.weight[: self.trained.width] = w.mT
            first.bias[: self.trained.width] = a[0]
            last.weight[:, : self.trained.width] = v.mT
            last.bias[:] = c[0]
        return nn.Sequential(first, nn.Tanh(), last)

    def theory(self, ridge: float) -> tuple[list[int], list[float]]:
        return [], []

    def setting(self) -> Setting:
        return setting(self.problems)

    def state_dict(self) -> dict[str, Any]:
        return {"k": self.k, "trained": self.trained.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.k = state["k"]
        self.trained = self._fresh(self.k)
        self.trained.load_state_dict(state["trained"])


def network_threshold(problem: Problem) -> float:
    """Hidden neurons at which a two-layer network has as many parameters as there are numbers to fit."""
    n, k = problem.y.shape
    return max(1.0, (n * k - k) / (problem.x.shape[1] + k + 1))
