"""Altair's part of every chart: one specification for one question, with tokens for colours and no data in it.

A chart keeps its place on the page as long as its specification stays the same, so everything that changes is in the
data.  What the browser keeps of a frame must go with the next one.  Vega forgets the marks of rows that have gone,
unless on their way to a mark the rows are derived, grouped or stacked: which Vega-Lite has them for a line coloured by
a field, for `detail`, for `sort=[...]`, for a bar, and for numbers it may not take for numbers
(docs/decisions/charts-that-forget.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from engine.scene import palette

SIZE = 14  # pixels of the text in a figure at a desk; a page for a lecture hall makes it larger
ON_STRONG, ON_WEAK = "@on_strong", "@on_weak"  # ink on the strongest and on the weakest colours of a map


def token(name: str) -> str:
    """The colour called `name`, for the page to put in.  Raises `ValueError` for one that is not in the palette."""
    return f"@{palette.known_colour(name)}"


def colour_map(name: str) -> list[str]:
    """A colour map as a scale's range, for the page to put in.  Raises `ValueError` for one that is not there."""
    return [f"@map:{palette.known_map(name)}"]


def finished(layers: Sequence[alt.Chart], *, title: str) -> dict[str, Any]:
    """Layers of marks as a Vega-Lite specification that is given its data by the page, for all layers together."""
    chart = alt.layer(*layers, title=alt.TitleParams(title, anchor="start", frame="bounds", offset=14))
    spec = dict(chart.to_dict())
    for part in ("datasets", "config"):  # Altair's own row of data, and its colours: both come from the page
        spec.pop(part, None)
    for part in spec["layer"]:
        part.pop("data", None)
    spec["data"] = {"name": "source", "format": {"parse": None}}  # numbers come as numbers: none is parsed again
    return spec
