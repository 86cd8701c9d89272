"""Why diffusion in one step may end on a border: a sentence, where samples are seen there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MANY = 0.25  # share of the samples that must be clipped before it is said


def small(number: float) -> str:
    """One digit that is not zero: 0.00005."""
    return np.format_float_positional(number, precision=1, fractional=False, trim="-")


def on_border(samples: NDArray[np.float32], limit: float) -> tuple[int, int]:
    """How many of `samples` (N, 2) lie on the border of the square up to ±`limit`, and how many in a corner."""
    there = np.abs(samples) >= limit - 1e-4
    return int(there.any(axis=1).sum()), int(there.all(axis=1).sum())


def clipped(samples: NDArray[np.float32], *, limit: float, alpha: float) -> str:
    """What is to be said of `samples` (N, 2) of a network that predicts noise: nothing if few of them are clipped.

    `alpha` is the share of the data at the level where drawing begins.
    """
    border, corners = on_border(samples, limit)
    if border < MANY * len(samples):
        return ""
    where = (
        "in the corners of a square" if corners == border else f"on the border of a square, {corners} in its corners"
    )
    return (
        f"{border} of {len(samples)} samples lie {where}: the guess x̂₀ is clipped to ±{limit:g} there. "
        f"The guess is x̂₀ = (x − σ ε̂) / α, and in pure noise α is only {small(alpha)}: divided by so little, a small "
        "error of the predicted noise is huge. Flow matching divides by nothing, and one step leads to the mean "
        "of the data."
    )


def clipped_pixels(samples: NDArray[np.float32], *, limit: float, alpha: float) -> str:
    """The same for pictures (N, F)."""
    share = float((np.abs(samples) >= limit - 1e-4).mean())
    if share < 0.75:
        return ""
    return (
        f"{share:.0%} of the pixels are quite black or quite white: the guess x̂₀ is clipped there. "
        f"The guess is x̂₀ = (x − σ ε̂) / α, and in pure noise α is only {small(alpha)}: divided by so little, a small "
        "error of the predicted noise is huge."
    )
