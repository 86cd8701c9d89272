"""Small true pictures of the data sets, for buttons that choose one."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.data import plane

OFFERED = ("circle", "xor", "gaussians", "spiral", "moons", "checkerboard")
SIDE = 32  # cells
POINTS = 160
SHOWN = 5.4  # of the plane, from its centre: nearly all points lie within


@cache
def thumbnail(name: str) -> NDArray[np.uint8]:
    """Where `POINTS` points of a data set lie, (SIDE, SIDE): 0 is empty, k is class k - 1.  Row 0 is on top."""
    data = plane.plane(name, POINTS)
    cells = np.zeros((SIDE, SIDE), np.uint8)
    at = np.floor((data.xy / SHOWN + 1) / 2 * (SIDE - 1)).astype(int)  # the lower left one of two by two cells
    for (x, y), label in zip(at, data.labels, strict=True):
        if 0 <= x < SIDE - 1 and 0 <= y < SIDE - 1:
            cells[SIDE - 2 - y : SIDE - y, x : x + 2] = label + 1
    return cells
