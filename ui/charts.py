"""Figures of numbers: Altair charts whose specification is built once, and a Plotly surface that stands still.

A chart keeps its place on the page (zoom, hover) as long as its specification stays the same, so everything that
changes from frame to frame is in the data.

What the browser keeps of a frame must go with the next one.  Vega forgets the marks of rows that have gone, unless on
their way to a mark the rows are derived, grouped or stacked: which Vega-Lite has them for a line coloured by a field,
for `detail`, for `sort=[...]`, for a bar, and for numbers it may not take for numbers.  So here every curve is a layer
of its own with a fixed colour, and the domain of a scale orders names (docs/decisions/charts-that-forget.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from engine.scene.palette import colour, colour_map
from ui import theme

History = Mapping[str, tuple[np.ndarray, np.ndarray]]  # metric -> (steps (T,), values (T,))

POINTS = 120  # at most so many of a curve are drawn
TIPS = 40  # of these tell their numbers under the mouse
FONT = "Inter, sans-serif"
DASHES = ([1, 0], [7, 3], [2, 2], [10, 3, 2, 3], [4, 2], [1, 3])  # so that colour is never the only difference


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
    """Curves of metrics against the step.

    `series` maps a metric to its label and the colour token it is drawn in; a metric without points is left out.
    `band` names the metrics below and above the first series.  `ghost` are the histories of other runs, drawn dashed.
    `marker` is the step under the timeline, a vertical rule.  On a logarithmic axis only values above
    `floor` are drawn.
    """
    rows = curve_rows(history, series=series, log_y=log_y, floor=floor, band=band, ghost=ghost, marker=marker)
    spec = _curves_spec(
        tuple((label, token) for label, token in series.values()), parts=tuple(rows.part.unique()), title=title,
        x_title=x_title, y_title=y_title, log_y=log_y, dark=theme.dark(), lecture=theme.lecture(),
    )  # fmt: skip
    st.vega_lite_chart(rows, spec, key=key, theme=None, width="stretch", height=height)


def curve_rows(
    history: History,
    *,
    series: Mapping[str, tuple[str, str]],
    log_y: bool = False,
    floor: float = 0.0,
    band: tuple[str, str] | None = None,
    ghost: Sequence[History] = (),
    marker: int | None = None,
) -> pd.DataFrame:
    """The table behind `curves`, a row a point: part, label, step, value, top.

    A part is what one layer draws: "line i" and "tip", "end" for the series at place i, "ghost r i" the same of the run
    r = 1, 2, ..., "band", "mark".  The columns keep their types also when there is nothing to draw.
    """
    parts: list[dict[str, Any]] = []
    for run, past in enumerate((history, *ghost)):
        for place, (metric, (label, _)) in enumerate(series.items()):
            if metric not in past:
                continue
            step, value = _thinned(*past[metric], log_y=log_y, floor=floor)
            if len(step):
                part = f"ghost {run} {place}" if run else f"line {place}"
                parts.append({"part": part, "label": label, "step": step, "value": value, "top": np.nan})
                if not run:
                    for part, kept in (("tip", np.linspace(0, len(step) - 1, TIPS).astype(int)), ("end", [-1])):
                        at = {"step": step[kept], "value": value[kept], "top": np.nan}
                        parts.append({"part": part, "label": label, **at})
    if band and band[0] in history and band[1] in history:
        step, low = _thinned(*history[band[0]], log_y=log_y, floor=floor)
        step_high, high = _thinned(*history[band[1]], log_y=log_y, floor=floor)
        step, at_low, at_high = np.intersect1d(step, step_high, return_indices=True)
        label = next(iter(series.values()))[0]
        parts.append({"part": "band", "label": label, "step": step, "value": low[at_low], "top": high[at_high]})
    if marker is not None:
        parts.append({"part": "mark", "label": "", "step": np.array([marker]), "value": [np.nan], "top": np.nan})
    columns = {"part": str, "label": str, "step": np.int64, "value": np.float64, "top": np.float64}
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    lengths = [len(part["step"]) for part in parts]

    def column(name: str, kind: type) -> np.ndarray:
        if kind is str:
            return np.repeat([part[name] for part in parts], lengths)
        spread = [np.broadcast_to(part[name], length) for part, length in zip(parts, lengths, strict=True)]
        return np.concatenate(spread).astype(kind)

    return pd.DataFrame({name: column(name, kind) for name, kind in columns.items()})  # once: a part each takes longer


def _thinned(steps: np.ndarray, values: np.ndarray, *, log_y: bool, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """At most `POINTS` drawable points, evenly picked; the first and the last always stay."""
    steps, values = np.asarray(steps), np.asarray(values, dtype=np.float64)
    fine = np.isfinite(values) & (values > floor if log_y else True)
    steps, values = steps[fine], values[fine]
    if len(steps) > POINTS:
        kept = np.linspace(0, len(steps) - 1, POINTS).round().astype(int)
        steps, values = steps[kept], values[kept]
    return steps, values


@lru_cache(maxsize=128)
def _curves_spec(
    series: tuple[tuple[str, str], ...],
    *,
    parts: tuple[str, ...],
    title: str,
    x_title: str,
    y_title: str,
    log_y: bool,
    dark: bool,
    lecture: bool,
) -> dict[str, Any]:
    """`parts` are those among the rows: a layer without rows makes Vega complain at every frame."""
    labels = [label for label, _ in series]
    colours, dashes = [colour(token, dark) for _, token in series], _cycle(DASHES, len(labels))
    x = alt.X(
        "step:Q", title=x_title, axis=alt.Axis(tickMinStep=1, format=",d", tickCount=6), scale=alt.Scale(nice=False)
    )
    y = alt.Y(
        "value:Q",
        title=y_title,
        scale=alt.Scale(type="log" if log_y else "linear", zero=False, nice=True),
        axis=_decades() if log_y else alt.Axis(format="~r", tickCount=5),
    )
    hue = alt.Color("label:N", scale=alt.Scale(domain=labels, range=colours), title=None)
    dash = alt.StrokeDash("label:N", scale=alt.Scale(domain=labels, range=dashes), title=None)
    tip = [
        alt.Tooltip("label:N", title="curve"),
        alt.Tooltip("step:Q", title=x_title, format=","),
        alt.Tooltip("value:Q", title=y_title, format=".4~g"),
    ]

    def layer(part: str) -> alt.Chart:
        chart = alt.Chart().transform_filter(alt.datum.part == part)
        match part.split():
            case ["band"]:
                return chart.mark_area(opacity=0.2, color=colours[0]).encode(x=x, y=y, y2="top:Q")
            case ["ghost", _, place]:
                line = chart.mark_line(strokeWidth=1.8, opacity=0.5, strokeDash=[5, 4], color=colours[int(place)])
                return line.encode(x=x, y=y)
            case ["line", place]:
                how = {"color": colours[int(place)], "strokeDash": dashes[int(place)]}
                line = chart.mark_line(strokeWidth=2.6, strokeJoin="round", **how)
                return line.encode(x=x, y=y)
            case ["tip"]:  # also the legend: a hollow point has the stroke that a line has
                point = chart.mark_point(size=500, opacity=0)
                return point.encode(x=x, y=y, color=hue, strokeDash=dash, tooltip=tip)
            case ["end"]:
                return chart.mark_point(size=80, filled=True, opacity=1).encode(x=x, y=y, color=hue)
        return chart.mark_rule(strokeWidth=1.5, color=colour("mark", dark)).encode(x=x)

    stacked = ("band", "ghost", "line", "tip", "end", "mark")  # from the back to the front
    ordered = sorted(parts or ("tip",), key=lambda part: stacked.index(part.split()[0]))
    columns = 0 if len(labels) <= 4 else 4
    layers = alt.layer(*map(layer, ordered)).resolve_scale(color="shared")
    return _finished(layers, title=title, dark=dark, lecture=lecture, columns=columns)


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


def _decades() -> alt.Axis:
    """A logarithmic axis: powers of ten are seen and named, what stands between is a hint."""
    whole = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 0.01"
    narrow = "domain('y')[1] < 30 * domain('y')[0]"
    return alt.Axis(
        format="~g",
        gridOpacity={"condition": {"test": whole, "value": 1}, "value": 0.3},
        labelExpr=f"{whole} || {narrow} ? datum.label : ''",
    )


def _size(lecture: bool) -> int:
    """Size of the text in figures, in pixels."""
    return 19 if lecture else 14


def _cycle(items: Sequence[Any], count: int) -> list[Any]:
    return [items[place % len(items)] for place in range(count)]


def _finished(chart: alt.TopLevelMixin, *, title: str, dark: bool, lecture: bool, columns: int = 0) -> dict[str, Any]:
    """The chart as a Vega-Lite specification in the app's type and colours; the legend has `columns`, or one row."""
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
            offset=6, columns=columns,
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
