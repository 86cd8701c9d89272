"""Figures of numbers: curves as panels of a scene, Altair charts whose specification is built once, and a Plotly
surface that stands still.

A chart keeps its place on the page as long as its specification stays the same, so everything that changes from frame
to frame is in the data.  What the browser keeps of a frame must go with the next one.  Vega forgets the marks of rows
that have gone, unless on their way to a mark the rows are derived, grouped or stacked: which Vega-Lite has them for a
line coloured by a field, for `detail`, for `sort=[...]`, for a bar, and for numbers it may not take for numbers
(docs/decisions/charts-that-forget.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from engine.scene import curves as panel
from engine.scene.curves import History
from engine.scene.palette import colour, colour_map
from engine.scene.scene import Scene
from ui import theme
from ui.scene import show

FONT = "Inter, sans-serif"


def curves(
    history: History,
    *,
    series: Mapping[str, tuple[str, str]],
    title: str,
    y_title: str,
    key: str,
    x_title: str = "step",
    log_y: bool = False,
    floor: float = 0.0,
    band: tuple[str, str] | None = None,
    ghost: Sequence[History] = (),
    marker: int | None = None,
    height: int = 300,
) -> None:
    """Curves of metrics against the step, as a scene of one panel: see `engine.scene.curves.curves`.

    `series` maps a metric to its label and the colour token it is drawn in.  `band` names the metrics below and above
    the first series.  `ghost` are the histories of other runs, drawn dashed.  `marker` is the step under the
    timeline, a vertical rule.  On a logarithmic axis only values above `floor` are drawn.
    """
    scene = Scene(height=round(height * (1.25 if theme.lecture() else 1.0)))
    panel.curves(
        scene, key, history=history, series=series, title=title, y_title=y_title, x_title=x_title, log_y=log_y,
        floor=floor, bands=None if band is None else {next(iter(series)): band}, ghosts=ghost, marker=marker,
    )  # fmt: skip
    show(scene, key=key)


def histograms(
    edges: np.ndarray,
    counts: Mapping[str, np.ndarray],
    *,
    title: str,
    x_title: str,
    key: str,
    token: str = "positive",
    height: int | None = None,
) -> None:
    """One histogram a layer, standing above each other, the first at the bottom.

    `edges` (B + 1,) are shared, `counts` maps a layer's name to its counts (B,).  Each is drawn to its own height: the
    shape is what is compared.
    """
    spec = _histograms_spec(
        tuple(counts), title=title, x_title=x_title, token=token, dark=theme.dark(), lecture=theme.lecture()
    )
    parts = []
    for place, (name, count) in enumerate(counts.items()):
        heights = np.append(count, count[-1:]) / max(float(np.max(count, initial=0)), 1e-12)
        parts.append(
            pd.DataFrame({"label": name, "x": edges, "base": float(place), "top": place + 0.88 * heights.astype(float)})
        )
    rows = pd.concat(parts, ignore_index=True)
    st.vega_lite_chart(rows, spec, key=key, theme=None, width="stretch", height=height or 110 + 52 * len(counts))


@lru_cache(maxsize=64)
def _histograms_spec(
    names: tuple[str, ...], *, title: str, x_title: str, token: str, dark: bool, lecture: bool
) -> dict[str, Any]:
    places = list(range(len(names)))
    axis = alt.Axis(values=places, labelExpr=f"{list(names)}[datum.value]", grid=True, labelBaseline="bottom")
    x = alt.X("x:Q", title=x_title, scale=alt.Scale(nice=False), axis=alt.Axis(format="~r"))
    scale = alt.Scale(domain=[0, len(names)], nice=False)
    base, top = (alt.Y(field, title=None, axis=axis, scale=scale) for field in ("base:Q", "top:Q"))
    layers = []
    for name in names:
        chart = alt.Chart().transform_filter(alt.datum.label == name)
        shape = {"interpolate": "step-after", "color": colour(token, dark)}
        layers.append(chart.mark_area(opacity=0.55, **shape).encode(x=x, y=base, y2="top:Q"))
        layers.append(chart.mark_line(strokeWidth=1.5, **shape).encode(x=x, y=top))
    return _finished(alt.layer(*layers), title=title, dark=dark, lecture=lecture)


def confusion(matrix: np.ndarray, labels: Sequence[str], *, key: str, title: str = "Confusion matrix") -> None:
    """How many of each true class (rows) were taken for each class (columns): `matrix` (K, K) of counts.

    A cell is coloured by its share of its row, so that rare classes are seen as well as frequent ones.
    """
    names = [str(label) for label in labels]
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    true, taken = np.meshgrid(names, names, indexing="ij")
    rows = pd.DataFrame(
        {"true": true.ravel(), "taken": taken.ravel(), "count": matrix.ravel().astype(int), "share": share.ravel()}
    )
    spec = _confusion_spec(tuple(names), title=title, dark=theme.dark(), lecture=theme.lecture())
    st.vega_lite_chart(rows, spec, key=key, theme=None, width="stretch", height=130 + 44 * len(names))


@lru_cache(maxsize=64)
def _confusion_spec(names: tuple[str, ...], *, title: str, dark: bool, lecture: bool) -> dict[str, Any]:
    stops = colour_map("sequential", dark)
    classes = alt.Scale(domain=list(names))
    cells = alt.Chart().encode(
        x=alt.X("taken:N", title="taken for", scale=classes, axis=alt.Axis(labelAngle=0, orient="bottom")),
        y=alt.Y("true:N", title="true class", scale=classes),
    )
    scale = alt.Scale(domain=[0, 1], range=stops, interpolate="rgb")
    squares = cells.mark_rect(cornerRadius=3).encode(
        color=alt.Color("share:Q", scale=scale, legend=None),
        tooltip=[
            alt.Tooltip("true:N", title="true class"),
            alt.Tooltip("taken:N", title="taken for"),
            alt.Tooltip("count:Q", title="points"),
            alt.Tooltip("share:Q", title="share of the class", format=".1%"),
        ],
    )
    near, far = ("#ffffff", colour("text")) if not dark else (colour("text"), "#ffffff")
    strong = alt.datum.share > 0.5
    ink = alt.condition(strong, alt.value(near), alt.value(far))
    numbers = cells.mark_text(fontSize=_size(lecture), fontWeight=500).encode(text="count:Q", color=ink)
    return _finished(alt.layer(squares, numbers), title=title, dark=dark, lecture=lecture)


def bars(values: Mapping[str, float], *, title: str, x_title: str, key: str, token: str = "positive") -> None:
    """One horizontal bar a name, with its number at the end."""
    rows = pd.DataFrame({"label": list(values), "value": np.array(list(values.values()), dtype=float)})
    spec = _bars_spec(
        tuple(values), title=title, x_title=x_title, token=token, dark=theme.dark(), lecture=theme.lecture()
    )
    st.vega_lite_chart(rows, spec, key=key, theme=None, width="stretch", height=100 + 34 * len(values))


@lru_cache(maxsize=64)
def _bars_spec(
    names: tuple[str, ...], *, title: str, x_title: str, token: str, dark: bool, lecture: bool
) -> dict[str, Any]:
    rows = alt.Chart().encode(
        x=alt.X("value:Q", title=x_title, stack=None, axis=alt.Axis(format="~g", tickCount=5)),
        y=alt.Y("label:N", title=None, scale=alt.Scale(domain=list(names))),
    )
    rectangles = rows.mark_bar(cornerRadiusEnd=3, color=colour(token, dark), height={"band": 0.7})
    numbers = rows.mark_text(align="left", dx=6, fontSize=_size(lecture), color=colour("text", dark)).encode(
        text=alt.Text("value:Q", format=".3~g")
    )
    return _finished(alt.layer(rectangles, numbers), title=title, dark=dark, lecture=lecture)


def surface(
    values: np.ndarray,
    extent: tuple[float, float, float, float],
    *,
    key: str,
    title: str,
    z_title: str,
    x_title: str = "x",
    y_title: str = "y",
    paths: Mapping[str, tuple[str, np.ndarray]] | None = None,
    height: int = 560,
) -> None:
    """A surface in three dimensions that can be turned.  It must stand still: new data resets the camera.

    `values` (H, W) are heights with y growing along the rows; `extent` is (left, right, bottom, top).  `paths` maps a
    label to its colour token and its points (T, 3).
    """
    import plotly.graph_objects as go  # 0.3 s, and only some pages draw in three dimensions

    dark, size = theme.dark(), _size(theme.lecture())
    text, grid = colour("text", dark), colour("grid", dark)
    stops = colour_map("loss", dark)
    left, right, bottom, top = extent
    figure = go.Figure(
        go.Surface(
            z=values,
            x=np.linspace(left, right, values.shape[1]),
            y=np.linspace(bottom, top, values.shape[0]),
            colorscale=[[place / (len(stops) - 1), stop] for place, stop in enumerate(stops)],
            showscale=False,
            opacity=0.92,
            contours={"z": {"show": True, "color": colour("neutral", dark), "width": 1}},
        )
    )
    lift = 0.01 * float(np.ptp(values))  # so that a path lies on the surface and not in it
    for label, (token, points) in (paths or {}).items():
        figure.add_scatter3d(
            x=points[:, 0], y=points[:, 1], z=points[:, 2] + lift, name=label, mode="lines+markers",
            line={"color": colour(token, dark), "width": 6}, marker={"color": colour(token, dark), "size": 3},
        )  # fmt: skip
    axis = {"gridcolor": grid, "color": text, "showbackground": False, "zeroline": False}
    figure.update_layout(
        title={"text": title, "x": 0, "font": {"size": size + 2, "weight": 600}},
        font={"family": FONT, "size": size, "color": text},
        paper_bgcolor="rgba(0,0,0,0)",
        margin={"l": 0, "r": 0, "t": 48, "b": 0},
        legend={"orientation": "h", "y": 1.0, "font": {"size": size}},
        uirevision=key,
        scene={
            "xaxis": axis | {"title": {"text": x_title}},
            "yaxis": axis | {"title": {"text": y_title}},
            "zaxis": axis | {"title": {"text": z_title}},
            "aspectmode": "manual",
            "aspectratio": {"x": 1.2, "y": 1.2, "z": 0.7},
            "camera": {"eye": {"x": 1.5, "y": -1.5, "z": 1.1}, "center": {"x": 0, "y": 0, "z": -0.14}},
        },
    )
    st.plotly_chart(figure, key=key, theme=None, width="stretch", height=height)


def _size(lecture: bool) -> int:
    """Size of the text in figures, in pixels."""
    return 19 if lecture else 14


def _finished(chart: alt.TopLevelMixin, *, title: str, dark: bool, lecture: bool) -> dict[str, Any]:
    """The chart as a Vega-Lite specification in the app's type and colours."""
    text, soft, size = colour("text", dark), colour("neutral", dark), _size(lecture)
    chart = (
        chart.properties(title=alt.TitleParams(title, anchor="start", frame="bounds", offset=14))
        .configure(background="transparent", font=FONT, padding={"left": 4, "right": 12, "top": 6, "bottom": 4})
        .configure_view(stroke=None)
        .configure_mark(aria=False)  # a canvas has no elements to describe
        .configure_title(color=text, fontSize=size + 2, fontWeight=600)
        .configure_axis(
            labelColor=text, titleColor=text, labelFontSize=size, titleFontSize=size, titleFontWeight=500,
            gridColor=colour("grid", dark), domainColor=soft, tickColor=soft, domain=False, ticks=False,
            labelPadding=6, titlePadding=10, labelFlush=False,
        )
        .configure_legend(
            orient="top", direction="horizontal", labelColor=text, labelFontSize=size, labelLimit=260,
            symbolType="stroke", symbolOpacity=1, symbolSize=500, symbolStrokeWidth=2.6, columnPadding=18, padding=0,
            offset=6,
        )
    )  # fmt: skip
    spec = dict(chart.to_dict())
    spec["usermeta"] = {"embedOptions": {"renderer": "canvas"}}  # half the work of SVG when the data change often
    # Altair gives a chart without data a row of its own; here the data comes from Streamlit, for all layers together.
    spec.pop("datasets", None)
    for part in spec["layer"]:
        part.pop("data", None)
    spec["data"] = {"name": "source", "format": {"parse": None}}  # numbers come as numbers: none is parsed again
    return spec
