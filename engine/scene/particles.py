"""Particles, and sheets of pictures, that a visitor moves through time in the browser: to noise, and back from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.scene.panel import Panel
from engine.scene.scene import Scene

SPAN = 5.0  # places are sent between -SPAN and SPAN, two bytes a number


def particles(
    scene: Scene,
    key: str,
    *,
    title: str,
    reach: float,
    forward: ArrayLike,
    forward_times: ArrayLike,
    back: ArrayLike,
    back_times: ArrayLike,
    grid: ArrayLike,
    field: ArrayLike,
    field_times: ArrayLike,
    groups: ArrayLike | None = None,
    weight: float = 1.0,
) -> Panel:
    """Add a plane from -`reach` to `reach` with N particles and a slider of time below it; return it for more layers.

    `forward` (F, N, 2) are their places at `forward_times` (F,), from 0 to 1, and `back` (B, N, 2) those at
    `back_times` (B,), from 1 down to 0.  Arrows `field` (K, G, 2) stand at `grid` (G, 2) and belong to `field_times`
    (K,), which fall.  Between two moments the browser interpolates; nothing is sent back.  It runs by itself, as a
    `film` does.  Particles of `groups` (N,)
    k = 0, 1, … have the colour "class_k".
    """
    there, here = _moving(forward, forward_times, "forward"), _moving(back, back_times, "back")
    arrows, places = _moving(field, field_times, "field"), np.asarray(grid, dtype=np.float32)
    for name, (moments, _) in {"forward": there, "back": here, "field": arrows}.items():
        if moments.ndim != 3 or moments.shape[2] != 2:
            raise ValueError(f"{name} takes places (T, N, 2), not an array of shape {moments.shape}.")
    if there[0].shape[1] != here[0].shape[1] or arrows[0].shape[1:] != places.shape:
        raise ValueError(f"{there[0].shape[1]} particles go and {here[0].shape[1]} come back; {arrows[0].shape[1]} "
                         f"arrows stand at {len(places)} places.")  # fmt: skip
    coloured = {} if groups is None else {"groups": np.asarray(groups, dtype=np.uint8)}
    if coloured and coloured["groups"].shape != (there[0].shape[1],):
        raise ValueError(f"There are {there[0].shape[1]} particles but groups of shape {coloured['groups'].shape}.")
    panel = scene.panel(key, title=title, x=(-reach, reach), y=(-reach, reach), aspect=1.0, weight=weight)
    panel.extend(
        "particles", span=SPAN, grid=_words(places), forward=_words(there[0]), forward_times=there[1],
        back=_words(here[0]), back_times=here[1], field=_words(arrows[0]), field_times=arrows[1], **coloured,
    )  # fmt: skip
    return panel


def _moving(values: ArrayLike, times: ArrayLike, name: str) -> tuple[NDArray[np.float32], list[float]]:
    moments, at = np.asarray(values, dtype=np.float32), np.asarray(times, dtype=np.float64)
    if at.ndim != 1 or len(at) != len(moments) or not np.isfinite(at).all():
        raise ValueError(f"{name} has {len(moments)} moments and times of shape {at.shape}.")
    return moments, [float(v) for v in at]


def _words(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Two bytes for each number: 0 to 65,535 from -SPAN to SPAN."""
    scaled = np.clip(np.nan_to_num(values) / (2 * SPAN) + 0.5, 0, 1) * 65_535
    return np.frombuffer(scaled.round().astype("<u2").tobytes(), dtype=np.uint8)
