"""Where a curve of test errors turns: its lowest point, the peak, the threshold and the newest point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-3  # errors below are drawn at the lower edge: what matters is above
FLAT = 1e-2  # what goes up and down below this is no peak
HIGHER = 1.2  # a peak is so many times as high as the lowest point on either side
NOTHING = 1e-9  # a smaller error is rounding


@dataclass(frozen=True)
class Landmarks:
    """Places among the stops so far: of the largest error between two smaller ones, if there is such a `peak`; of the
    lowest point before it (without a peak: of all); of the threshold, once it has been passed; and of the last stop.
    """

    peak: int | None
    low: int
    edge: int | None
    last: int


def landmarks(frame: Any) -> Landmarks | None:
    """Those of the middle seed; None before the first stop."""
    test = middle(frame.test_error)
    if not len(test):
        return None
    height = np.maximum(np.where(np.isfinite(test), test, np.inf), FLAT)
    before = np.append(np.inf, np.minimum.accumulate(height)[:-1])
    after = np.append(np.minimum.accumulate(height[::-1])[::-1][1:], np.inf)
    peaks = np.flatnonzero((height >= HIGHER * before) & (height >= HIGHER * after))
    peak = int(peaks[height[peaks].argmax()]) if len(peaks) else None
    finite = np.where(np.isfinite(test), test, np.inf)[: peak or len(test)]
    edge = np.flatnonzero(frame.stops == frame.threshold)
    return Landmarks(peak, int(finite.argmin()), int(edge[0]) if len(edge) else None, len(test) - 1)


def middle(values: NDArray[Any]) -> NDArray[Any]:
    """The median over the seeds, (W,), of values (W, S)."""
    return np.median(values, axis=1) if len(values) else np.zeros(0)


def spelt(error: float) -> str:
    """An error as it is written beside the curve and in texts: two digits, from a hundred on three."""
    if not math.isfinite(error):
        return "not a number"
    if error < FLOOR:
        return "0" if error < NOTHING else f"below {FLOOR:g}"
    rounded = float(f"{error:.{3 if error >= 100 else 2}g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.1f}" if rounded >= 1 else f"{rounded:g}"


def unit(config: Any) -> str:
    """What grows from left to right."""
    if config.across == "epochs":
        return "epochs"
    return {"legendre": "polynomials", "gaussian_subset": "inputs", "network": "hidden neurons"}.get(
        config.model, "features"
    )
