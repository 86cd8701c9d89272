"""Neural network: what each neuron sees while a small network learns to colour the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from engine.labs.neural_network import frame as portrait
from engine.scene.scene import Scene
from ui import charts
from ui.inputs.points import CLASSES, points_input
from ui.inputs.table import table_input
from ui.page import View, lab_page
from ui.player import Player
from ui.scene import show
from ui.words import signed

SLUG = "neural_network"
SHOWN_NEURONS = 10  # rows of numbers for a layer of the followed point


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
    """What no knob describes: a pad to draw points on, and the upload of a table."""
    points_input(player, CLASSES)
    table_input(player)


lab_page(SLUG, curves=curves, inside=inside, extra=extra)
