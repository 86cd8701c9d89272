"""What a transformer would say after every layer: a table of tokens, coloured by how sure it is of the right one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from engine.contract.figure import FULL, Chart
from engine.figures.vega import ON_STRONG, ON_WEAK, SIZE, colour_map, finished


def logit_lens(
    tokens: Sequence[str],
    wanted: Sequence[str],
    said: Sequence[Sequence[str]],
    shares: NDArray[Any],
    right: NDArray[Any],
    *,
    key: str,
    title: str,
    column: int = FULL,
) -> Chart:
    """A row for each layer, a column for each of T `tokens`.

    `wanted` (T,) is the next token, or "" where none can be known; `said` (L + 1, T) the likeliest token before the
    first layer and after each, with its share in `shares`, and `right` (L + 1, T) the share of the one wanted.
    """
    layers = ["embedding", *(f"after layer {n}" for n in range(1, len(said)))]
    names, count = ("reads", *layers, "wanted"), len(tokens)
    nothing = np.full(2 * count, np.nan)  # the first two rows are read, not said
    data = {
        "row": np.repeat(["reads", "wanted", *layers], count),
        "place": np.tile(np.arange(count), len(names)),
        "text": [*tokens, *wanted, *(text for row in said for text in row)],
        "share": np.concatenate([nothing, np.ravel(shares)]),
        "right": np.concatenate([nothing, np.ravel(right)]),
    }
    return Chart(key, _spec(names, count, title=title), data, height=110 + 34 * len(names), column=column)


@lru_cache(maxsize=64)
def _spec(names: tuple[str, ...], count: int, *, title: str) -> dict[str, Any]:
    cells = alt.Chart().encode(
        x=alt.X("place:O", title="position", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("row:N", title=None, scale=alt.Scale(domain=list(names))),
    )
    tip = [
        alt.Tooltip("row:N", title="layer"),
        alt.Tooltip("place:O", title="position"),
        alt.Tooltip("text:N", title="likeliest"),
        alt.Tooltip("share:Q", title="its probability", format=".1%"),
        alt.Tooltip("right:Q", title="of the wanted token", format=".1%"),
    ]
    scale = alt.Scale(domain=[0, 1], range=colour_map("sequential"), interpolate="rgb")
    legend = alt.Legend(title="probability of the wanted token", format=".0%", gradientLength=160, type="gradient",
                        titleLimit=400)  # fmt: skip
    squares = (
        cells.transform_filter("isValid(datum.right)")
        .mark_rect(cornerRadius=2)
        .encode(color=alt.Color("right:Q", scale=scale, legend=legend), tooltip=tip)
    )
    ink = alt.condition("datum.right > 0.5", alt.value(ON_STRONG), alt.value(ON_WEAK))
    size = SIZE + 1 if count <= 40 else SIZE - 3
    letters = cells.mark_text(fontSize=size, fontWeight=600).encode(text="text:N", color=ink)
    return finished([squares, letters], title=title)
