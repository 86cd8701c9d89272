"""HiPPO: a curve read sample by sample, and kept as N Legendre coefficients of all of its past.  Gu et al., 2020."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.labs.state_space.systems import hippo

Array = NDArray[Any]
SAMPLES = 2_000


class CurveError(ValueError):
    """A curve that cannot be read, in a sentence."""


@dataclass(frozen=True)
class Memory:
    """A curve (T,), the coefficients (N,) that are left of it at its end, and what they give back of it (T,)."""

    curve: Array
    coefficients: Array
    rebuilt: Array
    error: float  # relative: the norm of what is missing over that of the curve
    least: float  # the same of the best possible coefficients


def wave() -> Array:
    """A wave with jumps, (SAMPLES,)."""
    t = np.linspace(0, 1, SAMPLES)
    jumps = np.where(t > 0.3, 0.35, 0.0) - np.where(t > 0.72, 0.5, 0.0)
    return np.asarray(0.55 * np.sin(2 * math.pi * 3 * t) + jumps, np.float64)


def read_curve(text: str) -> Array:
    """Heights between commas, drawn as SAMPLES numbers in [-1, 1]; the wave if there are none.

    Raises `CurveError` for what is no number, and for fewer than two.
    """
    if not text.strip():
        return wave()
    try:
        heights = np.array([float(part) for part in text.split(",")])
    except ValueError:
        raise CurveError("A curve is heights from -1 to 1 with commas between, such as 0,0.5,-0.2.") from None
    if len(heights) < 2 or not np.isfinite(heights).all():
        raise CurveError("A curve has two heights at least, and all of them are finite numbers.")
    found: Array = np.interp(np.linspace(0, 1, SAMPLES), np.linspace(0, 1, len(heights)), heights.clip(-1, 1))
    return found


@lru_cache(maxsize=16)
def remember(text: str, N: int) -> Memory:
    """What N numbers keep of the curve in `text`, updated at each sample and never looking back."""
    f = read_curve(text)
    c = online(f, N)
    basis = legendre(len(f), N)  # (T, N)
    rebuilt = basis @ c
    best = basis @ np.linalg.lstsq(basis, f, rcond=None)[0]
    size = max(float(np.linalg.norm(f)), 1e-12)
    return Memory(f, c, rebuilt, float(np.linalg.norm(f - rebuilt)) / size, float(np.linalg.norm(f - best)) / size)


def online(f: Array, N: int) -> Array:
    """The state of HiPPO-LegS after all samples f (T,): c_k from c_{k - 1} by the bilinear rule, steps of 1 / k."""
    from scipy.linalg import solve_triangular

    A, B = (each.numpy() for each in hippo(N))
    c, eye, previous = np.zeros(N), np.eye(N), f[0]
    for k, sample in enumerate(f, start=1):
        early = A / (k - 1) if k > 1 else np.zeros_like(A)  # at t = 0 nothing was there to be forgotten
        right = c + early @ c / 2 + B * (previous / max(k - 1, 1) + sample / k) / 2
        c = solve_triangular(eye - A / (2 * k), right, lower=True, check_finite=False)
        previous = sample
    return np.asarray(c)


def legendre(samples: int, N: int) -> Array:
    """sqrt(2n + 1) P_n over the past, from its beginning (-1) to now (1), (samples, N)."""
    x = 2 * (np.arange(samples) + 0.5) / samples - 1
    return np.asarray(np.polynomial.legendre.legvander(x, N - 1) * np.sqrt(2 * np.arange(N) + 1))
