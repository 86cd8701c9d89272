"""Gradient descent: optimisers race down one loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from scipy.interpolate import RegularGridInterpolator

from ui import charts
from ui.page import View, lab_page, views

drawn = views("gradient_descent")
TITLES, FLOOR = drawn.TITLES, drawn.FLOOR
MEASURES = {"loss": ("How low is each?", "loss L(θ)"),
            "distance": ("How far is each from the nearest minimum?", "distance |θ − θ*|")}  # fmt: skip


def curves(view: View) -> None:
    """Loss and distance, and what curvature says about both."""
    if not view.curves:
        st.info("Press Play: the loss of every optimiser is drawn here, step by step.", icon=":material/show_chart:")
    else:
        common = {"ghost": view.ghosts, "marker": view.marker, "log_y": True, "floor": FLOOR, "height": 280}
        for measure, (title, y_title) in MEASURES.items():
            series = {f"{measure}.{name}": (TITLES[name], name) for name in view.config.optimisers}
            if any(metric in view.curves for metric in series):
                charts.curves(view.curves, series=series, title=title, y_title=y_title, key=f"{view.key}.{measure}",
                              **common)  # fmt: skip
    _readout(view.frame)


def _readout(frame: Any) -> None:
    """A line for each racer: where 2/L stands, and the rate that curvature predicts beside the one measured."""
    rows = ["| | loss | η | 2/L | L | m | L/m | predicted | measured |", "|:--|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for i, name in enumerate(frame.names):
        m, largest = frame.eigenvalues[i]
        over = name == "gradient_descent" and frame.learning_rates[i] > frame.edge[i]
        edge = f"**{frame.edge[i]:.4g}**{' ⚠' if over else ''}" if np.isfinite(frame.edge[i]) else "none"
        numbers = [f"{frame.losses[i]:.3g}", f"{frame.learning_rates[i]:g}", edge, f"{largest:.4g}", f"{m:.4g}"]
        numbers += [_number(frame.condition[i]), _number(frame.predicted_rate[i]), _number(frame.measured_rate[i])]
        rows.append(f"| {TITLES[name]}{' (diverged)' if frame.diverged[i] else ''} | {' | '.join(numbers)} |")
    st.markdown("\n".join(rows))
    st.caption(
        "L and m are the largest and the smallest curvature (eigenvalues of the Hessian) where each optimiser stands "
        "now. Predicted and measured is the factor by which one step changes the distance to the minimum: predicted "
        "from L, m, η and β for gradient descent, momentum and Nesterov, measured over the last 20 steps. ⚠ marks a "
        "learning rate η above the edge 2/L of gradient descent."
    )


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "–"


def inside(view: View) -> None:
    """The same race in three dimensions, as it stood when it last paused: a moving surface could not be turned."""
    frame = view.frame
    held = st.session_state.setdefault(f"{view.key}.surface", {})
    race = (frame.extent, frame.names, float(frame.shade.sum()))
    if held.get("race") != race or not view.look.active:
        height = RegularGridInterpolator((frame.grid_y, frame.grid_x), frame.shade, bounds_error=False)
        paths = {}
        for name, path in zip(frame.names, frame.paths, strict=True):
            seen = path[np.isfinite(height(path[:, ::-1]))]
            paths[TITLES[name]] = (name, np.column_stack([seen, height(seen[:, ::-1])]))
        held.update(race=race, paths=paths, shade=frame.shade, extent=frame.extent)
    charts.surface(held["shade"], held["extent"], key=f"{view.key}.surface3d", title="The same race on the surface",
                   x_title="θ₁", y_title="θ₂", z_title="height (scaled loss)", paths=held["paths"])  # fmt: skip
    st.caption("Drag to turn it. The paths are brought up to date whenever the race pauses.")


lab_page("gradient_descent", curves=curves, inside=inside)
