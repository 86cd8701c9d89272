"""What a transformer would say after every layer: a table of tokens, coloured by how sure it is of the right one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from engine.scene.palette import colour, colour_map
from ui import theme
from ui.charts import _finished, _size


def logit_lens(
    tokens: Sequence[str],
    wanted: Sequence[str],
    said: Sequence[Sequence[str]],
    shares: np.ndarray,
    right: np.ndarray,
    *,
    key: str,
    title: str,
) -> None:
    """A row for each layer, a column for each of T `tokens`.

    `wanted` (T,) is the next token, or "" where none can be known; `said` (L + 1, T) the likeliest token before the
    first layer and after each, with its share in `shares`, and `right` (L + 1, T) the share of the one wanted.
    """
    layers = ["embedding", *(f"after layer {n}" for n in range(1, len(said)))]
    names = ("reads", *layers, "wanted")
    parts = [{"row": "reads", "place": place, "text": token} for place, token in enumerate(tokens)]
    parts += [{"row": "wanted", "place": place, "text": token} for place, token in enumerate(wanted)]
    for row, name in enumerate(layers):
        for place, text in enumerate(said[row]):
            parts.append({"row": name, "place": place, "text": text, "share": shares[row, place],
                          "right": right[row, place]})  # fmt: skip
    spec = _spec(names, len(tokens), title=title, dark=theme.dark(), lecture=theme.lecture())
    st.vega_lite_chart(pd.DataFrame(parts), spec, key=key, theme=None, width="stretch", height=110 + 34 * len(names))


@lru_cache(maxsize=64)
def _spec(names: tuple[str, ...], count: int, *, title: str, dark: bool, lecture: bool) -> dict[str, Any]:
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
    scale = alt.Scale(domain=[0, 1], range=colour_map("sequential", dark), interpolate="rgb")
    legend = alt.Legend(title="probability of the wanted token", format=".0%", gradientLength=160, type="gradient",
                        titleLimit=400)  # fmt: skip
    squares = (
        cells.transform_filter("isValid(datum.right)")
        .mark_rect(cornerRadius=2)
        .encode(color=alt.Color("right:Q", scale=scale, legend=legend), tooltip=tip)
    )
    near, far = ("#ffffff", colour("text")) if not dark else (colour("text"), "#ffffff")
    ink = alt.condition("datum.right > 0.5", alt.value(near), alt.value(far))
    size = _size(lecture) + 1 if count <= 40 else _size(lecture) - 3
    letters = cells.mark_text(fontSize=size, fontWeight=600).encode(text="text:N", color=ink)
    return _finished(alt.layer(squares, letters), title=title, dark=dark, lecture=lecture)
