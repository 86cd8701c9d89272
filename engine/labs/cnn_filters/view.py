"""What is drawn of a network that reads pictures: all of it, one number on its way, which pixels count, mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from engine.contract.figure import LEFT, RIGHT, Figure, Picture, Table, Text
from engine.contract.view import Turn, View
from engine.data import images
from engine.figures.bars import bars
from engine.figures.confusion import confusion
from engine.labs.cnn_filters import words
from engine.scene.curves import curves as curves_panel
from engine.scene.rail import Rails
from engine.scene.scene import Scene
from engine.scene.slide import sliding_kernel
from engine.scene.strip import Stage, network_strip
from engine.scene.text import Cell, text

METHODS = words.METHODS
READS = {"test_accuracy": ("test", "test"), "train_accuracy": ("training", "train"),
         "moved_accuracy": ("test, moved by one pixel", "gradient")}  # fmt: skip
PICKS = {"layers": "layer", "maps": "channel", "filters": "channel"}


def stage(view: View) -> Scene:
    """The whole network, or one kernel of it at work; or what was asked for: how well two runs read.

    Below it what the layers tell about the class, kernels and maps of the layer, and maps of the pixels that count.
    """
    frame = view.frame
    scene = Scene(height=900 if view.beside else 1000)
    if view.beside:
        _reads(scene, view)
        _loss(scene, view)
        scene.row(1.6)
        _network(scene, view)
        return scene
    _network(scene, view)
    scene.row(0.8)
    if len(frame.attributions):
        _attributions(scene, frame)
        scene.row(0.8)
    if len(frame.class_correlation) >= words.DEEP:
        _layers(scene, frame)
        _told(scene, frame)
        scene.row(0.8)
    _maps(scene, frame)
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
    """A click on a map goes inside; what is drawn on the pad is looked at; a click elsewhere shows that one."""
    if pick["panel"] == "network":
        return _asked(view, pick)
    if pick["panel"] == "mistakes" and pick["index"] < len(view.frame.mistaken):
        example = int(view.frame.mistaken[pick["index"], 0])
        return Turn({"example": example, "picture": "", "shift_x": 0, "shift_y": 0})
    if pick["panel"] not in PICKS:
        return None
    knob = PICKS[pick["panel"]]
    return Turn({knob: pick["index"] + (1 if knob == "layer" else view.frame.first)})


def _asked(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on a map of the strip, or strokes on its pad."""
    if pick["kind"] == "node" and "layer" in pick:
        return Turn({"layer": pick["layer"] + 1, "channel": pick["index"], "source": 0, "entered": True})
    if pick["kind"] != "draw" or not pick.get("strokes"):
        return None
    try:
        drawn = images.rasterise(pick["strokes"], images.side(view.config.data))
    except images.ImageError:
        return None
    return Turn({"picture": images.pack(drawn), "shift_x": 0, "shift_y": 0})


def say(view: View) -> str:
    """One sentence: what to look at now."""
    return words.say(view)


def facts(view: View) -> dict[str, float | str]:
    """Numbers that texts may name: what is read right, the loss, what layers tell, how alike maps are."""
    return words.facts(view)


def _reads(scene: Scene, view: View) -> None:
    """How much is read right so far, on the same scale for both runs."""
    now = {name: view.frame.test.get(name, 0.0) for name in ("test_accuracy", "moved_accuracy")}
    panel = scene.panel(
        "reads", title=f"Read right: {now['test_accuracy']:.0%}, moved by one pixel {now['moved_accuracy']:.0%}",
        x=(0, max(60, view.last_step)), y=(0, 1), x_label="step", y_label="share read right", equal=False,
        aspect=0.6,
    )  # fmt: skip
    for metric, (name, colour) in READS.items():
        if line := _line(view, metric):
            panel.path(line[0], colour=colour, name=name, head=False)


def _loss(scene: Scene, view: View) -> None:
    """Whether it fits what it is trained on at all, beside what guessing would give."""
    loss, guessing = words.recent_loss(view), float(words.facts(view)["guessing"])
    line = _line(view, "train_loss")
    top, known = 1.25 * guessing, "" if loss is None else f": {loss:.2f}, mean of {words.RECENT} steps"
    panel = scene.panel(
        "fits", title=f"Loss on training pictures{known}",
        x=(0, max(60, view.last_step)), y=(0, top), x_label="step", y_label="cross-entropy", equal=False, aspect=0.6,
    )  # fmt: skip
    panel.lines([np.array([[0, guessing], [max(60, view.last_step), guessing]])], colour="neutral", width=1.5,
                name=f"guessing: {guessing:.2f}")  # fmt: skip
    if line:
        panel.path(np.minimum(line[0], [np.inf, top]), colour="train", name="training", head=False)


def _line(view: View, metric: str) -> list[np.ndarray]:
    """The curve of a metric up to now, thinned, if there is one that can be drawn."""
    steps, values = (np.asarray(row, float) for row in view.curves.get(metric, ((), ())))
    there = np.isfinite(values) & (steps <= view.step)
    line = np.column_stack([steps, values])[there][:: max(1, int(there.sum()) // 300)]
    return [line] if len(line) else []


def _layers(scene: Scene, frame: Any) -> None:
    """The mean map of each layer."""
    scene.heat_grid("layers", title="Layers: click one", images=frame.overview,
                    captions=[f"{i + 1}" for i in range(len(frame.overview))] if len(frame.overview) <= 12 else [],
                    low=0, high=_tops(frame.overview), palette="sequential", chosen=frame.layer)  # fmt: skip


def _told(scene: Scene, frame: Any) -> None:
    """How much of the spread of each layer's answers lies between the classes, now and before the first step."""
    now, before = frame.class_correlation, frame.first_correlation
    each = ", ".join(f"{share:.2f}" for share in now) if len(now) <= 4 else f"{now[0]:.2f} to {now[-1]:.2f}"
    count = len(now)
    panel = scene.panel(
        "told", title=f"What each layer tells about the class: {each}", x=(0.4, count + 0.6), y=(0, 1), equal=False,
        x_label="layer", y_label="share of spread, η²", aspect=0.5, weight=1.6,
        x_names=["", *(str(k + 1) for k in range(count))] if count <= 12 else (),
    )  # fmt: skip
    width = min(22, 160 / count)
    for shares, shift, colour, name in ((before, -0.17, "neutral", "before the first step"),
                                        (now, 0.17, "positive", "now")):  # fmt: skip
        bars = [np.array([[k + shift, 0.0], [k + shift, share]])
                for k, share in enumerate(shares.tolist(), start=1) if np.isfinite(share)]  # fmt: skip
        panel.lines(bars, colour=colour, width=width, name=name)


def _network(scene: Scene, view: View) -> None:
    """All of the network, or one kernel of it, with buttons for where to go."""
    frame, config = view.frame, view.config
    panel = _slide(scene, frame) if config.entered else _strip(scene, frame)
    if config.entered:
        panel.buttons([("Whole network", {"entered": "0"})], label="Where to go")
    following = (config.example + 1) % (config.knobs()["example"].high + 1)
    looks = [("Next", {"example": str(following), "picture": ""})]
    if frame.drawn:
        looks.insert(0, ("Clear", {"picture": ""}))
    panel.buttons(looks, label="Picture")
    if replace(config, start="trained").stored:
        panel.buttons([("Trained", {"start": "trained"}), ("From scratch", {"start": "scratch"})],
                      label="First weights", chosen=0 if config.stored else 1)  # fmt: skip


def _strip(scene: Scene, frame: Any) -> Rails:
    stages = []
    for number, (maps, row) in enumerate(zip(frame.strip, frame.rows, strict=True)):
        k, of = row.window.kernel, f"{len(maps)} of {row.outputs}" if len(maps) < row.outputs else f"{row.outputs}"
        title = f"layer {number + 1}" if len(frame.rows) > 3 else f"layer {number + 1}: {of} kernels {k} × {k}"
        pooled = f", pooled to {row.side_out} × {row.side_out}" if row.pools else ""
        stages.append(Stage(maps, number, title, f"{row.side_conv} × {row.side_conv}{pooled}"))
    alone = len(frame.strip[frame.layer]) > 1 and not frame.first
    return network_strip(
        scene, "network", title=f"The whole network reads {words.taken_for(frame)}",
        picture=frame.picture, stages=stages, kernels=frame.filters[: len(frame.strip[frame.layer])] if alone else (),
        chosen=(frame.layer, frame.channel), probabilities=frame.probabilities, classes=frame.classes,
        truth=frame.label, drawn=frame.drawn,
    )  # fmt: skip


def _slide(scene: Scene, frame: Any) -> Rails:
    row = frame.rows[frame.layer]
    kernel = f"kernel {frame.channel + 1} of layer {frame.layer + 1}"
    return sliding_kernel(
        scene, "network", title=f"From {kernel} to the answer: {words.taken_for(frame)}",
        picture=frame.picture, inputs=frame.inputs, kernel=frame.kernel, bias=frame.bias,
        window=(row.window.stride, row.window.padding, row.window.dilation),
        maps=(frame.sums, frame.normed, frame.active, frame.pooled), towards=frame.towards,
        probabilities=frame.probabilities, classes=frame.classes, field=(row.sees, row.jump, row.start),
        source=frame.source, pool=frame.pooling if row.pools else "none", norm=frame.norm, skips=row.closes,
        last=frame.last, truth=frame.label,
    )  # fmt: skip


def _maps(scene: Scene, frame: Any) -> None:
    """Of the layer that is shown every kernel, with what it finds."""
    row = frame.rows[frame.layer]
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


def _tops(maps: np.ndarray) -> np.ndarray:
    """The largest number of each map (n, H, W): each is coloured on a scale of its own."""
    return np.asarray(np.maximum(maps.max(axis=(1, 2)), 1e-6))


def _attributions(scene: Scene, frame: Any) -> None:
    """The picture's pixels by how much they count, for this network and, once it learns, for one that has not."""
    names = list(METHODS.values())
    alike = [words.signed(each) for each in frame.alike]
    compared = [f"{name}: {each}" for name, each in zip(names, alike, strict=True)] if frame.taught else names
    for key, title, maps, captions in (
        ("counts", "Which pixels count for the answer", frame.attributions, names),
        ("twin", "The same with random weights, and how alike", frame.twin_attributions, compared),
    ):
        reach = np.maximum(np.abs(maps).max(axis=(1, 2)), 1e-9)
        # Saliency and Grad-CAM know no sign: they use the upper half of the colours.
        scene.heat_grid(key, title=title, images=maps, captions=captions, low=-reach, high=reach,
                        palette="diverging", columns=2)  # fmt: skip
        if not frame.taught:  # this network's weights are random too, and a comparison would say nothing yet
            return
    rows: list[list[Cell]] = [list(pair) for pair in zip(names, alike, strict=True)]
    text(scene, "alike", [["method", "rank correlation"], *rows], table=True, header=True,
         title="How alike the two maps are, signs aside: 1 is the same order of pixels, 0 is unrelated")  # fmt: skip


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
        Text("#### Sizes, layer by layer\nA kernel of $k$ pixels, stretched by dilation $d$, with padding $p$ and "
             r"stride $s$, finds $\left\lfloor \frac{n + 2p - d\,(k-1) - 1}{s} \right\rfloor + 1$ places along "
             "$n$ pixels."),
        Table(("layer", "maps", "places along n", "pooled", "one unit sees", "next unit"), rows),
        Text("What a unit sees is its receptive field. On stage, it is the orange frame in the picture, for the place "
             "where the kernel stands. + marks where a skip connection ends.", tone="note"),
    ]  # fmt: skip
