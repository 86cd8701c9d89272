"""A surface in three dimensions with what rolls on it; ``assets/scene/bowl.js`` draws it, and it can be turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette as _palette
from engine.scene.arrays import matrix, quantise, span
from engine.scene.scene import Scene

Rolling = tuple[str, str, ArrayLike]  # name, colour, and where it was, (T, 3): x, y and height


def bowl(
    scene: Scene,
    key: str,
    *,
    title: str,
    heights: ArrayLike,
    extent: tuple[float, float, float, float],
    shade: ArrayLike,
    rolling: Sequence[Rolling] = (),
    top: float | None = None,
    yaw: float = 30.0,
    pitch: float = 38.0,
    height: float = 0.8,
    palette: str = "loss",
    note: str = "",
    weight: float = 1.0,
) -> None:
    """Add a surface of `heights` (H, W) over `extent` (left, right, bottom, top), row 0 at the bottom.

    `shade` (H, W) in [0, 1] colours it.  It is cut off at the height `top`, or shown up to its highest; what is
    `rolling` is shown above that too, a ball with the way that it has come, broken where it is not finite.  `height` is
    how tall it is drawn, as a share of its width.  It is seen from `pitch` degrees above, turned by `yaw`; dragging
    turns it.
    """
    surface, colour = matrix(heights, "a surface"), matrix(shade, "its shade")
    if colour.shape != surface.shape or min(surface.shape) < 2 or not np.isfinite(surface).all():
        raise ValueError(f"A surface takes finite heights (H, W) and their shade, not {surface.shape}, {colour.shape}.")
    low = float(surface.min())
    high = float(surface.max()) if top is None else float(top)
    if not low < high:
        raise ValueError(f"A surface from {low} cannot be cut off at {high}.")
    ways = []
    for name, token, way in rolling:
        places = np.asarray(way, dtype=np.float32)
        if places.ndim != 2 or places.shape[1] != 3:
            raise ValueError(f"What rolls was at places (T, 3), not {places.shape}.")
        ways.append({"name": name, "kind": "path", "colour": _palette.known_colour(token),
                     "xyz": scene.arrays.add(places)})  # fmt: skip
    sides = [*span(extent[:2], "x"), *span(extent[2:], "y")]
    scene.add(
        "bowl", key, title, weight, heights=scene.arrays.add(surface.astype(np.float32)), low=low, high=high,
        shade=scene.arrays.add(quantise(colour, 0.0, 1.0), "u1"), extent=sides,
        rolling=ways, yaw=yaw, pitch=pitch, tall=height, palette=_palette.known_map(palette), note=note, aspect=0.8,
    )  # fmt: skip
