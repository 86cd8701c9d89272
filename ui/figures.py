"""Draws figures that stand still, in the type and the colours of the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from engine.contract.figure import FULL, LEFT, RIGHT, Chart, Figure, Formula, Picture, Table, Text
from engine.scene.palette import colour, colour_map
from engine.scene.text import minus
from ui import theme
from ui.scene import roomy, show

FONT = "Inter, sans-serif"
DESK, HALL = 14, 19  # pixels of the text in a figure
LETTER = 0.56  # of the size of the type is as wide as a letter of a title, on average
LABELS = 60  # pixels on the left of the axes, above which a title stands too
HEADING = re.compile(r"^#+ ", re.MULTILINE)  # whatever its level in a lab: the next below that of a panel
Picked = Callable[[dict[str, Any]], None]


def figures(drawn: Sequence[Figure], *, key: str, picked: Picked) -> None:
    """Draw figures one below the other, and side by side where they say so.

    `key` tells the runs of a page apart; `picked` gets what a visitor does in a picture among them.
    """
    for members in rows(drawn):
        if members[0].column == FULL:
            _draw(members[0], key, picked)
            continue
        for column, place in zip(st.columns(2), (LEFT, RIGHT), strict=True):
            with column:
                for figure in members:
                    if figure.column == place:
                        _draw(figure, key, picked)


def rows(drawn: Sequence[Figure]) -> list[list[Figure]]:
    """What stands beside each other: after one on the right the next on the left begins another row."""
    found: list[list[Figure]] = []
    for figure in drawn:
        before = found[-1][-1].column if found else FULL
        if FULL in (before, figure.column) or (before, figure.column) == (RIGHT, LEFT):
            found.append([])
        found[-1].append(figure)
    return found


def _draw(figure: Figure, key: str, picked: Picked) -> None:
    match figure:
        case Chart(library="plotly"):
            spec = _themed(figure.spec, _colours())
            spec["layout"]["font"]["family"] = FONT
            st.plotly_chart(spec, key=f"{key}.{figure.key}", theme=None, width="stretch", height=figure.height)
        case Chart():
            config = _config()
            spec = _themed(figure.spec, _colours()) | {"config": config, "usermeta": _CANVAS}
            spec["title"] = spec["title"] | {"text": _in_lines(spec["title"]["text"], config["title"]["fontSize"])}
            # By name, and not as the chart's own: those Streamlit gives it only when it has been drawn once, and Vega
            # warns that an axis of nothing has no extent.
            spec["datasets"] = {spec["data"]["name"]: pd.DataFrame(dict(figure.data))}
            st.vega_lite_chart(spec=spec, key=f"{key}.{figure.key}", theme=None, width="stretch", height=figure.height)
        case Table():
            st.markdown(_table(figure))
        case Text(tone="hint"):
            st.info(figure.text, icon=":material/info:")
        case Text(tone="note"):
            st.caption(figure.text)
        case Text():
            st.markdown(HEADING.sub("#### ", figure.text))
        case Formula():
            st.latex(figure.latex)
        case Picture():
            if pick := show(roomy(figure.scene), key=f"{key}.{figure.key}"):
                picked(pick)


def _in_lines(title: str, size: int) -> str | dict[str, str]:
    """A title, which Vega does not break by itself: two lines where a chart is too narrow for type of `size` pixels."""
    spaces = [at for at, letter in enumerate(title) if letter == " "]
    if not spaces:
        return title
    middle = min(spaces, key=lambda at: abs(at - len(title) / 2))
    wide = round(len(title) * size * LETTER - LABELS)
    lines = json.dumps([title[:middle], title[middle + 1 :]], ensure_ascii=False)
    return {"expr": f"width < {wide} ? {lines} : {json.dumps(title, ensure_ascii=False)}"}


def _table(table: Table) -> str:
    rule = [":--", *["--:"] * (len(table.header) - 1)]
    lines = [f"| {' | '.join(map(minus, row))} |" for row in (table.header, rule, *table.rows)]
    return "\n".join(([f"#### {table.title}", ""] if table.title else []) + lines)


_CANVAS = {"embedOptions": {"renderer": "canvas"}}  # half the work of SVG when the data change often


def _colours() -> Callable[[str], str | list[str]]:
    """What stands for a token in this visitor's theme."""
    dark = theme.dark()
    ink = (colour("text"), "#ffffff")
    special = {"on_strong": ink[not dark], "on_weak": ink[dark]}

    def look_up(token: str) -> str | list[str]:
        if token.startswith("map:"):
            return colour_map(token.removeprefix("map:"), dark)
        return special.get(token) or colour(token, dark)

    return look_up


def _themed(spec: Any, colours: Callable[[str], str | list[str]]) -> Any:
    """`spec` with its tokens replaced, and its text as large as the room asks for."""
    if isinstance(spec, Mapping):
        themed = {name: _themed(value, colours) for name, value in spec.items()}
        for part, name in ((themed, "fontSize"), (themed.get("font"), "size")):  # Vega-Lite's name, and Plotly's
            if isinstance(part, dict) and name in part:
                part[name] = round(part[name] * (HALL / DESK if theme.lecture() else 1))
        if isinstance(stops := themed.get("colorscale"), list):  # Plotly wants each with its place
            themed["colorscale"] = [[place / (len(stops) - 1), stop] for place, stop in enumerate(stops)]
        return themed
    if isinstance(spec, list):
        if len(spec) == 1 and isinstance(spec[0], str) and spec[0].startswith("@map:"):
            return colours(spec[0][1:])
        return [_themed(value, colours) for value in spec]
    return colours(spec[1:]) if isinstance(spec, str) and spec.startswith("@") else spec


def _config() -> dict[str, Any]:
    """Vega-Lite's configuration: the app's type and colours."""
    dark, size = theme.dark(), HALL if theme.lecture() else DESK
    text, soft = colour("text", dark), colour("neutral", dark)
    return {
        "background": "transparent", "font": FONT, "padding": {"left": 4, "right": 12, "top": 6, "bottom": 4},
        "view": {"stroke": None},
        "mark": {"aria": False},  # a canvas has no elements to describe
        "title": {"color": text, "fontSize": size + 2, "fontWeight": 600},
        "axis": {
            "labelColor": text, "titleColor": text, "labelFontSize": size, "titleFontSize": size,
            "titleFontWeight": 500, "gridColor": colour("grid", dark), "domainColor": soft, "tickColor": soft,
            "domain": False, "ticks": False, "labelPadding": 6, "titlePadding": 10, "labelFlush": False,
        },
        "legend": {
            "orient": "top", "direction": "horizontal", "labelColor": text, "labelFontSize": size, "titleColor": text,
            "titleFontSize": size, "labelLimit": 260, "symbolType": "stroke", "symbolOpacity": 1, "symbolSize": 500,
            "symbolStrokeWidth": 2.6, "columnPadding": 18, "padding": 0, "offset": 6,
        },
    }  # fmt: skip
