"""A surface in three dimensions, for Plotly."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contract.figure import FULL, Chart
from engine.figures.vega import SIZE, colour_map, token


def surface(
    values: NDArray[Any],
    extent: tuple[float, float, float, float],
    *,
    key: str,
    title: str,
    z_title: str,
    x_title: str = "x",
    y_title: str = "y",
    paths: Mapping[str, tuple[str, NDArray[Any]]] | None = None,
    height: int = 560,
    column: int = FULL,
) -> Chart:
    """A surface that can be turned, and so stands still while a run trains, until it is another one.

    `values` (H, W) are heights with y growing along the rows; `extent` is (left, right, bottom, top).  `paths` maps a
    label to its colour and its points (T, 3).
    """
    left, right, bottom, top = extent
    heights: dict[str, Any] = {
        "type": "surface", "z": values, "x": np.linspace(left, right, values.shape[1]),
        "y": np.linspace(bottom, top, values.shape[0]), "colorscale": colour_map("loss"), "showscale": False,
        "opacity": 0.92, "contours": {"z": {"show": True, "color": token("neutral"), "width": 1}},
    }  # fmt: skip
    lift = 0.01 * float(np.ptp(values))  # so that a path lies on the surface and not in it
    lines = [
        {
            "type": "scatter3d", "x": points[:, 0], "y": points[:, 1], "z": points[:, 2] + lift, "name": label,
            "mode": "lines+markers", "line": {"color": token(colour), "width": 6},
            "marker": {"color": token(colour), "size": 3},
        }
        for label, (colour, points) in (paths or {}).items()
    ]  # fmt: skip
    axis = {"gridcolor": token("grid"), "color": token("text"), "showbackground": False, "zeroline": False}
    named = {"xaxis": x_title, "yaxis": y_title, "zaxis": z_title}
    layout = {
        "title": {"text": title, "x": 0, "font": {"size": SIZE + 2, "weight": 600}},
        "font": {"size": SIZE, "color": token("text")},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 0, "r": 0, "t": 48, "b": 0},
        "legend": {"orientation": "h", "y": 1.0, "font": {"size": SIZE}},
        "uirevision": key,
        "scene": {
            **{place: axis | {"title": {"text": words}} for place, words in named.items()},
            "aspectmode": "manual",
            "aspectratio": {"x": 1.2, "y": 1.2, "z": 0.7},
            "camera": {"eye": {"x": 1.5, "y": -1.5, "z": 1.1}, "center": {"x": 0, "y": 0, "z": -0.14}},
        },
    }
    spec = {"data": [heights, *lines], "layout": layout}
    still = hashlib.sha256(np.ascontiguousarray(values).tobytes() + repr(extent).encode()).hexdigest()
    return Chart(key, spec, height=height, library="plotly", still=still, column=column)
