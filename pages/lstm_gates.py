"""LSTM gates: a recurrent cell at work on a sequence, and how far back each of three cells can learn."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import streamlit as st

from ui import charts
from ui.inputs.text import text_input
from ui.link import settings
from ui.page import View, draw_stage, lab_page, views
from ui.player import Player

SLUG = "lstm_gates"
drawn = views(SLUG)
COLOURS, MEASURE, TITLES = drawn.COLOURS, drawn.MEASURE, drawn.TITLES


def stage(view: View) -> None:
    """The cells at work; below them what they write, and where the state runs as over a brushed span."""
    draw_stage(view)
    below = _writing(view.frame) + _alike(view.frame)
    if below:
        st.html(below)


def _writing(frame: Any) -> str:
    rows = [
        f"<tr><td style='padding-right:1em;white-space:nowrap'>{TITLES[kind]} writes</td>"
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


def curves(view: View) -> None:
    """Loss and length of the gradient of the three cells."""
    if not view.curves:
        st.info("Press Play: the losses of the three cells are drawn here, step by step.", icon=":material/show_chart:")
        return
    steps = next(iter(view.curves.values()))[0]
    history = {**view.curves, "guess": (steps[[0, -1]], np.full(2, view.frame.guess))}
    common = {"ghost": view.ghosts, "marker": view.marker, "height": 280}
    charts.curves(history, series={f"loss_{kind}": (TITLES[kind], COLOURS[kind]) for kind in COLOURS} |
                  {"guess": ("guessing", "neutral")}, title="Loss of the three cells, mean of the last 16 updates",
                  y_title=MEASURE[view.config.task], log_y=view.config.task == "adding", key=f"{view.key}.loss",
                  **common)  # fmt: skip
    charts.curves(view.curves, series={f"gradient_{kind}": (TITLES[kind], COLOURS[kind]) for kind in COLOURS},
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
    part = drawn.numbers_shown(frame)
    numbers = f"the {part}" if part else "numbers"
    st.caption(f"Over all steps and {numbers} of the sequence on stage, for the cell that is shown.")


def extra(player: Player) -> None:
    """The visitor's own text."""
    here = settings(SLUG, type(player.wanted))  # a link or a lesson may have changed what the widgets still show
    if (here.config.task if here.stale else st.session_state.get(f"{SLUG}.task", here.config.task)) == "text":
        text_input(player)


lab_page(SLUG, stage=stage, curves=curves, inside=inside, extra=extra)
