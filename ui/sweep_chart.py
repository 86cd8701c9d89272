"""Curves over something that is swept from run to run: width, epochs.  Both axes are logarithmic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from engine.scene.palette import colour
from ui import theme
from ui.charts import _finished, _size

DASHES = ([1, 0], [7, 3], [2, 2], [10, 3, 2, 3], [4, 2], [1, 3])  # so that colour is never the only difference


@dataclass(frozen=True)
class Line:
    """One curve: `label`, colour `token`, and its points `x`, `y` (T,); `low` and `high` (T,) bound its band."""

    label: str
    token: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    measured: bool = True  # with a dot at each point; a curve that was calculated has none


def sweep(
    lines: Sequence[Line],
    *,
    title: str,
    x_title: str,
    y_title: str,
    key: str,
    ghosts: Sequence[Line] = (),
    rules: Mapping[str, float] | None = None,
    floor: float = 0.0,
    log_y: bool = True,
    height: int = 320,
) -> None:
    """Draw `lines` over a logarithmic x.  `ghosts` are the same curves of other runs, drawn dashed, and share labels.

    `rules` are places on the x axis, each with the words that stand beside it.  On a logarithmic y axis a value below
    `floor` is drawn there.
    """
    rows = sweep_rows(lines, ghosts=ghosts, rules=rules or {}, floor=floor if log_y else -np.inf)
    spec = _sweep_spec(
        tuple((line.label, line.token) for line in lines), ghosts=tuple(line.token for line in ghosts),
        parts=tuple(rows.part.unique()), title=title, x_title=x_title, y_title=y_title, log_y=log_y,
        dark=theme.dark(), lecture=theme.lecture(),
    )  # fmt: skip
    st.vega_lite_chart(rows, spec, key=key, theme=None, width="stretch", height=height)


def sweep_rows(
    lines: Sequence[Line], *, ghosts: Sequence[Line] = (), rules: Mapping[str, float] | None = None, floor: float = 0.0
) -> pd.DataFrame:
    """The table behind `sweep`, a row a point: part, label, x, value, top.

    A part is what one layer draws: "line i", "band i" and "ghost i" for the line or the ghost at place i, "dot",
    "rule", and "name", a point of each line for the legend.
    """
    parts: list[dict[str, Any]] = []
    for kind, drawn in (("line", lines), ("ghost", ghosts)):
        for place, line in enumerate(drawn):
            seen = np.isfinite(line.y)
            base = {"label": line.label, "x": np.asarray(line.x, float)[seen], "top": np.nan}
            base["value"] = np.maximum(np.asarray(line.y, float)[seen], floor)
            parts.append(base | {"part": f"{kind} {place}"})
            if kind == "ghost":
                continue
            parts.append(base | {"part": "name", "x": base["x"][:1], "value": base["value"][:1]})
            if line.measured:
                parts.append(base | {"part": "dot"})
            if line.low is not None and line.high is not None:
                edges = (np.maximum(np.asarray(edge, float)[seen], floor) for edge in (line.low, line.high))
                parts.append(base | {"part": f"band {place}"} | dict(zip(("value", "top"), edges, strict=True)))
    for words, at in (rules or {}).items():
        if np.isfinite(at):
            parts.append({"part": "rule", "label": words, "x": [float(at)], "value": np.nan, "top": np.nan})
    columns = {"part": str, "label": str, "x": np.float64, "value": np.float64, "top": np.float64}
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)[list(columns)].astype(columns)


@lru_cache(maxsize=64)
def _sweep_spec(
    series: tuple[tuple[str, str], ...],
    *,
    ghosts: tuple[str, ...],
    parts: tuple[str, ...],
    title: str,
    x_title: str,
    y_title: str,
    log_y: bool,
    dark: bool,
    lecture: bool,
) -> dict[str, Any]:
    """`ghosts` are their colour tokens, `parts` those among the rows: a layer without rows makes Vega complain."""
    labels = [label for label, _ in series]
    colours = [colour(token, dark) for _, token in series]
    dashes = [DASHES[place % len(DASHES)] for place in range(len(labels))]
    hue = alt.Color("label:N", title=None, scale=alt.Scale(domain=labels, range=colours))
    dash = alt.StrokeDash("label:N", title=None, scale=alt.Scale(domain=labels, range=dashes))
    x = alt.X("x:Q", title=x_title, axis=alt.Axis(format=",d", tickCount=8), scale=alt.Scale(type="log", nice=False))
    y = alt.Y(
        "value:Q",
        title=y_title,
        scale=alt.Scale(type="log" if log_y else "linear", zero=False, nice=True),
        axis=_decades() if log_y else alt.Axis(format="~r", tickCount=5),
    )
    tip = [
        alt.Tooltip("label:N", title="curve"),
        alt.Tooltip("x:Q", title=x_title, format=","),
        alt.Tooltip("value:Q", title=y_title, format=".4~g"),
    ]

    def drawn(part: str) -> list[alt.Chart]:
        chart = alt.Chart().transform_filter(alt.datum.part == part)
        match part.split():
            case ["band", place]:
                band = chart.mark_area(opacity=0.2, color=colours[int(place)])
                return [band.encode(x=x, y=y, y2="top:Q")]
            case ["ghost", place]:
                line = chart.mark_line(
                    strokeWidth=1.8, opacity=0.6, strokeDash=[5, 4], color=colour(ghosts[int(place)], dark)
                )
                return [line.encode(x=x, y=y)]
            case ["line", place]:
                how = {"color": colours[int(place)], "strokeDash": dashes[int(place)]}
                return [chart.mark_line(strokeWidth=2.6, strokeJoin="round", **how).encode(x=x, y=y)]
            case ["dot"]:
                return [chart.mark_point(size=42, filled=True, opacity=1).encode(x=x, y=y, color=hue, tooltip=tip)]
            case ["rule"]:
                rule = chart.mark_rule(strokeWidth=1.5, strokeDash=[4, 4], color=colour("neutral", dark))
                words = chart.mark_text(
                    align="left", dx=6, dy=2, baseline="top", fontSize=_size(lecture), color=colour("text", dark)
                )
                return [rule.encode(x=x), words.encode(x=x, y=alt.value(0), text="label:N")]
        return [chart.mark_point(opacity=0).encode(x=x, y=y, color=hue, strokeDash=dash)]  # the legend

    stacked = ("band", "ghost", "rule", "line", "name", "dot")  # from the back to the front
    ordered = sorted(parts or ("name",), key=lambda part: stacked.index(part.split()[0]))
    layers = alt.layer(*(layer for part in ordered for layer in drawn(part))).resolve_scale(color="shared")
    return _finished(layers, title=title, dark=dark, lecture=lecture)


def _decades() -> alt.Axis:
    """A logarithmic axis: powers of ten are seen and named, what stands between is a hint."""
    whole = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 0.01"
    narrow = "domain('y')[1] < 30 * domain('y')[0]"
    return alt.Axis(
        format="~g",
        gridOpacity={"condition": {"test": whole, "value": 1}, "value": 0.3},
        labelExpr=f"{whole} || {narrow} ? datum.label : ''",
    )
