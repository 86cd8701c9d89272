"""What is drawn of a sweep: error against width or epochs, and what the model under the slider says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.contract.view import View
from engine.scene.scene import Scene

FLOOR = 1e-2  # errors below are drawn at the lower edge: what matters is above
DOTS = 300  # coefficients drawn, at most


def stage(view: View, ghosts: Sequence[Any] = ()) -> Scene:
    """Error against width, and what the model under the slider says; `ghosts` are frames of runs compared with it."""
    frame = view.frame
    scene = Scene(height=560)
    _risk(scene, view, ghosts)
    {"digits": _digits, "curve": _curve, "coefficients": _coefficients}[frame.kind](scene, frame, view.config)
    scene.stops(
        "Width" if frame.across == "width" else "Epoch", [_stop(frame, k) for k in range(len(frame.stops))],
        panel="risk", at=np.log10(frame.stops),
    )  # fmt: skip
    return scene


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing is picked here: the slider of stops asks no server."""


def middle(values: np.ndarray) -> np.ndarray:
    """The median over the seeds, (W,), of values (W, S)."""
    return np.median(values, axis=1) if len(values) else np.zeros(0)


def _middles(frame: Any, k: int) -> tuple[float, float]:
    """Test and training error at stop k."""
    return float(np.median(frame.test_error[k])), float(np.median(frame.train_error[k]))


def _stop(frame: Any, k: int) -> str:
    n = "" if np.isnan(frame.threshold) else f" = {frame.stops[k] / frame.threshold:.2g} × threshold"
    test, train = (error if error > 1e-9 else 0 for error in _middles(frame, k))
    return f"{frame.stops[k]:,}{n}: test error {test:.3g}, training error {train:.2g}"


def _at(frame: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points (T, 2) of a curve of errors as the panel draws them; across epochs y is not logarithmic."""
    return np.column_stack([np.log10(x), y if frame.across == "epochs" else np.log10(np.maximum(y, FLOOR))])


def x_title(frame: Any, config: Any) -> str:
    """What grows from left to right."""
    if frame.across == "epochs":
        return "epochs of gradient descent"
    return "hidden neurons" if config.model == "network" else "number of features"


def threshold(config: Any) -> str:
    """What holds at the width where the peak is expected."""
    return "parameters = numbers to fit" if config.model == "network" else "parameters = samples"


def _risk(scene: Scene, view: View, ghosts: Sequence[Any]) -> None:
    frame, config = view.frame, view.config
    stops, seeds = frame.stops, frame.test_error.shape[1]
    tops = [2.2 if frame.across == "epochs" else 10.0, *frame.test_error.max(axis=1, initial=0),
            *(middle(g.test_error).max(initial=0) for g in ghosts)]  # fmt: skip
    low, high = (0.0, 1.1 * max(tops)) if frame.across == "epochs" else (np.log10(FLOOR), np.log10(max(tops)) + 0.3)
    title = "Error against width" if frame.across == "width" else "Error against training time"
    left, right = np.log10(frame.planned[[0, -1]])
    panel = scene.panel("risk", title=title, x=(left - 0.05, right + 0.1), y=(low, float(high)), x_log=True,
                        y_log=frame.across == "width", x_label=x_title(frame, config), y_label="squared error",
                        equal=False, weight=3)  # fmt: skip
    for name, place in ((threshold(config), frame.threshold), ("features reach rank n", frame.full_rank)):
        if np.isfinite(place) and (place != frame.threshold or name == threshold(config)):
            at = np.log10(place)
            panel.lines([np.array([[at, low], [at, high]])], colour="neutral", width=1.5)
            panel.text(at, high - (0.09 if place == frame.threshold else 0.17) * (high - low), name, mark=False)
    if len(stops):
        edges = (_at(frame, stops, edge(frame.test_error, axis=1))[:, 1] for edge in (np.min, np.max))
        panel.band(np.log10(stops), *edges, colour="test", name=f"Lowest to highest of {seeds} seeds")
    theory = np.isfinite(frame.theory)
    if theory.any():
        sides = [theory & (frame.theory_at < frame.threshold), theory & (frame.theory_at > frame.threshold)]
        panel.lines(
            [_at(frame, frame.theory_at[s], frame.theory[s]) for s in sides], colour="text", width=2, name="Theory"
        )
    for ghost in ghosts:
        if len(ghost.stops):
            panel.lines(
                [_at(frame, ghost.stops, middle(ghost.test_error))], colour="neutral", width=2, name="Compared run"
            )
    if len(stops):
        if frame.across == "epochs":
            for part, name, colour in ((0, "fast", "class_1"), (1, "slow", "class_2")):
                panel.path(
                    _at(frame, stops, frame.parts[:, part]), colour=colour, name=f"Due to {name} inputs", width=2
                )
        if tuned(frame):
            good = middle(frame.good_ridge_error)
            panel.path(_at(frame, stops, good), colour="positive", name="Test, best ridge at each width", width=2)
        panel.path(_at(frame, stops, middle(frame.train_error)), colour="train", name="Training")
        panel.path(_at(frame, stops, middle(frame.test_error)), colour="test", name="Test", width=3.2)
        panel.points(_at(frame, stops, middle(frame.test_error)), colours=["test"], size=3.4)
    else:
        each = "width" if frame.across == "width" else "epoch"
        panel.text(float(left), (low + high) / 2, f"Press Play: {each} by {each}", mark=False)
    for k, stop in enumerate(stops):
        with panel.stop(k):
            at = np.log10(stop)
            panel.lines([np.array([[at, low], [at, high]])], colour="mark", width=1.2)
            panel.points(_at(frame, stops[[k]], middle(frame.test_error)[[k]]), colours=["mark"], shape="ring", size=9)


def tuned(frame: Any) -> bool:
    """Whether the lab also knows what a good ridge would have given."""
    return bool(np.any(frame.good_ridge_error))


def _digits(scene: Scene, frame: Any, config: Any) -> None:
    """Ten test pictures, a row each, and the score that the model gives to each digit."""
    names = [f"{digit:.0f}" for digit in frame.truth]
    panel = scene.panel("fit", title="Its scores for ten pictures", x=(-1.9, 9.6), y=(9.6, -0.6),
                        x_names=names, y_names=names, x_label="score for each digit (1 if it is true, else 0)",
                        y_label="true digit", weight=2)  # fmt: skip
    for row, picture in enumerate(frame.pictures):
        panel.heatmap(picture[::-1], extent=(-1.66, -0.92, row + 0.37, row - 0.37), low=0, high=1, palette="sequential")
    for k, answers in enumerate(frame.answers):
        with panel.stop(k):
            panel.heatmap(answers, extent=(0, 9, 0, 9), low=-1, high=1, palette="diverging", discrete=True,
                          name="Score")  # fmt: skip
            taken = np.column_stack([answers.argmax(axis=1), np.arange(10)])
            panel.points(taken, shape="ring", size=9, colours=["mark"], name="Its answer")


def _curve(scene: Scene, frame: Any, config: Any) -> None:
    """The functions that were fitted."""
    panel = scene.panel("fit", title="The fit", x=(-1, 1), y=(-2.6, 2.6), x_label="x",
                        y_label="y", equal=False, weight=2)  # fmt: skip
    grid = frame.truth[:, 0]
    for k, fits in enumerate(frame.answers):
        with panel.stop(k):
            if len(fits) > 1:
                others = np.stack([np.broadcast_to(grid, fits[1:].shape), fits[1:]], axis=2)
                panel.lines(others, colour="neutral", name="Other seeds, with points of their own")
            panel.path(np.column_stack([grid, fits[0]]), colour="test", name="First seed", head=False, width=3)
    panel.path(frame.truth, colour="text", name="The true curve", head=False, width=1.6)
    panel.points(frame.train_points, size=5 if config.n <= 200 else 2.2, colours=["train"], name="Training points")


def _coefficients(scene: Scene, frame: Any, config: Any) -> None:
    """Learned against true coefficients."""
    reach = float(np.abs(frame.truth).max()) * 1.25
    panel = scene.panel("fit", title="Learned against true", x=(-reach, reach), y=(-reach, reach),
                        x_label="true coefficient", y_label="learned, first seed", weight=2)  # fmt: skip
    panel.lines([np.array([[-reach, -reach], [reach, reach]])], colour="neutral", name="Learned = true")
    group, names, colours = np.zeros(len(frame.truth)), [], ["positive"]
    if frame.across == "epochs":
        group[max(2, config.n // 2) :] = 1
        names, colours = ["fast", "slow"], ["class_1", "class_2"]
    for k, learned in enumerate(frame.answers):
        with panel.stop(k):
            inside = frame.stops[k] if frame.across == "width" else len(learned)
            shown = np.unique(np.linspace(0, inside - 1, min(inside, DOTS)).astype(int))
            panel.points(np.column_stack([frame.truth, learned])[shown], group[shown], names=names, colours=colours,
                         size=3.6, name="Inputs in the model" if not names else "Inputs, times their size")  # fmt: skip
