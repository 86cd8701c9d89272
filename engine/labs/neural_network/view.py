"""What is drawn of a small network: what every neuron sees of the plane, the output, and the same from other seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.view import Edit, Turn, View
from engine.data.square import LIMIT
from engine.scene.panel import Panel
from engine.scene.scene import Column, Scene

PLANE = (-LIMIT, LIMIT)


def stage(view: View) -> Scene:
    """The network with what every neuron sees, and beside it what it makes of the plane."""
    frame = view.frame
    scene = Scene(height=560)
    scene.graph("network", title=_network_title(view), columns=_columns(frame),
                weights=[w.T for w in frame.weights], weight=3, editable=True)  # fmt: skip
    panel = scene.panel("output", title=_output_title(frame), x=PLANE, y=PLANE, x_label="x", y_label="y", weight=2,
                        pick="plane")  # fmt: skip
    _output(panel, frame, discrete=view.config.discretise)
    _points(panel, frame)
    if len(frame.seed_maps) > 1:
        scene.row()
        scene.heat_grid("seeds", title="The same network from other seeds: click one to look inside",
                        images=frame.seed_maps, captions=[f"{e:.0%}" for e in frame.seed_errors],
                        low=_low(frame), high=_high(frame), palette="diverging", discrete=False)  # fmt: skip
    return scene


def answer(view: View, pick: Mapping[str, Any]) -> Turn | Edit | None:
    """A number typed at a weight sets it; a click on the plane follows the nearest point; on a map, shows that seed."""
    if pick["kind"] == "edge" and "value" in pick:
        return Edit({name: pick[name] for name in ("layer", "source", "target", "value")})
    if pick["panel"] == "output" and pick["kind"] == "plane":
        points = np.concatenate([view.frame.train_xy, view.frame.test_xy])
        return Turn({"follow": int(np.argmin(np.hypot(points[:, 0] - pick["x"], points[:, 1] - pick["y"])))})
    if pick["panel"] == "seeds":
        return Turn({"shown": pick["index"]})
    return None


def _network_title(view: View) -> str:
    drawn = sum(len(maps) for maps in view.frame.neuron_maps)
    large = drawn < sum(view.config.widths)
    return "What the first quarter of the neurons in each layer see" if large else "What each neuron sees"


def _columns(frame: Any) -> list[Column]:
    columns = [Column(list(frame.features), heat=frame.feature_maps[:, ::-1], low=-LIMIT, high=LIMIT, title="Inputs")]
    for depth, maps in enumerate(frame.neuron_maps):
        reach = np.maximum(np.abs(maps).max(axis=(1, 2)), 1e-6)  # each neuron on a scale of its own
        columns.append(Column([f"h{depth + 1}.{i + 1}" for i in range(len(maps))], heat=maps[:, ::-1], low=-reach,
                              high=reach, title=f"Layer {depth + 1}", bias=frame.biases[depth]))  # fmt: skip
    count = len(frame.biases[-1])
    heat = frame.output_map[None, ::-1] if count == 1 else None
    columns.append(Column(["output"] if count == 1 else [f"class {k}" for k in range(count)], heat=heat,
                          low=_low(frame), high=_high(frame), title="Output", bias=frame.biases[-1]))  # fmt: skip
    return columns


def _low(frame: Any) -> float:
    return 0.0 if frame.classes else -1.0


def _high(frame: Any) -> float:
    return 2.0 if frame.classes == 3 else 1.0


def _output_title(frame: Any) -> str:
    return "What the network answers" if frame.classes else "The value it predicts"


def _output(panel: Panel, frame: Any, *, discrete: bool) -> None:
    said = frame.output_map[::-1]
    if frame.classes == 3:
        sure = np.ones_like(said) if discrete else frame.confidence[::-1]
        panel.classes(said, sure, names=["class 0", "class 1", "class 2"], name="Likeliest class")
    elif discrete:
        middle = 0.5 if frame.classes else 0.0
        panel.heatmap(np.where(said > middle, 1.0, _low(frame)), low=_low(frame), high=1, palette="diverging",
                      name="Answer")  # fmt: skip
    else:
        name = "Probability of class 1" if frame.classes else "Value"
        panel.heatmap(said, low=_low(frame), high=1, palette="diverging", levels=[0.5] if frame.classes else [0.0],
                      name=name)  # fmt: skip


def _points(panel: Panel, frame: Any) -> None:
    for name, shape, xy, labels in (("Train", "circle", frame.train_xy, frame.train_labels),
                                    ("Test", "square", frame.test_xy, frame.test_labels)):  # fmt: skip
        if frame.classes:
            panel.points(xy, labels, shape=shape, size=3.6, name=name)
        else:
            panel.points(xy, values=labels, shape=shape, size=3.6, name=name)
    panel.points(frame.followed.xy[None], shape="ring", size=9, colours=["mark"], name="Followed point")
