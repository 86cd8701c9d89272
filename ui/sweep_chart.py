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

from ui import theme
from ui.charts import DASHES, _cycle, _decades, _finished
from ui.palette import colour


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
        tuple((line.label, line.token) for line in lines), title=title, x_title=x_title, y_title=y_title, log_y=log_y,
        dark=theme.dark(), lecture=theme.lecture(), kinds=tuple(sorted(set(rows.kind))),
    )  # fmt: skip
    st.vega_lite_chart(rows, spec, key=key, theme=None, width="stretch", height=height)


def sweep_rows(
    lines: Sequence[Line], *, ghosts: Sequence[Line] = (), rules: Mapping[str, float] | None = None, floor: float = 0.0
) -> pd.DataFrame:
    """The table behind `sweep`: kind (line, dot, band, ghost, rule), label, run, x, value, top."""
    parts: list[dict[str, Any]] = []
    for run, line in enumerate((*lines, *ghosts)):
        seen = np.isfinite(line.y)
        x, y = np.asarray(line.x, float)[seen], np.maximum(np.asarray(line.y, float)[seen], floor)
        base = {"label": line.label, "run": run, "x": x}
        parts.append(base | {"kind": "ghost" if run >= len(lines) else "line", "value": y, "top": np.nan})
        if run < len(lines) and line.measured:
            parts.append(base | {"kind": "dot", "value": y, "top": np.nan})
        if run < len(lines) and line.low is not None and line.high is not None:
            edges = (np.maximum(np.asarray(edge, float)[seen], floor) for edge in (line.low, line.high))
            parts.append(base | dict(zip(("value", "top"), edges, strict=True)) | {"kind": "band"})
    for words, place in (rules or {}).items():
        if np.isfinite(place):
            parts.append(
                {"kind": "rule", "label": words, "run": 0, "x": [float(place)], "value": np.nan, "top": np.nan}
            )
    columns = {"kind": str, "label": str, "run": np.int64, "x": np.float64, "value": np.float64, "top": np.float64}
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)[list(columns)].astype(columns)


@lru_cache(maxsize=64)
def _sweep_spec(
    series: tuple[tuple[str, str], ...],
    *,
    title: str,
    x_title: str,
    y_title: str,
    log_y: bool,
    dark: bool,
    lecture: bool,
    kinds: tuple[str, ...],
) -> dict[str, Any]:
    """`kinds` are those among the rows: a layer without rows makes Vega complain at every frame."""
    labels = [label for label, _ in series]
    hue = alt.Color(
        "label:N", title=None, scale=alt.Scale(domain=labels, range=[colour(token, dark) for _, token in series])
    )
    dash = alt.StrokeDash("label:N", title=None, scale=alt.Scale(domain=labels, range=_cycle(DASHES, len(labels))))
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

    def rows(kind: str) -> alt.Chart:
        return alt.Chart().transform_filter(alt.datum.kind == kind)

    made = {
        "band": rows("band").mark_area(opacity=0.2).encode(x=x, y=y, y2="top:Q", color=hue, detail="run:N"),
        "ghost": rows("ghost")
        .mark_line(strokeWidth=1.8, opacity=0.6, strokeDash=[5, 4])
        .encode(x=x, y=y, color=hue, detail="run:N"),
        "rule": rows("rule").mark_rule(strokeWidth=1.5, strokeDash=[4, 4], color=colour("neutral", dark)).encode(x=x),
        "words": rows("rule")
        .mark_text(align="left", dx=6, dy=2, baseline="top", fontSize=19 if lecture else 14, color=colour("text", dark))
        .encode(x=x, y=alt.value(0), text="label:N"),
        "line": rows("line")
        .mark_line(strokeWidth=2.6, strokeJoin="round")
        .encode(x=x, y=y, color=hue, strokeDash=dash, detail="run:N"),
        "dot": rows("dot").mark_point(size=42, filled=True, opacity=1).encode(x=x, y=y, color=hue, tooltip=tip),
    }
    present = {*kinds, "words"} if "rule" in kinds else set(kinds)
    layers = [layer for kind, layer in made.items() if kind in present]
    if not layers:
        layers = [made["line"]]
    return _finished(alt.layer(*layers).resolve_scale(color="shared"), title=title, dark=dark, lecture=lecture)
