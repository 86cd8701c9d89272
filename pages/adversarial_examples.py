"""Adversarial examples: a small change of a picture, two networks that see it, and how far each holds out."""

from __future__ import annotations

import numpy as np
import streamlit as st

from engine.labs.adversarial_examples import robustness
from engine.labs.adversarial_examples.frame import PLANE_X, PLANE_Y
from engine.scene.scene import Scene
from ui import charts
from ui.inputs.network import network_input
from ui.inputs.picture import dataset_notice, picture_input
from ui.page import View, lab_page
from ui.player import Player
from ui.scene import show
from ui.words import counted

COLOURS = ("negative", "positive")  # of the two networks
NAMES = ("plain", "defended")
ATTACKS = {"random_sign": ("Random sign", "neutral"), "fgsm": ("FGSM", "class_8"), "pgd": ("PGD", "gradient"),
           "transfer": ("PGD, transferred", "class_3")}  # fmt: skip


def stage(view: View) -> None:
    """What the attack does to one picture, and what attacks do to both networks, the wider the ball the more."""
    frame = view.frame
    scene = Scene(height=760)
    _pictures(scene, view)
    scene.row()
    for number in range(2):
        _accuracy(scene, view, number)
    scene.row()
    for number in range(2):
        _probabilities(scene, view, number)
    _way(scene, view)
    show(scene, key=view.key)
    if frame.step > frame.training_steps and frame.measured < 1 and not view.look.active:
        st.caption("The accuracy against ε is not measured for these settings of the attack yet: press Play.")


def _pictures(scene: Scene, view: View) -> None:
    frame, seen = view.frame, view.frame.attacked
    captions = ["nobody knows what" if seen.label < 0 else f"a “{frame.classes[seen.label]}”"]
    for name, sure in zip(NAMES, seen.after, strict=True):
        captions.append(f"{name}: “{frame.classes[int(sure.argmax())]}”, {sure.max():.0%}")
    pictures = np.stack([seen.picture, *seen.adversarial])
    scene.heat_grid("pictures", title="The picture, and what each network gets and answers", images=pictures,
                    captions=captions, low=0, high=1, columns=3, weight=3)  # fmt: skip
    changes = seen.adversarial - seen.picture
    reach = np.abs(changes).max(axis=(1, 2))
    captions = [f"{name}: ×{1 / r:.2g}" if r else f"{name}: none" for name, r in zip(NAMES, reach, strict=True)]
    scale = np.where(reach > 0, reach, 1)
    scene.heat_grid("changes", title="The change, magnified", images=changes, captions=captions, low=-scale, high=scale,
                    palette="diverging", columns=2, weight=2)  # fmt: skip


def _probabilities(scene: Scene, view: View, number: int) -> None:
    """Two bars a class: before the attack and after it."""
    frame, seen = view.frame, view.frame.attacked
    short = all(len(name) <= 2 for name in frame.classes)
    panel = scene.panel(
        f"sure{number}", title=f"{NAMES[number].capitalize()}: answers", x=(-0.6, len(frame.classes) - 0.4),
        y=(0, 1.02), x_names=frame.classes if short else [str(k) for k in range(len(frame.classes))],
        x_label="class", y_label="probability", equal=False, aspect=0.45,
    )  # fmt: skip
    for values, shift, colour, name in ((seen.before[number], -0.17, "neutral", "before"),
                                        (seen.after[number], 0.17, COLOURS[number], "under attack")):  # fmt: skip
        bars = [np.array([[k + shift, 0.0], [k + shift, value]]) for k, value in enumerate(values)]
        panel.lines(bars, colour=colour, width=7, name=name)


def _way(scene: Scene, view: View) -> None:
    """The probability of the true class, step by step of the attack."""
    seen, config = view.frame.attacked, view.config
    longest = max(2, *(len(way) for way in seen.way))
    truth = view.frame.classes[seen.truth]
    panel = scene.panel("way", title="Way of the attack", x=(0, longest - 1), y=(0, 1.02), equal=False,
                        aspect=0.45, x_label="step of the attack", y_label=f"probability of “{truth}”")  # fmt: skip
    for number, name in enumerate(NAMES):
        way = seen.way[number]
        panel.path(
            np.column_stack([np.arange(len(way)), way[:, seen.truth]]), colour=COLOURS[number], name=name, head=False
        )
        if config.target != "none" and int(config.target) != seen.truth:
            towards = np.column_stack([np.arange(len(way)), way[:, int(config.target)]])
            panel.path(towards, colour=COLOURS[number], width=1.2, name=f"“{view.frame.classes[int(config.target)]}”")


def _accuracy(scene: Scene, view: View, number: int) -> None:
    """Share of test pictures that are still read right, against eps, as far as it is measured."""
    frame = view.frame
    share = robustness.shares(frame.right, frame.asked)
    tried = int(frame.asked[number, 0, 0])
    of = "" if tried in (0, robustness.PICTURES) else f", {tried} pictures"
    panel = scene.panel(
        f"accuracy{number}", title=f"{NAMES[number].capitalize()}: accuracy under attack",
        x=(0, float(frame.radii[-1])), y=(0, 1.02), x_label="ε", y_label=f"accuracy{of}", equal=False, aspect=0.45,
    )  # fmt: skip
    if view.config.radius <= frame.radii[-1]:
        panel.lines([np.array([[view.config.radius, 0], [view.config.radius, 1.02]])])
    for kind, name in enumerate(robustness.ATTACKS):
        title, colour = ATTACKS[name]
        there = frame.asked[number, kind] > 0
        if there.any():
            line = np.column_stack([frame.radii, share[number, kind]])[there]
            panel.path(line, colour=colour, name=title, width=3 if name == "pgd" else 2, head=False)
    if not frame.asked.any():
        left = max(0, frame.training_steps - frame.step)
        panel.text(frame.radii[-1] * 0.1, 0.5, f"measured after training, in {counted(left, 'step')}", mark=False)


# ---------------------------------------------------------------------- below the stage


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
    share = robustness.shares(frame.right, frame.asked)[:, :, place]
    pgd, other = robustness.ATTACKS.index("pgd"), robustness.ATTACKS.index("transfer")
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


lab_page("adversarial_examples", stage=stage, curves=curves, inside=inside, extra=extra)
