"""What is drawn of an attack: one picture before and after, what both networks answer, and accuracy against ε."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.adversarial_examples import tally
from engine.scene.scene import Scene

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
    return scene


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
