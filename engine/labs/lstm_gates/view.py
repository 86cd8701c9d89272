"""What is drawn of a recurrent cell: at work on a sequence, how far back its gradient reaches, and what it learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.view import Turn, View
from engine.labs.lstm_gates.config import TITLES
from engine.scene.cell import recurrent_cell
from engine.scene.sampler import next_token
from engine.scene.scene import Scene

COLOURS = {"rnn": "class_0", "gru": "class_2", "lstm": "class_1"}
MEASURE = {"adding": "squared error", "copying": "cross-entropy", "brackets": "cross-entropy", "text": "cross-entropy"}
FLOOR = -8  # decimal logarithm of the smallest gradient that is drawn


def stage(view: View) -> Scene:
    """The cell at work; below it how much of the gradient goes back, and what the task has to show."""
    frame = view.frame
    scene = Scene(height=840)
    part = f": {numbers_shown(frame)}" if numbers_shown(frame) else ""
    recurrent_cell(
        scene, "cell", title=f"One {TITLES[frame.cell]} at work, step by step{part}", cell=frame.cell,
        tokens=frame.tokens, said=frame.said, wanted=frame.wanted, asked=frame.asked, gates=frame.gates,
        from_input=frame.from_input, from_state=frame.from_state, bias=frame.bias,
        span=frame.span, unit=max(frame.counter, 0), units=frame.units, weight=1,
        note="Point at a step, click to hold it. Drag over the line “reads” to find where the state runs alike.",
    )  # fmt: skip
    scene.row()
    _gradient(scene, frame)
    if frame.logits is not None:
        next_token(scene, "next", title="What comes next, after the last character", logits=frame.logits,
                   labels=frame.labels, note="A drawn character is added to the text it reads.")  # fmt: skip
    elif frame.depth is not None:
        _depth(scene, frame)
    else:
        _learning(scene, view)
    return scene


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A brushed span is looked for; a drawn character is appended to what is read."""
    if pick["kind"] == "span":
        return Turn({"span_start": pick["start"], "span_stop": pick["stop"]})
    if pick["kind"] == "sample":
        read = view.config.reading or "".join(map(_typed, view.frame.tokens))
        return Turn({"reading": (read + _typed(view.frame.labels[pick["index"]]))[-100:]})
    return None


def _typed(label: str) -> str:
    """The character behind a label: spaces, tabs and ends of lines are written as signs."""
    return {"␣": " ", "⏎": "\n", "⇥": "\t"}.get(label, label)


def numbers_shown(frame: Any) -> str:
    """Which numbers of the state are shown, if these are not all."""
    count = frame.gates["h"].shape[1]
    return f"first {count} of {frame.units} numbers" if count < frame.units else ""


def _gradient(scene: Scene, frame: Any) -> None:
    steps = np.arange(1, frame.gradient.shape[1] + 1)
    panel = scene.panel("gradient", title="How much of the gradient reaches each earlier step", equal=False, y_log=True,
                        x=(1, len(steps)), y=(FLOOR, 1), x_label="step of the sequence",
                        y_label="gradient, last step = 1")  # fmt: skip
    for kind, reaches in zip(frame.cells, frame.gradient, strict=True):
        panel.path(np.column_stack([steps, np.maximum(np.log10(reaches), FLOOR)]), colour=COLOURS[kind],
                   name=TITLES[kind], width=4 if kind == frame.cell else 2.5, head=False)  # fmt: skip


def _learning(scene: Scene, view: View) -> None:
    """The loss so far, where it can be seen beside the machine."""
    curves, guess = view.curves, view.frame.guess
    last = max(view.last_step, 10)
    top = 1.6 * guess
    panel = scene.panel("loss", title="Loss on sequences it has not seen", equal=False, x=(0, last), y=(0, top),
                        x_label="training step", y_label=MEASURE[view.config.task])  # fmt: skip
    panel.path([[0, guess], [last, guess]], colour="neutral", name="guessing", width=1.5, head=False)
    for kind in COLOURS:
        if f"loss_{kind}" in curves:
            steps, values = curves[f"loss_{kind}"]
            kept = np.unique(np.linspace(0, len(steps) - 1, 300).astype(int))
            panel.path(np.column_stack([steps[kept], np.clip(values[kept], 0, top)]), colour=COLOURS[kind],
                       name=TITLES[kind])  # fmt: skip


def _depth(scene: Scene, frame: Any) -> None:
    """How many brackets are open, and the number in the memory that follows it best, brought to the same scale."""
    steps, depth = np.arange(1, len(frame.depth) + 1), frame.depth
    memory = frame.gates["c" if frame.cell == "lstm" else "h"][:, frame.counter]
    slope, offset = np.polyfit(memory, depth, 1) if np.ptp(memory) > 1e-6 else (0.0, float(depth.mean()))
    symbol = "c" if frame.cell == "lstm" else "h"
    title = f"Number {frame.counter + 1} of {symbol}: correlation {frame.counts:+.2f} with the open brackets"
    panel = scene.panel("depth", title=title, equal=False, x=(1, len(steps)), y=(-1, max(float(depth.max()), 4) + 1),
                        x_label="step of the sequence", y_label="brackets open")  # fmt: skip
    panel.path(np.column_stack([steps, depth]), colour="neutral", name="open brackets", width=2.5, head=False)
    panel.path(np.column_stack([steps, slope * memory + offset]), colour=COLOURS[frame.cell],
               name=f"number {frame.counter + 1}, scaled", width=3, head=False)  # fmt: skip
