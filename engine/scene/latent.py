"""A latent plane on a scene: a code that is dragged, and the picture it is decoded to in the browser."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette as _palette
from engine.scene.arrays import quantise
from engine.scene.panel import Panel
from engine.scene.scene import Scene


def latent_plane(
    scene: Scene,
    key: str,
    *,
    title: str,
    reach: float,
    at: tuple[float, float],
    sheet: ArrayLike,
    exact: ArrayLike,
    low: float,
    high: float,
    walk: tuple[ArrayLike, ArrayLike, str],
    names: Sequence[tuple[float, float, str]] = (),
    labels: Sequence[str] = ("z₁", "z₂"),
    palette: str = "sequential",
    weight: float = 1.0,
) -> Panel:
    """Add a plane from -`reach` to `reach` whose code can be dragged, and return it for further layers.

    `sheet` (R, C, H, W) is decoded from evenly spaced codes, row 0 from the lowest y and column 0 from the lowest x;
    the browser interpolates between them.  `exact` (H', W') is what the code `at` (x, y) is decoded to.  `low` and
    `high` bound the colours.  With H = 0 there is no picture.  A code that is let go is sent as kind "latent", with x
    and y.  Below stands a film strip: of `walk`, its ends (2, 2), what is decoded on the way (n, H', W') and its name;
    or, once the visitor has dragged from one place to another, of that line, decoded from the sheet.  `names` (x, y,
    text) are written large where they belong.
    """
    cells, one = np.asarray(sheet, dtype=np.float32), np.asarray(exact, dtype=np.float32)
    if cells.ndim != 4 or min(cells.shape[:2]) < 2 or one.ndim != 2:
        raise ValueError(f"A latent plane takes a sheet (R, C, H, W) with R and C above 1 and a picture (H, W), not "
                         f"arrays of shape {cells.shape} and {one.shape}.")  # fmt: skip
    ends, pictures, called = walk
    way = np.asarray(pictures, dtype=np.float32)
    panel = scene.panel(
        key, title=title, x=(-reach, reach), y=(-reach, reach), x_label=labels[0], y_label=labels[1], draw=True,
        aspect=1.4, weight=weight,
    )  # fmt: skip
    panel.extend(
        "latent", at=[float(v) for v in at], palette=_palette.known_map(palette),
        sheet=quantise(cells, low, high), exact=quantise(one, low, high), walked=quantise(way, low, high),
        walk=[[float(v) for v in end] for end in np.asarray(ends)], called=called,
        names=[[float(x), float(y), text] for x, y, text in names],
    )  # fmt: skip
    return panel
