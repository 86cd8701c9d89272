"""CNN filters: one kernel at work, all maps while they are learned, and which pixels count."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from engine.data import shelf
from engine.measures import attribution
from engine.nets.convnet import POOL, output_size
from engine.runs.pool import PoolError
from engine.scene.scene import Scene
from engine.scene.slide import sliding_kernel
from ui import charts, shell
from ui.inputs.network import network_input
from ui.inputs.picture import dataset_notice, picture_input
from ui.page import View, lab_page
from ui.plain import plain
from ui.player import Player
from ui.scene import show

SLUG = "cnn_filters"
ATTACK = "adversarial_examples"
METHODS = {"saliency": "Saliency", "integrated_gradients": "Integrated gradients", "grad_cam": "Grad-CAM",
           "occlusion": "Occlusion"}  # fmt: skip
READS = {"train_accuracy": ("training", "train"), "test_accuracy": ("test", "test"),
         "moved_accuracy": ("test, moved by one pixel", "gradient")}  # fmt: skip
PICKS = {"layers": "layer", "maps": "channel", "filters": "channel"}


def stage(view: View) -> None:
    """One number from the kernel to the class, with all layers, kernels and maps, or with how well two runs read."""
    frame = view.frame
    beside = bool(view.player.compared) and st.session_state.get(f"{SLUG}.side_by_side", True)
    scene = Scene(height=1130 if len(frame.attributions) else 780)
    if beside:
        _reads(scene, view)
        scene.row()
    _slide(scene, frame)
    if not beside:
        scene.row()
        _maps(scene, frame)
    if len(frame.attributions):
        scene.row()
        _attributions(scene, frame)
    pick = show(scene, key=view.key)
    if pick and pick["panel"] in PICKS:
        knob = PICKS[pick["panel"]]
        view.player.turn(**{knob: pick["index"] + (1 if knob == "layer" else frame.first)})
        st.rerun(scope="app")


def _reads(scene: Scene, view: View) -> None:
    """How much is read right so far, on the same scale for both runs."""
    now = {name: view.frame.test.get(name, 0.0) for name in ("test_accuracy", "moved_accuracy")}
    panel = scene.panel(
        "reads", title=f"Read right: {now['test_accuracy']:.0%}, moved by one pixel {now['moved_accuracy']:.0%}",
        x=(0, max(60, view.look.last_step)), y=(0, 1), x_label="step", y_label="share", equal=False,
    )  # fmt: skip
    for metric, (name, colour) in READS.items():
        steps, values = view.curves.get(metric, (np.zeros(0), np.zeros(0)))
        seen = slice(None, None, max(1, len(steps) // 300))
        if len(steps):
            panel.path(np.column_stack([steps, values])[seen], colour=colour, name=name)


def _slide(scene: Scene, frame: Any) -> None:
    row = frame.rows[frame.layer]
    sliding_kernel(
        scene, "slide", title=f"One number of layer {frame.layer + 1}, kernel {frame.channel + 1}: {_answer(frame)}",
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


def _answer(frame: Any) -> str:
    """What the network takes the picture for."""
    sure = f"“{frame.classes[frame.answer]}”, {frame.probabilities[frame.answer]:.0%} sure"
    if frame.label < 0:
        return sure
    return f"{sure} ({'right' if frame.answer == frame.label else f'it is “{frame.classes[frame.label]}”'})"


def _tops(maps: np.ndarray) -> np.ndarray:
    """The largest number of each map (n, H, W): each is coloured on a scale of its own."""
    return np.maximum(maps.max(axis=(1, 2)), 1e-6)


def _attributions(scene: Scene, frame: Any) -> None:
    """The picture's pixels by how much they count, for this network and for one that has learned nothing."""
    for key, title, maps in (
        ("counts", "Which pixels count for the answer", frame.attributions),
        ("twin", "The same with random weights: what stays was not learned", frame.twin_attributions),
    ):
        reach = np.maximum(np.abs(maps).max(axis=(1, 2)), 1e-9)
        names = [METHODS[method] for method in attribution.METHODS]
        if key == "twin":
            names = [f"{name}: {alike:+.2f}" for name, alike in zip(names, frame.alike, strict=True)]
        # Saliency and Grad-CAM know no sign: they use the upper half of the colours.
        scene.heat_grid(key, title=title, images=maps, captions=names, low=-reach, high=reach, palette="diverging")


def curves(view: View) -> None:
    """Loss and accuracy."""
    if not view.curves:
        st.info("Press Play: loss and accuracy are drawn here, step by step.", icon=":material/show_chart:")
        return
    common = {"ghost": view.ghosts, "marker": view.marker, "height": 280}
    charts.curves(view.curves, series={"test_loss": ("test", "test"), "train_loss": ("training", "train")},
                  title="Loss on pictures it has and has not seen", y_title="cross-entropy",
                  key=f"{view.key}.loss", **common)  # fmt: skip
    charts.curves(view.curves, series=READS,
                  title="Share of pictures read right", y_title="accuracy", key=f"{view.key}.accuracy",
                  **common)  # fmt: skip
    frame = view.frame
    parts = ""
    if frame.steps_per_update > 1:
        parts = (f" One update of this network takes {frame.steps_per_update} steps: its batch is worked off in parts,"
                 " so that nobody else has to wait.")  # fmt: skip
    st.caption(f"The test numbers are about {frame.judged} test pictures, each judged within the last steps.{parts}")


def inside(view: View) -> None:
    """Mistakes, what the layers tell about the class, and the sizes of all layers."""
    frame = view.frame
    if not frame.judged:
        st.info("Press Play: mistakes and the confusion matrix appear with the first test.", icon=":material/grid_on:")
    else:
        _mistakes(view)
    _sizes(frame)


def _mistakes(view: View) -> None:
    frame = view.frame
    left, right = st.columns(2)
    with left:
        charts.confusion(frame.confusion, frame.classes, key=f"{view.key}.confusion",
                         title=f"What {frame.judged} test pictures were taken for")  # fmt: skip
    with right:
        if len(frame.mistakes):
            scene = Scene(height=400)
            said = [f"{frame.classes[truth]} → {frame.classes[taken]}, {sure:.0%}"
                    for (_, truth, taken), sure in zip(frame.mistaken, frame.sureness, strict=True)]  # fmt: skip
            scene.heat_grid("mistakes", title="The worst mistakes (truth → answer): click to look inside",
                            images=frame.mistakes, captions=said, low=0, high=1)  # fmt: skip
            pick = show(scene, key=f"{view.key}.mistakes")
            if pick:
                view.player.turn(example=int(frame.mistaken[pick["index"], 0]), picture="", shift_x=0, shift_y=0)
                st.rerun(scope="app")
        else:
            st.success("Not one test picture is read wrong.", icon=":material/check:")
        if len(frame.told_by_class) > 1:
            layers = {f"layer {i + 1}": float(share) for i, share in enumerate(frame.told_by_class)}
            charts.bars(layers, title="How much a layer's answers tell about the class", key=f"{view.key}.told",
                        x_title="share of the spread between classes (η²)")  # fmt: skip


def _sizes(frame: Any) -> None:
    """The convolution calculator: the size of every map with its numbers, and what one unit sees."""
    st.markdown(
        "##### Sizes, layer by layer\nA kernel of $k$ pixels, stretched by dilation $d$, with padding $p$ and stride"
        r" $s$, finds $\left\lfloor \frac{n + 2p - d\,(k-1) - 1}{s} \right\rfloor + 1$ places along $n$ pixels."
    )
    lines = ["| layer | maps | places along n | pooled | one unit sees | next unit |", "|:--|--:|:--|--:|--:|--:|"]
    for number, row in enumerate(frame.rows, 1):
        k, s, p, d = row.window
        sum_ = rf"$\lfloor({row.side_in} + 2\cdot{p} - {d}\cdot({k}-1) - 1)/{s}\rfloor + 1 = {row.side_conv}$"
        assert output_size(row.side_in, *row.window) == row.side_conv
        pooled = f"{row.side_conv} / {POOL} → {row.side_out}" if row.pools else "–"
        maps = f"{row.inputs} → {row.outputs}" + (" +" if row.closes else "")
        lines.append(f"| {number} | {maps} | {sum_} | {pooled} | {row.sees} × {row.sees} pixels | {row.jump} on |")
    st.markdown("\n".join(lines))
    st.caption("What a unit sees is its receptive field. On stage, it is the orange frame in the picture, for the place"
               " where the kernel stands. + marks where a skip connection ends.")  # fmt: skip


def extra(player: Player) -> None:
    """The picture to look at, and networks that come and go."""
    dataset_notice(player)
    picture_input(player)
    with st.popover("Networks", icon=":material/swap_horiz:", key=f"{SLUG}.networks"):
        network_input(player)
        if player.wanted.network:
            st.caption("Blocks, size, depth, kernel and norm are those of this network; the knobs for them do nothing.")
        _take_along(player)


def _take_along(player: Player) -> None:
    entry = next((entry for entry in shell.labs() if entry.slug == ATTACK), None)
    if entry is None or player.on_stage is None:
        return
    if st.button("Take this network to adversarial examples", icon=":material/bolt:", key=f"{SLUG}.take_along"):
        try:
            key = shelf.keep(player.on_stage.run.weights())
        except (PoolError, shelf.ShelfError) as error:
            st.warning(plain(str(error)))
            return
        st.switch_page(entry.page(), query_params={"model": "taken", "network": key})


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
