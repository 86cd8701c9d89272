"""What is seen of a race of optimisers: where each stands and came from, and what curvature says of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from engine.labs.gradient_descent.basins import Basins
from engine.labs.gradient_descent.config import Config
from engine.labs.gradient_descent.curvature import contraction, curvature
from engine.labs.gradient_descent.surfaces import Surface, terrain
from engine.nets.optimiser_names import WITH_MOMENTUM


@dataclass(frozen=True)
class Frame:
    """What a page draws.  R racers, G×G heights, S×S starts of the basins (S = 0 when they are off), M ends.

    Grids have y along the rows and x along the columns, and both grow.  Height and shade are read-only.
    """

    step: int
    names: tuple[str, ...]  # (R,) the racers, in the order of Config.optimisers
    points: np.ndarray  # (R, 2) where each is; a stopped one stays at its last point
    losses: np.ndarray  # (R,) the noiseless loss there
    diverged: np.ndarray  # (R,) bool: it went beyond 1,000 or was no longer finite
    left: np.ndarray  # (R,) bool: it left the map of a surface that falls for ever; that is a success
    paths: np.ndarray  # (R, T, 2) with T <= 400: the first 150 steps, the last 150, and 100 of those between
    path_steps: np.ndarray  # (T,) int: the step of each point of the paths
    gradients: np.ndarray  # (R, 2) of the noiseless loss
    momenta: np.ndarray  # (R, 2) running sum or average of gradients; zero for an optimiser that keeps none
    last_steps: np.ndarray  # (R, 2) the latest actual step, zero before the first and for a stopped racer
    learning_rates: np.ndarray  # (R,)
    eigenvalues: np.ndarray  # (R, 2) of the Hessian at each point: m, then L
    condition: np.ndarray  # (R,) L / m, NaN where m <= 0
    edge: np.ndarray  # (R,) 2 / L: gradient descent is stable below; infinite where L <= 0
    predicted_rate: np.ndarray  # (R,) `contraction` for these eigenvalues; NaN but for GD, momentum and Nesterov
    measured_rate: np.ndarray  # (R,) `measured_rate`; NaN where there is nothing to measure
    extent: tuple[float, float, float, float]  # left, right, bottom, top of the map
    grid_x: np.ndarray  # (G,)
    grid_y: np.ndarray  # (G,)
    height: np.ndarray  # (G, G) float32, the loss
    shade: np.ndarray  # (G, G) float32 in 0..1, the loss on a scale (often logarithmic) that shows all contours
    ends: np.ndarray  # (M, 2) the minima, or points down each valley of a surface that falls for ever
    basin_points: np.ndarray  # (S, S, 2) where each start is now; of a large grid, of every fourth row and column
    basin_ends: np.ndarray  # (S, S) int16: index into `ends`, -1 not arrived, -2 diverged; row and column as the start


def measured_rate(path: np.ndarray, minima: np.ndarray, *, diverged: np.ndarray, steps: int = 20) -> np.ndarray:
    """Geometric mean over the last `steps` steps of the factor by which the distance to the minimum changed, (R,).

    Of `minima` (M, 2) it is the one nearest to the end of the `path` (T + 1, R, 2).  NaN where there is none, before
    the first step, for those that `diverged` (R,), and below 1e-12, where rounding decides.
    """
    k = min(steps, len(path) - 1)
    rates = np.full(path.shape[1], math.nan)
    if k == 0 or not len(minima):
        return rates
    now, then = path[-1], path[-1 - k]  # (R, 2)
    for i in np.flatnonzero(~diverged):
        distances = np.linalg.norm(minima - now[i], axis=1)
        before = np.linalg.norm(minima[distances.argmin()] - then[i])
        if distances.min() > 1e-12 and before > 1e-12:
            rates[i] = (distances.min() / before) ** (1 / k)
    return rates


def predicted_rate(config: Config, eigenvalues: np.ndarray) -> np.ndarray:
    """What `contraction` makes of (m, L), for gradient descent and those with momentum, (R,); NaN for the others."""
    rates = np.full(len(eigenvalues), math.nan)
    for i, name in enumerate(config.optimisers):
        if name == "gradient_descent" or name in WITH_MOMENTUM:
            lr = getattr(config, f"lr_{name}")
            momentum = config.momentum if name in WITH_MOMENTUM else 0.0
            rates[i] = contraction(eigenvalues[i], lr=lr, momentum=momentum, nesterov=name == "nesterov")
    return rates


def momenta(optimisers: Mapping[str, Optimizer]) -> np.ndarray:
    """The running sum or average of gradients that each keeps for its one point, (R, 2); zero if it keeps none."""
    found = np.zeros((len(optimisers), 2))
    for i, optimiser in enumerate(optimisers.values()):
        for state in optimiser.state.values():
            buffer = state.get("momentum_buffer", state.get("exp_avg"))
            if buffer is not None:
                found[i] = buffer.reshape(2).cpu().numpy()
    return found


def frame(
    *, config: Config, surface: Surface, points: Tensor, path: Tensor, diverged: Set[str], left: Set[str],
    optimisers: Mapping[str, Optimizer], basins: Basins | None,
) -> Frame:  # fmt: skip
    """The present frame of racers at `points` (R, 2) who came along `path` (T + 1, R, 2).  Waits for the GPU."""
    names, t, walked = config.optimisers, len(path) - 1, path.numpy()
    losses, gradients, hessians = (found.cpu().numpy() for found in curvature(surface, points))
    eigenvalues = np.linalg.eigvalsh(hessians).astype(float)
    m, L = eigenvalues.T
    kept = np.arange(t + 1)
    if t >= 400:
        kept = np.concatenate([kept[:150], np.linspace(150, t - 150, 100).astype(int), kept[-150:]])
    out = np.array([name in diverged for name in names])
    ends = points.new_tensor(surface.ends).cpu().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return Frame(
            step=t,
            names=names,
            points=walked[t].copy(),
            losses=losses.astype(float),
            diverged=out,
            left=np.array([name in left for name in names]),
            paths=walked[kept].swapaxes(0, 1).copy(),
            path_steps=kept,
            gradients=gradients.astype(float),
            momenta=momenta(optimisers),
            last_steps=walked[t] - walked[max(t - 1, 0)],
            learning_rates=np.array([getattr(config, f"lr_{name}") for name in names]),
            eigenvalues=eigenvalues,
            condition=np.where(m > 0, L / m, math.nan),
            edge=np.where(L > 0, 2 / L, math.inf),
            predicted_rate=predicted_rate(config, eigenvalues),
            measured_rate=measured_rate(walked, ends if surface.bounded else ends[:0], diverged=out),
            extent=surface.extent,
            **terrain(config.surface, condition=config.condition, angle=config.angle),
            ends=ends,
            basin_points=basins.places(every=config.side // config.starts) if basins else np.zeros((0, 0, 2)),
            basin_ends=basins.ended() if basins else np.zeros((0, 0), dtype=np.int16),
        )
