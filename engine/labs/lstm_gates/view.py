"""What is drawn of a recurrent cell: at work on a sequence, how far back its gradient reaches, and what it learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import FULL, LEFT, RIGHT, Figure, Text
from engine.contract.view import Curves, Turn, View
from engine.figures.bars import bars
from engine.figures.histograms import histograms
from engine.labs.lstm_gates import words
from engine.labs.lstm_gates.config import TITLES
from engine.labs.lstm_gates.words import LEARNED, STEEP, explosive, facts, numbers_shown, say
from engine.scene.cell import recurrent_cell
from engine.scene.curves import curves as curves_panel
from engine.scene.sampler import next_token
from engine.scene.scene import Scene
from engine.scene.text import Cell, Span, text

__all__ = ["answer", "curves", "facts", "inside", "say", "stage"]

COLOURS = {"rnn": "class_0", "gru": "class_2", "lstm": "class_1"}
MEASURE = {"adding": "squared error", "copying": "cross-entropy", "brackets": "cross-entropy", "text": "cross-entropy"}
FLOOR, CEILING, HIGH = -8, 1, 6  # decimal logarithms of what is drawn of the gradient; high where it may explode
WRITTEN = {"(": "positive", ")": "negative", "·": "neutral"}  # colours of what is added at each
BAR = 0.36  # half its width
POINTS = 300  # of a curve on stage
FIRST, SECOND = 420, 420  # pixels: how tall the rows of the stage are
ASPECT = 0.62  # of a panel, where they stand below each other


def stage(view: View) -> Scene:
    """What the memory holds of one sequence, beside how it does so or how much of the gradient goes back.

    Below: what else the task has to show, the numbers of the three cells, and the cell at work; in words, what the
    cells write, and where the state runs as over a brushed span.
    """
    frame = view.frame
    scene = Scene(height=FIRST + 2 * SECOND)
    if frame.logits is not None:
        next_token(scene, "next", title="What comes next, after the last character", logits=frame.logits,
                   labels=frame.labels, note="A drawn character is added to the text it reads.")  # fmt: skip
        _gradient(scene, view)
    elif frame.depth is not None:
        _memory(scene, view, frame.depth, "open brackets")
        (_gates if frame.cell != "rnn" else _gradient)(scene, view)
        scene.row(SECOND / FIRST)
        _learning(scene, view)
        if frame.cell != "rnn":
            _gradient(scene, view)
    else:
        if frame.added is not None:
            _memory(scene, view, frame.added, "sum of the marked numbers")
        else:
            _copied(scene, view)
        _gradient(scene, view)
        scene.row(SECOND / FIRST)
        _learning(scene, view)
        if frame.added is not None and explosive(view.config):
            _lengths(scene, view)
    _numbers(scene, view)
    scene.row(SECOND / FIRST)
    part = f": {numbers_shown(frame)}" if numbers_shown(frame) else ""
    recurrent_cell(
        scene, "cell", title=f"One {TITLES[frame.cell]} at work, step by step{part}", cell=frame.cell,
        tokens=frame.tokens, said=frame.said, wanted=frame.wanted, asked=frame.asked, gates=frame.gates,
        from_input=frame.from_input, from_state=frame.from_state, bias=frame.bias,
        span=frame.span, unit=max(frame.counter, 0), units=frame.units, weight=1,
        note="Point at a step, click to hold it. Drag over the line “reads” to find where the state runs alike.",
    )  # fmt: skip
    if frame.writes:
        written = zip(frame.cells, frame.writes, strict=False)
        text(scene, "writes", [[f"{TITLES[kind]} writes", Span(said, mono=True)] for kind, said in written],
             title="What each writes", table=True, left=2)  # fmt: skip
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


def _numbers(scene: Scene, view: View) -> None:
    """The table of the three cells: what texts say of them stands here."""
    head, *told = words.table(view, lengths=explosive(view.config))
    rows: list[list[Cell]] = [[Span(name, bold=True) for name in head]]
    rows += [[Span(about, soft=True), *values] for about, *values in told]
    text(scene, "numbers", rows, table=True)


def _gradient(scene: Scene, view: View) -> None:
    frame = view.frame
    steps = np.arange(1, frame.gradient.shape[1] + 1)
    grown = view.config.recurrent_scale > STEEP or np.nan_to_num(frame.gradient).max() > 10**CEILING
    panel = scene.panel("gradient", title=words.gradient_title(view), equal=False, y_log=True,
                        x=(1, len(steps)), y=(FLOOR, HIGH if grown else CEILING), x_label="step of the sequence",
                        y_label="gradient, last step = 1", aspect=ASPECT)  # fmt: skip
    for kind, reaches in zip(frame.cells, frame.gradient, strict=True):
        panel.path(np.column_stack([steps, np.maximum(np.log10(reaches), FLOOR)]), colour=COLOURS[kind],
                   name=TITLES[kind], width=4 if kind == frame.cell else 2.5, head=False)  # fmt: skip


def _learning(scene: Scene, view: View) -> None:
    """The loss so far, on a logarithmic axis as high as it needs: one that explodes may not leave it."""
    guess = view.frame.guess
    _so_far(scene, view, "loss", title="Loss on sequences it has not seen", y_label=MEASURE[view.config.task],
            room=(guess * LEARNED / 2, guess * 4),
            levels={"guessing": (guess, "neutral"), "a tenth of it": (LEARNED * guess, "text")})  # fmt: skip


def _lengths(scene: Scene, view: View) -> None:
    """How long the gradient was at each step, and where it is cut."""
    clip = view.config.clip
    title = "Length of the gradient" + (", before it is cut" if clip else ", used as it is")
    _so_far(scene, view, "gradient", title=title, y_label="length", room=(0.01, 100),
            levels={"cut to this": (clip, "neutral")} if clip else {})  # fmt: skip


def _so_far(
    scene: Scene,
    view: View,
    metric: str,
    *,
    title: str,
    y_label: str,
    room: tuple[float, float],
    levels: Mapping[str, tuple[float, str]],
) -> None:
    """A metric of the three cells on a logarithmic axis, which shows `room` at least.

    `levels` are lines to compare with, by name, each with its colour.
    """
    last = max(view.last_step, 10)
    lines = {kind: _line(view.curves, f"{metric}_{kind}") for kind in COLOURS}
    every = np.concatenate([np.log10(room), *(line[:, 1] for line in lines.values())])
    panel = scene.panel(
        {"gradient": "length"}.get(metric, metric), title=title, equal=False, x=(0, 1.03 * last),
        y_log=True, y=(float(np.nanmin(every)) - 0.1, float(np.nanmax(every)) + 0.2), x_label="training step",
        y_label=y_label, aspect=ASPECT,
    )  # fmt: skip
    for name, (level, colour) in levels.items():
        panel.path([[0, np.log10(level)], [last, np.log10(level)]], colour=colour, name=name, width=1.2, head=False)
    for kind, line in lines.items():
        panel.path(line, colour=COLOURS[kind], name=TITLES[kind])


def _line(curves: Curves, name: str) -> np.ndarray:
    """A curve as steps and decimal logarithms (T, 2), at most `POINTS` of them; a gap where there is no number."""
    if name not in curves:
        return np.zeros((0, 2))
    steps, values = (np.asarray(each, dtype=np.float64) for each in curves[name])
    kept = np.unique(np.linspace(0, len(steps) - 1, min(POINTS, len(steps))).round().astype(int))
    steps, values = steps[kept], values[kept]
    there = np.isfinite(values) & (values > 0)
    return np.column_stack([steps, np.log10(np.where(there, values, 1), where=there, out=np.full(len(steps), np.nan))])


def _memory(scene: Scene, view: View, wanted: Any, name: str) -> None:
    """What is to be remembered, over the text that is read, and what the memory of one cell makes of it.

    Of brackets: the number that follows them best, brought to the same scale, and where the cell's answer is wrong.
    """
    frame = view.frame
    steps, brackets = np.arange(1, len(wanted) + 1), frame.depth is not None
    top = max(float(wanted.max()), 4 if brackets else 1.5) * 1.15
    panel = scene.panel(
        "memory", title=words.memory_title(view), equal=False, x=(0.2, len(steps) + 0.8),
        y=(-0.24 * top if brackets else -0.18 * top, top),
        x_label="what it reads, step by step (·: no bracket)" if brackets else "step of the sequence",
        y_label="brackets open" if brackets else "sum", aspect=0.85, weight=1.3,
    )  # fmt: skip
    edges = np.repeat(np.arange(0.5, len(steps) + 1), 2)[1:-1]
    panel.band(edges, np.zeros(len(edges)), np.repeat(wanted, 2), colour="neutral")
    panel.path(np.column_stack([edges, np.repeat(wanted, 2)]), colour="neutral", name=name, width=2, head=False)
    for row in range(2) if brackets else ():  # one up, one down: so they are twice as large
        panel.letters(steps[row::2], -(0.1 + 0.08 * row) * top, list(frame.tokens[row::2]))
    for step, token in zip(steps, frame.tokens, strict=True):
        if "✓" in token:
            panel.text(float(step), -0.09 * top, token, centred=True)
    found, called = frame.answers, f"{TITLES[frame.cell]}'s answer"
    if brackets:
        memory = frame.gates["c" if frame.cell == "lstm" else "h"][:, frame.counter]
        slope, offset = np.polyfit(memory, wanted, 1) if np.ptp(memory) > 1e-6 else (0.0, float(wanted.mean()))
        found, called = slope * memory + offset, words.number_called(frame)
        wrong = steps[words.wrong(frame)]
        panel.points(np.column_stack([wrong, np.full(len(wrong), -0.04 * top)]), size=4, shape="cross",
                     colours=["gradient"], name="wrong answer to “is any open?”")  # fmt: skip
    panel.path(np.column_stack([steps, found]), colour=COLOURS[frame.cell], width=3.5, head=False, name=called)
    _cells(panel, frame)


def _copied(scene: Scene, view: View) -> None:
    """The letters that come in, and what the cell answers when it is asked; the pause between takes one column."""
    frame = view.frame
    length, asked = len(frame.tokens), len(frame.tokens) - frame.asked
    last = np.arange(length - asked, length)  # steps, from 0
    columns = [*range(asked), None, *last.tolist()]
    panel = scene.panel(
        "memory", title=words.memory_title(view), equal=False, x=(-0.6, len(columns) - 0.4), y=(-0.6, 2.5),
        x_label=f"step of the sequence (…: a pause of {length - 2 * asked} steps)", y_label="letters", aspect=0.85,
        x_names=["…" if step is None else str(step + 1) for step in columns], y_names=["right", "says", "reads"],
        weight=1.3,
    )  # fmt: skip
    for place, step in enumerate(columns):
        panel.text(place, 2.0, "…" if step is None else frame.tokens[step], centred=True)
        if step is not None and step >= length - asked:
            panel.text(place, 1.0, frame.said[step], centred=True)
            panel.text(place, 0.0, frame.wanted[step], centred=True)
    wrong = words.wrong(frame)[last]
    for shown, shape, colour, name in ((~wrong, "ring", "positive", "right"), (wrong, "cross", "gradient", "wrong")):
        at = asked + 1 + np.flatnonzero(shown)
        panel.points(np.column_stack([at, np.full(len(at), 0.5)]), size=5, shape=shape, colours=[colour],
                     name=f"{name} answer")  # fmt: skip
    _cells(panel, frame)


def _cells(panel: Any, frame: Any) -> None:
    """Whose work is shown."""
    panel.buttons([(title, {"cell": kind}) for kind, title in TITLES.items()], label="Cell shown",
                  chosen=list(TITLES).index(frame.cell))  # fmt: skip


def _gates(scene: Scene, view: View) -> None:
    """How that number comes about: the share of it that is kept, and what is added at each symbol; bars are means."""
    frame = view.frame
    found = words.kept_and_written(frame)
    assert found is not None
    kept, written = found
    tokens = np.array(frame.tokens)
    columns = [("keeps", "text", kept)]
    columns += [(f"at {token}", colour, written[tokens == token]) for token, colour in WRITTEN.items()]
    panel = scene.panel("gates", title=words.gates_title(view), equal=False, x=(-0.5, len(columns) - 0.5),
                        y=(-1.1, 1.2), x_names=[name for name, *_ in columns], y_label="share kept, number added",
                        x_label="kept at each step, added when it reads", aspect=0.7)  # fmt: skip
    panel.path(np.array([[-0.5, 0], [len(columns), 0]]), colour="neutral", width=1, head=False)
    gate, added = "update gate z", "(1 − z) × new value n"
    if frame.cell == "lstm":
        gate, added = "forget gate f", "gate i × new value g"
    down = "" if frame.counts >= 0 else ", turned round"
    for place, (_, colour, values) in enumerate(columns):
        if not np.isfinite(values).all() or not len(values):
            continue
        mean, edges = float(values.mean()), np.array([place - BAR, place + BAR])
        panel.band(edges, np.zeros(2), np.full(2, mean), colour=colour)
        panel.path(np.column_stack([edges, np.full(2, mean)]), colour=colour, width=2.5, head=False)
        across = np.linspace(place - BAR, place + BAR, len(values) + 2)[1:-1]
        named = {0: f"share kept: {gate}", 1: f"added: {added}{down}"}
        panel.points(np.column_stack([across, values]), colours=[colour], size=2.2, name=named.get(place, ""))
        told = f"{mean:.2f}" if not place else f"{mean:+.2f}".replace("-", "−")
        panel.text(place, mean + (0.14 if mean >= 0 else -0.14), told, centred=True)
