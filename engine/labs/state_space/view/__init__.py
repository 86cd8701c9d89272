"""What is drawn: how far each head opens, what reaches what, how it learns, the state, the scan, and a curve kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Table, Text
from engine.contract.view import Answer, Turn, View
from engine.labs.state_space import words
from engine.labs.state_space.config import SELECTS
from engine.labs.state_space.view import carried, learned, reach
from engine.labs.state_space.view.steps import steps
from engine.labs.state_space.words import facts, say
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene
from engine.scene.text import text

__all__ = ["answer", "curves", "facts", "inside", "say", "stage"]

FIRST, FURTHER = 440, 400  # pixels: how tall the rows of the stage are
POINTS = 60  # heights that are kept of a drawn curve


def stage(view: View) -> Scene:
    """The steps beside the learning; then tabs: what reaches what, lengths, the control, the state, a curve kept."""
    frame = view.frame
    rows = [FIRST, FURTHER, FURTHER]
    rows += [FURTHER] if len(frame.seen) > 1 else []
    rows += [FURTHER, FURTHER] if len(frame.state) else []
    rows += [FURTHER]
    scene = Scene(height=sum(rows))
    steps(scene, view)
    learned.learning(scene, view)
    scene.row(FURTHER / FIRST)
    reach.hidden(scene, view)
    scene.row(FURTHER / FIRST)
    if view.config.task != "digits":
        learned.longer(scene, view)
    learned.times(scene, view)
    if len(frame.seen) > 1:
        scene.row(FURTHER / FIRST)
        reach.rival(scene, view)
    elif len(frame.seen[0].kernels):
        scene.row(FURTHER / FIRST)
        reach.kernels(scene, view, frame.seen[0])
    if len(frame.state):
        scene.row(FURTHER / FIRST)
        carried.state(scene, view)
        carried.one_step(scene, view)
        scene.row(FURTHER / FIRST)
        carried.tree(scene, view)
    scene.row(FURTHER / FIRST)
    carried.kept_curve(scene, view)
    if frame.memory_error:
        text(scene, "no_curve", [frame.memory_error])
    return scene


def curves(view: View) -> Scene:
    """Loss of both networks, and how far the most selective head opens."""
    scene = Scene(height=300)
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    named = {"loss": (words.SHORT[view.config.layer], "class_1")}
    if view.config.control != "none":
        named["control_loss"] = (f"control: {words.SHORT[view.config.control]}", "class_0")
    curves_panel(scene, "loss", title="Loss where an answer is asked for", y_title="cross-entropy", log_y=True,
                 series=named, **common)  # fmt: skip
    if view.config.layer in SELECTS and view.config.task != "digits":
        kept, rest = words.places_told(view.config)
        curves_panel(
            scene, "opening", title="Step sizes of the most selective head, layer 1", y_title="step size Δ", log_y=True,
            series={"dt_kept": (kept, "positive"), "dt_rest": (rest, "neutral")}, **common,
        )  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """How far each row opens, in numbers."""
    frame, config = view.frame, view.config
    seen = frame.seen[0]
    asked = frame.wanted >= 0
    rest = ~frame.telling & (~asked | asked.all())  # in a text every place asks

    def mean(row: Any, where: Any) -> str:
        return f"{np.exp(np.log(np.maximum(row[where], 1e-9)).mean()):.4f}" if where.any() else "–"

    columns = dict(zip(words.places_told(config), (frame.telling, rest), strict=True))
    columns |= {} if config.task == "text" else {"at the question": asked}
    rows = [[str(number), *(mean(row, where) for where in columns.values())]
            for number, row in enumerate(seen.opening, start=1)]  # fmt: skip
    head = [words.ROW[config.layer].capitalize(), *(name.capitalize() for name in columns)]
    told: list[Figure] = [
        Table(head, rows,
              title=f"{words.OPENS[config.layer].capitalize()}, geometric means on the sequence on screen"),
    ]  # fmt: skip
    if config.layer in SELECTS:
        told.append(Text("A step of 0 leaves the state as it was. Where Δ times the pole is far below −1, the state is "
                         "forgotten and written anew.", "note"))  # fmt: skip
    return told


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """A click on a row shows that head, one on the state that step; a curve is drawn, a pole is dragged."""
    if pick["kind"] == "draw" and pick["panel"] == "curve":
        return _drawn(pick["points"])
    if pick["kind"] == "draw" and pick["panel"] == "poles":
        return _dragged(view, pick["points"])
    if pick["kind"] != "plane":
        return None
    if pick["panel"] == "steps":
        row = round(pick["y"])
        return Turn({"head": row}) if 1 <= row <= len(view.frame.seen[0].opening) else None
    if pick["panel"] == "state":
        return Turn({"place": int(np.clip(round(pick["x"]) + 1, 1, min(70, len(view.frame.state))))})
    return None


def _dragged(view: View, points: Any) -> Turn | None:
    """The pole where a drag began stands where it ended."""
    places = [point for point in points if np.isfinite(point).all()]
    found = [seen.poles for seen in view.frame.seen if len(seen.kernels)]
    if len(places) < 2 or not found:
        return None
    return Turn({"moved": reach.dragged(found[-1], places[0], places[-1])})


def _drawn(points: Any) -> Turn | None:
    """The heights of a drawn curve at even places; before its first point it is as high as there."""
    places = np.array([point for point in points if np.isfinite(point).all()], float).reshape(-1, 2)
    if len(places) < 2:
        return None
    x, first = np.unique(places[:, 0], return_index=True)
    heights = np.interp(np.linspace(0, 1, POINTS), x, places[first, 1]).clip(-1, 1)
    return Turn({"curve": ",".join(f"{height:.2f}" for height in heights)})
