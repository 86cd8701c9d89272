"""What is drawn of a race: the loss as a map with everybody's path over it, and how low each has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.view import Turn, View
from engine.nets.optimiser_names import NAMES, title
from engine.scene.scene import Scene

TITLES = {name: title(name)[0].upper() + title(name)[1:] for name in NAMES}
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


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on the map is where all start from."""
    if pick["panel"] == "map" and pick["kind"] == "plane":
        x, y = (round(float(np.clip(pick[axis], -6, 6)), 2) for axis in "xy")
        return Turn({"start_x": x, "start_y": y})
    return None


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
