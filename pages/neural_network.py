"""Neural network: what each neuron sees while a small network learns to colour the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from engine.data import plane
from engine.labs.neural_network import frame as portrait
from engine.scene.scene import Column, Scene
from ui import charts
from ui.inputs.points import CLASSES, points_input
from ui.inputs.table import table_input
from ui.page import View, lab_page
from ui.player import Player
from ui.scene import show
from ui.words import signed

LIMIT = plane.LIMIT
PLANE = (-LIMIT, LIMIT)
SLUG = "neural_network"
SHOWN_NEURONS = 10  # rows of numbers for a layer of the followed point


def stage(view: View) -> None:
    """The network with what every neuron sees, and beside it what it makes of the plane."""
    frame = view.frame
    scene = Scene(height=560)
    scene.graph("network", title=_network_title(view), columns=_columns(frame),
                weights=[w.T for w in frame.weights], weight=3, editable=True)  # fmt: skip
    discrete = bool(st.session_state.get(f"{SLUG}.discretise"))
    panel = scene.panel("output", title=_output_title(frame), x=PLANE, y=PLANE, x_label="x", y_label="y", weight=2,
                        pick="plane")  # fmt: skip
    _output(panel, frame, discrete=discrete)
    _points(panel, frame)
    if len(frame.seed_maps) > 1:
        scene.row()
        scene.heat_grid("seeds", title="The same network from other seeds: click one to look inside",
                        images=frame.seed_maps, captions=[f"{e:.0%}" for e in frame.seed_errors],
                        low=_low(frame), high=_high(frame), palette="diverging", discrete=False)  # fmt: skip
    _picked(view, show(scene, key=view.key))


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
    heat = None
    if count == 1:
        heat = frame.output_map[None, ::-1]
    columns.append(Column(["output"] if count == 1 else [f"class {k}" for k in range(count)], heat=heat,
                          low=_low(frame), high=_high(frame), title="Output", bias=frame.biases[-1]))  # fmt: skip
    return columns


def _low(frame: Any) -> float:
    return 0.0 if frame.classes else -1.0


def _high(frame: Any) -> float:
    return 2.0 if frame.classes == 3 else 1.0


def _output_title(frame: Any) -> str:
    return "What the network answers" if frame.classes else "The value it predicts"


def _output(panel: Any, frame: Any, *, discrete: bool) -> None:
    answer = frame.output_map[::-1]
    if frame.classes == 3:
        sure = np.ones_like(answer) if discrete else frame.confidence[::-1]
        panel.classes(answer, sure, names=["class 0", "class 1", "class 2"], name="Likeliest class")
    elif discrete:
        middle = 0.5 if frame.classes else 0.0
        panel.heatmap(np.where(answer > middle, 1.0, _low(frame)), low=_low(frame), high=1, palette="diverging",
                      name="Answer")  # fmt: skip
    else:
        name = "Probability of class 1" if frame.classes else "Value"
        panel.heatmap(answer, low=_low(frame), high=1, palette="diverging", levels=[0.5] if frame.classes else [0.0],
                      name=name)  # fmt: skip


def _points(panel: Any, frame: Any) -> None:
    for name, shape, xy, labels in (("Train", "circle", frame.train_xy, frame.train_labels),
                                    ("Test", "square", frame.test_xy, frame.test_labels)):  # fmt: skip
        if frame.classes:
            panel.points(xy, labels, shape=shape, size=3.6, name=name)
        else:
            panel.points(xy, values=labels, shape=shape, size=3.6, name=name)
    panel.points(frame.followed.xy[None], shape="ring", size=9, colours=["mark"], name="Followed point")


def _picked(view: View, pick: dict[str, Any] | None) -> None:
    """A number typed at a weight sets it; a click on the plane follows the nearest point; on a map, shows that seed."""
    if not pick:
        return
    if pick["kind"] == "edge" and "value" in pick:
        view.player.edit({name: pick[name] for name in ("layer", "source", "target", "value")})
    elif pick["panel"] == "output" and pick["kind"] == "plane":
        points = np.concatenate([view.frame.train_xy, view.frame.test_xy])
        nearest = int(np.argmin(np.hypot(points[:, 0] - pick["x"], points[:, 1] - pick["y"])))
        view.player.turn(follow=nearest)
    elif pick["panel"] == "seeds":
        view.player.turn(shown=pick["index"])
    else:
        return
    st.rerun(scope="app")


def curves(view: View) -> None:
    """Loss and error against epochs."""
    if not view.curves:
        st.info("Press Play: training and test loss are drawn here, epoch by epoch.", icon=":material/show_chart:")
        return
    many = "train_loss_low" in view.curves
    common = {"ghost": view.ghosts, "marker": view.marker, "x_title": "epoch", "height": 280}
    spread = " (the band holds 80 % of the seeds)" if many else ""
    charts.curves(view.curves, series={"test_loss": ("test", "test"), "train_loss": ("training", "train")},
                  title=f"Loss on points it has and has not seen{spread}", y_title="loss", key=f"{view.key}.loss",
                  band=("test_loss_low", "test_loss_high") if many else None, **common)  # fmt: skip
    regression = not view.frame.classes
    charts.curves(view.curves, series={"test_error": ("test", "test"), "train_error": ("training", "train")},
                  title="Root mean squared error" if regression else "Share of points on the wrong side",
                  y_title="error" if regression else "share wrong", key=f"{view.key}.error",
                  band=("test_error_low", "test_error_high") if many else None, **common)  # fmt: skip


def inside(view: View) -> None:
    """The bent plane, the numbers in each layer, and one point on its way forward and back."""
    frame = view.frame
    left, right = st.columns(2)
    with left:
        _hidden_space(view)
    with right:
        if frame.classes:
            charts.confusion(frame.confusion, [f"class {k}" for k in range(len(frame.confusion))],
                             key=f"{view.key}.confusion", title="Test points: truth and answer")  # fmt: skip
        else:
            st.metric("Test error (RMSE)", f"{frame.scores['test_error']:.3f}")
    names = [f"layer {i + 1}" for i in range(len(frame.neuron_maps))]
    left, right = st.columns(2)
    with left:
        if names:
            counts = dict(zip(names, frame.activation_histograms, strict=True))
            charts.histograms(portrait.ACTIVATION_EDGES, counts, title="Activations of each layer",
                              x_title="activation a", key=f"{view.key}.activations")  # fmt: skip
    with right:
        counts = dict(zip([*names, "output"], frame.gradient_histograms, strict=True))
        charts.histograms(portrait.GRADIENT_EDGES, counts, title="Gradients of each layer", token="gradient",
                          x_title="log₁₀ |dL/dW|", key=f"{view.key}.gradients")  # fmt: skip
    _followed(frame)


def _hidden_space(view: View) -> None:
    frame = view.frame
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
    show(scene, key=f"{view.key}.hidden")


def _followed(frame: Any) -> None:
    """Every number of one point on its way forward (z, a) and back (delta, dW)."""
    point = frame.followed
    x, y = point.xy
    st.markdown(f"##### One point, forward and back\nPoint {point.index} at ({x:.2f}, {y:.2f}), label {point.label:g}: "
                f"loss **{point.loss:.4f}**. Click the plane to follow another.")  # fmt: skip
    for depth, layer in enumerate(point.layers):
        last = depth == len(point.layers) - 1
        count = len(layer["z"])
        rows = ["| neuron | z = Wx + b | a = f(z) | δ = dL/dz | dL/db | dL/dW |", "|:--|--:|--:|--:|--:|:--|"]
        for i in range(min(count, SHOWN_NEURONS)):
            numbers = " | ".join(signed(layer[name][i]) for name in ("z", "a", "delta", "db"))
            gradients = ", ".join(signed(g) for g in layer["dW"][i][:6]) + (" …" if layer["dW"].shape[1] > 6 else "")
            rows.append(f"| {i + 1} | {numbers} | {gradients} |")
        more = f" · {count - SHOWN_NEURONS} more neurons" if count > SHOWN_NEURONS else ""
        st.markdown(f"**{'Output' if last else f'Layer {depth + 1}'}**{more}\n\n" + "\n".join(rows))


def extra(player: Player) -> None:
    """What no knob describes: how the output is coloured, a pad to draw points on, and the upload of a table."""
    st.toggle("Discretise the output", key=f"{SLUG}.discretise")
    points_input(player, CLASSES)
    table_input(player)


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
