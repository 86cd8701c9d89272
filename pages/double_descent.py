"""Double descent: test error against width, from too narrow to absurdly wide."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

import engine
from ui.link import settings
from ui.page import View, lab_page, views
from ui.scene import show
from ui.sweep_chart import Line, sweep

SLUG = "double_descent"
drawn = views(SLUG)


def stage(view: View) -> None:
    """The lab's own stage, with the errors of compared runs in it."""
    ghosts = [w.look.frame for w in view.player.compared if w.look.frame is not None] if view.ghosts else []
    show(drawn.stage(view, ghosts), key=view.key)


def _rules(frame: Any, config: Any) -> dict[str, float]:
    rules = {drawn.threshold(config): frame.threshold}
    if frame.full_rank != frame.threshold:
        rules["rank reaches n"] = frame.full_rank
    return rules


def _lines(frame: Any) -> list[Line]:
    test, stops = frame.test_error, frame.stops
    lines = [Line("test", "test", stops, drawn.middle(test), test.min(axis=1), test.max(axis=1)),
             Line("training", "train", stops, drawn.middle(frame.train_error))]  # fmt: skip
    if drawn.tuned(frame):
        lines.append(Line("test, best ridge", "positive", stops, drawn.middle(frame.good_ridge_error)))
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
    common = {"x_title": drawn.x_title(frame, config), "rules": _rules(frame, config)}
    log_y = frame.across == "width"
    band = f"middle of {config.seeds} seeds (band: all)" if config.seeds > 1 else "one seed"
    sweep(_lines(frame), ghosts=[line for other in others for line in _lines(other)[:2]], floor=drawn.FLOOR,
          log_y=log_y, title=f"Squared error, {band}", y_title="squared error", key=f"{view.key}.error",
          **common)  # fmt: skip

    def of(source: Any) -> Line:
        norm = source.norm
        return Line("norm", "gradient", source.stops, drawn.middle(norm), norm.min(axis=1), norm.max(axis=1))

    sweep([of(frame)], ghosts=[of(other) for other in others], title="Norm of the solution",
          y_title="norm of w", key=f"{view.key}.norm", **common)  # fmt: skip
    if frame.kind == "digits":
        wrong = frame.wrong
        line = Line("test", "test", frame.stops, drawn.middle(wrong), wrong.min(axis=1), wrong.max(axis=1))
        sweep([line], title="Share of digits misread", y_title="share wrong", log_y=False,
              key=f"{view.key}.wrong", **common)  # fmt: skip


def inside(view: View) -> None:
    """Why there is a peak: the smallest singular value by which the solution divides, and the rank."""
    frame, config = view.frame, view.config
    if not len(frame.stops):
        st.info("Press Play: what stands behind the peak is drawn here.", icon=":material/show_chart:")
        return
    common = {"x_title": drawn.x_title(frame, config), "rules": _rules(frame, config)}
    if frame.across == "epochs":
        lines = [Line("test", "test", frame.stops, drawn.middle(frame.test_error)),
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
    line = Line("smallest", "gradient", frame.stops, drawn.middle(least), least.min(axis=1), least.max(axis=1))
    sweep([line], title="Smallest singular value of the training features: the solution divides by it",
          y_title="singular value", key=f"{view.key}.smallest", **common)  # fmt: skip
    rank = Line("rank", "positive", frame.stops, drawn.middle(frame.rank))
    most = Line("min(width, n)", "neutral", frame.stops, np.minimum(frame.stops, config.n), measured=False)
    sweep([rank, most], title="Rank of the training features: the peak stands where it reaches n", y_title="rank",
          key=f"{view.key}.rank", **common)  # fmt: skip


def _unit(config: Any) -> str:
    """What one step is: a width with all its seeds, unless that takes longer than a slice of time."""
    if config.across == "epochs":
        return "Point"
    return "Width" if config.model != "network" and config.n <= 100 and config.seeds <= 5 else "Step"


here = settings(SLUG, engine.lab(SLUG).Config).config
lab_page(SLUG, stage=stage, curves=curves, inside=inside, unit=_unit(here))
