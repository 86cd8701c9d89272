"""What is drawn of a network that reads pictures: one number on its way, all maps, which pixels count, and mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import LEFT, RIGHT, Figure, Picture, Table, Text
from engine.contract.view import Turn, View
from engine.figures.bars import bars
from engine.figures.confusion import confusion
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene
from engine.scene.slide import sliding_kernel
from engine.scene.text import text

METHODS = {"saliency": "Saliency", "integrated_gradients": "Integrated gradients", "grad_cam": "Grad-CAM",
           "occlusion": "Occlusion"}  # in the order of `Frame.attributions`  # fmt: skip
READS = {"train_accuracy": ("training", "train"), "test_accuracy": ("test", "test"),
         "moved_accuracy": ("test, moved by one pixel", "gradient")}  # fmt: skip
PICKS = {"layers": "layer", "maps": "channel", "filters": "channel"}


def stage(view: View) -> Scene:
    """One number from the kernel to the class, with all layers, kernels and maps, or with how well two runs read."""
    frame = view.frame
    scene = Scene(height=1130 if len(frame.attributions) else 780)
    if view.beside:
        _reads(scene, view)
        scene.row()
    _slide(scene, frame)
    if not view.beside:
        scene.row()
        _maps(scene, frame)
    if len(frame.attributions):
        scene.row()
        _attributions(scene, frame)
    return scene


def curves(view: View) -> Scene:
    """Loss and accuracy."""
    scene = Scene(height=572)
    if not view.curves:
        return scene
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    curves_panel(scene, "loss", series={"test_loss": ("test", "test"), "train_loss": ("training", "train")},
                 title="Loss on pictures it has and has not seen", y_title="cross-entropy", **common)  # fmt: skip
    scene.row()
    curves_panel(scene, "accuracy", series=READS, title="Share of pictures read right", y_title="accuracy", **common)
    frame = view.frame
    parts = ""
    if frame.steps_per_update > 1:
        parts = (f" One update of this network takes {frame.steps_per_update} steps: its batch is worked off in parts,"
                 " so that nobody else has to wait.")  # fmt: skip
    told = f"The test numbers are about {frame.evaluated} test pictures, each judged within the last steps.{parts}"
    text(scene, "explained", [told])
    return scene


def inside(view: View) -> list[Figure]:
    """Mistakes, what the layers tell about the class, and the sizes of all layers."""
    hint = Text("Press Play: mistakes and the confusion matrix appear with the first test.", tone="hint")
    return [*(_mistakes(view.frame) if view.frame.evaluated else [hint]), *_sizes(view.frame)]


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on a layer, a kernel or a map shows that one; a click on a mistake looks inside while it is read."""
    if pick["panel"] == "mistakes" and pick["index"] < len(view.frame.mistaken):
        example = int(view.frame.mistaken[pick["index"], 0])
        return Turn({"example": example, "picture": "", "shift_x": 0, "shift_y": 0})
    if pick["panel"] not in PICKS:
        return None
    knob = PICKS[pick["panel"]]
    return Turn({knob: pick["index"] + (1 if knob == "layer" else view.frame.first)})


def _reads(scene: Scene, view: View) -> None:
    """How much is read right so far, on the same scale for both runs."""
    now = {name: view.frame.test.get(name, 0.0) for name in ("test_accuracy", "moved_accuracy")}
    panel = scene.panel(
        "reads", title=f"Read right: {now['test_accuracy']:.0%}, moved by one pixel {now['moved_accuracy']:.0%}",
        x=(0, max(60, view.last_step)), y=(0, 1), x_label="step", y_label="share", equal=False,
    )  # fmt: skip
    for metric, (name, colour) in READS.items():
        steps, values = view.curves.get(metric, (np.zeros(0), np.zeros(0)))
        seen = slice(None, None, max(1, len(steps) // 300))
        if len(steps):
            panel.path(np.column_stack([steps, values])[seen], colour=colour, name=name)


def _slide(scene: Scene, frame: Any) -> None:
    row = frame.rows[frame.layer]
    sliding_kernel(
        scene, "slide", title=f"One number of layer {frame.layer + 1}, kernel {frame.channel + 1}: {_taken_for(frame)}",
        picture=frame.picture, inputs=frame.inputs, kernel=frame.kernel, bias=frame.bias,
        window=(row.window.stride, row.window.padding, row.window.dilation),
        maps=(frame.sums, frame.normed, frame.active, frame.pooled), towards=frame.towards,
        probabilities=frame.probabilities, classes=frame.classes, field=(row.sees, row.jump, row.start),
        source=frame.source, pool=frame.pooling if row.pools else "none", norm=frame.norm, skips=row.closes,
        last=frame.last, truth=frame.label,
    )  # fmt: skip


def _maps(scene: Scene, frame: Any) -> None:
    """All layers, and of the shown one every kernel with what it finds."""
    row = frame.rows[frame.layer]
    if len(frame.rows) > 1:
        scene.heat_grid("layers", title="Layers: click one", images=frame.overview,
                        captions=[f"{i + 1}" for i in range(len(frame.overview))] if len(frame.overview) <= 12 else [],
                        low=0, high=_tops(frame.overview), palette="sequential", chosen=frame.layer)  # fmt: skip
    reach = float(np.abs(frame.filters).max()) or 1.0
    source = f" on map {frame.source + 1} of {row.inputs}" if row.inputs > 1 else ""
    kernels = f"Kernels of layer {frame.layer + 1}"
    if (shown := len(frame.maps)) < row.outputs:
        kernels = f"Layer {frame.layer + 1}, kernels {frame.first + 1} to {frame.first + shown} of {row.outputs},"
    chosen = frame.channel - frame.first
    scene.heat_grid("filters", title=kernels + source, images=frame.filters,
                    low=-reach, high=reach, palette="diverging", chosen=chosen, weight=1.2)  # fmt: skip
    scene.heat_grid("maps", title="What each finds: click one", images=frame.maps, low=0, high=_tops(frame.maps),
                    palette="sequential", chosen=chosen, weight=1.4)  # fmt: skip


def _taken_for(frame: Any) -> str:
    """What the network takes the picture for."""
    sure = f"“{frame.classes[frame.answer]}”, {frame.probabilities[frame.answer]:.0%} sure"
    if frame.label < 0:
        return sure
    return f"{sure} ({'right' if frame.answer == frame.label else f'it is “{frame.classes[frame.label]}”'})"


def _tops(maps: np.ndarray) -> np.ndarray:
    """The largest number of each map (n, H, W): each is coloured on a scale of its own."""
    return np.asarray(np.maximum(maps.max(axis=(1, 2)), 1e-6))


def _attributions(scene: Scene, frame: Any) -> None:
    """The picture's pixels by how much they count, for this network and for one that has learned nothing."""
    for key, title, maps in (
        ("counts", "Which pixels count for the answer", frame.attributions),
        ("twin", "The same with random weights: what stays was not learned", frame.twin_attributions),
    ):
        reach = np.maximum(np.abs(maps).max(axis=(1, 2)), 1e-9)
        names = list(METHODS.values())
        if key == "twin":
            names = [f"{name}: {alike:+.2f}" for name, alike in zip(names, frame.alike, strict=True)]
        # Saliency and Grad-CAM know no sign: they use the upper half of the colours.
        scene.heat_grid(key, title=title, images=maps, captions=names, low=-reach, high=reach, palette="diverging")


def _mistakes(frame: Any) -> list[Figure]:
    """Which class is taken for which, the pictures it errs on most, and what each layer tells about the class."""
    worst: Figure = Text("Not one test picture is read wrong.", column=RIGHT)
    if len(frame.mistakes):
        scene = Scene(height=400)
        said = [f"{frame.classes[truth]} → {frame.classes[taken]}, {sure:.0%}"
                for (_, truth, taken), sure in zip(frame.mistaken, frame.sureness, strict=True)]  # fmt: skip
        scene.heat_grid("mistakes", title="The worst mistakes (truth → answer): click to look inside",
                        images=frame.mistakes, captions=said, low=0, high=1)  # fmt: skip
        worst = Picture("mistakes", scene, column=RIGHT)
    taken_for = confusion(frame.confusion, frame.classes, key="confusion", column=LEFT,
                          title=f"What {frame.evaluated} test pictures were taken for")  # fmt: skip
    figures = [taken_for, worst]
    if len(frame.class_correlation) > 1:
        layers = {f"layer {i + 1}": float(share) for i, share in enumerate(frame.class_correlation)}
        figures.append(bars(layers, key="told", title="How much a layer's answers tell about the class",
                            x_title="share of the spread between classes (η²)", column=RIGHT))  # fmt: skip
    return figures


def _sizes(frame: Any) -> list[Figure]:
    """The convolution calculator: the size of every map with its numbers, and what one unit sees."""
    from engine.nets.convnet import POOL  # with torch, which is there where the frame's rows are made

    rows = []
    for number, row in enumerate(frame.rows, 1):
        k, s, p, d = row.window
        sum_ = rf"$\lfloor({row.side_in} + 2\cdot{p} - {d}\cdot({k}-1) - 1)/{s}\rfloor + 1 = {row.side_conv}$"
        pooled = f"{row.side_conv} / {POOL} → {row.side_out}" if row.pools else "–"
        maps = f"{row.inputs} → {row.outputs}" + (" +" if row.closes else "")
        rows.append([f"{number}", maps, sum_, pooled, f"{row.sees} × {row.sees} pixels", f"{row.jump} on"])
    return [
        Text("##### Sizes, layer by layer\nA kernel of $k$ pixels, stretched by dilation $d$, with padding $p$ and "
             r"stride $s$, finds $\left\lfloor \frac{n + 2p - d\,(k-1) - 1}{s} \right\rfloor + 1$ places along "
             "$n$ pixels."),
        Table(("layer", "maps", "places along n", "pooled", "one unit sees", "next unit"), rows),
        Text("What a unit sees is its receptive field. On stage, it is the orange frame in the picture, for the place "
             "where the kernel stands. + marks where a skip connection ends.", tone="note"),
    ]  # fmt: skip
