"""A whole convolutional network as one strip: picture, maps layer by layer, classes; with a pad to draw the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.scene.rail import Rails
from engine.scene.scene import Scene

ASPECT = 1.9  # height over width where it has the whole of a narrow screen


@dataclass(frozen=True)
class Stage:
    """One layer of the strip: `maps` (n, H, W) from 0, the layer's number from 0, and the words above and below it."""

    maps: ArrayLike
    layer: int
    title: str
    caption: str


def network_strip(
    scene: Scene,
    key: str,
    *,
    title: str,
    picture: ArrayLike,
    stages: Sequence[Stage],
    kernels: ArrayLike,
    chosen: tuple[int, int],
    probabilities: ArrayLike,
    classes: Sequence[str],
    truth: int = -1,
    drawn: bool = False,
    weight: float = 1.0,
) -> Rails:
    """Add the way of a `picture` (h, w) in [0, 1] through all `stages` to the `probabilities` of the `classes`.

    `chosen` is (layer, map): that layer's `kernels` (n, k, k), of which there may be none, stand in the corners of its
    maps, orange where a weight takes away and blue where it adds.  All maps of a layer share one scale.  `truth` is the
    class, or -1.  `drawn`: the picture is one that the visitor drew.

    A click on a map sends kind "node" with `layer` and `index`.  At the end of a stroke on the pad kind "draw" is sent
    with all `strokes` so far, each (T, 2) in [0, 1]^2 with y up; what stood there before is gone with the first.
    """
    chances = np.asarray(probabilities, dtype=np.float32)
    if len(chances) != len(classes):
        raise ValueError(f"There are {len(classes)} classes and {len(chances)} probabilities.")
    told = []
    for stage in stages:
        maps = np.asarray(stage.maps, dtype=np.float32)
        if maps.ndim != 3 or 0 in maps.shape:
            raise ValueError(f"A layer of the strip has maps (n, H, W), not an array of shape {maps.shape}.")
        finite = maps[np.isfinite(maps)]
        high = max(float(finite.max()) if finite.size else 0.0, 1e-6)
        told.append({"layer": stage.layer, "title": stage.title, "caption": stage.caption,
                     **scene.arrays.images(maps, low=0.0, high=high)})  # fmt: skip
    taps = np.asarray(kernels, dtype=np.float32)
    tiles = {}
    if taps.size:
        reach = float(np.abs(taps).max()) or 1.0
        tiles = scene.arrays.images(taps, low=-reach, high=reach)
    cells = np.asarray(picture, dtype=np.float32)
    spec = scene.add(
        "strip", key, title, weight, aspect=ASPECT, draw=True, drawn=drawn, stages=told, kernels=tiles,
        chosen=list(chosen),
        picture=scene.arrays.images(cells[None], low=0.0, high=1.0), classes=list(classes), truth=truth,
        answer=int(np.nan_to_num(chances).argmax()), probabilities=scene.arrays.add(chances),
    )  # fmt: skip
    return Rails(spec, scene.arrays)
