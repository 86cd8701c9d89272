"""Histograms that stand above each other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from engine.contract.figure import FULL, Chart
from engine.figures.vega import finished, token


def histograms(
    edges: NDArray[Any],
    counts: Mapping[str, NDArray[Any]],
    *,
    key: str,
    title: str,
    x_title: str,
    colour: str = "positive",
    height: int | None = None,
    column: int = FULL,
) -> Chart:
    """One histogram a layer, standing above each other, the first at the bottom.

    `edges` (B + 1,) are shared, `counts` maps a layer's name to its counts (B,).  Each is drawn to its own height: the
    shape is what is compared.
    """
    spec = _spec(tuple(counts), title=title, x_title=x_title, colour=colour)
    tops = [
        place + 0.88 * np.append(count, count[-1:]).astype(float) / max(float(np.max(count, initial=0)), 1e-12)
        for place, count in enumerate(counts.values())
    ]
    data = {
        "label": np.repeat(list(counts), len(edges)),
        "x": np.tile(np.asarray(edges, dtype=float), len(counts)),
        "base": np.repeat(np.arange(len(counts), dtype=float), len(edges)),
        "top": np.concatenate(tops),
    }
    return Chart(key, spec, data, height=height or 110 + 52 * len(counts), column=column)


@lru_cache(maxsize=64)
def _spec(names: tuple[str, ...], *, title: str, x_title: str, colour: str) -> dict[str, Any]:
    places = list(range(len(names)))
    axis = alt.Axis(values=places, labelExpr=f"{list(names)}[datum.value]", grid=True, labelBaseline="bottom")
    x = alt.X("x:Q", title=x_title, scale=alt.Scale(nice=False), axis=alt.Axis(format="~r"))
    scale = alt.Scale(domain=[0, len(names)], nice=False)
    base, top = (alt.Y(field, title=None, axis=axis, scale=scale) for field in ("base:Q", "top:Q"))
    layers = []
    for name in names:
        chart = alt.Chart().transform_filter(alt.datum.label == name)
        shape: dict[str, Any] = {"interpolate": "step-after", "color": token(colour)}
        layers.append(chart.mark_area(opacity=0.55, **shape).encode(x=x, y=base, y2="top:Q"))
        layers.append(chart.mark_line(strokeWidth=1.5, **shape).encode(x=x, y=top))
    return finished(layers, title=title)
