"""Which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from engine.contract.figure import FULL, Chart
from engine.figures.vega import ON_STRONG, ON_WEAK, SIZE, colour_map, finished


def confusion(
    matrix: NDArray[Any], labels: Sequence[str], *, key: str, title: str = "Confusion matrix", column: int = FULL
) -> Chart:
    """How many of each true class (rows) were taken for each class (columns): `matrix` (K, K) of counts.

    A cell is coloured by its share of its row, so that rare classes are seen as well as frequent ones.
    """
    names = [str(label) for label in labels]
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    data = {
        "true": np.repeat(names, len(names)), "taken": np.tile(names, len(names)),
        "count": matrix.ravel().astype(int), "share": share.ravel(),
    }  # fmt: skip
    return Chart(key, _spec(tuple(names), title=title), data, height=130 + 44 * len(names), column=column)


@lru_cache(maxsize=64)
def _spec(names: tuple[str, ...], *, title: str) -> dict[str, Any]:
    classes = alt.Scale(domain=list(names))
    cells = alt.Chart().encode(
        x=alt.X("taken:N", title="taken for", scale=classes, axis=alt.Axis(labelAngle=0, orient="bottom")),
        y=alt.Y("true:N", title="true class", scale=classes),
    )
    scale = alt.Scale(domain=[0, 1], range=colour_map("sequential"), interpolate="rgb")
    squares = cells.mark_rect(cornerRadius=3).encode(
        color=alt.Color("share:Q", scale=scale, legend=None),
        tooltip=[
            alt.Tooltip("true:N", title="true class"),
            alt.Tooltip("taken:N", title="taken for"),
            alt.Tooltip("count:Q", title="points"),
            alt.Tooltip("share:Q", title="share of the class", format=".1%"),
        ],
    )
    ink = alt.condition(alt.datum.share > 0.5, alt.value(ON_STRONG), alt.value(ON_WEAK))
    numbers = cells.mark_text(fontSize=SIZE, fontWeight=500).encode(text="count:Q", color=ink)
    return finished([squares, numbers], title=title)
