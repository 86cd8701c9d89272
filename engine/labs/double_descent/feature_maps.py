"""Least-squares problems whose model can be as wide as one likes: data, and features of which a model takes some.

The features are nested: a wider model has all features of a narrower one, and more.  Every seed draws data, noise and
features of its own.

References: Rahimi and Recht, "Random features for large-scale kernel machines", 2007 (Fourier features); Belkin, Hsu,
Xu, "Two models of double descent for weak features", 2020 (a subset of Gaussian features).
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.contract.device import generator
from engine.data import images

TEST_PICTURES = 250
CURVE_POINTS = 201
FOURIER_LENGTH = {"digits": 2.0, "curve": 0.3}  # distance over which a Fourier feature changes


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures as rows and one-hot labels: x (1297, 64), y (1297, 10) to train with, then as many columns to test."""
    found = images.load("digits")
    x, x_test = (torch.from_numpy(p).double().flatten(1) for p in (found.train_x, found.test_x[:TEST_PICTURES]))
    y, y_test = (F.one_hot(torch.from_numpy(c), 10).double() for c in (found.train_y, found.test_y[:TEST_PICTURES]))
    return x, y, x_test, y_test


def target(x: Tensor) -> Tensor:
    """The curve that is to be found from noisy points, for x in [-1, 1]."""
    return torch.sin(math.pi * (x + 0.3)) * (1 + x) * 0.8


class Legendre:
    """Legendre polynomials at x (N,), orthonormal on [-1, 1] and then divided by j + 1: sqrt(2j + 1) P_j(x) / (j + 1).

    The division changes nothing that fewer polynomials than samples could say; beyond, it makes wiggles expensive.
    """

    def __init__(self, x: Tensor) -> None:
        self.x, self.columns = x, [torch.ones_like(x), x]

    def __call__(self, count: int) -> Tensor:
        """The first `count`, (N, count)."""
        for j in range(len(self.columns) - 1, count - 1):  # Bonnet: (j + 1) P_j+1 = (2j + 1) x P_j - j P_j-1
            self.columns.append(((2 * j + 1) * self.x * self.columns[j] - j * self.columns[j - 1]) / (j + 1))
        degrees = torch.arange(count, dtype=self.x.dtype, device=self.x.device)
        return torch.stack(self.columns[:count], dim=1) * (2 * degrees + 1).sqrt() / (degrees + 1)


class Problem:
    """The data and the features of one seed.

    ``x`` (n, d) and ``y`` (n, K) to train with; the test error is the squared error against ``y_test`` (m, K), summed
    over the K outputs, averaged over the m rows of ``x_test``, plus ``floor``.  Gaussian data have no ``x_test``: there
    y_test holds the true coefficients (D, 1), and the same sum over them is the expected error over all x, exactly.
    """

    def __init__(
        self, data: str, model: str, *, samples: int, widest: int, noise: float, seed: int, device: torch.device
    ) -> None:
        self.data, self.model, self.widest = data, model, widest
        self.floor = 0.0
        self.x: Tensor
        self.y: Tensor
        g = generator(seed, "data")
        if data == "digits":
            x, y, self.x_test, self.y_test = digits()
            chosen = torch.randperm(len(x), generator=g)[:samples]
            self.x, self.y = x[chosen], y[chosen]
            wrong = torch.rand(samples, generator=g) < noise
            shift = torch.randint(1, 10, (samples,), generator=g)
            other = F.one_hot((self.y.argmax(1) + shift) % 10, 10).double()
            self.y = torch.where(wrong[:, None], other, self.y)
        elif data == "curve":
            cells = (
                torch.arange(samples)[:, None] + 0.25 + 0.5 * torch.rand(samples, 1, generator=g, dtype=torch.float64)
            )
            self.x = 2 * cells / samples - 1  # one in each of n intervals, so that no two are nearly the same
            self.y = target(self.x) + noise * torch.randn(samples, 1, generator=g, dtype=torch.float64)
            self.x_test = torch.linspace(-1, 1, CURVE_POINTS, dtype=torch.float64)[:, None]
            self.y_test = target(self.x_test)
        else:  # inputs of variance 1/D, coefficients of variance 1: y has variance 1 + noise²
            self.x = torch.randn(samples, widest, generator=g, dtype=torch.float64) / math.sqrt(widest)
            self.y_test = torch.randn(widest, 1, generator=g, dtype=torch.float64)
            self.y_test *= math.sqrt(widest) / self.y_test.norm()
            self.y = self.x @ self.y_test + noise * torch.randn(samples, 1, generator=g, dtype=torch.float64)
            self.x_test = self.x[:0]
            self.floor = noise**2
        self._draw_features(generator(seed, "features"))
        for name in ("x", "y", "x_test", "y_test", "directions", "shifts"):
            setattr(self, name, getattr(self, name).to(device))
        self._polynomials = [(at, Legendre(at[:, 0])) for at in (self.x, self.x_test)]  # they grow with the width

    def _draw_features(self, g: torch.Generator) -> None:
        d = self.x.shape[1]
        self.directions, self.shifts = torch.zeros(d, 0).double(), torch.zeros(0).double()
        if self.model in ("fourier", "relu"):
            self.directions = torch.randn(d, self.widest, generator=g, dtype=torch.float64)
            self.shifts = torch.rand(self.widest, generator=g, dtype=torch.float64)
        if self.model == "fourier":
            if (
                self.data == "curve"
            ):  # Cauchy frequencies: the kernel exp(-|x - x'| / length), rough enough for n points
                self.directions = torch.tan(math.pi * (torch.rand(1, self.widest, generator=g).double() - 0.5))
            self.directions /= FOURIER_LENGTH[self.data]
            self.shifts *= 2 * math.pi
        elif self.model == "relu":
            self.directions /= self.directions.norm(dim=0)
            self.shifts = (2 * self.shifts - 1) if self.data == "curve" else 0 * self.shifts

    def features(self, x: Tensor, low: int, high: int) -> Tensor:
        """Features `low` to `high` - 1 of each row of x (N, d), (N, high - low); not yet times `scale`."""
        if self.model == "fourier":  # sqrt(2) cos(w x + b)
            return math.sqrt(2) * torch.cos(x @ self.directions[:, low:high] + self.shifts[low:high])
        if self.model == "relu":
            return math.sqrt(2) * torch.relu(x @ self.directions[:, low:high] + self.shifts[low:high])
        if self.model == "legendre":
            known = [made for at, made in self._polynomials if at is x]
            return (known or [Legendre(x[:, 0])])[0](high)[:, low:]
        return x[:, low:high]  # a subset of Gaussian inputs; which one does not matter, they are all alike

    def scale(self, width: int) -> float:
        """What the features of a model of this width are multiplied by, so that the same ridge means the same."""
        return 1 / math.sqrt(width) if self.model in ("fourier", "relu") else 1.0
