"""Double descent: test error against width, from too narrow to absurdly wide."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

import engine
from engine.scene.scene import Scene
from ui.link import settings
from ui.page import View, lab_page
from ui.player import Player
from ui.scene import show
from ui.sweep_chart import Line, sweep

SLUG = "double_descent"
FLOOR = 1e-2  # errors below are drawn at the lower edge: what matters is above
GOES_WITH = {"legendre": "curve", "gaussian_subset": "gaussian"}  # the only data that these models take
DOTS = 300  # coefficients drawn, at most


def stage(view: View) -> None:
    """Error against width, and what the model under the slider says."""
    frame = view.frame
    scene = Scene(height=560)
    _risk(scene, view)
    {"digits": _digits, "curve": _curve, "coefficients": _coefficients}[frame.kind](scene, frame, view.config)
    scene.stops(
        "Width" if frame.across == "width" else "Epoch", [_stop(frame, k) for k in range(len(frame.stops))],
        panel="risk", at=np.log10(frame.stops),
    )  # fmt: skip
    show(scene, key=view.key)


def _middle(values: np.ndarray) -> np.ndarray:
    """Of the seeds, (W,)."""
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


def _x_title(frame: Any, config: Any) -> str:
    if frame.across == "epochs":
        return "epochs of gradient descent"
    return "hidden neurons" if config.model == "network" else "number of features"


def _threshold(config: Any) -> str:
    return "parameters = numbers to fit" if config.model == "network" else "parameters = samples"


def _risk(scene: Scene, view: View) -> None:
    frame, config = view.frame, view.config
    stops, seeds = frame.stops, frame.test_error.shape[1]
    ghosts = [w.look.frame for w in view.player.compared if w.look.frame is not None] if view.ghosts else []
    tops = [2.2 if frame.across == "epochs" else 10.0, *frame.test_error.max(axis=1, initial=0),
            *(_middle(g.test_error).max(initial=0) for g in ghosts)]  # fmt: skip
    low, high = (0.0, 1.1 * max(tops)) if frame.across == "epochs" else (np.log10(FLOOR), np.log10(max(tops)) + 0.3)
    title = "Error against width" if frame.across == "width" else "Error against training time"
    left, right = np.log10(frame.planned[[0, -1]])
    panel = scene.panel("risk", title=title, x=(left - 0.05, right + 0.1), y=(low, float(high)), x_log=True,
                        y_log=frame.across == "width", x_label=_x_title(frame, config), y_label="squared error",
                        equal=False, weight=3)  # fmt: skip
    for name, place in ((_threshold(config), frame.threshold), ("features reach rank n", frame.full_rank)):
        if np.isfinite(place) and (place != frame.threshold or name == _threshold(config)):
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
                [_at(frame, ghost.stops, _middle(ghost.test_error))], colour="neutral", width=2, name="Compared run"
            )
    if len(stops):
        if frame.across == "epochs":
            for part, name, colour in ((0, "fast", "class_1"), (1, "slow", "class_2")):
                panel.path(
                    _at(frame, stops, frame.parts[:, part]), colour=colour, name=f"Due to {name} inputs", width=2
                )
        if _tuned(frame):
            good = _middle(frame.good_ridge_error)
            panel.path(_at(frame, stops, good), colour="positive", name="Test, best ridge at each width", width=2)
        panel.path(_at(frame, stops, _middle(frame.train_error)), colour="train", name="Training")
        panel.path(_at(frame, stops, _middle(frame.test_error)), colour="test", name="Test", width=3.2)
        panel.points(_at(frame, stops, _middle(frame.test_error)), colours=["test"], size=3.4)
    else:
        each = "width" if frame.across == "width" else "epoch"
        panel.text(float(left), (low + high) / 2, f"Press Play: {each} by {each}", mark=False)
    for k, stop in enumerate(stops):
        with panel.stop(k):
            at = np.log10(stop)
            panel.lines([np.array([[at, low], [at, high]])], colour="mark", width=1.2)
            panel.points(_at(frame, stops[[k]], _middle(frame.test_error)[[k]]), colours=["mark"], shape="ring", size=9)


def _tuned(frame: Any) -> bool:
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


def _rules(frame: Any, config: Any) -> dict[str, float]:
    rules = {_threshold(config): frame.threshold}
    if frame.full_rank != frame.threshold:
        rules["rank reaches n"] = frame.full_rank
    return rules


def _lines(frame: Any) -> list[Line]:
    test, stops = frame.test_error, frame.stops
    lines = [Line("test", "test", stops, _middle(test), test.min(axis=1), test.max(axis=1)),
             Line("training", "train", stops, _middle(frame.train_error))]  # fmt: skip
    if _tuned(frame):
        lines.append(Line("test, best ridge", "positive", stops, _middle(frame.good_ridge_error)))
    if len(frame.theory):
        lines.append(Line("theory", "neutral", frame.theory_at, frame.theory, measured=False))
    return lines


def curves(view: View) -> None:
    """The same errors with their numbers, the norm of the solution, and the share of wrong answers."""
    frame, config = view.frame, view.config
    if not len(frame.stops):
        st.info("Press Play: error and norm are drawn here, width by width.", icon=":material/show_chart:")
        return
    others = [w.look.frame for w in view.player.compared if w.look.frame is not None and len(w.look.frame.stops)]
    common = {"x_title": _x_title(frame, config), "rules": _rules(frame, config)}
    log_y = frame.across == "width"
    band = f"middle of {config.seeds} seeds (band: all)" if config.seeds > 1 else "one seed"
    sweep(_lines(frame), ghosts=[line for other in others for line in _lines(other)[:2]], floor=FLOOR, log_y=log_y,
          title=f"Squared error, {band}", y_title="squared error", key=f"{view.key}.error",
          **common)  # fmt: skip

    def of(source: Any) -> Line:
        norm = source.norm
        return Line("norm", "gradient", source.stops, _middle(norm), norm.min(axis=1), norm.max(axis=1))

    sweep([of(frame)], ghosts=[of(other) for other in others], title="Norm of the solution",
          y_title="norm of w", key=f"{view.key}.norm", **common)  # fmt: skip
    if frame.kind == "digits":
        wrong = frame.wrong
        line = Line("test", "test", frame.stops, _middle(wrong), wrong.min(axis=1), wrong.max(axis=1))
        sweep([line], title="Share of digits misread", y_title="share wrong", log_y=False,
              key=f"{view.key}.wrong", **common)  # fmt: skip


def inside(view: View) -> None:
    """Why there is a peak: the smallest singular value by which the solution divides, and the rank."""
    frame, config = view.frame, view.config
    if not len(frame.stops):
        st.info("Press Play: what stands behind the peak is drawn here.", icon=":material/show_chart:")
        return
    common = {"x_title": _x_title(frame, config), "rules": _rules(frame, config)}
    if frame.across == "epochs":
        lines = [Line("test", "test", frame.stops, _middle(frame.test_error)),
                 Line("due to fast inputs", "class_1", frame.stops, frame.parts[:, 0]),
                 Line("due to slow inputs", "class_2", frame.stops, frame.parts[:, 1])]  # fmt: skip
        sweep(lines, title="Two descents, one for each kind of input", y_title="squared error", log_y=False,
              key=f"{view.key}.parts", **common)  # fmt: skip
        return
    if not np.any(frame.smallest):
        st.info("A trained network is not a linear solution: it has no singular values to show. Its training loss "
                "is among the metrics under Link and export.", icon=":material/info:")  # fmt: skip
        return
    least = frame.smallest
    line = Line("smallest", "gradient", frame.stops, _middle(least), least.min(axis=1), least.max(axis=1))
    sweep([line], title="Smallest singular value of the training features: the solution divides by it",
          y_title="singular value", key=f"{view.key}.smallest", **common)  # fmt: skip
    rank = Line("rank", "positive", frame.stops, _middle(frame.rank))
    most = Line("min(width, n)", "neutral", frame.stops, np.minimum(frame.stops, config.n), measured=False)
    sweep([rank, most], title="Rank of the training features: the peak stands where it reaches n", y_title="rank",
          key=f"{view.key}.rank", **common)  # fmt: skip


def extra(player: Player) -> None:
    """A model that takes only one kind of data brings it along; one that does not take the data goes back to digits."""
    model, data = (st.session_state.get(f"{SLUG}.{name}") for name in ("model", "data"))
    if model is None or data is None or model == getattr(player.wanted, "model", model):
        return
    wanted = GOES_WITH.get(model, data if data != "gaussian" else "digits")
    if wanted != data:
        st.session_state[f"{SLUG}.data"] = wanted


def _unit(config: Any) -> str:
    """What one step is: a width with all its seeds, unless that takes longer than a slice of time."""
    if config.across == "epochs":
        return "Point"
    return "Width" if config.model != "network" and config.n <= 100 and config.seeds <= 5 else "Step"


lab_page(
    SLUG,
    stage=stage,
    curves=curves,
    inside=inside,
    extra=extra,
    unit=_unit(settings(SLUG, engine.lab(SLUG).Config).config),
)
