"""What is drawn of the fit: the points, the line on its way, and the best one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.view import Answer, View
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene

X = np.array([-1.2, 1.2])
REACH = 3.0
SLOPE = 0.8  # of the line that the points lie around


def stage(view: View) -> Scene:
    """The plane with the points and both lines."""
    frame = view.frame
    scene = Scene(height=480)
    title = f"The line on its way to the best one, of slope {frame.best[0]:.2f}"
    plane = scene.panel("plane", title=title, x=(-1.2, 1.2), y=(-REACH, REACH), x_label="x", y_label="y", equal=False)
    if view.config.residuals:
        for x, y in frame.points:
            plane.path(np.array([[x, y], [x, frame.line @ [x, 1]]]), colour="neutral", width=1)
    plane.points(frame.points, size=4, colours=["train"], name="Points")
    for line, colour, name in ((frame.best, "mark", "Best line"), (frame.line, "gradient", "Gradient descent")):
        plane.path(np.column_stack([X, line[0] * X + line[1]]), colour=colour, name=name, width=3)
    return scene


def curves(view: View) -> Scene:
    """The mean squared error, step by step."""
    scene = Scene(height=300)
    curves_panel(scene, "loss", history=view.curves, series={"loss": ("all points", "train")}, log_y=True,
                 title="How far off is the line?", y_title="mean squared error", marker=view.marker)  # fmt: skip
    return scene


def say(view: View) -> str:
    """How far the line is from the best one."""
    slope, height = np.abs(view.frame.line - view.frame.best)
    return f"The line's slope is off by {slope:.2f} and its height by {height:.2f}."


def facts(view: View) -> dict[str, float | str]:
    """Both lines' mean squared errors, the best slope and how far it is from the true one: what a lesson may name."""
    x, y = view.frame.points.T
    loss, least = (
        float(np.mean((slope * x + height - y) ** 2)) for slope, height in (view.frame.line, view.frame.best)
    )
    slope = float(view.frame.best[0])
    return {"loss": loss, "slope": slope, "astray": abs(slope - SLOPE), "least": least}


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """Nothing on this stage can be picked."""
    return None
