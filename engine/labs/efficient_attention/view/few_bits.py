"""What is drawn of few bits: numbers around a value, small steps that are lost, and gradients that become zero."""

from __future__ import annotations

import math

import numpy as np

from engine.contract.view import View
from engine.labs.efficient_attention import words
from engine.labs.efficient_attention.kinds import EVERY, GRADIENTS, NUMBERS, SMALLEST
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene


def line(scene: Scene, view: View) -> None:
    """The numbers of a format around a value, and which of them it becomes."""
    line, config = view.frame.line, view.config
    there, far = line.there, 6.5 * line.quantum
    panel = scene.panel(
        "line", title=f"{NUMBERS[config.format]}: {line.value:.6g} becomes {line.becomes:.6g}",
        x=(line.value - far, line.value + far), y=(-1, 1), y_names=[""], equal=False, aspect=0.5,
        x_label="all numbers that the format has here", y_label=" ",
    )  # fmt: skip
    panel.path([[line.value - far, 0], [line.value + far, 0]], colour="neutral", width=1, head=False)
    panel.lines([[[x, -0.25], [x, 0.25]] for x in there], colour="text", width=2, name="numbers of the format")
    panel.arrows([[line.value, 0.6]], [[line.becomes - line.value, -0.35]], colour="step", name="rounded to")
    panel.points([[line.value, 0.6]], size=6, colours=["step"], name="value")
    panel.buttons([(title, {"format": name}) for name, title in NUMBERS.items()], label="Number format",
                  chosen=list(NUMBERS).index(config.format))  # fmt: skip
    panel.rail("number", config.number, low=0.001, high=400.0, log=True, label="Value")


def creep(scene: Scene, view: View) -> None:
    """One and a thousandth, added again and again."""
    creep, config = view.frame.creep, view.config
    steps = EVERY * np.arange(len(creep["exact"]))
    name = NUMBERS[config.format]
    curves_panel(
        scene, "creep", title=f"1 + 0.001 + 0.001 + … in {name}",
        history={key: (steps, row) for key, row in creep.items()},
        series={"exact": ("exact", "neutral"), "nearest": (f"{name}, to the nearest", "negative"),
                "lot": (f"{name}, up or down by lot", "positive")},
        x_title="additions", y_title="sum",
    )  # fmt: skip


def gradients(scene: Scene, view: View) -> None:
    """How large the numbers of the last gradient are, and which of them become zero in the format they are kept in."""
    sizes, config = view.frame.sizes, view.config
    x = math.log10(2) * (SMALLEST + 0.5 + np.arange(sizes.shape[1]))  # the middle of each bin, from 2^n to twice that
    shares = sizes / max(1, int(sizes.sum()))
    top = max(0.05, 1.1 * float(shares.sum(0).max()))
    panel = scene.panel("gradients", title=words.gradients_title(view), x=(float(x[0]), float(x[-1])), y=(0, top),
                        x_log=True, x_label="size of a number of the gradient", y_label="share of all", equal=False,
                        aspect=0.5, note=words.gradients_note(view))  # fmt: skip
    for row, colour, name in ((0, "positive", "stays"), (1, "negative", "becomes zero")):
        base = shares[0] * row
        bars = [[[at, low], [at, low + share]] for at, low, share in zip(x, base, shares[row], strict=True) if share]
        panel.lines(bars, colour=colour, width=5, name=name)
    if why := words.no_gradients(view):
        panel.text(float(x.mean()), top / 2, why, centred=True)
    panel.buttons([(title, {"gradients": name}) for name, title in GRADIENTS.items()], label="Gradients kept in",
                  chosen=list(GRADIENTS).index(config.gradients))  # fmt: skip
    if config.gradients != "float32":  # into which all fits as it is
        panel.buttons([("without a scale", {"scaled": "0"}), ("with one", {"scaled": "1"})],
                      label="A scale for each tensor", chosen=int(config.scaled))  # fmt: skip
