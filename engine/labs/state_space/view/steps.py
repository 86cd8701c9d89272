"""The hero: the sequence, how far each row opens at each place of it, and what is answered at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.state_space import words
from engine.labs.state_space.config import SELECTS
from engine.labs.state_space.words import SURE
from engine.scene.panel import Panel
from engine.scene.scene import Scene

LEAST, MOST = 1e-3, 1.0  # step sizes between which the heat map is coloured
SAID, READ = -2.2, -0.65  # heights of the letters above the first row, which have more room than a row has


def steps(scene: Scene, view: View) -> None:
    """The sequence, how far each row opens, what is answered; below, the same of the control."""
    frame = view.frame
    in_text = view.config.task == "text"
    T, first = len(frame.wanted), len(frame.seen[0].opening)
    heights, names, bottom = [], ["reads"], 0
    for seen in frame.seen:
        heights.append(bottom + 1)
        count = len(seen.opening)
        names += [f"{words.ROW[seen.kind]} {row + 1}" for row in range(count)]
        names += [f"{words.SHORT[seen.kind]} says next" if in_text else "", "", ""]
        bottom += count + 3
    panel = scene.panel(
        "steps", title=words.steps_title(view), x=(-0.6, T - 0.4),
        y=(bottom - 0.7, -1.5 if view.beside or len(frame.pixels) or in_text else -3.2), y_names=names[:-2],
        x_label=words.read_on(view), equal=False, weight=1.35, pick="plane", aspect=0.95,
    )  # fmt: skip
    _reads(panel, frame)
    if not (view.beside or len(frame.pixels) or in_text):  # of two runs each needs the room
        _asked(panel, frame)
    for number, (seen, top) in enumerate(zip(frame.seen, heights, strict=True)):
        _opening(panel, seen, top, control=number > 0)
        _says(panel, view, seen, top + len(seen.opening) + (0.2 if in_text else 0.5))
    ring = np.array([[-0.5, -0.5], [T - 0.5, -0.5], [T - 0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
    if first > 1:
        panel.path(
            ring + np.array([0, frame.head + 1]),
            colour="mark",
            width=2,
            head=False,
            name=words.framed(view),
        )


def _reads(panel: Panel, frame: Any) -> None:
    places = np.arange(len(frame.wanted))
    if len(frame.pixels):
        panel.heatmap(np.stack([frame.pixels] * 2), extent=(0, len(places) - 1, -0.25, 0.25), low=-1, high=1,
                      palette="ink", discrete=True)  # fmt: skip
        return
    labels = np.array(frame.labels)
    for chosen, colour in ((frame.telling, "text"), (~frame.telling, "neutral")):
        if chosen.any():
            panel.letters(places[chosen], READ, labels[chosen].tolist(), colour=colour)


def _asked(panel: Panel, frame: Any) -> None:
    """Above the questions, what should be answered."""
    asked = np.flatnonzero(frame.wanted >= 0)
    panel.text(float(asked[0]) - 0.4, SAID, "should say", centred=True, before=True)
    panel.letters(asked, SAID, [frame.signs[wanted] for wanted in frame.wanted[asked]])


def _opening(panel: Panel, seen: Any, top: int, *, control: bool) -> None:
    rows, T = seen.opening.shape
    log = seen.kind in (*SELECTS, "s4d")
    shown = np.clip(seen.opening, LEAST, MOST) if log else np.clip(seen.opening, 0, 1)
    does = "cannot choose" if seen.kind == "s4d" else words.OPENS[seen.kind]
    name = f"below, the control, {words.SHORT[seen.kind]}: {does}"
    if not control:
        name = f"dark: written to memory (Δ {LEAST:g} to {MOST:g})" if log else words.OPENS[seen.kind]
    bounds: tuple[float, float] = (top, top + rows - 1)
    if rows == 1:  # a row is drawn as two of half the height: a heatmap reaches from one to another
        shown, bounds = np.repeat(shown, 2, axis=0), (top - 0.25, top + 0.25)
    panel.heatmap(shown, extent=(0, T - 1, *bounds), low=LEAST if log else 0.0, high=MOST, log=log,
                  palette="sequential", discrete=True, name=name[0].upper() + name[1:])  # fmt: skip


def _says(panel: Panel, view: View, seen: Any, height: float) -> None:
    """The answers where they are asked for: grey if guessed, else blue if right and orange if not."""
    frame = view.frame
    asked = np.flatnonzero(frame.wanted >= 0)
    good, guessed = seen.said[asked] == frame.wanted[asked], ~(seen.sure[asked] >= SURE)
    if view.config.task != "text":
        panel.text(float(asked[0]) - 0.4, height, words.who_says(view, seen), centred=True, before=True)
    labels = np.array([frame.signs[said] if not len(frame.pixels) else str(said) for said in seen.said[asked]])
    for chosen, colour in ((good & ~guessed, "positive"), (~good & ~guessed, "negative"), (guessed, "neutral")):
        if chosen.any():
            panel.letters(asked[chosen], height, labels[chosen].tolist(), colour=colour)
