"""Adversarial examples: a small change of a picture, two networks that see it, and how far each holds out."""

from __future__ import annotations

import numpy as np
import streamlit as st

from engine.labs.adversarial_examples.frame import PLANE_X, PLANE_Y
from engine.scene.scene import Scene
from ui import charts
from ui.inputs.data_set import dataset_notice
from ui.inputs.network import network_input
from ui.inputs.picture import picture_input
from ui.page import View, draw_stage, lab_page, views
from ui.player import Player
from ui.scene import show

SLUG = "adversarial_examples"
drawn = views(SLUG)
NAMES, tally = drawn.NAMES, drawn.tally


def stage(view: View) -> None:
    """The stage, and why there may be gaps in its curves."""
    draw_stage(view)
    frame = view.frame
    if frame.step > frame.training_steps and frame.measured < 1 and not view.look.active:
        st.caption("The accuracy against ε is not measured for these settings of the attack yet: press Play.")


def curves(view: View) -> None:
    """Accuracy and loss in training, and how much room the margin leaves."""
    frame = view.frame
    if view.curves:
        trained = {name: (steps[steps <= frame.training_steps], values[steps <= frame.training_steps])
                   for name, (steps, values) in view.curves.items()}  # fmt: skip
        plain, defended = NAMES
        common = {"ghost": view.ghosts, "height": 280}
        marker = view.marker if view.marker is not None and view.marker <= frame.training_steps else None
        charts.curves(trained, series={"plain_accuracy": (plain, "negative"),
                                       "plain_attacked": (f"{plain}, under FGSM", "class_8"),
                                       "defended_accuracy": (defended, "positive"),
                                       "defended_attacked": (f"{defended}, under FGSM", "class_9")},
                      title="Test pictures read right in training",
                      y_title="accuracy", key=f"{view.key}.accuracy", marker=marker, **common)  # fmt: skip
        charts.curves(trained, series={"plain_loss": (plain, "negative"), "defended_loss": (defended, "positive")},
                      title="Loss on what each learns from", y_title="cross-entropy",
                      key=f"{view.key}.loss", marker=marker, **common)  # fmt: skip
    else:
        st.info("Press Play: both networks learn, then their accuracy under attack is measured.",
                icon=":material/show_chart:")  # fmt: skip
    _room(view)


def _room(view: View) -> None:
    """The margin of the picture, and how steep it is: what a linear network would lose within eps."""
    seen, config = view.frame.attacked, view.config
    one = config.norm == "inf"
    slopes = seen.slope_1 if one else seen.slope_2
    dual = "1" if one else "2"
    rows = [f"| | margin $m$ | $\\lVert\\nabla m\\rVert_1$ | $\\lVert\\nabla m\\rVert_2$ | "
            f"$m / \\lVert\\nabla m\\rVert_{dual}$ | $m - \\varepsilon\\lVert\\nabla m\\rVert_{dual}$ | "
            "margin under this attack |", "|:--|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    for number, name in enumerate(NAMES):
        m, slope = float(seen.margin[number]), float(slopes[number])
        enough = f"{m / slope:.3f}" if slope else "–"
        rows.append(f"| {name} | {m:.2f} | {seen.slope_1[number]:.1f} | {seen.slope_2[number]:.1f} | {enough} | "
                    f"{m - config.radius * slope:.2f} | {seen.margin_after[number]:.2f} |")  # fmt: skip
    st.markdown("##### How much room the picture has\n" + "\n".join(rows))
    st.caption(
        "The margin m is the logit of the true class minus the largest other: below 0 the network errs. If the network "
        "were linear and no pixel ended at black or white, the ε in the fourth column would be enough to fool it, and "
        "the best attack would leave exactly the margin in the fifth."
    )


def inside(view: View) -> None:
    """The decision plane, whether attacks transfer, and which pixels count."""
    frame, seen = view.frame, view.frame.attacked
    scene = Scene(height=440)
    for number, name in enumerate(NAMES):
        panel = scene.panel(f"plane{number}", title=f"Around the picture: {name}", x=PLANE_X, y=PLANE_Y,
                            x_label="along the attack", y_label="along random noise")  # fmt: skip
        panel.classes(seen.plane[number], seen.sureness[number], names=[f"“{name}”" for name in frame.classes],
                      name="Answer, pale where unsure")  # fmt: skip
        panel.points(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), colours=["mark", "gradient"],
                     names=["the picture", "under attack"], size=6, name="Pictures")  # fmt: skip
    show(scene, key=f"{view.key}.planes")
    _transfer(view)
    _attributions(view)


def _transfer(view: View) -> None:
    frame = view.frame
    place = int(np.abs(frame.radii - view.config.radius).argmin())
    share = tally.shares(frame.right, frame.asked)[:, :, place]
    pgd, other = tally.ATTACKS.index("pgd"), tally.ATTACKS.index("transfer")
    if not np.isfinite(share[:, [pgd, other]]).all():
        st.info("Whether an attack made for one network fools the other is known when the accuracy is measured.",
                icon=":material/swap_horiz:")  # fmt: skip
        return
    plain, defended = NAMES
    st.markdown(
        "##### Does an attack transfer?\n"
        f"Share of test pictures read right under PGD with ε = {frame.radii[place]:g}\n\n"
        f"| the attack follows the gradient of | {plain} reads | {defended} reads |\n|:--|--:|--:|\n"
        f"| {plain} | {share[0, pgd]:.0%} | {share[1, other]:.0%} |\n"
        f"| {defended} | {share[0, other]:.0%} | {share[1, pgd]:.0%} |"
    )


def _attributions(view: View) -> None:
    maps = view.frame.attacked.attributions
    if not len(maps):
        st.info("Switch on **Which pixels count?** among the knobs of the picture to see what each answer rests on.",
                icon=":material/visibility:")  # fmt: skip
        return
    reach = np.maximum(np.abs(maps).max(axis=(1, 2)), 1e-9)
    names = [f"{name}, {when}" for name in NAMES for when in ("before", "under attack")]
    scene = Scene(height=280)
    scene.heat_grid("counts", title="Which pixels speak for the answer, and which against it", images=maps,
                    captions=names, low=-reach, high=reach, palette="diverging", columns=4)  # fmt: skip
    show(scene, key=f"{view.key}.counts")


def extra(player: Player) -> None:
    """The picture that is attacked, and a network from a file."""
    dataset_notice(player)
    picture_input(player)
    network_input(player)


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
