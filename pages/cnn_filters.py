"""CNN filters: one kernel at work, all maps while they are learned, and which pixels count."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine.nets.architecture import POOL, output_size
from engine.scene.scene import Scene
from ui import charts
from ui.inputs.data_set import dataset_notice
from ui.inputs.network import network_input, take_along
from ui.inputs.picture import picture_input
from ui.page import View, lab_page, views
from ui.player import Player
from ui.scene import show

SLUG = "cnn_filters"
ATTACK = "adversarial_examples"
READS = views(SLUG).READS


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
        take_along(player, ATTACK, "Take this network to adversarial examples")


lab_page(SLUG, curves=curves, inside=inside, extra=extra)
