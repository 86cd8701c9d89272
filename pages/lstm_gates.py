"""LSTM gates: a recurrent cell at work on a sequence, and how far back each of three cells can learn."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import streamlit as st

from engine.labs.lstm_gates.cells import TITLES
from engine.scene.cell import recurrent_cell
from engine.scene.sampler import next_token
from engine.scene.scene import Scene
from ui import charts
from ui.inputs.text import text_input
from ui.link import settings
from ui.page import View, lab_page
from ui.player import Player
from ui.scene import show

SLUG = "lstm_gates"
COLOURS = {"rnn": "class_0", "gru": "class_2", "lstm": "class_1"}
NAMES = dict(zip(COLOURS, TITLES, strict=True))
MEASURE = {"adding": "squared error", "copying": "cross-entropy", "brackets": "cross-entropy", "text": "cross-entropy"}
FLOOR = -8  # decimal logarithm of the smallest gradient that is drawn


def stage(view: View) -> None:
    """The cell at work; below it how much of the gradient goes back, and what the task has to show."""
    frame = view.frame
    scene = Scene(height=840)
    drawn = f": {_first(frame)}" if _first(frame) else ""
    recurrent_cell(
        scene, "cell", title=f"One {NAMES[frame.cell]} at work, step by step{drawn}", cell=frame.cell,
        tokens=frame.tokens, said=frame.said, wanted=frame.wanted, asked=frame.asked, gates=frame.gates,
        from_input=frame.from_input, from_state=frame.from_state, bias=frame.bias,
        span=frame.span,
        unit=max(frame.counter, 0), units=frame.units, weight=1,
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
    pick = show(scene, key=view.key)
    below = _writing(frame) + _alike(frame)
    if below:
        st.html(below)
    if pick:
        _picked(view, pick)


def _first(frame: Any) -> str:
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
                   name=NAMES[kind], width=4 if kind == frame.cell else 2.5, head=False)  # fmt: skip


def _learning(scene: Scene, view: View) -> None:
    """The loss so far, where it can be seen beside the machine."""
    curves, guess = view.curves, view.frame.guess
    last = max(view.look.last_step, 10)
    top = 1.6 * guess
    panel = scene.panel("loss", title="Loss on sequences it has not seen", equal=False, x=(0, last), y=(0, top),
                        x_label="training step", y_label=MEASURE[view.config.task])  # fmt: skip
    panel.path([[0, guess], [last, guess]], colour="neutral", name="guessing", width=1.5, head=False)
    for kind in COLOURS:
        if f"loss_{kind}" in curves:
            steps, values = curves[f"loss_{kind}"]
            kept = np.unique(np.linspace(0, len(steps) - 1, 300).astype(int))
            panel.path(np.column_stack([steps[kept], np.clip(values[kept], 0, top)]), colour=COLOURS[kind],
                       name=NAMES[kind])  # fmt: skip


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


def _writing(frame: Any) -> str:
    rows = [
        f"<tr><td style='padding-right:1em;white-space:nowrap'>{NAMES[kind]} writes</td>"
        f"<td style='font-family:monospace'>{html.escape(text)}</td></tr>"
        for kind, text in zip(frame.cells, frame.writes, strict=False)
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _alike(frame: Any) -> str:
    start, stop = frame.span
    if stop <= start:
        return ""
    if not frame.alike:
        return "<p>The brushed span is longer than the sequences that are searched; brush a shorter one.</p>"
    tokens = frame.tokens[start:stop]
    brushed = html.escape(("" if all(len(token) == 1 for token in tokens) else " ").join(tokens))
    rows = "".join(
        f"<tr><td style='padding-right:1em'>{found.similarity:.2f}</td><td style='padding-right:1em'>sequence"
        f" {found.sequence}, step {found.start + 1}</td><td style='font-family:monospace'>{html.escape(found.before)}"
        f"<b style='text-decoration:underline'>{html.escape(found.inside)}</b>{html.escape(found.after)}</td></tr>"
        for found in frame.alike
    )
    return (f"<p><b>Where the state runs as over “{brushed}”</b> (mean cosine, 1 for the span itself). Click the line"
            f" “reads” to let it go.</p><table>{rows}</table>")  # fmt: skip


def _picked(view: View, pick: dict[str, Any]) -> None:
    """A brushed span is looked for; a drawn character is appended to what is read."""
    if pick["kind"] == "span":
        view.player.turn(span_start=pick["start"], span_stop=pick["stop"])
    elif pick["kind"] == "sample":
        shown = view.frame.tokens if not view.config.reading else None
        read = view.config.reading or "".join(
            {"␣": " ", "⏎": "\n", "⇥": "\t"}.get(token, token) for token in shown or ()
        )
        label = view.frame.labels[pick["index"]]
        view.player.turn(reading=(read + {"␣": " ", "⏎": "\n", "⇥": "\t"}.get(label, label))[-100:])
    else:
        return
    st.rerun(scope="app")


def curves(view: View) -> None:
    """Loss and length of the gradient of the three cells."""
    if not view.curves:
        st.info("Press Play: the losses of the three cells are drawn here, step by step.", icon=":material/show_chart:")
        return
    steps = next(iter(view.curves.values()))[0]
    history = {**view.curves, "guess": (steps[[0, -1]], np.full(2, view.frame.guess))}
    common = {"ghost": view.ghosts, "marker": view.marker, "height": 280}
    charts.curves(history, series={f"loss_{kind}": (NAMES[kind], COLOURS[kind]) for kind in COLOURS} |
                  {"guess": ("guessing", "neutral")}, title="Loss of the three cells, mean of the last 16 updates",
                  y_title=MEASURE[view.config.task], log_y=view.config.task == "adding", key=f"{view.key}.loss",
                  **common)  # fmt: skip
    charts.curves(view.curves, series={f"gradient_{kind}": (NAMES[kind], COLOURS[kind]) for kind in COLOURS},
                  title="Length of the gradient, before it is clipped", y_title="length", log_y=True,
                  key=f"{view.key}.gradient", **common)  # fmt: skip
    turns = ""
    if view.frame.steps_per_update > 1:
        turns = " One step updates one of the three cells, so that nobody else has to wait."
    if view.config.task == "text":
        said = (
            "The loss is that on the part of the text that it learns from: in a short one the same sequences come "
            "again and again. What it reads on stage, if not your own, is the end of the text, which it never learns."
        )
    else:
        said = "Every sequence is new, so the loss is that on sequences it has not seen."
    st.caption(said + turns)


def inside(view: View) -> None:
    """How open the gates stand, over all steps and numbers of the sequence on stage; and who counts."""
    frame = view.frame
    squashed = {name: frame.gates[name] for name in frame.gates if name in "ifo" or name in "rz"}
    left, right = st.columns(2)
    if squashed:
        with left:
            edges = np.linspace(0, 1, 41)
            counts = {name: np.histogram(values, edges)[0] for name, values in squashed.items()}
            charts.histograms(edges, counts, title="How far the gates are open", x_title="0 closed, 1 open",
                              key=f"{view.key}.gates")  # fmt: skip
    with right:
        edges = np.linspace(-1, 1, 41)
        counts = {name: np.histogram(values.clip(-1, 1), edges)[0] for name, values in frame.gates.items()
                  if name not in squashed and name != "u"}  # fmt: skip
        charts.histograms(edges, counts, title="What is written and kept", x_title="value (beyond ±1 at the edge)",
                          key=f"{view.key}.states")  # fmt: skip
    if frame.correlations is not None:
        order = np.argsort(-np.abs(frame.correlations))[:8]
        charts.bars({f"number {k + 1}": float(frame.correlations[k]) for k in order},
                    title="Which numbers of the memory count the open brackets", x_title="correlation with the depth",
                    key=f"{view.key}.counters")  # fmt: skip
    numbers = f"the {_first(frame)}" if _first(frame) else "numbers"
    st.caption(f"Over all steps and {numbers} of the sequence on stage, for the cell that is shown.")


def extra(player: Player) -> None:
    """The visitor's own text."""
    here = settings(SLUG, type(player.wanted))  # a link or a lesson may have changed what the widgets still show
    if (here.config.task if here.stale else st.session_state.get(f"{SLUG}.task", here.config.task)) == "text":
        text_input(player)


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
