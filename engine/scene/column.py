"""One column of nodes in the drawing of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette as _palette
from engine.scene.arrays import Arrays, pairs


@dataclass(frozen=True)
class Column:
    """One column of nodes in a graph: `labels` (n), a heatmap `heat` (n, R, R) for each, and their `bias` (n).

    Row 0 of a heatmap is its lowest y.  `low` and `high` bound the colours, for all nodes or (n,) for each.  `dots` are
    points over the heatmaps, where these are drawn large: places (N, 2) in [0, 1] with y up, and their classes (N,).
    """

    labels: Sequence[str]
    heat: ArrayLike | None = None
    low: ArrayLike = -1.0
    high: ArrayLike = 1.0
    title: str = ""
    bias: ArrayLike | None = None
    palette: str = "diverging"
    dots: tuple[ArrayLike, ArrayLike] | None = None

    def spec(self, arrays: Arrays) -> dict[str, Any]:
        """What the browser is told of it, once its numbers are among `arrays`."""
        count = len(self.labels)
        spec: dict[str, Any] = {"labels": list(self.labels), "title": self.title}
        spec["palette"] = _palette.known_map(self.palette)
        if self.heat is not None:
            heat = np.asarray(self.heat, dtype=np.float32)
            if heat.ndim != 3 or len(heat) != count or 0 in heat.shape:
                raise ValueError(f"A column of {count} nodes takes heatmaps ({count}, R, R), not {heat.shape}.")
            spec |= arrays.images(heat, low=self.low, high=self.high)
        if self.bias is not None:
            bias = np.asarray(self.bias, dtype=np.float32)
            if bias.shape != (count,):
                raise ValueError(f"A column of {count} nodes takes {count} biases, not {bias.shape}.")
            spec["bias"] = arrays.add(bias)
        if self.dots is not None:
            place, group = pairs(self.dots[0], "dots"), np.asarray(self.dots[1])
            if len(place) != len(group):
                raise ValueError(f"There are {len(place)} dots and classes of {len(group)}.")
            cells = np.round(np.clip(place, 0, 1) * 255)
            spec["dots"] = {"xy": arrays.add(cells, "u1"), "group": arrays.add(group, "u1")}
        return spec
