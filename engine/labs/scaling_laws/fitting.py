"""The five constants of the law from measured losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from engine.labs.scaling_laws.parametric import HIGHEST, LOWEST, Law

Array = NDArray[np.float64]

GRID = np.geomspace(0.08, 2.0, 12)  # exponents tried as starts: for given ones the law is linear in E, A and B
STARTS = 3  # that are then followed to the end
FEWEST = 6  # points: one more than constants
TINY, HUGE = -50.0, 200.0  # ln A and ln B: far outside of what losses can tell
DIGITS = {"E": 5, "A": 4, "B": 4, "alpha": 5, "beta": 5}  # further ones depend on where numbers lie in memory
LONGEST = 60  # trials from one start; losses that follow the law need about twenty


def fit(parameters: ArrayLike, tokens: ArrayLike, losses: ArrayLike, delta: float = 1e-3) -> Law:
    """The `Law` nearest to measured `losses` of models with `parameters`, trained on `tokens`; shapes that broadcast.

    Huber's loss with `delta` between logarithms, as in Hoffmann et al. (2022, equation 3); exponents are looked for
    between .02 and 4, and constants have four or five digits.  Raises ValueError for fewer than six points, for less
    than two sizes or amounts of data, and for what is not positive and finite.
    """
    N, D, L = (np.asarray(each, float).ravel() for each in np.broadcast_arrays(parameters, tokens, losses))
    if len(L) < FEWEST or len(set(N)) < 2 or len(set(D)) < 2:
        raise ValueError("Five constants need six points at least, of two sizes and two amounts of data or more.")
    if not all(np.isfinite(each).all() and (each > 0).all() for each in (N, D, L)):
        raise ValueError("Parameters, tokens and losses must be finite, and more than 0.")
    n, d, wanted = np.log(N), np.log(D), np.log(L)
    low = np.array([TINY, TINY, np.log(1e-6 * L.min()), LOWEST, LOWEST])
    high = np.array([HUGE, HUGE, wanted.max(), HIGHEST, HIGHEST])  # no part alone is more than the whole
    found = [
        least_squares(lambda t: _log_loss(t, n, d)[0] - wanted, np.clip(start, low + 1e-9, high - 1e-9),
                      lambda t: _slopes(t, n, d), loss="huber", f_scale=delta, x_scale=(1.0, 1.0, 1e-2, 0.1, 0.1),
                      bounds=(low, high), max_nfev=LONGEST)
        for start in _starts(n, d, L)
    ]  # fmt: skip
    a, b, e, alpha, beta = min(found, key=lambda each: each.cost).x
    constants = {"E": np.exp(e), "A": np.exp(a), "B": np.exp(b), "alpha": alpha, "beta": beta}
    return Law(**{name: float(f"{value:.{DIGITS[name]}g}") for name, value in constants.items()})


def _parts(t: Array, n: Array, d: Array) -> Array:
    """ln of A/N^alpha, B/D^beta and E, (3, P)."""
    a, b, e, alpha, beta = t
    return np.stack([a - alpha * n, b - beta * d, np.full_like(n, e)])


def _log_loss(t: Array, n: Array, d: Array) -> tuple[Array, Array]:
    """ln L (P,), and which share of L is due to each part (3, P)."""
    parts = _parts(t, n, d)
    top = parts.max(0)
    shares = np.exp(parts - top)
    return top + np.log(shares.sum(0)), shares / shares.sum(0)


def _slopes(t: Array, n: Array, d: Array) -> Array:
    size, data, floor = _log_loss(t, n, d)[1]
    return np.stack([size, data, floor, -size * n, -data * d], 1)


def _starts(n: Array, d: Array, L: Array) -> list[Array]:
    """The best of a grid of exponents, with E, A and B by least squares of relative errors."""
    alpha, beta = (each.ravel() for each in np.meshgrid(GRID, GRID))
    shape = (len(alpha), len(n))
    X = np.stack([np.ones(shape), np.exp(-alpha[:, None] * (n - n.mean())), np.exp(-beta[:, None] * (d - d.mean()))], 2)
    X = X / L[:, None]  # (G, P, 3)
    square = X.mT @ X + 1e-12 * np.eye(3)
    linear = np.linalg.solve(square, X.sum(1)[..., None])[..., 0]  # (G, 3)
    linear = np.maximum(linear, [1e-3 * L.min(), 1e-6, 1e-6])  # a share below zero is as good as none
    errors = np.square(np.einsum("gpk,gk->gp", X, linear) - 1).sum(1)
    best = np.argsort(errors, kind="stable")[:STARTS]
    return [
        np.array([np.log(linear[g, 1]) + alpha[g] * n.mean(), np.log(linear[g, 2]) + beta[g] * d.mean(),
                  np.log(linear[g, 0]), alpha[g], beta[g]])
        for g in best
    ]  # fmt: skip
