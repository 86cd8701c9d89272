"""Checks what a scene is given, quantises it, and lays it out as the arrays of one message."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EDGES_SHOWN = 2000  # more cannot be told apart, and cost time to draw
_STEPS = 254  # a quantised cell holds 0 to 254; 255 marks a cell that is not a number
_CODES = {np.dtype("u1"): "u1", np.dtype("<u2"): "u2", np.dtype("<f4"): "f4"}
_CELLS = 65_535  # of a number that is sent in two bytes; one more marks what is not a number
_MOST = 4  # decimals that are shown of any number, if it is below one

Array = NDArray[Any]
Span = tuple[float, float]


class Arrays:
    """The arrays of one message, in the order in which they were added."""

    def __init__(self) -> None:
        self.directory: list[tuple[str, int, tuple[int, ...]]] = []
        self.chunks: list[bytes] = []
        self.size = 0

    def add(self, values: ArrayLike, dtype: str = "<f4") -> int:
        """Store `values` and return the index by which a layer names them."""
        array = np.ascontiguousarray(values, dtype=dtype)
        padding = -array.nbytes % 8
        self.directory.append((_CODES[array.dtype], self.size, array.shape))
        self.chunks.append(array.tobytes() + bytes(padding))
        self.size += array.nbytes + padding
        return len(self.directory) - 1

    def fine(self, values: ArrayLike, *, decimals: int) -> tuple[int, list[float] | None]:
        """Store numbers in two bytes each, if that shows as much: the index, and how they are read.

        From ``[first, step, shown]`` they are read as ``first + (stored + 0.5) * step``, and 65,535 is not a number.
        Rounded to so many decimals as are `shown`, `decimals` at least, each is what it was: between two steps lies
        what is rounded up or down.  Numbers that reach too far for that, or to infinity, stay float32: then None.
        """
        array = np.asarray(values, dtype=np.float32)
        known = array[~np.isnan(array)].astype(np.float64)
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        for shown in range(_MOST, decimals - 1, -1):
            half = 0.5 * 10.0**-shown
            first = math.floor(low / half) * half if math.isfinite(low) else low
            parts = math.floor((_CELLS - 1) * half / max(high - first, 1e-6)) if math.isfinite(high - first) else 0
            if parts:
                step = half / parts
                stored = np.floor((array.astype(np.float64) - first) / step)
                return self.add(np.where(np.isnan(array), _CELLS, stored), "<u2"), [first, step, shown]
        return self.add(array), None

    def __getitem__(self, index: int) -> Array:
        """The array that was stored under `index`, as it travels."""
        code, _, shape = self.directory[index]
        stored: Array = np.frombuffer(self.chunks[index], dtype=f"<{code}", count=math.prod(shape)).reshape(shape)
        return stored

    def images(self, array: Array, *, low: ArrayLike, high: ArrayLike) -> dict[str, int]:
        """Store pictures (n, H, W) with the bounds of their colours, for all or (n,) for each."""
        lows, highs = (np.broadcast_to(np.nan_to_num(bound), (len(array),)) for bound in (low, high))
        lows, highs = np.where(highs > lows, lows, lows - 0.5), np.where(highs > lows, highs, lows + 0.5)
        cells = quantise(array, lows[:, None, None], highs[:, None, None])
        return {"values": self.add(cells, "u1"), "low": self.add(lows), "high": self.add(highs)}


def quantise(values: Array, low: Any, high: Any) -> Array:
    """`values` in steps of 1/254 from `low` to `high`, clipped, as uint8; 255 where they are not a number."""
    scale = np.float32(_STEPS) / np.asarray(high - low, dtype=np.float32)
    scaled = (values.astype(np.float32, copy=False) - np.asarray(low, dtype=np.float32)) * scale
    scaled += np.float32(0.5)
    np.clip(scaled, 0, _STEPS, out=scaled)
    gone = np.isnan(scaled)
    if gone.any():
        scaled[gone] = 255
    return scaled.astype(np.uint8)


def strongest(matrices: Sequence[Array]) -> tuple[dict[str, Array], str]:
    """The strongest finite weights of all `matrices`, weakest first, and a note on what was left out."""
    strength = np.concatenate([np.abs(m).ravel() for m in matrices]) if matrices else np.zeros(0, np.float32)
    total, finite = len(strength), np.isfinite(strength)
    strength = np.where(finite, strength, -1.0)
    kept = np.argsort(strength, kind="stable") if total <= EDGES_SHOWN else np.argpartition(strength, -EDGES_SHOWN)
    kept = kept[-EDGES_SHOWN:]
    kept = kept[strength[kept] >= 0]
    kept = kept[np.argsort(strength[kept], kind="stable")]
    starts = np.concatenate([[0], np.cumsum([m.size for m in matrices])]).astype(int)
    layer = np.searchsorted(starts, kept, side="right") - 1
    inside = kept - starts[layer]
    width = np.array([m.shape[1] for m in matrices] or [1])[layer]
    weight = np.concatenate([m.ravel() for m in matrices])[kept] if matrices else strength
    note = f"{EDGES_SHOWN:,} strongest of {total:,} weights shown." if total > EDGES_SHOWN else ""
    lost = int(total - finite.sum())
    if lost:
        note = f"{note} {lost:,} of {total:,} weights are not finite.".strip()
    return {"layer": layer, "source": inside // width, "target": inside % width, "weight": weight}, note


def contour_levels(levels: int | Sequence[float] | None, *, low: float, high: float, log: bool) -> list[float]:
    if levels is None:
        return []
    if isinstance(levels, int):
        return [float(v) for v in np.linspace(low, high, levels + 2)[1:-1]]
    values = [math.log10(v) if log else float(v) for v in levels]
    return [v for v in values if math.isfinite(v)]


def bounds(array: Array, *, low: float | None, high: float | None) -> Span:
    finite = array if low is not None and high is not None else array[np.isfinite(array)]
    bottom = float(finite.min()) if low is None and finite.size else float(low or 0.0)
    top = float(finite.max()) if high is None and finite.size else float(1.0 if high is None else high)
    if not (math.isfinite(bottom) and math.isfinite(top)):
        raise ValueError(f"The colours of a heatmap go from {bottom} to {top}; both must be finite.")
    return (bottom, top) if top > bottom else (bottom - 0.5, bottom + 0.5)


def matrix(values: ArrayLike, what: str) -> Array:
    array = np.asarray(values, dtype=np.float32)
    if array.ndim != 2 or min(array.shape) < 1:
        raise ValueError(f"The values of {what} are an array (H, W), not one of shape {array.shape}.")
    return array


def pairs(values: ArrayLike, what: str) -> Array:
    array = np.asarray(values, dtype=np.float32)
    if array.size == 0:
        return np.zeros((0, 2), np.float32)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"The places of {what} are an array (N, 2), not one of shape {array.shape}.")
    return array


def span(span: Sequence[float], what: str) -> list[float]:
    if len(span) != 2 or not all(math.isfinite(v) for v in span) or span[0] == span[1]:
        raise ValueError(f"{what} is a pair of two different finite numbers, not {tuple(span)}.")
    return [float(v) for v in span]
