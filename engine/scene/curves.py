"""Curves of metrics against the step, or against what is swept; ``assets/scene/curves.js`` draws them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.scene import palette as _palette
from engine.scene.panel import TRAINING
from engine.scene.scales import LARGEST, scale
from engine.scene.scene import Scene

Floats = NDArray[np.float64]
History = Mapping[str, tuple[ArrayLike, ArrayLike]]  # metric -> (steps (T,), values (T,))

POINTS = 400  # at most so many of a curve travel to the browser: no chart is much wider than that in pixels
DASHES = ((), TRAINING, (2, 3), (11, 3, 2, 3), (5, 3), (2, 3, 2, 3, 9, 3))  # lengths on and off; the first is solid
_PLAIN = {"test": 0, "train": 0, "positive": 0, "gradient": 0, "negative": 1, "neutral": 2}  # colour -> dash


def curves(
    scene: Scene,
    key: str,
    *,
    history: History,
    series: Mapping[str, tuple[str, str]],
    title: str,
    y_title: str,
    x_title: str = "step",
    log_x: bool = False,
    log_y: bool = False,
    floor: float = 0.0,
    clip: bool = False,
    bands: Mapping[str, tuple[str, str]] | None = None,
    rules: Mapping[str, float] | None = None,
    dots: bool = False,
    calculated: Sequence[str] = (),
    ghosts: Sequence[History] = (),
    marker: int | None = None,
    note: str = "",
    weight: float = 1.0,
) -> None:
    """Add a panel with a curve for each of `series`, which maps a metric of `history` to its label and colour.

    `bands` maps a metric among `series` to the metrics below and above it.  `rules` are places on the x axis, each
    with the words beside it; one that is not finite is left out.  With `dots` every point has one, but for the metrics
    in `calculated`, which were not measured and at whose points the pointer does not stop either.  `ghosts` are
    histories of other runs, drawn behind, thin and pale.  `marker` is a step that a vertical rule stands at.  `note`
    stands below.

    With `log_x` the x axis is logarithmic: what stands at zero or below has no place there and is left out.  With
    `log_y` only values above `floor` are drawn, or, if one of them is below zero, all on a symmetric logarithmic axis.
    With `clip` as well, values below `floor` are drawn there instead, and the tooltip says what they are.  Of each
    curve at most `POINTS` points travel, see `thinned`.  Raises ValueError for what does not fit.
    """
    labels = [label for label, _ in series.values()]
    if len(set(labels)) < len(labels):
        raise ValueError(f"Every curve needs a label of its own, not {', '.join(labels)}.")
    if strangers := [name for name in (*(bands or {}), *calculated) if name not in series]:
        raise ValueError(f"There is no curve '{strangers[0]}'; there are {', '.join(series)}.")
    if clip and log_y and not floor > 0:
        raise ValueError(f"On a logarithmic axis values can be drawn at a floor above 0, not at {floor}.")
    runs = [{name: _points(run, name, log_x) for name in series if name in run} for run in (history, *ghosts)]
    dashes = dash_of(series.values())
    send = scene.arrays.add
    drawn = [
        {"name": label, "metric": name, "kind": "curve", "colour": _palette.known_colour(token), "dash": dashes[label],
         "calculated": name in calculated, "xy": send(thinned(*runs[0].get(name, _NONE)))}
        for name, (label, token) in series.items()
    ]  # fmt: skip
    places = {name: place for place, name in enumerate(series)}
    past = [
        {"of": places[name], "run": number, "called": "", "xy": send(thinned(*points[name]))}
        for number, points in enumerate(runs[1:], start=1)
        for name in series
        if name in points
    ]
    between = [
        {"of": places[name], "xy": send(_between(*(_points(history, edge, log_x) for edge in edges)))}
        for name, edges in (bands or {}).items()
        if all(edge in history for edge in edges)
    ]
    values = [value for points in runs for _, value in points.values()]
    seen = -math.inf if not log_x else 0.0  # x at or below has no place
    scene.add(
        "curves", key, title, weight, x_label=x_title, y_label=y_title, series=drawn, ghosts=past, bands=between,
        rules=[[float(x), words] for words, x in (rules or {}).items() if math.isfinite(x) and x > seen],
        marker=None if marker is None or marker <= seen else int(marker), dots=dots, log_x=log_x, floor=float(floor),
        log=log_y, clip=clip, **scale(values, log_y, clip), **({"note": note} if note else {}),
    )  # fmt: skip


def thinned(steps: ArrayLike, *values: ArrayLike) -> Floats:
    """Rows of `steps` (T,) and `values` (T,) at no more than `POINTS` evenly picked places, as one array.

    What is not finite stays as a gap, but not at the ends, so that the first and the last point that can be drawn are
    always among them.  A peak between two picked points is not seen.  They travel as float32, in which steps are exact
    up to 16 million.
    """
    rows = np.stack([np.asarray(row, dtype=np.float64) for row in (steps, *values)])
    fine = np.flatnonzero(np.isfinite(rows).all(axis=0))
    rows = rows[:, fine[0] : fine[-1] + 1] if len(fine) else rows[:, :0]
    if rows.shape[1] > POINTS:
        rows = rows[:, np.linspace(0, rows.shape[1] - 1, POINTS).round().astype(int)]
    return np.where(np.isfinite(rows), np.clip(rows, -LARGEST, LARGEST), np.nan)  # float32 has to hold them


def dash_of(series: Iterable[tuple[str, str]]) -> dict[str, tuple[int, ...]]:
    """The dash of each label in `series` of labels and colours: the same in every panel with the same series.

    Training is dashed and a reference dotted wherever they are drawn; the others go by their colour.  Where two want
    the same, the later one takes the next that is free.
    """
    taken: dict[str, int] = {}
    for label, token in series:
        wish = 1 if label.startswith("train") else _PLAIN.get(token, _place(token) % len(DASHES))
        order = [(wish + further) % len(DASHES) for further in range(len(DASHES))]
        taken[label] = next((dash for dash in order if dash not in taken.values()), wish)
    return {label: DASHES[dash] for label, dash in taken.items()}


def _place(token: str) -> int:
    """Which class, or which optimiser, a colour stands for."""
    names = _palette.colours()
    first = "class_0" if token.startswith("class_") else "gradient_descent"
    return names.index(_palette.known_colour(token)) - names.index(first)


_NONE = (np.zeros(0), np.zeros(0))


def _points(history: History, name: str, log_x: bool) -> tuple[Floats, Floats]:
    steps, values = (np.asarray(row, dtype=np.float64) for row in history[name])
    if steps.shape != values.shape or steps.ndim != 1:
        raise ValueError(f"'{name}' has steps of shape {steps.shape} and values of shape {values.shape}.")
    seen = steps > 0 if log_x else np.full(len(steps), True)
    return steps[seen], values[seen]


def _between(low: tuple[Floats, Floats], high: tuple[Floats, Floats]) -> Floats:
    """Steps, lower and upper edge of a band, where both edges have points."""
    steps, at_low, at_high = np.intersect1d(low[0], high[0], return_indices=True)
    return thinned(steps, low[1][at_low], high[1][at_high])
