"""What is seen of a race of optimisers: where each stands and came from, and what curvature says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.labs.gradient_descent.curvature import contraction, curvature
from engine.labs.gradient_descent.surfaces import terrain
from engine.nets.optim import WITH_MOMENTUM


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


def measured_rate(experiment: Any, steps: int = 20) -> np.ndarray:
    """Geometric mean over the last `steps` steps of the factor by which the distance to the minimum changed, (R,).

    The minimum is the one nearest now.  NaN before the first step, after a stop, and below 1e-12, where rounding
    decides.
    """
    names, k = experiment.config.optimisers, min(steps, experiment.step_count)
    rates = np.full(len(names), math.nan)
    if k == 0 or not experiment.surface.bounded:
        return rates
    path = experiment.path.numpy()
    now, then = path[experiment.step_count], path[experiment.step_count - k]  # (R, 2)
    ends = experiment.ends.cpu().numpy()
    for i, name in enumerate(names):
        distances = np.linalg.norm(ends - now[i], axis=1)
        before = np.linalg.norm(ends[distances.argmin()] - then[i])
        if name not in experiment.diverged and distances.min() > 1e-12 and before > 1e-12:
            rates[i] = (distances.min() / before) ** (1 / k)
    return rates


def predicted_rate(config: Any, eigenvalues: np.ndarray) -> np.ndarray:
    """What `contraction` makes of (m, L), for gradient descent and those with momentum, (R,); NaN for the others."""
    rates = np.full(len(eigenvalues), math.nan)
    for i, name in enumerate(config.optimisers):
        if name == "gradient_descent" or name in WITH_MOMENTUM:
            lr = getattr(config, f"lr_{name}")
            momentum = config.momentum if name in WITH_MOMENTUM else 0.0
            rates[i] = contraction(eigenvalues[i], lr=lr, momentum=momentum, nesterov=name == "nesterov")
    return rates


def draw(experiment: Any) -> Frame:
    """Everything that a page draws of an `Experiment` of the lab gradient_descent."""
    config, names, t = experiment.config, experiment.config.optimisers, experiment.step_count
    points = experiment.model.stacked().detach()
    losses, gradients, hessians = (found.cpu().numpy() for found in curvature(experiment.surface, points))
    eigenvalues = np.linalg.eigvalsh(hessians).astype(float)
    m, L = eigenvalues.T
    momenta = np.zeros((len(names), 2))
    for i, (name, optimiser) in enumerate(experiment.optimisers.items()):
        state = optimiser.state.get(experiment.model.points[name], {})
        buffer = state.get("momentum_buffer", state.get("exp_avg"))
        if buffer is not None:
            momenta[i] = buffer.reshape(2).cpu().numpy()
    kept = np.arange(t + 1)
    if t >= 400:
        kept = np.concatenate([kept[:150], np.linspace(150, t - 150, 100).astype(int), kept[-150:]])
    path = experiment.path.numpy()
    basin_ends, basin_points = np.zeros((0, 0), dtype=np.int16), np.zeros((0, 0, 2))
    if experiment.basins:
        basin_ends = experiment.basins.ended()
        basin_points = experiment.basins.places(every=config.side // config.starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Frame(
            step=t,
            names=names,
            points=path[t].copy(),
            losses=losses.astype(float),
            diverged=np.array([name in experiment.diverged for name in names]),
            left=np.array([name in experiment.left for name in names]),
            paths=path[kept].swapaxes(0, 1).copy(),
            path_steps=kept,
            gradients=gradients.astype(float),
            momenta=momenta,
            last_steps=path[t] - path[max(t - 1, 0)],
            learning_rates=np.array([getattr(config, f"lr_{name}") for name in names]),
            eigenvalues=eigenvalues,
            condition=np.where(m > 0, L / m, math.nan),
            edge=np.where(L > 0, 2 / L, math.inf),
            predicted_rate=predicted_rate(config, eigenvalues),
            measured_rate=measured_rate(experiment),
            extent=experiment.surface.extent,
            **terrain(config.surface, condition=config.condition, angle=config.angle),
            ends=experiment.ends.cpu().numpy(),
            basin_points=basin_points,
            basin_ends=basin_ends,
        )
