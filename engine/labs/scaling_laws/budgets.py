"""What a budget buys: the best model for each, read from the measured curves three ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.labs.scaling_laws.parametric import TRAINING

Array = NDArray[Any]

BOWLS = 6  # budgets of equal compute
SETTLED = 100  # steps before which a loss says more about the start than about size and data
GRID = 200  # budgets between which the envelope is drawn


@dataclass(frozen=True)
class Envelope:
    """The smallest loss that at most each of G budgets has bought, and the place of the size that has it."""

    compute: Array  # (G,)
    loss: Array  # (G,)
    size: Array  # (G,) int


@dataclass(frozen=True)
class Bowl:
    """Models of one budget: parameters (P,), losses (P,), and the lowest point of a parabola through them, if any."""

    compute: float
    parameters: Array
    loss: Array
    best: float  # N, or NaN
    least: float  # the loss there
    parabola: Array  # (3,): loss = a x^2 + b x + c in x = ln N


def settled(frame: Any) -> Array:
    """Which measurements (M,) stand behind the start."""
    return np.asarray(frame.tokens >= SETTLED * frame.batch)


def compute(frame: Any) -> Array:
    """C = 6 N D operations of each model at each measurement, (S, M)."""
    return np.asarray(TRAINING * frame.parameters[:, None] * frame.tokens)


def envelope(frame: Any) -> Envelope | None:
    """The lower edge of all curves, means over trainings; None before two measurements."""
    if len(frame.tokens) < 2:
        return None
    C, L = np.log(compute(frame)), frame.loss.mean(0)
    at = np.linspace(C.min(), C.max(), GRID)
    curves = np.stack([np.interp(at, C[s], L[s], left=np.inf, right=np.inf) for s in range(len(C))])
    lowest = curves.min(0)
    best = np.minimum.accumulate(lowest)
    place = np.maximum.accumulate(np.where(lowest == best, np.arange(GRID), 0))  # where the best so far was reached
    return Envelope(np.exp(at), best, curves.argmin(0)[place])


def bowls(frame: Any) -> list[Bowl]:
    """Budgets for which at least four sizes were measured: how their loss goes with size (IsoFLOP)."""
    some = settled(frame)
    if some.sum() < 2 or len(frame.parameters) < 4:
        return []
    n, C, L = np.log(frame.parameters), np.log(compute(frame)[:, some]), frame.loss.mean(0)[:, some]
    found = []
    for at in np.linspace(C[3, 0], C[-4, -1], BOWLS):
        there = (C[:, 0] <= at + 1e-9) & (at <= C[:, -1] + 1e-9)
        if there.sum() >= 4:
            losses = np.array([np.interp(at, C[s], L[s]) for s in np.flatnonzero(there)])
            found.append(_bowl(float(np.exp(at)), n[there], losses))
    return found


def _bowl(budget: float, n: Array, losses: Array) -> Bowl:
    low = int(losses.argmin())
    near = slice(max(0, low - 2), low + 3)  # a parabola fits a bowl near its lowest point only
    a, b, c = np.polyfit(n[near], losses[near], 2) if len(n[near]) >= 3 else (0.0, 0.0, 0.0)
    inside = 0 < low < len(n) - 1 and a > 0
    best = -b / (2 * a) if inside else np.nan
    return Bowl(budget, np.exp(n), losses, float(np.exp(best)), float(c - b * b / (4 * a)) if inside else np.nan,
                np.array([a, b, c]))  # fmt: skip


def power(x: Array, y: Array) -> float:
    """The exponent a of y ~ x^a by least squares of logarithms; NaN for fewer than three points."""
    if len(x) < 3 or not (np.asarray(y) > 0).all():
        return float("nan")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def bowls_exponent(found: list[Bowl]) -> float:
    """a in N_opt ~ C^a, by the lowest points of the bowls; NaN for fewer than three."""
    lowest = [bowl for bowl in found if np.isfinite(bowl.best)]
    return power(np.array([bowl.compute for bowl in lowest]), np.array([bowl.best for bowl in lowest]))


def bends(edge: Envelope, floor: float, start: float) -> tuple[float, float]:
    """How steep the envelope falls in a log-log plot with `floor` taken off: the exponents of its early and late half.

    Equal if it is straight.  Budgets below `start` are left out; NaN where something lies below the floor.
    """
    left = edge.loss - floor
    some = (edge.compute >= start) & (left > 0)
    C, rest = edge.compute[some], left[some]
    half = len(C) // 2
    return power(C[:half], rest[:half]), power(C[half:], rest[half:])
