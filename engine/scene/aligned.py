"""Two sentences and what joins them; ``assets/scene/aligned.js`` draws a matrix of them, or ribbons between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette as _palette
from engine.scene.arrays import quantise
from engine.scene.rail import Rails
from engine.scene.scene import Scene


def aligned(
    scene: Scene,
    key: str,
    *,
    title: str,
    source: Sequence[str],
    target: Sequence[str],
    weights: ArrayLike,
    boxes: Sequence[tuple[int, int]] = (),
    marks: Sequence[tuple[str, str]] = (),
    forced: Sequence[tuple[int, int]] = (),
    axes: tuple[str, str] = ("source", "target"),
    ends: tuple[str, str] = ("", ""),
    ribbons: bool = False,
    note: str = "",
    aspect: float | None = None,
    weight: float = 1.0,
) -> Rails:
    """Add `weights` (T, S), each row how much of the attention to `source` (S) is paid for a word of `target` (T).

    A matrix has the source above and a row for each target word.  Of `boxes`, (row, column), each is outlined: there
    it should look.  `marks` (T) stand at the end of the rows, a word and the name of a colour each, ``positive`` with a
    tick and ``gradient`` with a cross.  `forced` cells are marked as set by hand.  With `ribbons` the sentences stand
    one above the other instead and ribbons, as wide as the weights, go from each target word to the source; marks
    colour the target words then.  A click sends kind "cell" with row and column.  `axes` name both sentences, and
    `ends` what stands above the marks and what the boxes are.  S may be 0 in a matrix without weights; `aspect` is as
    in `Scene.panel`.  Returns what puts knobs into the panel.
    """
    values = np.asarray(weights, dtype=np.float32)
    if values.size and values.shape != (len(target), len(source)):
        raise ValueError(f"{len(target)} words by {len(source)} cannot have weights of the shape {values.shape}.")
    if marks and len(marks) != len(target):
        raise ValueError(f"There are {len(target)} target words but {len(marks)} marks.")
    if any(not (0 <= row < len(target) and 0 <= column < len(source)) for row, column in (*boxes, *forced)):
        raise ValueError(f"A box stands at one of {len(target)} rows and {len(source)} columns.")
    spec = scene.add(
        "aligned", key, title, weight, source=list(source), target=list(target),
        weights=scene.arrays.add(quantise(values.reshape(-1), 0.0, 1.0), "u1") if values.size else None,
        boxes=[list(box) for box in boxes], forced=[list(cell) for cell in forced],
        marks=[[word, _palette.known_colour(colour)] for word, colour in marks], axes=list(axes), ends=list(ends),
        ribbons=ribbons, palette=_palette.known_map("sequential"), **({"note": note} if note else {}),
        aspect=aspect or (0.55 if ribbons else 0.8),
    )  # fmt: skip
    return Rails(spec, scene.arrays)
