"""How well it does: the share right as it learns, at lengths it was not trained on, and what a length costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.state_space import words
from engine.labs.state_space.config import OFF, SIZES
from engine.scene.curves import curves as curves_panel
from engine.scene.rail import Rails
from engine.scene.scene import Scene

COLOURS = ("class_1", "class_0")  # of the network and the control
TAKEN = 300  # points of a curve on stage
KERNELS = {"recurrence": ("recurrence", "class_0"), "scan": ("parallel scan", "class_2"),
           "convolution": ("convolution and its kernel", "class_3"), "matrix": ("matrix", "class_1"),
           "attention": ("softmax attention", "class_5")}  # fmt: skip


def learning(scene: Scene, view: View) -> None:
    """The share right of both networks against the step."""
    series = {"accuracy": (words.SHORT[view.config.layer], COLOURS[0])}
    if view.config.control != "none":
        series["control_accuracy"] = (f"control: {words.SHORT[view.config.control]}", COLOURS[1])
    steps = np.array([1, max(2, view.last_step)])
    by_lot = {"by_lot": (steps, np.full(2, words.chance(view.config))), "all": (steps, np.ones(2))}
    curves_panel(
        scene, "learning", title=words.learning_title(view), history={**_thin(view), **by_lot}, y_title="share right",
        series={**series, "all": ("all", "neutral"), "by_lot": (words.guess(view.config), "neutral")},
        marker=view.marker,
    )  # fmt: skip


def longer(scene: Scene, view: View) -> None:
    """The share right on sequences as long as those trained on, and two and four times as long."""
    config = view.config
    panel = scene.panel(
        "longer", title=words.longer_title(view), x=(-0.3, 2.3), y=(-0.04, 1.08), y_label="share right", equal=False,
        x_names=[f"{times * config.length} places" for times in (1, 2, 4)], aspect=0.7,
    )  # fmt: skip
    panel.path([[-0.3, words.chance(config)], [2.3, words.chance(config)]], colour="neutral", width=1.5, head=False,
               name=words.guess(config))  # fmt: skip
    names = (words.SHORT[config.layer], f"control: {words.SHORT.get(config.control, '')}")
    for prefix, name, colour in zip(("", "control_"), names, COLOURS, strict=True):
        if f"{prefix}accuracy" in view.curves:
            metrics = (words.at_length(view), "long_2", "long_4")
            shares = [words.now(view, f"{prefix}{metric}") for metric in metrics]
            places = np.column_stack([np.arange(3), shares])
            panel.path(places, colour=colour, width=2.5, head=False, name=name)
            panel.points(places, size=5, colours=[colour])


def times(scene: Scene, view: View) -> None:
    """Milliseconds against length, as this machine takes them when it is asked to."""
    found = view.frame.times
    by_kernel = found.milliseconds if found else {}
    history = {name: (np.array(list(row)), np.array(list(row.values()))) for name, row in by_kernel.items()}
    curves_panel(scene, "times", title=words.times_title(view), history=history, series=KERNELS, weight=1.3,
                 x_title="places T", y_title="milliseconds", log_x=True, log_y=True, dots=True,
                 note=words.times_note(view))  # fmt: skip
    Rails(scene.rows[-1][-1], scene.arrays).buttons(
        [(f"{int(size):,}", {"measured": size}) for size in SIZES], label="Take the time here, up to a length of",
        chosen=SIZES.index(view.config.measured) if view.config.measured != OFF else -1,
    )  # fmt: skip


def _thin(view: View) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, (steps, values) in view.curves.items():
        some = slice(None, None, max(1, len(steps) // TAKEN))
        kept[name] = (np.asarray(steps)[some], np.asarray(values)[some])
    return kept
