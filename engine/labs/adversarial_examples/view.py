"""What is drawn of an attack: one picture before and after, what both networks answer, and accuracy against ε."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Picture, Table, Text
from engine.contract.view import View
from engine.labs.adversarial_examples import tally
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene
from engine.scene.text import Cell, text

COLOURS = ("negative", "positive")  # of the two networks
NAMES = ("plain", "defended")
ATTACKS = {"random_sign": ("Random sign", "neutral"), "fgsm": ("FGSM", "class_8"), "pgd": ("PGD", "gradient"),
           "transfer": ("PGD, transferred", "class_3")}  # fmt: skip


def stage(view: View) -> Scene:
    """What the attack does to one picture, and what attacks do to both networks, the wider the ball the more."""
    scene = Scene(height=760)
    _pictures(scene, view)
    scene.row()
    for number in range(2):
        _accuracy(scene, view, number)
    scene.row()
    for number in range(2):
        _probabilities(scene, view, number)
    _way(scene, view)
    frame = view.frame
    if frame.step > frame.training_steps and frame.measured < 1:
        text(scene, "gaps", [f"{frame.measured:.0%} of the accuracy against ε is measured for these settings of the "
                             "attack; the rest follows while the run plays."])  # fmt: skip
    return scene


def curves(view: View) -> Scene:
    """Accuracy and loss in training, and how much room the margin leaves."""
    scene = Scene(height=572 if view.curves else 0)
    if view.curves:
        _training(scene, view)
    _room(scene, view)
    return scene


def inside(view: View) -> list[Figure]:
    """The decision plane, whether attacks transfer, and which pixels count."""
    return [Picture("planes", _planes(view.frame)), *_transfer(view), _attributions(view.frame)]


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing on this stage can be picked."""


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
    share = tally.shares(frame.right, frame.asked)
    tried = int(frame.asked[number, 0, 0])
    of = "" if tried in (0, tally.PICTURES) else f", {tried} pictures"
    panel = scene.panel(
        f"accuracy{number}", title=f"{NAMES[number].capitalize()}: accuracy under attack",
        x=(0, float(frame.radii[-1])), y=(0, 1.02), x_label="ε", y_label=f"accuracy{of}", equal=False, aspect=0.45,
    )  # fmt: skip
    if view.config.radius <= frame.radii[-1]:
        panel.lines([np.array([[view.config.radius, 0], [view.config.radius, 1.02]])])
    for kind, name in enumerate(tally.ATTACKS):
        title, colour = ATTACKS[name]
        there = frame.asked[number, kind] > 0
        if there.any():
            line = np.column_stack([frame.radii, share[number, kind]])[there]
            panel.path(line, colour=colour, name=title, width=3 if name == "pgd" else 2, head=False)
    if not frame.asked.any():
        left = max(0, frame.training_steps - frame.step)
        steps = f"{left:,} step{'' if left == 1 else 's'}"
        panel.text(frame.radii[-1] * 0.1, 0.5, f"measured after training, in {steps}", mark=False)


def _training(scene: Scene, view: View) -> None:
    """What both networks learned, up to the step where they stop and are measured."""
    end = view.frame.training_steps
    trained = {name: (steps[steps <= end], values[steps <= end]) for name, (steps, values) in view.curves.items()}
    marker = view.marker if view.marker is not None and view.marker <= end else None
    plain, defended = NAMES
    curves_panel(scene, "accuracy", history=trained, marker=marker, y_title="accuracy",
                 series={"plain_accuracy": (plain, "negative"), "plain_attacked": (f"{plain}, under FGSM", "class_8"),
                         "defended_accuracy": (defended, "positive"),
                         "defended_attacked": (f"{defended}, under FGSM", "class_9")},
                 title="Test pictures read right in training")  # fmt: skip
    scene.row()
    curves_panel(scene, "loss", history=trained, marker=marker, y_title="cross-entropy",
                 series={"plain_loss": (plain, "negative"), "defended_loss": (defended, "positive")},
                 title="Loss on what each learns from")  # fmt: skip


def _room(scene: Scene, view: View) -> None:
    """The margin of the picture, and how steep it is: what a linear network would lose within eps."""
    seen, config = view.frame.attacked, view.config
    slopes, dual = (seen.slope_1, "₁") if config.norm == "inf" else (seen.slope_2, "₂")
    rows: list[list[Cell]] = [["", "margin m", "‖∇m‖₁", "‖∇m‖₂", f"m / ‖∇m‖{dual}", f"m − ε‖∇m‖{dual}",
                               "margin under this attack"]]  # fmt: skip
    for number, name in enumerate(NAMES):
        m, slope = float(seen.margin[number]), float(slopes[number])
        rows.append([name, f"{m:.2f}", f"{seen.slope_1[number]:.1f}", f"{seen.slope_2[number]:.1f}",
                     f"{m / slope:.3f}" if slope else "–", f"{m - config.radius * slope:.2f}",
                     f"{seen.margin_after[number]:.2f}"])  # fmt: skip
    text(scene, "room", rows, title="How much room the picture has", table=True, header=True)
    text(scene, "explained", [
        "The margin m is the logit of the true class minus the largest other: below 0 the network errs. If the network "
        "were linear and no pixel ended at black or white, the ε in the fourth column would be enough to fool it, and "
        "the best attack would leave exactly the margin in the fifth."
    ])  # fmt: skip


def _planes(frame: Any) -> Scene:
    """What both networks answer on a plane through the picture, along the attack and along noise."""
    from engine.labs.adversarial_examples.frame import PLANE_X, PLANE_Y  # with torch: where frames are, it is loaded

    seen = frame.attacked
    scene = Scene(height=440)
    for number, name in enumerate(NAMES):
        panel = scene.panel(f"plane{number}", title=f"Around the picture: {name}", x=PLANE_X, y=PLANE_Y,
                            x_label="along the attack", y_label="along random noise")  # fmt: skip
        panel.classes(seen.plane[number], seen.sureness[number], names=[f"“{name}”" for name in frame.classes],
                      name="Answer, pale where unsure")  # fmt: skip
        panel.points(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), colours=["mark", "gradient"],
                     names=["the picture", "under attack"], size=6, name="Pictures")  # fmt: skip
    return scene


def _transfer(view: View) -> list[Figure]:
    """How often each network is right when the attack follows its own gradient, and when the other's."""
    frame = view.frame
    place = int(np.abs(frame.radii - view.config.radius).argmin())
    share = tally.shares(frame.right, frame.asked)[:, :, place]
    pgd, other = tally.ATTACKS.index("pgd"), tally.ATTACKS.index("transfer")
    if not np.isfinite(share[:, [pgd, other]]).all():
        return [Text("Whether an attack made for one network fools the other is known when the accuracy is measured.",
                     tone="hint")]  # fmt: skip
    plain, defended = NAMES
    rows = [[plain, f"{share[0, pgd]:.0%}", f"{share[1, other]:.0%}"],
            [defended, f"{share[0, other]:.0%}", f"{share[1, pgd]:.0%}"]]  # fmt: skip
    return [
        Text("##### Does an attack transfer?\n"
             f"Share of test pictures read right under PGD with ε = {frame.radii[place]:g}"),
        Table(("the attack follows the gradient of", f"{plain} reads", f"{defended} reads"), rows),
    ]  # fmt: skip


def _attributions(frame: Any) -> Figure:
    """The pixels that each answer rests on, before the attack and under it."""
    maps = frame.attacked.attributions
    if not len(maps):
        return Text("Switch on **Which pixels count?** among the knobs of the picture to see what each answer rests "
                    "on.", tone="hint")  # fmt: skip
    reach = np.maximum(np.abs(maps).max(axis=(1, 2)), 1e-9)
    names = [f"{name}, {when}" for name in NAMES for when in ("before", "under attack")]
    scene = Scene(height=280)
    scene.heat_grid("counts", title="Which pixels speak for the answer, and which against it", images=maps,
                    captions=names, low=-reach, high=reach, palette="diverging", columns=4)  # fmt: skip
    return Picture("counts", scene)
