"""What is drawn: how far each head opens, what reaches what, how it learns, the state, the scan, and a curve kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Table, Text
from engine.contract.view import Answer, Turn, View
from engine.labs.state_space import words
from engine.labs.state_space.config import SELECTS
from engine.labs.state_space.vocabulary import LABELS
from engine.labs.state_space.words import facts, say
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.scene import Scene
from engine.scene.text import Span, text

__all__ = ["answer", "curves", "facts", "inside", "say", "stage"]

FIRST, FURTHER, LOW = 440, 400, 340  # pixels: how tall the rows of the stage are
POINTS = 60  # heights that are kept of a drawn curve
LEAST, MOST = 1e-3, 1.0  # step sizes between which the heat map is coloured
NUMBERS = 6  # of a state that one step is written out for
COLOURS = ("class_1", "class_0")  # of the network and the control
LOWER = 0.7  # rows by which words beside letters are lowered, so that they stand on one line
TAKEN = 300  # points of a curve on stage


def stage(view: View) -> Scene:
    """The steps beside the hidden attention; then tabs: learning, the control, the state, the scan, a curve kept."""
    frame = view.frame
    rows = [FIRST, LOW]
    rows += [FURTHER] if len(frame.seen) > 1 else []
    rows += [FURTHER, FURTHER] if len(frame.state) else []
    rows += [FURTHER]
    scene = Scene(height=sum(rows))
    _steps(scene, view)
    _hidden(scene, view)
    scene.row(LOW / FIRST)
    _learning(scene, view)
    if view.config.task != "digits":
        _longer(scene, view)
    if len(frame.seen) > 1:
        scene.row(FURTHER / FIRST)
        _rival(scene, view)
    elif len(frame.seen[0].kernels):
        scene.row(FURTHER / FIRST)
        _kernels(scene, frame.seen[0])
    if len(frame.state):
        scene.row(FURTHER / FIRST)
        _state(scene, view)
        _one_step(scene, view)
        scene.row(FURTHER / FIRST)
        _tree(scene, view)
    scene.row(FURTHER / FIRST)
    _kept_curve(scene, view)
    if frame.memory_error:
        text(scene, "no_curve", [frame.memory_error])
    return scene


def curves(view: View) -> Scene:
    """Loss of both networks, and how far the most selective head opens."""
    scene = Scene(height=300)
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    named = {"loss": (words.SHORT[view.config.layer], "class_1")}
    if view.config.control != "none":
        named["control_loss"] = (f"control: {words.SHORT[view.config.control]}", "class_0")
    curves_panel(scene, "loss", title="Loss where an answer is asked for", y_title="cross-entropy", log_y=True,
                 series=named, **common)  # fmt: skip
    if view.config.layer in SELECTS and view.config.task != "digits":
        curves_panel(
            scene, "opening", title="Step sizes of the most selective head, layer 1", y_title="step size Δ", log_y=True,
            series={"dt_kept": ("at what must be kept", "positive"), "dt_rest": ("at noise", "neutral")}, **common,
        )  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """How far each row opens, in numbers."""
    frame, config = view.frame, view.config
    seen = frame.seen[0]
    asked, rest = frame.wanted >= 0, ~frame.telling & (frame.wanted < 0)

    def mean(row: Any, where: Any) -> str:
        return f"{np.exp(np.log(np.maximum(row[where], 1e-9)).mean()):.4f}" if where.any() else "–"

    rows = [[str(number), mean(row, frame.telling), mean(row, rest), mean(row, asked)]
            for number, row in enumerate(seen.opening, start=1)]  # fmt: skip
    head = words.ROW[config.layer].capitalize()
    told: list[Figure] = [
        Table([head, "At what must be kept", "At the rest", "At the question"], rows,
              title=f"{words.OPENS[config.layer].capitalize()}, geometric means on the sequence on screen"),
    ]  # fmt: skip
    if config.layer in SELECTS:
        told.append(Text("A step of 0 leaves the state as it was. Where Δ times the pole is far below −1, the state is "
                         "forgotten and written anew.", "note"))  # fmt: skip
    return told


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """A click on a row shows that head, one on the state that step; a drawn curve is remembered."""
    if pick["kind"] == "draw" and pick["panel"] == "curve":
        return _drawn(pick["points"])
    if pick["kind"] != "plane":
        return None
    if pick["panel"] == "steps":
        row = round(pick["y"])
        return Turn({"head": row}) if 1 <= row <= len(view.frame.seen[0].opening) else None
    if pick["panel"] == "state":
        return Turn({"place": int(np.clip(round(pick["x"]) + 1, 1, min(70, len(view.frame.state))))})
    return None


def _drawn(points: Any) -> Turn | None:
    """The heights of a drawn curve at even places; before its first point it is as high as there."""
    places = np.array([point for point in points if np.isfinite(point).all()], float).reshape(-1, 2)
    if len(places) < 2:
        return None
    x, first = np.unique(places[:, 0], return_index=True)
    heights = np.interp(np.linspace(0, 1, POINTS), x, places[first, 1]).clip(-1, 1)
    return Turn({"curve": ",".join(f"{height:.2f}" for height in heights)})


def _steps(scene: Scene, view: View) -> None:
    """The sequence, how far each row opens, what is answered; below, the same of the control."""
    frame = view.frame
    T, first = len(frame.wanted), len(frame.seen[0].opening)
    heights, names, bottom = [], ["reads"], 0
    for seen in frame.seen:
        heights.append(bottom + 1)
        count = len(seen.opening)
        names += [f"{words.ROW[seen.kind]} {row + 1}" for row in range(count)]
        names += ["", "", ""]
        bottom += count + 3
    panel = scene.panel(
        "steps", title=words.steps_title(view), x=(-0.6, T - 0.4),
        y=(bottom - 0.7, -0.7 if view.beside or len(frame.pixels) else -1.8), y_names=names[:-2],
        x_label=f"place; {view.config.layers} layers, layer {min(view.config.shown, view.config.layers)} shown"
        if not view.beside else "place", equal=False, weight=1.35, pick="plane", aspect=0.95,
    )  # fmt: skip
    _reads(panel, frame)
    if not (view.beside or len(frame.pixels)):  # of two runs each needs the room
        _asked(panel, frame)
    for number, (seen, top) in enumerate(zip(frame.seen, heights, strict=True)):
        _opening(panel, seen, top, control=number > 0)
        _says(panel, view, seen, top + len(seen.opening) + 0.5)
    ring = np.array([[-0.5, -0.5], [T - 0.5, -0.5], [T - 0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
    if first > 1:
        panel.path(ring + np.array([0, frame.head + 1]), colour="mark", width=2, head=False, name="shown on the right")


def _reads(panel: Panel, frame: Any) -> None:
    places = np.arange(len(frame.wanted))
    if len(frame.pixels):
        panel.heatmap(np.stack([frame.pixels] * 2), extent=(0, len(places) - 1, -0.25, 0.25), low=-1, high=1,
                      palette="ink", discrete=True)  # fmt: skip
        return
    labels = np.array(frame.labels)
    for chosen, colour in ((frame.telling, "text"), (~frame.telling, "neutral")):
        if chosen.any():
            panel.letters(places[chosen], 0, labels[chosen].tolist(), colour=colour)


def _asked(panel: Panel, frame: Any) -> None:
    """Above the questions, what should be answered."""
    asked = np.flatnonzero(frame.wanted >= 0)
    panel.text(float(asked[0]) - 0.4, LOWER - 1, "should say", mark=False, before=True)
    panel.letters(asked, -1, [LABELS[wanted] for wanted in frame.wanted[asked]])


def _opening(panel: Panel, seen: Any, top: int, *, control: bool) -> None:
    rows, T = seen.opening.shape
    log = seen.kind in (*SELECTS, "s4d")
    shown = np.clip(seen.opening, LEAST, MOST) if log else np.clip(seen.opening, 0, 1)
    name = f"{words.SHORT[seen.kind]}: {words.OPENS[seen.kind]}" if control else words.OPENS[seen.kind]
    if log and not control:
        name = f"how much is written: {name}, {LEAST:g} to {MOST:g}"
    bounds: tuple[float, float] = (top, top + rows - 1)
    if rows == 1:  # a row is drawn as two of half the height: a heatmap reaches from one to another
        shown, bounds = np.repeat(shown, 2, axis=0), (top - 0.25, top + 0.25)
    panel.heatmap(shown, extent=(0, T - 1, *bounds), low=LEAST if log else 0.0, high=MOST, log=log,
                  palette="sequential", discrete=True, name=name[0].upper() + name[1:])  # fmt: skip


def _says(panel: Panel, view: View, seen: Any, height: float) -> None:
    """The answers where they are asked for: blue if right, orange if not."""
    frame = view.frame
    asked = np.flatnonzero(frame.wanted >= 0)
    good = seen.said[asked] == frame.wanted[asked]
    who = words.SHORT[seen.kind] + ("" if view.step else ", untrained,")
    panel.text(float(asked[0]) - 0.4, height + LOWER, f"{who} says", mark=False, before=True)
    labels = np.array([LABELS[said] if not len(frame.pixels) else str(said) for said in seen.said[asked]])
    for chosen, colour in ((good, "positive"), (~good, "negative")):
        if chosen.any():
            panel.letters(asked[chosen], height, labels[chosen].tolist(), colour=colour)


def _hidden(scene: Scene, view: View) -> None:
    """The matrix of the head shown."""
    _matrix(scene, "hidden", words.hidden_title(view), view.frame.seen[0].mixed[view.frame.head], view.frame)


def _matrix(scene: Scene, key: str, title: str, values: Any, frame: Any) -> None:
    T = len(values)
    panel = scene.panel(
        key, title=title, x=(-1.7, T - 0.4), y=(T - 0.4, -1.7), x_label="place that it looks back at",
        y_label="place that looks",
    )  # fmt: skip
    far = max(float(np.abs(np.nan_to_num(values)).max()), 1e-6)
    past = np.tril(np.ones_like(values)) > 0
    panel.heatmap(np.where(past, values, 0.0), extent=(0, T - 1, 0, T - 1), low=-far, high=far, palette="diverging",
                  discrete=True, name="Weight")  # fmt: skip
    if len(frame.tokens):
        panel.letters(np.arange(T), -1, frame.labels)
        for place in np.flatnonzero(frame.telling | (frame.wanted >= 0)):
            panel.text(-1.0, float(place), frame.labels[place], centred=True)


def _learning(scene: Scene, view: View) -> None:
    """The share right of both networks against the step."""
    series = {"accuracy": (words.SHORT[view.config.layer], COLOURS[0])}
    if view.config.control != "none":
        series["control_accuracy"] = (f"control: {words.SHORT[view.config.control]}", COLOURS[1])
    steps = np.array([1, max(2, view.last_step)])
    by_lot = {"by_lot": (steps, np.full(2, words.chance(view.config)))}
    curves_panel(
        scene, "learning", title=words.learning_title(view), history={**_thin(view), **by_lot}, y_title="share right",
        series={**series, "by_lot": ("by lot", "neutral")}, marker=view.marker,
    )  # fmt: skip


def _thin(view: View) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, (steps, values) in view.curves.items():
        some = slice(None, None, max(1, len(steps) // TAKEN))
        kept[name] = (np.asarray(steps)[some], np.asarray(values)[some])
    return kept


def _longer(scene: Scene, view: View) -> None:
    """The share right on sequences as long as those trained on, and two and four times as long."""
    config = view.config
    panel = scene.panel(
        "longer", title=words.longer_title(view), x=(-0.3, 2.3), y=(-0.04, 1.08), y_label="share right", equal=False,
        x_names=[f"{times * config.length} places" for times in (1, 2, 4)], aspect=0.7,
    )  # fmt: skip
    panel.path([[-0.3, words.chance(config)], [2.3, words.chance(config)]], colour="neutral", width=1.5, head=False,
               name="by lot")  # fmt: skip
    names = (words.SHORT[config.layer], f"control: {words.SHORT.get(config.control, '')}")
    for prefix, name, colour in zip(("", "control_"), names, COLOURS, strict=True):
        if f"{prefix}accuracy" in view.curves:
            shares = [words.now(view, f"{prefix}{metric}") for metric in ("accuracy", "long_2", "long_4")]
            places = np.column_stack([np.arange(3), shares])
            panel.path(places, colour=colour, width=2.5, head=False, name=name)
            panel.points(places, size=5, colours=[colour])


def _rival(scene: Scene, view: View) -> None:
    """What reaches what in the control; if it is time-invariant, its kernels and poles too."""
    seen = view.frame.seen[1]
    _matrix(scene, "rival", words.rival_title(view), seen.mixed[0], view.frame)
    if len(seen.kernels):
        _kernels(scene, seen)


def _kernels(scene: Scene, seen: Any) -> None:
    """What a time-invariant layer answers to one pulse, and the poles that make it so."""
    K = seen.kernels
    far = 1.1 * max(float(np.abs(K).max()), 1e-6)
    panel = scene.panel("kernels", title="Kernels: what a pulse leaves", x=(0, K.shape[1] - 1), y=(-far, far),
                        equal=False, x_label="places ago", y_label="weight", aspect=0.8)  # fmt: skip
    lag = np.arange(K.shape[1])
    for row, kernel in enumerate(K[:4]):
        panel.path(
            np.column_stack([lag, kernel]), colour=f"class_{row + 1}", width=2, head=False, name=f"channel {row + 1}"
        )
    poles = seen.poles[:4]
    reach = 1.1 * max(float(np.abs(poles.imag).max()), 1.0)
    left = 1.15 * min(float(poles.real.min()), -1.0)
    plane = scene.panel("poles", title="Poles: left is forgotten, up turns", x=(left, 0.1 * abs(left)),
                        y=(-0.1 * reach, reach), equal=False, x_label="real part", y_label="imaginary part",
                        aspect=0.8)  # fmt: skip
    plane.path([[0, -0.1 * reach], [0, reach]], colour="neutral", width=1, head=False)
    for row, of_one in enumerate(poles):
        plane.points(np.column_stack([of_one.real, of_one.imag]), size=5, colours=[f"class_{row + 1}"],
                     name=f"channel {row + 1}")  # fmt: skip


def _state(scene: Scene, view: View) -> None:
    """What the first channel of the head shown carries from place to place."""
    frame = view.frame
    h = frame.state  # (T, N)
    T, N = h.shape
    far = max(float(np.abs(np.nan_to_num(h)).max()), 1e-6)
    panel = scene.panel(
        "state", title=f"State: {N} numbers carried (click a place)", x=(-0.6, T - 0.4),
        y=(N - 0.4, -1.8), x_label="place", y_label="number of the state", equal=False, pick="plane", aspect=0.7,
    )  # fmt: skip
    panel.heatmap(h.T, extent=(0, T - 1, 0, N - 1), low=-far, high=far, palette="diverging", discrete=True,
                  name="State h")  # fmt: skip
    if len(frame.tokens):
        panel.letters(np.arange(T), -1, frame.labels)
    if frame.step is not None:
        x = frame.step.place
        panel.path([[x - 0.5, -0.5], [x + 0.5, -0.5], [x + 0.5, N - 0.5], [x - 0.5, N - 0.5], [x - 0.5, -0.5]],
                   colour="mark", width=2, head=False, name="written out below")  # fmt: skip


def _one_step(scene: Scene, view: View) -> None:
    """One step of that channel in numbers."""
    frame, step = view.frame, view.frame.step
    if step is None:
        return
    label = frame.labels[step.place]
    told = f"Place {step.place + 1}" + (f", {label}" if label else "")
    text(scene, "step_words", [[
        Span(told, bold=True),
        f": Δ = {step.dt:.3f} and the pole {step.pole:.2f} keep Ā = {step.kept:.3f} of the state; "
        f"x = {step.x:.3f} is written with B̄ = {step.factor:.3f} B. y = Σ C h = {float(step.C @ step.after):.3f}.",
    ]])  # fmt: skip
    some = range(min(NUMBERS, len(step.B)))
    rows = [["number", "h before", "Ā h", "B", "B̄ x", "h now", "C", "C h"]]
    rows += [[str(n + 1), *(f"{value:.3f}" for value in (
        step.before[n], step.kept * step.before[n], step.B[n], step.factor * step.B[n] * step.x, step.after[n],
        step.C[n], step.C[n] * step.after[n]))] for n in some]  # fmt: skip
    text(scene, "step_numbers", rows, table=True, header=True)


def _tree(scene: Scene, view: View) -> None:
    """The parallel scan of the first number of that state, level by level."""
    levels = view.frame.levels  # (L + 1, T)
    depth, T = levels.shape
    far = max(float(np.abs(np.nan_to_num(levels)).max()), 1e-6)
    panel = scene.panel(
        "tree", title=f"The scan: {T} places in {depth - 1} levels, not {T - 1} steps", x=(-0.6, T - 0.4),
        y=(-0.5, depth - 0.3), equal=False, x_label="place", aspect=0.7,
        y_names=["one step", *(f"last {2**level}" for level in range(1, depth))],
    )  # fmt: skip
    for level in range(1, depth):
        reach = 2 ** (level - 1)
        across = np.array([[[t - reach, level - 1], [t, level]] for t in range(reach, T)], np.float32)
        panel.lines(across, colour="grid", width=1.2)
        panel.lines(np.array([[[t, level - 1], [t, level]] for t in range(T)], np.float32), colour="grid", width=1.2)
    places, heights = np.meshgrid(np.arange(T), np.arange(depth))
    panel.points(np.column_stack([places.ravel(), heights.ravel()]), values=levels.ravel(), low=-far, high=far, size=5,
                 name="First number of the state, over the steps joined so far")  # fmt: skip


def _kept_curve(scene: Scene, view: View) -> None:
    """A curve, what a few coefficients give back of it, and the coefficients."""
    memory, N = view.frame.memory, view.config.memory
    title = "Draw a curve: it is remembered in a few numbers"
    if memory is not None:
        title = f"{len(memory.curve):,} samples in {N} numbers: {memory.error:.1%} is lost, {memory.least:.1%} must be"
    panel = scene.panel("curve", title=title, x=(0, 1), y=(-1.15, 1.15), equal=False, draw=True, weight=1.6,
                        x_label="time: draw another", y_label="height", aspect=0.7)  # fmt: skip
    panel.rail("memory", N, low=2, high=64, label="Numbers that remember it")
    if memory is None:
        return
    some = np.linspace(0, len(memory.curve) - 1, TAKEN).round().astype(int)
    x = some / (len(memory.curve) - 1)
    panel.path(np.column_stack([x, memory.curve[some]]), colour="neutral", width=4, head=False, name="the curve")
    panel.path(np.column_stack([x, memory.rebuilt[some]]), colour="positive", width=2, head=False, name="rebuilt")
    far = 1.1 * max(float(np.abs(memory.coefficients).max()), 1e-6)
    bars = scene.panel("coefficients", title="The state: Legendre coefficients", x=(-0.7, N - 0.3), y=(-far, far),
                       equal=False, x_label="degree of the polynomial", y_label="coefficient", aspect=0.6)  # fmt: skip
    heights = np.array([[[n, 0], [n, c]] for n, c in enumerate(memory.coefficients)], np.float32)
    bars.lines(heights, colour="positive", width=max(2.0, 120 / N))
