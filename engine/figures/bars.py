"""Bars, each with its number at the right end."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np

from engine.contract.figure import FULL, Chart
from engine.figures.vega import SIZE, finished, token

ROOM = 1.15  # of the longest bar, so that its number is not cut


def bars(
    values: Mapping[str, float],
    *,
    key: str,
    title: str,
    x_title: str,
    colour: str = "positive",
    column: int = FULL,
    form: str = ".3~g",
) -> Chart:
    """One horizontal bar a name, with its number at its right end: that of a bar below zero stands beside zero.

    `form` is how d3 writes a number.
    """
    spec = _spec(tuple(values), title=title, x_title=x_title, colour=colour, form=form)
    lengths = np.array(list(values.values()), dtype=float)
    right = np.maximum(lengths, 0)
    data = {"label": list(values), "value": lengths, "right": right, "room": ROOM * right}
    return Chart(key, spec, data, height=100 + 34 * len(values), column=column)


@lru_cache(maxsize=64)
def _spec(names: tuple[str, ...], *, title: str, x_title: str, colour: str, form: str) -> dict[str, Any]:
    axis = alt.Axis(format="~g", tickCount=5)
    end, right = (alt.X(field, title=x_title, stack=None, axis=axis) for field in ("value:Q", "right:Q"))
    rows = alt.Chart().encode(y=alt.Y("label:N", title=None, scale=alt.Scale(domain=list(names))))
    rectangles = rows.mark_bar(cornerRadiusEnd=3, color=token(colour), height={"band": 0.7}).encode(x=end)
    numbers = rows.mark_text(align="left", dx=6, fontSize=SIZE, color=token("text")).encode(
        x=right, text=alt.Text("value:Q", format=form)
    )
    further = rows.mark_point(opacity=0).encode(x=alt.X("room:Q", title=x_title, axis=axis))
    return finished([rectangles, numbers, further], title=title)
