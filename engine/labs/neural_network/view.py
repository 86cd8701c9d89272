"""What is drawn of a small network: what every neuron sees of the plane, the output, and one point forward and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import LEFT, RIGHT, Figure, Picture, Table, Text
from engine.contract.view import Edit, Turn, View
from engine.data.square import LIMIT
from engine.figures.confusion import confusion
from engine.figures.histograms import histograms
from engine.labs.neural_network.resolution import ACTIVATION_EDGES, GRADIENT_EDGES
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.scene import Column, Scene

PLANE = (-LIMIT, LIMIT)
SHOWN_NEURONS = 10  # rows of numbers for a layer of the followed point
SHOWN_GRADIENTS = 6  # of one of its neurons


def stage(view: View) -> Scene:
    """The network with what every neuron sees, and beside it what it makes of the plane."""
    frame = view.frame
    many = len(frame.seed_maps) > 1
    scene = Scene(height=830 if many else 560)
    scene.graph("network", title=_network_title(view), columns=_columns(frame),
                weights=[w.T for w in frame.weights], weight=3, editable=True)  # fmt: skip
    panel = scene.panel("output", title=_output_title(frame), x=PLANE, y=PLANE, x_label="x", y_label="y", weight=2,
                        pick="plane")  # fmt: skip
    _output(panel, frame, discrete=view.config.discretise)
    _points(panel, frame)
    if many:
        scene.row(0.46)
        scene.heat_grid("seeds", title="The same network from other seeds: click one to look inside",
                        images=frame.seed_maps, captions=[f"{e:.0%}" for e in frame.seed_errors],
                        low=_low(frame), high=_high(frame), palette="diverging", discrete=False)  # fmt: skip
    return scene


def curves(view: View) -> Scene:
    """Loss and error against epochs."""
    scene = Scene(height=572)
    if not view.curves:
        return scene
    many = "train_loss_low" in view.curves
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker, "x_title": "epoch"}
    spread = " (the band holds 80 % of the seeds)" if many else ""
    curves_panel(scene, "loss", series={"test_loss": ("test", "test"), "train_loss": ("training", "train")},
                 title=f"Loss on points it has and has not seen{spread}", y_title="loss",
                 bands={"test_loss": ("test_loss_low", "test_loss_high")}, **common)  # fmt: skip
    scene.row()
    regression = not view.frame.classes
    curves_panel(scene, "error", series={"test_error": ("test", "test"), "train_error": ("training", "train")},
                 title="Root mean squared error" if regression else "Share of points on the wrong side",
                 y_title="error" if regression else "share wrong",
                 bands={"test_error": ("test_error_low", "test_error_high")}, **common)  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """The bent plane, the numbers in each layer, and one point on its way forward and back."""
    frame = view.frame
    judged: Figure = Text(f"##### Test error (RMSE): {frame.scores['test_error']:.3f}", column=RIGHT)
    if frame.classes:
        judged = confusion(frame.confusion, [f"class {k}" for k in range(len(frame.confusion))], key="confusion",
                           title="Test points: truth and answer", column=RIGHT)  # fmt: skip
    figures: list[Figure] = [Picture("hidden", _hidden_space(frame), column=LEFT), judged]
    names = [f"layer {i + 1}" for i in range(len(frame.neuron_maps))]
    if names:
        counts = dict(zip(names, frame.activation_histograms, strict=True))
        figures.append(histograms(ACTIVATION_EDGES, counts, key="activations", title="Activations of each layer",
                                  x_title="activation a", column=LEFT))  # fmt: skip
    counts = dict(zip([*names, "output"], frame.gradient_histograms, strict=True))
    figures.append(histograms(GRADIENT_EDGES, counts, key="gradients", title="Gradients of each layer",
                              x_title="log₁₀ |dL/dW|", colour="gradient", column=RIGHT))  # fmt: skip
    return [*figures, *_followed(frame)]


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


def _hidden_space(frame: Any) -> Scene:
    points = frame.hidden_points
    reach = np.abs(np.concatenate([points.reshape(-1, 2), np.ones((1, 2)) * 0.1])).max() * 1.1
    scene = Scene(height=400)
    share = frame.hidden_variance
    panel = scene.panel("hidden", title="The plane as the last hidden layer bends it", x=(-reach, reach),
                        y=(-reach, reach), x_label=f"two directions with {share:.0%} of the spread")  # fmt: skip
    panel.lines(
        frame.hidden_lines.reshape(-1, *frame.hidden_lines.shape[2:]), colour="neutral", name="Grid of the plane"
    )
    labels = np.concatenate([frame.train_labels, frame.test_labels])[: len(points)]
    if frame.classes:
        panel.points(points, labels, size=3.4, name="Points")
    else:
        panel.points(points, values=labels, size=3.4, name="Points")
    return scene


def _followed(frame: Any) -> list[Figure]:
    """Every number of one point on its way forward (z, a) and back (delta, dW)."""
    point = frame.followed
    x, y = point.xy
    figures: list[Figure] = [
        Text(f"##### One point, forward and back\nPoint {point.index} at ({x:.2f}, {y:.2f}), label {point.label:g}: "
             f"loss **{point.loss:.4f}**. Click the plane to follow another.")
    ]  # fmt: skip
    for depth, layer in enumerate(point.layers):
        last = depth == len(point.layers) - 1
        count = len(layer["z"])
        rows = []
        for i in range(min(count, SHOWN_NEURONS)):
            gradients = [signed(g) for g in layer["dW"][i][:SHOWN_GRADIENTS]]
            gradients += ["…"] if layer["dW"].shape[1] > SHOWN_GRADIENTS else []
            rows.append([f"{i + 1}", *(signed(layer[name][i]) for name in ("z", "a", "delta", "db")),
                         ",\u00a0".join(gradients)])  # fmt: skip
        left = f" · {count - SHOWN_NEURONS} more neurons" if count > SHOWN_NEURONS else ""
        figures.append(Text(f"**{'Output' if last else f'Layer {depth + 1}'}**{left}"))
        figures.append(Table(("neuron", "z = Wx + b", "a = f(z)", "δ = dL/dz", "dL/db", "dL/dW"), rows))
    return figures


def signed(number: float) -> str:
    """`number` with its sign and four digits behind the point; what rounds to zero has no sign."""
    written = f"{number:+.4f}"
    return written[1:] if float(written) == 0 else written.replace("-", "−")


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
