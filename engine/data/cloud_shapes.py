"""Which distributions `point_clouds` draws from, and points drawn by hand, as a text for a link."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.contract.knobs import ConfigError, StillMissing
from engine.data import plane

SHAPES: tuple[str, ...] = ("ring", "grid", "moons", "spiral", "rings", "checkerboard", "drawn")
TITLES: tuple[str, ...] = (
    "Ring of eight", "Grid of 25", "Two moons", "Spiral", "Two rings", "Checkerboard", "Drawn by hand",
)  # fmt: skip
CLASSES = {"ring": 8, "grid": 25, "moons": 2, "rings": 2, "checkerboard": 8}  # heaps, moons, rings, squares
FEWEST = 10  # drawn points


class CloudError(ValueError):
    """These points cannot be learned from.  The message is one sentence for a visitor."""


def pack(points: NDArray[np.floating] | Sequence[Sequence[float]]) -> str:
    """Drawn points (N, 2), within [-1, 1]^2, as a short text for a link.  Raises `CloudError` for what is not usable.

    At most `engine.data.plane.MAX_POINTS` points; packed by `engine.data.plane.encode_points`.
    """
    xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(xy).all() or (np.abs(xy) > 1).any():
        raise CloudError("A point lies outside the frame; draw between -1 and 1 on both axes.")
    if len(xy) > plane.MAX_POINTS:
        raise CloudError(f"There are {len(xy)} points; at most {plane.MAX_POINTS} are accepted.")
    _require_spread(xy)
    return plane.encode_points(xy * plane.LIMIT, np.zeros(len(xy), dtype=np.int64))


def unpack(text: str) -> NDArray[np.float32]:
    """The inverse of `pack`: (N, 2).  Raises `CloudError`, also for an empty text: there is nothing to learn from."""
    try:
        xy, _ = plane.decode_points(text)
    except plane.DataError as error:
        raise CloudError(str(error)) from None
    points = (xy / plane.LIMIT).astype(np.float32)
    _require_spread(points)
    return points


def require(points: str) -> None:
    """Raise the `ConfigError` of the knob `points`, for a Config's `check`, if a model cannot learn from `points`."""
    try:
        unpack(points)
    except CloudError as error:
        kind = ConfigError if points else StillMissing
        raise kind("points", points, str(error).rstrip(".")) from None


def _require_spread(xy: NDArray[np.floating]) -> None:
    if len(xy) < FEWEST:
        raise CloudError(f"There are {len(xy)} points; draw at least {FEWEST}.")
    if np.ptp(xy, axis=0).max() < 1e-3:
        raise CloudError("All points lie in one place; draw some elsewhere too.")
