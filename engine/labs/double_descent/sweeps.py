"""What is fitted at each point of a double-descent curve, and linear models across width, which are fitted exactly.

A sweep has ``stops`` (widths or epochs); the work at stop k comes in ``parts(k)`` pieces of about 20 ms, after which
``point(k, ridge)`` says how well all seeds do there.  Where a sweep is ``exact`` another ridge can be asked for later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.labs.double_descent import risk_theory, spectrum
from engine.labs.double_descent.feature_maps import Problem
from engine.labs.double_descent.spectrum import Spectrum

SLICE = 3e8  # multiplications in one step, about 20 ms of one core

Array = NDArray[np.float32]
NUMBERS = (
    "train_error", "test_error", "norm", "rank", "smallest", "wrong", "good_ridge_error", "fast", "slow",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One stop: ``numbers`` (S, 9) as in `NUMBERS`, and the ``answers`` that a frame shows."""

    numbers: Array
    answers: Array

    @classmethod
    def of(cls, seeds: Sequence[dict[str, float]], answers: Array) -> Point:
        """From a row of numbers for each seed; what is not given does not apply, and is zero."""
        rows = [[row.get(name, 0.0) for name in NUMBERS] for row in seeds]
        return cls(np.array(rows, dtype=np.float32), answers)


@dataclass(frozen=True)
class Setting:
    """What stays the same while a sweep goes on, as a frame shows it; `shape` is that of the answers of one point."""

    kind: str  # "digits", "curve" or "coefficients"
    shape: tuple[int, ...]
    truth: Array
    pictures: Array
    train_points: Array


class Sweep(Protocol):
    """What linear models across width, networks across width and one model across epochs have in common."""

    exact: bool
    stops: list[int]
    threshold: float

    def parts(self, k: int) -> int:
        """Into how many steps the work at stop k is divided."""
        ...

    def work(self, k: int, part: int, ridge: float) -> float:
        """Do one of them, the next one; the training loss on the way, or NaN if that says nothing."""
        ...

    def point(self, k: int, ridge: float) -> Point:
        """All seeds at stop k, once its work is done."""
        ...

    def model(self, done: int, fit: Callable[[Tensor, Tensor], Tensor]) -> nn.Module:
        """The model of the first seed after so many stops; `fit` finds the weights of given features."""
        ...

    def theory(self, ridge: float) -> tuple[list[int], list[float]]:
        """Stops, and the test error expected there; empty where nothing is known."""
        ...

    def setting(self) -> Setting:
        """What the answers are about."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the next piece of work goes on from."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        ...


class AcrossWidth:
    """Linear models of growing width, each fitted exactly."""

    exact = True

    def __init__(self, problems: Sequence[Problem], stops: list[int]) -> None:
        self.problems, self.stops, self.n = problems, stops, len(problems[0].x)
        self.threshold = float(self.n)
        self.spectra: dict[tuple[int, int], Spectrum] = {}
        self.good_errors: dict[tuple[int, int], float] = {}
        self.kernels: dict[int, tuple[int, Tensor, Tensor]] = {}

    def share(self, k: int) -> int:
        """How many seeds of stop k are fitted in one step."""
        problem, n, wide = self.problems[0], self.n, self._wide(k)
        m, d = len(problem.x_test), len(problem.directions) if len(problem.shifts) else 0
        new = self.stops[k] - (self.stops[k - 1] if k and wide else 0)
        cost = new * (n + m) * (2 * d + 40) + 2 * new * n * (n + m) + (8 if wide else 25) * n**2 * min(n, self.stops[k])
        return max(1, int(SLICE / cost))

    def parts(self, k: int) -> int:
        return math.ceil(len(self.problems) / self.share(k))

    def work(self, k: int, part: int, ridge: float) -> float:
        share = self.share(k)
        for i in range(part * share, min((part + 1) * share, len(self.problems))):
            self.spectrum(k, i)
        return math.nan

    def _wide(self, k: int) -> bool:
        """Whether there are so many features that their products (n, n) are better decomposed than they themselves."""
        return self.stops[k] > 2 * self.n and self.problems[0].model != "legendre"

    def spectrum(self, k: int, i: int) -> Spectrum:
        """Decomposition of the features of seed i at stop k; kept, so that another ridge is cheap."""
        if (k, i) not in self.spectra:
            found = self._decompose(k, i)
            self.spectra[k, i] = found
            self.good_errors[k, i] = float(found.good_errors(self.problems[i].y_test.float()).min())
        return self.spectra[k, i]

    def _decompose(self, k: int, i: int) -> Spectrum:
        problem, width = self.problems[i], self.stops[k]
        scale = problem.scale(width)
        if self._wide(k) and problem.data != "gaussian":
            _, kernel, kernel_test = self._kernel(k, i)
            return spectrum.from_kernel(kernel * scale**2, problem.y, kernel_test * scale**2)
        phi = problem.features(problem.x, 0, width) * scale  # (n, w)
        if self._wide(k):
            return spectrum.from_kernel(phi @ phi.mT, problem.y, phi.mT)
        queries = None if problem.data == "gaussian" else problem.features(problem.x_test, 0, width) * scale
        return spectrum.from_features(phi, problem.y, queries)

    def _kernel(self, k: int, i: int) -> tuple[int, Tensor, Tensor]:
        """Sums of products of features, (n, n) and (m, n): a wider model only adds to those of a narrower one."""
        problem = self.problems[i]
        n, m = len(problem.x), len(problem.x_test)
        start = (0, problem.x.new_zeros(n, n), problem.x.new_zeros(m, n))
        counted, kernel, kernel_test = self.kernels.get(i, start)
        if counted > k + 1:
            counted, kernel, kernel_test = start
        for j in range(counted, k + 1):  # always the same blocks, so that the sums are the same to the last bit
            low, high = self.stops[j - 1] if j else 0, self.stops[j]
            phi = problem.features(problem.x, low, high)
            kernel = kernel + phi @ phi.mT
            kernel_test = kernel_test + problem.features(problem.x_test, low, high) @ phi.mT
        self.kernels[i] = k + 1, kernel, kernel_test
        return self.kernels[i]

    def point(self, k: int, ridge: float) -> Point:
        """All seeds of stop k, fitted with this ridge."""
        rows, answers = [], []
        for i, problem in enumerate(self.problems):
            found = self.spectrum(k, i)
            said = torch.zeros_like(problem.y_test, dtype=torch.float32)
            said[: len(found.queries)] = found.answers(ridge)
            rows.append({
                "train_error": found.train_error(ridge), "test_error": squared_error(problem, said),
                "norm": found.norm(ridge), "rank": found.rank, "smallest": found.smallest,
                "wrong": share_wrong(problem, said), "good_ridge_error": self.good_errors[k, i] + problem.floor,
            })  # fmt: skip
            answers.append(said)
        return Point.of(rows, shown(self.problems[0], answers))

    def model(self, done: int, fit: Callable[[Tensor, Tensor], Tensor]) -> nn.Module:
        problem, model = self.problems[0], WideModel(self.problems[0])
        if done:
            width = self.stops[done - 1]
            scale = problem.scale(width)
            found = fit(problem.features(problem.x, 0, width) * scale, problem.y)
            model.weights.data[:width] = found * scale
        return model

    def theory(self, ridge: float) -> tuple[list[int], list[float]]:
        if self.problems[0].data != "gaussian":
            return [], []
        known = {"samples": self.n, "inputs": self.stops[-1], "noise": math.sqrt(self.problems[0].floor)}
        at = sorted({*self.stops, *np.geomspace(self.stops[0], self.stops[-1], 120).round().astype(int).tolist()})
        if ridge:
            return at, [risk_theory.ridge_risk(p, ridge=ridge, **known) for p in at]  # type: ignore[arg-type]
        return at, [risk_theory.subset_risk(p, **known) for p in at]  # type: ignore[arg-type]

    def setting(self) -> Setting:
        return setting(self.problems)

    def state_dict(self) -> dict[str, Any]:
        return {}  # everything follows from the problems

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class WideModel(nn.Module):
    """The widest linear model; a narrower one has zero weights from its width on."""

    directions: Tensor
    shifts: Tensor

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem
        self.register_buffer("directions", problem.directions)
        self.register_buffer("shifts", problem.shifts)
        self.weights = nn.Parameter(torch.zeros(problem.widest, problem.y.shape[1], dtype=problem.y.dtype))

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.problem.features(x, 0, self.problem.widest) @ self.weights
        return answers


def squared_error(problem: Problem, answers: Tensor) -> float:
    """Squared error against the test targets, summed over outputs, averaged over rows, plus the noise there."""
    return float((problem.y_test - answers).square().sum(1).mean()) + problem.floor


def share_wrong(problem: Problem, answers: Tensor) -> float:
    """Share of rows whose largest output is not the right one; 0 if there is only one output."""
    return float((answers.argmax(1) != problem.y_test.argmax(1)).double().mean())


def ten_pictures(problem: Problem) -> list[int]:
    """The first test picture of each digit."""
    return [int((problem.y_test.argmax(1) == digit).nonzero()[0]) for digit in range(10)]


def shown(problem: Problem, answers: Sequence[Tensor]) -> Array:
    """What a frame keeps of the answers (m, K) of each seed."""
    if problem.data == "digits":
        return array(answers[0][ten_pictures(problem)])
    if problem.data == "curve":
        return array(torch.stack([a[:, 0] for a in answers]))
    return array(answers[0][:, 0])


def setting(problems: Sequence[Problem]) -> Setting:
    """What the answers of `shown` are about."""
    first, pictures, points = problems[0], torch.zeros(0, 8, 8), torch.zeros(0, 2)
    shape: tuple[int, ...]
    if first.data == "digits":
        rows = ten_pictures(first)
        kind, shape, truth = "digits", (10, 10), first.y_test[rows].argmax(1)
        pictures = first.x_test[rows].reshape(-1, 8, 8)
    elif first.data == "curve":
        kind, shape = "curve", (len(problems), len(first.x_test))
        truth, points = torch.cat([first.x_test, first.y_test], dim=1), torch.cat([first.x, first.y], dim=1)
    else:
        kind, shape, truth = "coefficients", (len(first.y_test),), first.y_test[:, 0]
    return Setting(kind, shape, array(truth), array(pictures), array(points))


def array(values: Tensor) -> Array:
    """On the host, in single precision."""
    return values.detach().cpu().numpy().astype(np.float32)


def empty_linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer to be filled with numbers that are known; no random ones are drawn for it."""
    return nn.Linear(inputs, outputs, bias=bias, device="meta").to_empty(device="cpu")
