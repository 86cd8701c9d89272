"""What the axes of panels reach, and how they are divided."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reach = tuple[float, float]
Axes = frozenset[tuple[tuple[object, ...], Reach, Reach]]  # which panel, and its x and y
Rows = Sequence[Sequence[dict[str, Any]]]  # of panels, as the browser is told of them

LARGEST = float(np.finfo(np.float32).max)


def scale(values: Sequence[NDArray[np.float64]], log_y: bool, clip: bool = False) -> dict[str, str | float]:
    """What the y axis is: linear, log, or symlog, which is linear up to a power of ten, `linear`."""
    finite = np.concatenate([v[np.isfinite(v)] for v in values]) if values else np.zeros(0)
    if not log_y or clip or not (finite < 0).any():
        return {"scale": "log" if log_y else "linear"}
    size = np.abs(finite[finite != 0])
    top = min(float(size.max()), LARGEST)
    shorter = min(float(finite.max(initial=0)), -float(finite.min())) or float(np.median(size))
    linear = min(max(shorter / 10, top / 1e4, 1e-30), top / 10)  # the shorter side gets a decade, the longer one four
    return {"scale": "symlog", "linear": 10.0 ** math.floor(math.log10(max(linear, 1e-30)))}


def axes(rows: Rows) -> Axes:
    """The x and y of each plane among the panels."""
    return frozenset((which, tuple(panel["x"]), tuple(panel["y"])) for which, panel in _planes(rows))


def share(rows: Rows, others: Iterable[Axes]) -> None:
    """Let each plane reach as far as that of the same key in `others` too: what stands beside it can be compared.

    Axes of another kind, logarithmic or turned round, are not joined.
    """
    theirs: dict[tuple[object, ...], list[tuple[Reach, Reach]]] = {}
    for which, x, y in (each for other in others for each in other):
        theirs.setdefault(which, []).append((x, y))
    for which, panel in _planes(rows):
        for name, there in zip("xy", zip(*theirs.get(which, []), strict=True), strict=False):
            low, high = zip(tuple(panel[name]), *there, strict=True)
            turned = low[0] > high[0]
            panel[name] = [max(low), min(high)] if turned else [min(low), max(high)]


def _planes(rows: Rows) -> Iterator[tuple[tuple[object, ...], dict[str, Any]]]:
    for panel in (panel for row in rows for panel in row):
        if {"x", "y", "x_log", "y_log"} <= panel.keys():
            turned = tuple(panel[name][0] > panel[name][1] for name in "xy")
            yield (panel["kind"], panel["key"], panel["x_log"], panel["y_log"], *turned), panel
