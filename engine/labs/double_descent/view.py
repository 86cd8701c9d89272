"""What is drawn of a sweep: error against width or epochs, and what the model under the slider says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Picture, Text
from engine.contract.view import View
from engine.labs.double_descent import words
from engine.labs.double_descent.landmarks import FLOOR, landmarks, middle, spelt, unit
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.scene import Scene

DOTS = 300  # coefficients drawn, at most


def stage(view: View) -> Scene:
    """Error against width, what the model under the slider says, and what three models say beside each other."""
    frame = view.frame
    scene = Scene(height=860)
    _risk(scene, view)
    title = {"digits": "Scores for ten pictures", "curve": "The fit", "coefficients": "Learned against true"}
    _fit(scene, view, "fit", title[frame.kind], weight=2)
    scene.stops(
        "Model looked at" if frame.across == "width" else "Epoch looked at",
        _stops(frame),
        panel="risk",
        at=np.log10(frame.stops),
    )
    scene.row(0.6)
    for place, (stop, told) in enumerate(_three(view)):
        _fit(scene, view, f"fit_{place + 1}", told, only=stop)
    return scene


def curves(view: View) -> Scene:
    """The same errors with their numbers, the norm of the solution, and the share of wrong answers."""
    frame, config = view.frame, view.config
    scene = Scene(height=960 if frame.kind == "digits" else 640)
    if not len(frame.stops):
        return scene
    spread = f"middle of {config.seeds} seeds (band: all)" if config.seeds > 1 else "one seed"
    series = {"test": ("test", "test"), "training": ("training", "train")}
    history = _measured(frame, "test", frame.test_error) | _measured(frame, "training", frame.train_error)
    if tuned(frame):
        series["tuned"] = ("test, best ridge", "positive")
        history |= _measured(frame, "tuned", frame.good_ridge_error)
    if len(frame.theory):
        series["theory"] = ("theory", "neutral")
        history["theory"] = (frame.theory_at, frame.theory)
    _sweep(scene, view, "error", series, history, log_y=frame.across == "width", floor=FLOOR, bands=("test",),
           calculated=("theory",) if "theory" in series else (), title=f"Squared error, {spread}",
           y_title="squared error")  # fmt: skip
    scene.row()
    _sweep(scene, view, "norm", {"norm": ("norm", "gradient")}, _measured(frame, "norm", frame.norm), log_y=True,
           bands=("norm",), title="Norm of the solution", y_title="norm of w")  # fmt: skip
    if frame.kind == "digits":
        scene.row()
        _sweep(scene, view, "wrong", {"wrong": ("test", "test")}, _measured(frame, "wrong", frame.wrong),
               bands=("wrong",), title="Share of digits misread", y_title="share wrong")  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """Why there is a peak: the smallest singular value by which the solution divides, and the rank."""
    frame, config = view.frame, view.config
    if not len(frame.stops):
        return [Text("Press Play: what stands behind the peak is drawn here.", tone="hint")]
    scene = Scene(height=320)
    if frame.across == "epochs":
        parts = {"fast": ("due to fast inputs", "class_1"), "slow": ("due to slow inputs", "class_2")}
        history = _measured(frame, "test", frame.test_error)
        history |= {name: (frame.stops, frame.parts[:, place]) for place, name in enumerate(parts)}
        _sweep(scene, view, "parts", {"test": ("test", "test"), **parts}, history,
               title="Two descents, one for each kind of input", y_title="squared error")  # fmt: skip
        return [Picture("parts", scene)]
    if not np.any(frame.smallest):
        return [Text("A trained network is not a linear solution: it has no singular values to show. Its training loss "
                     "is among the metrics under Link and export.", tone="hint")]  # fmt: skip
    scene = Scene(height=640)
    _sweep(scene, view, "smallest", {"smallest": ("smallest", "gradient")},
           _measured(frame, "smallest", frame.smallest), log_y=True, bands=("smallest",), y_title="singular value",
           title="Smallest singular value of the training features: the solution divides by it")  # fmt: skip
    scene.row()
    history = _measured(frame, "rank", frame.rank) | {"most": (frame.stops, np.minimum(frame.stops, config.n))}
    _sweep(scene, view, "rank", {"rank": ("rank", "positive"), "most": ("min(width, n)", "neutral")}, history,
           log_y=True, calculated=("most",), title="Rank of the training features: the peak stands where it reaches n",
           y_title="rank")  # fmt: skip
    return [Picture("peak", scene)]


def _measured(frame: Any, name: str, values: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The middle over the seeds of values (W, S), their lowest and their highest, against the stops (W,)."""
    return {
        name: (frame.stops, middle(values)),
        f"{name}_low": (frame.stops, values.min(axis=1)),
        f"{name}_high": (frame.stops, values.max(axis=1)),
    }


def _sweep(
    scene: Scene,
    view: View,
    key: str,
    series: dict[str, tuple[str, str]],
    history: dict[str, tuple[np.ndarray, np.ndarray]],
    *,
    bands: tuple[str, ...] = (),
    **how: Any,
) -> None:
    """Curves over a logarithmic x, with a dot where something was measured and a rule where the peak is expected."""
    frame, config = view.frame, view.config
    curves_panel(
        scene, key, history=history, series=series, x_title=x_title(config), rules=_rules(frame, config), log_x=True,
        dots=True, bands={name: (f"{name}_low", f"{name}_high") for name in bands},
        clip="floor" in how and how["log_y"], **how,
    )  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing is picked here: the slider of stops asks no server."""


def say(view: View) -> str:
    """One sentence: what to look at now."""
    return words.say(view)


def facts(view: View) -> dict[str, float | str]:
    """Numbers that texts may name: the errors where the curve turns, and where that is."""
    return words.facts(view)


def _stops(frame: Any) -> list[str]:
    """What the slider says at each stop: test and training error there, and how many digits are misread."""
    told = (middle(each).tolist() for each in (frame.test_error, frame.train_error, frame.wrong))
    return [_stop(frame, *row) for row in zip(frame.stops.tolist(), *told, strict=True)]


def _stop(frame: Any, at: int, test: float, train: float, wrong: float) -> str:
    n = "" if np.isnan(frame.threshold) else f" = {at / frame.threshold:.2g} × threshold"
    misread = f", {wrong:.0%} misread" if frame.kind == "digits" else ""
    return f"{at:,}{n}: test error {spelt(test)}{misread}, training error {spelt(train)}"


def _at(frame: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points (T, 2) of a curve of errors as the panel draws them; across epochs y is not logarithmic."""
    return np.column_stack([np.log10(x), y if frame.across == "epochs" else np.log10(np.maximum(y, FLOOR))])


def x_title(config: Any) -> str:
    """What grows from left to right."""
    return "epochs of gradient descent" if config.across == "epochs" else f"number of {unit(config)}"


def _rules(frame: Any, config: Any) -> dict[str, float]:
    """Where the peak is expected, with the words beside it; where features depend on each other, that is later."""
    named = "parameters = numbers to fit" if config.model == "network" else f"{unit(config)} = samples"
    edge = np.flatnonzero((frame.stops == frame.threshold) & (frame.full_rank != frame.threshold))
    rank = float(middle(frame.rank)[edge[0]]) if len(edge) else 0.0
    if 0 < rank < config.n:
        named = f"{config.n} {unit(config)}, rank {rank:.0f}"
    found = {named: frame.threshold}
    if frame.full_rank != frame.threshold:
        found[f"rank reaches {config.n}"] = frame.full_rank
    return {name: float(at) for name, at in found.items() if np.isfinite(at)}


def _risk(scene: Scene, view: View) -> None:
    frame, config = view.frame, view.config
    stops, seeds = frame.stops, frame.test_error.shape[1]
    tops = [2.2 if frame.across == "epochs" else 10.0, *frame.test_error.max(axis=1, initial=0)]
    high = float(max(top for top in tops if np.isfinite(top)))
    low, high = (0.0, 1.2 * high) if frame.across == "epochs" else (np.log10(FLOOR), np.log10(high))
    top, tall = high, low + 4 * (high - low)  # what stands beside it may reach higher
    high += 0.15 * (high - low)  # above all curves: the words beside the rules
    fit, exceeds = words.theory_range(frame)
    title = "Error against model size" if frame.across == "width" else "Error against training time"
    title += f": {fit:.2f} to {exceeds:.2f} × theory, away from the peak" if fit > 0 else ""
    left, right = np.log10(frame.planned[[0, -1]])
    panel = scene.panel("risk", title=title, x=(left - 0.05, right + 0.1), y=(low, high), x_log=True,
                        y_log=frame.across == "width", y_least=True, x_label=x_title(config),
                        y_label="squared error", equal=False, weight=3)  # fmt: skip
    rules = _rules(frame, config)
    for row, (name, place) in enumerate(rules.items()):
        at = np.log10(place)
        panel.lines([np.array([[at, low], [at, tall]])], colour="neutral", width=1.5)
        ahead = any(other > place for other in rules.values())  # else its words would lie on the next rule
        alone = len(rules) == 1  # words on the line itself: they name neither side
        panel.text(at, high - (0.09 + 0.07 * row) * (high - low), name, mark=False, before=ahead, centred=alone)
    _sides(panel, view, (left, right), y=top - 0.08 * (high - low), line=0.06 * (high - low))
    fine = np.isfinite(frame.test_error).all(axis=1)
    if fine.any():
        edges = (_at(frame, stops, edge(frame.test_error, axis=1))[fine, 1] for edge in (np.min, np.max))
        panel.band(np.log10(stops[fine]), *edges, colour="test", name=f"All {seeds} seeds")
    if len(stops):
        if frame.across == "epochs":
            for part, name, colour in ((0, "fast", "class_1"), (1, "slow", "class_2")):
                panel.path(
                    _at(frame, stops, frame.parts[:, part]), colour=colour, name=f"Due to {name} inputs", width=2
                )
        if tuned(frame):
            good = middle(frame.good_ridge_error)
            panel.path(_at(frame, stops, good), colour="positive", name="Test, best ridge", width=2)
        panel.path(_at(frame, stops, middle(frame.train_error)), colour="train", name="Training: seen data")
        panel.path(_at(frame, stops, middle(frame.test_error)), colour="test", name="Test: new data", width=3.2)
        panel.points(_at(frame, stops, middle(frame.test_error)), colours=["test"], size=3.4)
        _label(panel, frame, line=0.06 * (high - low), more=words.twice(frame) if view.beside else None)
    else:
        panel.text(float(left), (low + high) / 2, "Press Play", mark=False)
        for colour, name in (("train", "Training: seen data"), ("test", "Test: new data")):
            panel.path(np.zeros((0, 2)), colour=colour, name=name)  # what will be drawn
    theory = np.isfinite(frame.theory)
    if theory.any():
        sides = [theory & (frame.theory_at < frame.threshold), theory & (frame.theory_at > frame.threshold)]
        panel.lines(
            [_at(frame, frame.theory_at[s], frame.theory[s]) for s in sides], colour="text", width=1.6, name="Theory"
        )
    middles = _at(frame, stops, middle(frame.test_error))
    for k, at in enumerate(np.log10(stops)):
        with panel.stop(k):
            panel.lines([np.array([[at, low], [at, top]])], colour="mark", width=1.2)
            panel.points(middles[[k]], colours=["mark"], shape="ring", size=9)


def _sides(panel: Panel, view: View, ends: tuple[float, float], *, y: float, line: float) -> None:
    """What is narrow and what is wide: on either side of the threshold, as long as there is no curve to see."""
    frame = view.frame
    if not np.isfinite(frame.threshold) or len(frame.stops):
        return
    many = "parameters" if view.config.model == "network" else unit(view.config)
    edge = float(np.log10(frame.threshold))
    for side, end in zip(("fewer", "more"), ends, strict=True):
        for row, said in enumerate((f"{side} {many}", "than samples")):
            panel.text((end + edge) / 2, y - row * line, said, centred=True)


def _label(panel: Panel, frame: Any, *, line: float, more: int | None) -> None:
    """The errors themselves where the curve turns, at its end, and at a place `more`; `line` is the height of a line.

    What lies on the floor has no number but where the peak would be.
    """
    found = landmarks(frame)
    assert found is not None
    test, training = middle(frame.test_error), middle(frame.train_error)
    places, under = _at(frame, frame.stops, test).tolist(), _at(frame, frame.stops, training)[:, 1]
    named = [f"{spelt(error)} at {stop:,}" for error, stop in zip(test.tolist(), frame.stops.tolist(), strict=True)]
    top = found.peak if found.peak is not None else found.edge
    if top is not None and top != found.last:
        x, y = places[top]
        panel.text(x, y, named[top], mark=False)
    for place in {found.low, *([] if more is None else [more])} - {0, top, found.last}:
        x, y = places[place]
        if test[place] >= FLOOR:
            above = 0 < y - under[place] < 2 * line  # else it would lie on the training error
            below = 1.4 if place == more else 1.0  # past the peak the best ridge runs close to it
            panel.text(x, y + line if above else y - below * line, named[place], centred=True)
    if test[-1] >= FLOOR:
        x, y = places[-1]
        panel.text(x, y, spelt(float(test[-1])), mark=False)


def tuned(frame: Any) -> bool:
    """Whether the lab also knows what a good ridge would have given."""
    return bool(np.any(frame.good_ridge_error))


def _three(view: View) -> list[tuple[int, str]]:
    """Three stops to see beside each other, with titles: the lowest before the peak, the peak, and the newest.

    What has not come yet has the stop -1.
    """
    found, stops, later = landmarks(view.frame), view.frame.stops, "still to come"
    named = ("Three moments", "epochs") if view.frame.across == "epochs" else ("Three widths", unit(view.config))
    if found is None:
        return [(-1, f"{named[0]}: narrow"), (-1, f"The peak: {later}"), (-1, f"The last: {later}")]
    top = found.peak if found.peak is not None else found.edge
    places = [
        (found.low, named[0]),
        (top, "The peak" if found.peak is not None else "The threshold"),
        (found.last, "The last" if len(stops) == len(view.frame.planned) else "The newest"),
    ]
    return [(-1, f"{t}: {later}") if k is None else (k, f"{t}: {stops[k]:,} {named[1]}") for k, t in places]


def _fit(scene: Scene, view: View, key: str, title: str, *, weight: float = 1.0, only: int | None = None) -> None:
    """What was fitted: at the stop under the slider, or at the one stop `only` (-1: at none yet)."""
    frame, config = view.frame, view.config
    of_kind = {"digits": _digits, "curve": _curve, "coefficients": _coefficients}
    panel, draw = of_kind[frame.kind](scene, frame, config, key, title, weight)
    for k in range(len(frame.stops)) if only is None else [only] if only >= 0 else []:
        with panel.stop(k) if only is None else contextlib.nullcontext():
            draw(k)
    if frame.kind == "curve":  # over what was fitted
        panel.path(frame.truth, colour="text", name="The true curve", head=False, width=1.6)
        panel.points(frame.train_points, size=5 if config.n <= 200 else 2.2, colours=["train"], name="Training points")


Drawn = tuple[Panel, Callable[[int], None]]  # a panel, and what draws a stop into it


def _digits(scene: Scene, frame: Any, config: Any, key: str, title: str, weight: float) -> Drawn:
    """Ten test pictures, a row each, and the score that the model gives to each digit."""
    names = [f"{digit:.0f}" for digit in frame.truth]
    panel = scene.panel(key, title=title, x=(-1.9, 9.6), y=(9.6, -0.6), x_names=names, y_names=names,
                        x_label="score for each digit (1 if it is true, else 0)", y_label="true digit",
                        weight=weight)  # fmt: skip
    strip = np.pad(frame.pictures[::-1, ::-1], ((0, 0), (1, 2), (0, 0)))  # from below, with a gap between two
    cells = strip.shape[1]
    extent = (-1.66, -0.92, 9.5 - 0.5 / cells, -0.5 + 0.5 / cells)
    panel.heatmap(strip.reshape(-1, strip.shape[2]), extent=extent, low=0, high=1, palette="sequential")
    if not len(frame.stops):  # what every model is to say
        panel.points(np.column_stack([np.arange(10)] * 2), shape="ring", size=9, colours=["neutral"],
                     name="What is right: 1 here, 0 elsewhere")  # fmt: skip

    def draw(k: int) -> None:
        answers = frame.answers[k]
        panel.heatmap(answers, extent=(0, 9, 0, 9), low=-1, high=1, palette="diverging", discrete=True,
                      name="Score")  # fmt: skip
        taken = np.column_stack([answers.argmax(axis=1), np.arange(10)])
        panel.points(taken, shape="ring", size=9, colours=["mark"], name="Its answer")

    return panel, draw


def _curve(scene: Scene, frame: Any, config: Any, key: str, title: str, weight: float) -> Drawn:
    """The functions that were fitted."""
    panel = scene.panel(key, title=title, x=(-1, 1), y=(-2.6, 2.6), x_label="x",
                        y_label="y", equal=False, weight=weight)  # fmt: skip
    grid = frame.truth[:, 0]

    def draw(k: int) -> None:
        fits = frame.answers[k]
        if len(fits) > 1:
            others = np.stack([np.broadcast_to(grid, fits[1:].shape), fits[1:]], axis=2)
            panel.lines(others, colour="neutral", name="Other seeds, with points of their own")
        panel.path(np.column_stack([grid, fits[0]]), colour="test", name="First seed", head=False, width=3)

    return panel, draw


def _coefficients(scene: Scene, frame: Any, config: Any, key: str, title: str, weight: float) -> Drawn:
    """Learned against true coefficients."""
    reach = float(np.abs(frame.truth).max()) * 1.25
    panel = scene.panel(key, title=title, x=(-reach, reach), y=(-reach, reach),
                        x_label="true coefficient", y_label="learned, first seed", weight=weight)  # fmt: skip
    panel.lines([np.array([[-reach, -reach], [reach, reach]])], colour="neutral", name="Learned = true")
    group, names, colours, named = np.zeros(len(frame.truth)), [], ["positive"], "Inputs in the model"
    if frame.across == "epochs":
        group[max(2, config.n // 2) :] = 1
        names, colours = ["fast", "slow"], ["class_1", "class_2"]
        named = "Inputs, fast and slow, times their size"

    def draw(k: int) -> None:
        inside = frame.stops[k] if frame.across == "width" else len(frame.answers[k])
        shown = np.unique(np.linspace(0, inside - 1, min(inside, DOTS)).astype(int))
        panel.points(np.column_stack([frame.truth, frame.answers[k]])[shown], group[shown], names=names,
                     colours=colours, size=3.6, name=named)  # fmt: skip

    return panel, draw
