"""The square of each kind: who looks where, for what share of the work, and whether it reaches what is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.contract.view import View
from engine.labs.efficient_attention import words
from engine.labs.efficient_attention.kinds import KINDS
from engine.labs.efficient_attention.vocabulary import LABELS
from engine.scene.panel import Panel
from engine.scene.scene import Scene

PLACE = {"full": 1, "window": 0, "blocks": 2, "linear": 3, "nsa": 5}  # class colours
COLOURS = {kind: f"class_{place}" for kind, place in PLACE.items()}
LEAST = 0.1  # how strongly a cell is coloured that is computed and counts for nothing
SIDE, HEAD, LINE = 0.68, 0.17, 0.2  # of a square's side: room for words on its left and above it; between two lines
ROUND = (1.0, 2.2)  # places by which the outlines of row and column, and of where they meet, stand off


def squares(scene: Scene, view: View) -> None:
    """The T x T square of each kind, its colour where a product is computed, stronger where it counts for more.

    On each the row of the key that is asked for and the column of the value behind it are outlined.
    """
    frame = view.frame
    T, count = len(frame.tokens), len(frame.seen)
    across, down = (1, count) if count < 3 else (2, -(-count // 2))
    panel = scene.panel(
        "squares", title=words.squares_title(view), x=(0, across * (1 + SIDE) * T),
        y=((down * (1 + HEAD) + 0.03) * T, 0), weight=1.6, x_label="column: the earlier place it looks at",
        y_label="row: the place that looks", x_names=[""], y_names=[""], aspect=1.05, note=words.squares_note(view),
        pick="plane",
    )  # fmt: skip
    for number, each in enumerate(frame.seen):
        left, top = ((number % across) * (1 + SIDE) + SIDE) * T, (number // across * (1 + HEAD) + HEAD) * T
        _cells(panel, each, left, top)
        _told(panel, frame, each, left, top)


def row(y: float, T: int) -> float:
    """The place whose row lies at this height of the picture."""
    return y % ((1 + HEAD) * T) - HEAD * T


def _cells(panel: Panel, each: Any, left: float, top: float) -> None:
    T = len(each.weights)
    if each.kind == "linear":
        _sums(panel, each, left, top)
        return
    shown = np.sqrt(np.clip(np.nan_to_num(each.weights), LEAST**2, 1))
    shown[~each.computed] = np.nan
    panel.classes(
        np.full((T, T), PLACE[each.kind]), shown, discrete=True, extent=(left, left + T - 1, top, top + T - 1)
    )


def _sums(panel: Panel, each: Any, left: float, top: float) -> None:
    """Linear attention has no square: the sums that it carries from place to place, as many cells as it has work.

    A cell of a square is one product with a key and one with a value; a sum is written and read at each place, which
    is as much.  Where there are more sums than places they stand closer.
    """
    T, K = each.carried.shape
    sizes = np.nan_to_num(each.carried)
    shown = np.clip(sizes / max(float(sizes.max()), 1e-30), LEAST, 1)
    right = left + min(K, T) - 1
    panel.classes(np.full((T, K), PLACE["linear"]), shown, discrete=True, extent=(left, right, top, top + T - 1))
    if 2 * K <= T:
        for line, said in enumerate(("no square:", f"{K} running", "sums")):
            panel.text(left + (K + T) / 2, top + (0.32 + LINE * line) * T, said, colour=COLOURS["linear"], centred=True)


def _told(panel: Panel, frame: Any, each: Any, left: float, top: float) -> None:
    """What the kind is called and costs; who asks, what is answered, and where that stood."""
    T, colour = len(frame.tokens), COLOURS[each.kind]
    middle, asks, stood = left - SIDE * T / 2, frame.question, words.stood(frame)
    for line, said in enumerate((KINDS[each.kind], f"{each.share:.0%}", "of work")):
        panel.text(middle, top + T * (0.12 + LINE * line), said, colour=colour, centred=True)
    good = each.said[asks] == frame.wanted[asks]  # said by a sign: the colours of right and wrong are those of kinds
    answered = f"{frame.labels[asks]} → {LABELS[each.said[asks]]} {'✓' if good else '✗'}"
    panel.text(middle, top + asks, answered, centred=True)
    by, end = ROUND[0], min(each.carried.shape[1], T) - 1 if each.kind == "linear" else asks
    lines = [_box(left - by, left + end + by, top + asks - by, top + asks + by)]
    if each.kind != "linear":
        panel.text(left + stood, top - HEAD * T / 2, frame.labels[stood - 1] + frame.labels[stood], centred=True)
        lines.append(_box(left + stood - by, left + stood + by, top - by, top + asks))
        wide = ROUND[1]
        panel.lines([_box(left + stood - wide, left + stood + wide, top + asks - wide, top + asks + wide)],
                    colour="mark", width=2.5)  # fmt: skip
    panel.lines(lines, colour="mark", width=1)


def _box(left: float, right: float, top: float, low: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, low], [left, low], [left, top]]
