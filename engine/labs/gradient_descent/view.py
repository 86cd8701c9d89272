"""What is drawn of a race: the loss as a map with everybody's path over it, how low each has come, and the surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Text
from engine.contract.view import Turn, View
from engine.figures.surface import surface
from engine.nets.optimiser_names import NAMES, title
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene
from engine.scene.text import Cell, Span, text

TITLES = {name: title(name)[0].upper() + title(name)[1:] for name in NAMES}
MEASURES = {"loss": ("How low is each?", "loss L(θ)"),
            "distance": ("How far is each from the nearest minimum?", "distance |θ − θ*|")}  # fmt: skip
FLOOR = 1e-12  # below this a loss is rounding, and only stretches the picture


def stage(view: View) -> Scene:
    """The loss as a map, with everybody's path over it."""
    frame = view.frame
    left, right, bottom, top = frame.extent
    scene = Scene(height=600)
    panel = scene.panel(
        "map", title="The loss: click to start there", x=(left, right), y=(bottom, top),
        x_label="parameter θ₁", y_label="parameter θ₂", weight=3, pick="plane",
    )  # fmt: skip
    panel.heatmap(frame.shade, extent=frame.extent, low=0, high=1, levels=14, name="Loss")
    if len(frame.ends) <= 8:
        panel.points(frame.ends, size=6, shape="cross", colours=["mark"], name="Minimum")
    for name, path, stopped in zip(frame.names, frame.paths, frame.diverged, strict=True):
        panel.path(path, colour=name, name=TITLES[name] + (" (diverged)" if stopped else ""), width=3)
    reach = 0.09 * (right - left)
    racing = ~(frame.diverged | frame.left)
    at = frame.points[racing]
    panel.arrows(at, -reach * _unit(frame.gradients[racing]), colour="gradient", name="Downhill (direction)")
    moving = racing & (np.abs(frame.momenta).max(axis=1) > 0)
    panel.arrows(frame.points[moving], -reach * _unit(frame.momenta[moving]), colour="momentum",
                 name="Momentum (direction)")  # fmt: skip
    panel.arrows(at - frame.last_steps[racing], frame.last_steps[racing], colour="step", name="Last step (true length)",
                 width=3)  # fmt: skip
    panel.text(float(frame.paths[0, 0, 0]), float(frame.paths[0, 0, 1]), "start")
    if frame.basin_ends.size:
        _basins(scene, frame)
    else:
        _losses(scene, view)
    return scene


def curves(view: View) -> Scene:
    """Loss and distance, and what curvature says about both."""
    names = view.config.optimisers
    shown = [measure for measure in MEASURES if any(f"{measure}.{name}" in view.curves for name in names)]
    scene = Scene(height=max(0, 292 * len(shown) - 12))
    for measure in shown:
        heading, y_title = MEASURES[measure]
        series = {f"{measure}.{name}": (TITLES[name], name) for name in names}
        curves_panel(scene, measure, history=view.curves, series=series, title=heading, y_title=y_title, log_y=True,
                     floor=FLOOR, marker=view.marker)  # fmt: skip
        scene.row()
    _readout(scene, view.frame)
    return scene


def inside(view: View) -> list[Figure]:
    """The same race in three dimensions, as it stood when it last paused: a moving surface could not be turned."""
    from scipy.interpolate import RegularGridInterpolator  # takes long to load, and is needed here only

    frame = view.frame
    height = RegularGridInterpolator((frame.grid_y, frame.grid_x), frame.shade, bounds_error=False)
    paths = {}
    for name, path in zip(frame.names, frame.paths, strict=True):
        seen = path[np.isfinite(height(path[:, ::-1]))]  # (T, 2): what lies on the map
        paths[TITLES[name]] = (name, np.column_stack([seen, height(seen[:, ::-1])]))
    return [
        surface(frame.shade, frame.extent, key="surface", title="The same race on the surface", x_title="θ₁",
                y_title="θ₂", z_title="height (scaled loss)", paths=paths),
        Text("Drag to turn it. The paths are brought up to date whenever the race pauses.", tone="note"),
    ]  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on the map is where all start from."""
    if pick["panel"] == "map" and pick["kind"] == "plane":
        x, y = (round(float(np.clip(pick[axis], -6, 6)), 2) for axis in "xy")
        return Turn({"start_x": x, "start_y": y})
    return None


def _readout(scene: Scene, frame: Any) -> None:
    """A line for each racer: where 2/L stands, and the rate that curvature predicts beside the one measured."""
    rows: list[list[Cell]] = [["", "loss", "η", "2/L", "L", "m", "L/m", "predicted", "measured"]]
    for i, name in enumerate(frame.names):
        m, largest = frame.eigenvalues[i]
        over = name == "gradient_descent" and frame.learning_rates[i] > frame.edge[i]
        edge = f"{frame.edge[i]:.4g}{' ⚠' if over else ''}" if np.isfinite(frame.edge[i]) else "none"
        rows.append([
            TITLES[name] + (" (diverged)" if frame.diverged[i] else ""), f"{frame.losses[i]:.3g}",
            f"{frame.learning_rates[i]:g}", Span(edge, bold=True), f"{largest:.4g}", f"{m:.4g}",
            *(_number(known[i]) for known in (frame.condition, frame.predicted_rate, frame.measured_rate)),
        ])  # fmt: skip
    text(scene, "rates", rows, table=True, header=True)
    text(scene, "explained", [
        "L and m are the largest and the smallest curvature (eigenvalues of the Hessian) where each optimiser stands "
        "now. Predicted and measured is the factor by which one step changes the distance to the minimum: predicted "
        "from L, m, η and β for gradient descent, momentum and Nesterov, measured over the last 20 steps. ⚠ marks a "
        "learning rate η above the edge 2/L of gradient descent."
    ])  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "–"


def _losses(scene: Scene, view: View) -> None:
    """The loss of each so far, so that a step on the map and what it gains are seen together."""
    lines = {}
    for name in view.frame.names:
        steps, values = view.curves.get(f"loss.{name}", (np.zeros(0), np.zeros(0)))
        seen = slice(None, None, max(1, len(steps) // 400))
        if len(steps):
            lines[name] = np.column_stack([steps, np.log10(np.maximum(values, FLOOR))])[seen]
    heights = np.concatenate([line[:, 1] for line in lines.values()]) if lines else np.array([-2.0, 2.0])
    panel = scene.panel(
        "losses", title="How low is each?", x=(0, max(60, view.last_step)), x_label="step", y_label="log₁₀ loss",
        y=(float(heights.min()) - 0.3, float(heights.max()) + 0.3), weight=2, equal=False,
    )  # fmt: skip
    for name, line in lines.items():
        panel.path(line, colour=name, name=TITLES[name])


def _basins(scene: Scene, frame: Any) -> None:
    left, right, bottom, top = frame.extent
    panel = scene.panel(
        "basins", title="Where each start ends", x=(left, right), y=(bottom, top), x_label="start θ₁",
        y_label="start θ₂", weight=2,
    )  # fmt: skip
    ends = np.where(frame.basin_ends >= 0, frame.basin_ends, np.nan)
    panel.classes(ends, extent=frame.extent, discrete=True, name="Basin (hatched: not there yet)")
    shown, count = frame.basin_points.reshape(-1, 2), frame.basin_ends.size
    some = "" if len(shown) == count else f" ({len(shown):,} of {count:,})"
    panel.points(shown, size=1.6, name=f"Where they are now{some}")
    panel.points(frame.ends, size=5, shape="cross", colours=["mark"], name="Minimum")


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Each row (N, 2) at length one; zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))
