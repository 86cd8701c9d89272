"""Attention maps of many heads, with the tokens on both axes; ``assets/scene/grid.js`` draws them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette as _palette
from engine.scene.scene import Scene

NARROW, MARGIN, LINE = 442, 24, 17  # pixels: half of a stage, what a map needs beside itself, a line of text


def attention_maps(
    scene: Scene,
    key: str,
    *,
    title: str,
    weights: ArrayLike,
    tokens: Sequence[str],
    captions: Sequence[str] = (),
    columns: int | None = None,
    chosen: int | None = None,
    groups: Sequence[tuple[int, int, str]] = (),
    outlines: Sequence[tuple[int, tuple[int, int, int, int], str]] = (),
    axes: tuple[str, str] | None = None,
    aspect: float | None = None,
    weight: float = 1.0,
) -> None:
    """Add the `weights` (n, T, T) of n heads over T `tokens`, each in [0, 1], `columns` of them in a row.

    Row 0 is on top.  Without `columns` there are as many in a row as make them largest.  The tokens stand at both axes
    where there is room for them, and `axes` says what rows and columns are.  A caption may have several lines.  Each of
    `groups` (first column, last column, words) is a bracket over heads that have something in common, in every row.
    Each of `outlines` (map, (column, row, last column, last row), colour) is drawn around the cells on a diagonal.  A
    click sends kind "node", as in `Scene.heat_grid`.  `aspect` is as in `Scene.panel`.
    """
    maps = np.asarray(weights, dtype=np.float32)
    if maps.ndim != 3 or maps.shape[1:] != (len(tokens), len(tokens)):
        raise ValueError(f"Maps over {len(tokens)} tokens cannot have the shape {maps.shape}.")
    if captions and len(captions) != len(maps):
        raise ValueError(f"There are {len(maps)} maps but {len(captions)} captions.")
    if any(not 0 <= first <= last < (columns or 0) for first, last, _ in groups):
        raise ValueError(f"A bracket lies over some of the {columns} columns.")
    if any(not (0 <= n < len(maps) and all(0 <= at < len(tokens) for at in cells)) for n, cells, _ in outlines):
        raise ValueError(f"An outline lies in one of the {len(maps)} maps over {len(tokens)} tokens.")
    high = height(len(maps), columns or len(maps), captions=captions, groups=groups, width=NARROW)
    scene.add(
        "grid", key, title, weight, captions=list(captions), palette=_palette.known_map("sequential"), columns=columns,
        discrete=True, chosen=chosen, names=list(tokens), groups=[list(group) for group in groups],
        outlines=[[n, *cells, _palette.known_colour(colour)] for n, cells, colour in outlines],
        axes=list(axes or ()), aspect=aspect or round(max(0.35, (high - 60) / (NARROW - 42)), 2),
        **scene.arrays.images(maps, low=0.0, high=1.0),
    )  # fmt: skip


def height(
    count: int, columns: int, *, captions: Sequence[str] = (), groups: Sequence[object] = (), width: float
) -> float:
    """Pixels that so many square maps take below each other in a panel that is `width` wide inside."""
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    side = max(40.0, width / columns - MARGIN)
    return -(-count // columns) * (side + MARGIN + LINE * (lines + bool(groups)))
