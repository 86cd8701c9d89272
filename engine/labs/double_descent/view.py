"""What is drawn of a sweep: error against width or epochs, and what the model under the slider says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Picture, Text
from engine.contract.view import View
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene

FLOOR = 1e-2  # errors below are drawn at the lower edge: what matters is above
DOTS = 300  # coefficients drawn, at most


def stage(view: View) -> Scene:
    """Error against width, and what the model under the slider says."""
    frame = view.frame
    scene = Scene(height=560)
    _risk(scene, view)
    {"digits": _digits, "curve": _curve, "coefficients": _coefficients}[frame.kind](scene, frame, view.config)
    scene.stops("Width" if frame.across == "width" else "Epoch", _stops(frame), panel="risk", at=np.log10(frame.stops))
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
    rules = {threshold(config): frame.threshold}
    if frame.full_rank != frame.threshold:
        rules["rank reaches n"] = frame.full_rank
    curves_panel(
        scene, key, history=history, series=series, x_title=x_title(frame, config), rules=rules, log_x=True, dots=True,
        bands={name: (f"{name}_low", f"{name}_high") for name in bands}, clip="floor" in how and how["log_y"], **how,
    )  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing is picked here: the slider of stops asks no server."""


def middle(values: np.ndarray) -> np.ndarray:
    """The median over the seeds, (W,), of values (W, S)."""
    return np.median(values, axis=1) if len(values) else np.zeros(0)


def _stops(frame: Any) -> list[str]:
    """What the slider says at each stop: test and training error there."""
    errors = zip(frame.stops, middle(frame.test_error), middle(frame.train_error), strict=True)
    return [_stop(frame.threshold, at, *(error if error > 1e-9 else 0 for error in both)) for at, *both in errors]


def _stop(threshold: float, at: int, test: float, train: float) -> str:
    n = "" if np.isnan(threshold) else f" = {at / threshold:.2g} × threshold"
    return f"{at:,}{n}: test error {test:.3g}, training error {train:.2g}"


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


def _risk(scene: Scene, view: View) -> None:
    frame, config = view.frame, view.config
    stops, seeds = frame.stops, frame.test_error.shape[1]
    tops = [2.2 if frame.across == "epochs" else 10.0, *frame.test_error.max(axis=1, initial=0)]
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
    middles = _at(frame, stops, middle(frame.test_error))
    for k, at in enumerate(np.log10(stops)):
        with panel.stop(k):
            panel.lines([np.array([[at, low], [at, high]])], colour="mark", width=1.2)
            panel.points(middles[[k]], colours=["mark"], shape="ring", size=9)


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
