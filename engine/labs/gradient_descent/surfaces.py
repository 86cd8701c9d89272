"""Losses of two parameters, to be walked down: test functions of optimisation, and one regression on real data.

Every surface is called with points ``xy`` of shape (..., 2) and returns values of shape (...), differentiably.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Surface:
    """A loss f(x, y), the part of the plane worth looking at, and where paths can end.

    ``extent`` is (left, right, bottom, top).  ``ends`` are all minima in the extent or, where f falls for ever
    (``bounded`` is False), a point far down each valley.  ``saddles`` and ``maxima`` are where else the gradient is
    zero; of Rastrigin's hundreds none is named.  ``start`` is worth beginning from, and ``rate`` a learning rate that
    gradient descent bears from there and from most of the map.
    """

    formula: str
    value: Callable[[Tensor], Tensor]
    extent: tuple[float, float, float, float]
    ends: tuple[tuple[float, float], ...]
    bounded: bool = True
    log_shade: bool = True  # whether heights spread over so many powers of ten that a map needs their logarithm
    saddles: tuple[tuple[float, float], ...] = ()
    maxima: tuple[tuple[float, float], ...] = ()
    rate: float = 0.05
    start: tuple[float, float] = (-1.5, 2.0)

    def __call__(self, xy: Tensor) -> Tensor:
        return self.value(xy)


def quadratic(condition: float, angle: float = 0.0) -> Surface:
    """The bowl (u^2 + condition v^2) / 2, where u, v are x, y turned by `angle` degrees.

    Its Hessian has the eigenvalues m = 1 and L = condition at every point.
    """
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def value(xy: Tensor) -> Tensor:
        x, y = xy.unbind(-1)
        u, v = c * x + s * y, c * y - s * x
        return (u**2 + condition * v**2) / 2

    return Surface("(u² + κv²) / 2", value, (-3, 3, -3, 3), ((0.0, 0.0),), rate=1.8 / condition)


def _rosenbrock(xy: Tensor) -> Tensor:
    x, y = xy.unbind(-1)
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _himmelblau(xy: Tensor) -> Tensor:
    x, y = xy.unbind(-1)
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _beale(xy: Tensor) -> Tensor:
    x, y = xy.unbind(-1)
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _monkey_saddle(xy: Tensor) -> Tensor:
    x, y = xy.unbind(-1)
    return x**3 - 3 * x * y**2


def _rastrigin(xy: Tensor) -> Tensor:
    return (10 + xy**2 - 10 * (2 * math.pi * xy).cos()).sum(-1)


def _rastrigin_minimum(near: int) -> float:
    """The zero of x + 10 pi sin(2 pi x) close to the whole number `near`, by Newton's method."""
    x = float(near)
    for _ in range(8):
        x -= (x + 10 * math.pi * math.sin(2 * math.pi * x)) / (1 + 20 * math.pi**2 * math.cos(2 * math.pi * x))
    return x


@functools.cache
def diabetes_data(dtype: torch.dtype, where: str) -> tuple[Tensor, Tensor]:
    """442 patients: total and LDL cholesterol (N, 2) and the course of the disease a year later (N,), standardised.

    The two features are strongly correlated (0.90), which makes their loss a ravine.
    Efron et al., "Least angle regression", Annals of Statistics 2004; from scikit-learn.
    """
    import torch  # not above: the knobs, which need no torch, are named for the surfaces
    from sklearn.datasets import load_diabetes  # a second to import, so only when it is needed

    data = load_diabetes()
    columns = [data.feature_names.index(name) for name in ("s1", "s2")]
    features, targets = torch.from_numpy(data.data[:, columns]), torch.from_numpy(data.target)
    features = (features - features.mean(0)) / features.std(0, correction=0)
    targets = (targets - targets.mean()) / targets.std(correction=0)
    return features.to(dtype).to(where), targets.to(dtype).to(where)  # mps has no float64 to convert from


def mean_squared_error(weights: Tensor, features: Tensor, targets: Tensor) -> Tensor:
    """Of the linear model ``features @ weights``: weights (..., 2), features (N, 2), targets (N,) -> (...)."""
    return (weights @ features.T - targets).square().mean(-1)


def _diabetes(xy: Tensor) -> Tensor:
    return mean_squared_error(xy, *diabetes_data(xy.dtype, str(xy.device)))


_RASTRIGIN_AXIS = tuple(_rastrigin_minimum(k) for k in range(-5, 6))

SURFACES: dict[str, Surface] = {
    "quadratic": quadratic(10.0),
    "rosenbrock": Surface("(1 − x)² + 100 (y − x²)²", _rosenbrock, (-2, 2, -1, 3), ((1.0, 1.0),), rate=0.001),
    "himmelblau": Surface(
        "(x² + y − 11)² + (x + y² − 7)²",
        _himmelblau,
        (-5, 5, -5, 5),
        ((3.0, 2.0), (-2.805118087, 3.131312518), (-3.779310253, -3.283185991), (3.584428340, -1.848126527)),
        saddles=(
            (-3.073025751, -0.081353044),
            (-0.127961347, -1.953714980),
            (0.086677505, 2.884254701),
            (3.385154184, 0.073851880),
        ),
        maxima=((-0.270844591, -0.923038556),),
        rate=0.01,
    ),
    "beale": Surface(
        "(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
        _beale,
        (-4.5, 4.5, -4.5, 4.5),
        ((3.0, 0.5),),
        saddles=((0.0, 1.0), (0.100537937, -2.644513585)),
        rate=0.0005,
    ),
    "monkey_saddle": Surface(
        "x³ − 3xy²",
        _monkey_saddle,
        (-2, 2, -2, 2),
        ((-2.0, 0.0), (1.0, math.sqrt(3)), (1.0, -math.sqrt(3))),
        bounded=False,
        log_shade=False,
        saddles=((0.0, 0.0),),  # of three valleys: its Hessian there is zero
        start=(1.0, 0.02),
    ),
    "rastrigin": Surface(
        "20 + x² − 10 cos 2πx + y² − 10 cos 2πy",
        _rastrigin,
        (-5.12, 5.12, -5.12, 5.12),
        tuple((x, y) for x in _RASTRIGIN_AXIS for y in _RASTRIGIN_AXIS),
        log_shade=False,
        rate=0.002,
    ),
    # The end is the least-squares solution; a test solves for it.
    "diabetes": Surface(
        "mean of (w₁a + w₂b − c)²",
        _diabetes,
        (-3, 3, -3, 3),
        ((0.285491583, -0.081936140),),
        rate=0.4,
        start=(-2.4, 0.8),
    ),
}
"""Every surface by name; the quadratic here has condition number 10."""


def find(name: str, *, condition: float = 10.0, angle: float = 0.0) -> Surface:
    """The surface called `name`; the other two describe the quadratic."""
    return quadratic(condition, angle) if name == "quadratic" else SURFACES[name]


@functools.lru_cache(maxsize=32)
def terrain(name: str, *, condition: float, angle: float, size: int = 101) -> dict[str, np.ndarray]:
    """A map of `find(name, ...)`, made once and read-only: grid_x and grid_y (G,), height and shade (G, G) in float32.

    Row i stands for grid_y[i].  ``shade`` is the height on a scale from 0 to 1 that spreads the contours evenly.
    """
    import torch

    surface = find(name, condition=condition, angle=angle)
    left, right, bottom, top = surface.extent
    grid_x, grid_y = np.linspace(left, right, size), np.linspace(bottom, top, size)
    height = surface(torch.from_numpy(np.stack(np.meshgrid(grid_x, grid_y), -1))).numpy()
    shade = height - height.min()
    if surface.log_shade:
        shade = np.log1p(shade / (0.02 * np.median(shade)))
    grids = {
        "grid_x": grid_x,
        "grid_y": grid_y,
        "height": height.astype(np.float32),
        "shade": (shade / shade.max()).astype(np.float32),
    }
    for grid in grids.values():
        grid.flags.writeable = False
    return grids
