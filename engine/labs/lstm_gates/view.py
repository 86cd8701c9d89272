"""What is drawn of a recurrent cell: at work on a sequence, how far back its gradient reaches, and what it learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import FULL, LEFT, RIGHT, Figure, Text
from engine.contract.view import Turn, View
from engine.figures.bars import bars
from engine.figures.histograms import histograms
from engine.labs.lstm_gates.config import TITLES
from engine.scene.cell import recurrent_cell
from engine.scene.curves import curves as curves_panel
from engine.scene.sampler import next_token
from engine.scene.scene import Scene
from engine.scene.text import Span, text

COLOURS = {"rnn": "class_0", "gru": "class_2", "lstm": "class_1"}
MEASURE = {"adding": "squared error", "copying": "cross-entropy", "brackets": "cross-entropy", "text": "cross-entropy"}
FLOOR = -8  # decimal logarithm of the smallest gradient that is drawn


def stage(view: View) -> Scene:
    """The cell at work; below it how much of the gradient goes back, and what the task has to show.

    In words below: what the cells write, and where the state runs as over a brushed span.
    """
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
    if frame.writes:
        written = zip(frame.cells, frame.writes, strict=False)
        text(scene, "writes", [[f"{TITLES[kind]} writes", Span(said, mono=True)] for kind, said in written],
             table=True, left=2)  # fmt: skip
    _alike(scene, frame)
    return scene


def curves(view: View) -> Scene:
    """Loss and length of the gradient of the three cells."""
    if not view.curves:
        return Scene()
    steps = next(iter(view.curves.values()))[0]
    history = {**view.curves, "guess": (steps[[0, -1]], np.full(2, view.frame.guess))}
    scene = Scene(height=2 * 280 + 12)
    losses = {f"loss_{kind}": (TITLES[kind], COLOURS[kind]) for kind in COLOURS}
    curves_panel(scene, "loss", history=history, series=losses | {"guess": ("guessing", "neutral")},
                 title="Loss of the three cells, mean of the last 16 updates", y_title=MEASURE[view.config.task],
                 log_y=view.config.task == "adding", marker=view.marker)  # fmt: skip
    scene.row()
    gradients = {f"gradient_{kind}": (TITLES[kind], COLOURS[kind]) for kind in COLOURS}
    curves_panel(scene, "gradient", history=history, series=gradients, y_title="length", log_y=True,
                 title="Length of the gradient, before it is clipped", marker=view.marker)  # fmt: skip
    said = "Every sequence is new, so the loss is that on sequences it has not seen."
    if view.config.task == "text":
        said = (
            "The loss is that on the part of the text that it learns from: in a short one the same sequences come "
            "again and again. What it reads on stage, if not your own, is the end of the text, which it never learns."
        )
    if view.frame.steps_per_update > 1:
        said += " One step updates one of the three cells, so that nobody else has to wait."
    text(scene, "explained", [said])
    return scene


def inside(view: View) -> list[Figure]:
    """How open the gates stand, over all steps and numbers of the sequence on stage; and who counts."""
    frame = view.frame
    squashed = {name: values for name, values in frame.gates.items() if name in ("i", "f", "o", "r", "z")}
    others = {name: values for name, values in frame.gates.items() if name not in squashed and name != "u"}
    drawn: list[Figure] = []
    if squashed:
        edges = np.linspace(0, 1, 41)
        counts = {name: np.histogram(values, edges)[0] for name, values in squashed.items()}
        drawn.append(histograms(edges, counts, key="gates", title="How far the gates are open",
                                x_title="0 closed, 1 open", column=LEFT))  # fmt: skip
    edges = np.linspace(-1, 1, 41)
    counts = {name: np.histogram(values.clip(-1, 1), edges)[0] for name, values in others.items()}
    drawn.append(histograms(edges, counts, key="states", title="What is written and kept",
                            x_title="value (beyond ±1 at the edge)", column=RIGHT if squashed else FULL))  # fmt: skip
    if frame.correlations is not None:
        order = np.argsort(-np.abs(frame.correlations))[:8]
        drawn.append(bars({f"number {k + 1}": float(frame.correlations[k]) for k in order}, key="counters",
                          title="Which numbers of the memory count the open brackets",
                          x_title="correlation with the depth"))  # fmt: skip
    part = numbers_shown(frame)
    numbers = f"the {part}" if part else "numbers"
    said = f"Over all steps and {numbers} of the sequence on stage, for the cell that is shown."
    return [*drawn, Text(said, tone="note")]


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


def _alike(scene: Scene, frame: Any) -> None:
    """Where the state runs as over the brushed span: an answer, which comes at once."""
    start, stop = frame.span
    if stop <= start:
        return
    if not frame.alike:
        said = "The brushed span is longer than the sequences that are searched; brush a shorter one."
        text(scene, "brushed", [said], hold=0)
        return
    tokens = frame.tokens[start:stop]
    brushed = ("" if all(len(token) == 1 for token in tokens) else " ").join(tokens)
    said = " (mean cosine, 1 for the span itself). Click the line “reads” to let it go."
    text(scene, "brushed", [[Span(f"Where the state runs as over “{brushed}”", bold=True), said]], hold=0)
    rows = [
        (f"{found.similarity:.2f}", f"sequence {found.sequence}, step {found.start + 1}",
         [Span(found.before, mono=True), Span(found.inside, mono=True, underlined=True), Span(found.after, mono=True)])
        for found in frame.alike
    ]  # fmt: skip
    text(scene, "alike", rows, table=True, left=3, hold=0)


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
