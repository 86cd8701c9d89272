"""What the lessons of gradient descent say is what the runs do, and what is said of a race is true of every race."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson
from moments import moment

import engine
from engine.contract import registry
from engine.contract.view import View
from engine.labs import gradient_descent
from ui.lesson import lessons

SLUG = "gradient_descent"
SEEDS = first(2, range(5))
say, facts = registry.view(SLUG).say, registry.view(SLUG).facts
TOLD = ("over_the_edge", "ravine", "adams_first_step", "saddle", "noise_as_help")


@cache
def shown(name: str, *, beside: bool = False, **knobs: Any) -> dict[str, Any]:
    """The facts of a lesson's run where it stops."""
    chosen = gradient_descent.Experiment(config(SLUG, name, beside=beside, **knobs))
    return facts(moment(chosen, lesson(SLUG, name).at or 0))  # type: ignore[no-any-return]


def both(name: str, **knobs: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    two = lesson(SLUG, name).beside is not None
    return shown(name, **knobs), shown(name, beside=True, **knobs) if two else None


def test_titles_fit_into_a_row_and_texts_are_short() -> None:
    assert tuple(each.slug for each in lessons(SLUG)) == TOLD
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and each.at is not None and len(each.answers) == 3, each.slug
        assert each.point is not None and each.knobs and len(each.happened.split()) <= 118, each.slug


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("seed", first(2, range(8)))
def test_what_a_lesson_says_happened(name: str, seed: int) -> None:
    here, there = both(name, seed=seed)
    assert lesson(SLUG, name).holds(here, there)
    assert lesson(SLUG, name).said(here, there).count("\n\n") == 1


@pytest.mark.parametrize(
    ("name", "knobs", "words"),
    [
        ("over_the_edge", {"lr_gradient_descent": 0.1}, "stands at a loss of"),
        ("over_the_edge", {"optimisers": ("lion",)}, "Lion stands"),
        ("ravine", {"momentum": 0.0}, "momentum diverged at step"),
        ("ravine", {"optimisers": ("gradient_descent",)}, "gradient descent was first within 0.01"),
        ("adams_first_step", {"optimisers": ("rmsprop",)}, "RMSProp moved by (1,\u00a01)"),
        ("saddle", {"start_y": 0.5}, "gradient descent left the map at step"),
        ("noise_as_help", {"noise": 1.0}, "of 576 points are within 2.5 of both axes"),
        ("noise_as_help", {"basins": False}, "no grid of starts"),
        ("noise_as_help", {"surface": "himmelblau", "lr_gradient_descent": 0.1}, "points are within 2.5"),
    ],
)
def test_with_its_cause_taken_away_a_lesson_says_otherwise(name: str, knobs: dict[str, Any], words: str) -> None:
    here, (_, there) = shown(name, **knobs), both(name)
    assert not lesson(SLUG, name).holds(here, there)
    assert words in lesson(SLUG, name).said(here, there)


def test_numbers_are_those_of_the_table_under_the_map() -> None:
    for name, row, cells in (
        ("over_the_edge", "Gradient descent", ("{gd_loss:,.0f}", "{gd_growth:.3g}")),
        ("ravine", "Momentum", ("{momentum_arrived:.0f}",)),
        ("adams_first_step", "RMSProp", ("({rmsprop_right:.3g},\u00a0{rmsprop_up:.3g})",)),
        ("saddle", "Gradient descent", ("({gd_away:.3g},\u00a00)",)),
    ):
        view = moment(gradient_descent.Experiment(config(SLUG, name)), lesson(SLUG, name).at or 0)
        [table] = [p for line in registry.view(SLUG).stage(view).rows for p in line if p["key"] == "standing"]
        [told] = [
            ["".join(s["text"] for s in cell) for cell in line] for line in table["rows"] if line[0][0]["text"] == row
        ]
        assert all(cell.format(**facts(view)) in told for cell in cells), told


def race(name: str, *, beside: bool = False, steps: int = 0, **knobs: Any) -> tuple[Any, list[dict[str, float]]]:
    """The experiment and its metrics after `steps`, or as many as the lesson runs."""
    experiment = gradient_descent.Experiment(config(SLUG, name, beside=beside, **knobs))
    at = lesson(SLUG, name).at
    return experiment, list(engine.train(experiment, steps or at or 0))


def first_below(metrics: list[dict[str, float]], key: str, value: float) -> int:
    return next(i for i, found in enumerate(metrics, 1) if found[key] < value)


def test_over_the_edge_grows_and_under_it_shrinks() -> None:
    _, over = race("over_the_edge")
    _, under = race("over_the_edge", beside=True)
    key = "loss.gradient_descent"
    assert 4e5 < over[-1][key] < 5e5
    assert under[-1][key] < 1e-3
    assert over[-1][key] / over[-2][key] == pytest.approx(1.21, abs=1e-6)
    _, over = race("over_the_edge", steps=66)
    assert [np.isfinite(over[i][key]) for i in (63, 64)] == [True, False]  # steps 64 and 65


@pytest.mark.parametrize(("condition", "angle"), [(2.0, 0.0), (10.0, 75.0), (50.0, 30.0), (200.0, 10.0), (900.0, 45.0)])
def test_only_the_side_of_the_edge_matters(condition: float, angle: float) -> None:
    for beside, factor in ((False, 1.21), (True, 0.81)):
        rate = (1.9 if beside else 2.1) / condition
        bowl = {"condition": condition, "angle": angle, "lr_gradient_descent": rate}
        experiment, metrics = race("over_the_edge", beside=beside, **bowl)
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        steep = experiment.frame().paths[0, -2:] @ [-s, c]  # the last two points, along the steepest direction
        assert (steep[1] / steep[0]) ** 2 == pytest.approx(factor, rel=1e-6)
        assert (metrics[-1]["loss.gradient_descent"] > metrics[0]["loss.gradient_descent"]) is not beside


def test_momentum_is_through_the_ravine_at_step_30_and_gradient_descent_at_178() -> None:
    experiment, metrics = race("ravine")
    assert first_below(metrics, "distance.gradient_descent", 0.01) == 178
    assert first_below(metrics, "distance.momentum", 0.01) == 30
    frame = experiment.frame()
    assert frame.predicted_rate == pytest.approx([0.981, 0.869], abs=5e-4)
    assert frame.measured_rate[0] == pytest.approx(0.981, abs=5e-4)
    beta, L = experiment.config.momentum, 100
    assert experiment.config.lr_momentum < 2 * (1 + beta) / L == pytest.approx(0.033, abs=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("angle", [0.0, 15.0, 45.0, 60.0])
@pytest.mark.parametrize("start", [(2.0, 1.0), (0.5, -2.5), (-2.0, -2.0)])
def test_momentum_is_several_times_faster_from_everywhere(start: tuple[float, float], angle: float) -> None:
    x, y = start
    _, metrics = race("ravine", steps=300, angle=angle, start_x=x, start_y=y)
    slow, fast = (first_below(metrics, f"distance.{name}", 0.01) for name in ("gradient_descent", "momentum"))
    assert slow > 4.5 * fast
    assert fast <= 46


def test_the_first_steps_are_what_the_lesson_says() -> None:
    experiment, _ = race("adams_first_step")
    start = gradient_descent.Experiment(experiment.config).frame()
    assert start.gradients[0] == pytest.approx([-755, -250])
    steps = dict(zip(experiment.config.optimisers, experiment.frame().last_steps, strict=True))
    assert steps["gradient_descent"] == pytest.approx([0.3775, 0.125])
    left, right, bottom, top = experiment.frame().extent
    assert all(left < x < right and bottom < y < top for x, y in experiment.frame().points)  # nobody is out of sight
    assert steps["rmsprop"] == pytest.approx([1, 1], abs=1e-7)
    assert steps["adam"] == pytest.approx([0.1, 0.1], abs=1e-7)


@pytest.mark.parametrize("start", [(1.8, -0.5), (-0.5, 2.5), (0.3, 1.5), (-1.8, -0.8), (0.0, 0.0001)])
def test_adams_first_step_is_the_learning_rate_from_everywhere(start: tuple[float, float]) -> None:
    x, y = start
    experiment, _ = race("adams_first_step", start_x=x, start_y=y)
    gradient = gradient_descent.Experiment(experiment.config).frame().gradients[0]
    assert experiment.frame().last_steps[2] == pytest.approx(-0.1 * np.sign(gradient), abs=1e-6)
    assert experiment.frame().last_steps[1] == pytest.approx(-np.sign(gradient), abs=1e-5)


def leaving(*, beside: bool, steps: int, seed: int = 0) -> dict[str, int]:
    """The step at which each racer left the map of the saddle, of those that did."""
    experiment = gradient_descent.Experiment(config(SLUG, "saddle", beside=beside, seed=seed))
    left: dict[str, int] = {}
    for _ in engine.train(experiment, steps):
        left |= {name: experiment.step_count for name in experiment.left if name not in left}
    return left


def test_without_noise_gradient_descent_stays_at_the_saddle() -> None:
    experiment, _ = race("saddle")
    assert experiment.frame().points[0] == pytest.approx([0.028, 0.0], abs=1e-3)
    assert leaving(beside=False, steps=1500) == {"momentum": 11, "adam": 150}


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(3, range(20)))
def test_noise_leads_off_the_saddle(seed: int) -> None:
    left = leaving(beside=True, steps=300, seed=seed)
    assert left["momentum"] == 11
    assert left["adam"] == 36
    assert 61 <= left["gradient_descent"] <= 224 < (lesson(SLUG, "saddle").at or 0)


def in_the_middle(frame: Any) -> float:
    """Share of the starts that are in the five by five pits in the middle."""
    return float((np.abs(frame.basin_points) < 2.5).all(axis=-1).mean())


def test_without_noise_every_start_stays_in_its_pit() -> None:
    experiment, metrics = race("noise_as_help", beside=True)
    frame = experiment.frame()
    assert frame.basin_ends.size == 576
    assert in_the_middle(frame) == 144 / 576
    assert (frame.basin_ends >= 0).all()
    assert metrics[-1]["loss.gradient_descent"] == pytest.approx(5, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_noise_and_then_none_brings_half_of_the_starts_to_the_middle(seed: int) -> None:
    experiment, _ = race("noise_as_help", steps=200, seed=seed)
    frame = experiment.frame()
    assert 0.47 <= in_the_middle(frame) <= 0.555
    assert 0.4 < (frame.basin_ends >= 0).mean() < 0.6  # shaken, about half are close to the bottom of a pit
    experiment.update(dataclasses.replace(experiment.config, noise=0.0))
    *_, last = engine.train(experiment, 50)
    frame = experiment.frame()
    assert 0.47 <= in_the_middle(frame) <= 0.555
    assert (frame.basin_ends >= 0).mean() > 0.97
    assert 0.9 < last["loss.gradient_descent"] < 10


# What is said while it runs


def said(steps: int, **knobs: Any) -> str:
    return say(moment(gradient_descent.Experiment(gradient_descent.Config(**knobs)), steps))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("steps", "knobs", "words"),
    [
        (0, {}, "Both start at (−1.5,\u00a02), one dot upon the other"),
        (5, {}, "is lowest so far, at a loss of"),
        (140, {}, "was within 0.01 of a minimum at step"),
        (20, {"optimisers": ("gradient_descent",), "lr_gradient_descent": 0.105}, "above 2/L = 0.1."),
        (
            90,
            {"optimisers": ("gradient_descent",), "lr_gradient_descent": 0.105},
            "Gradient descent has diverged, at step",
        ),
        (
            20,
            {"surface": "rosenbrock", "optimisers": ("gradient_descent", "momentum", "rmsprop", "adam")},
            "Momentum has diverged, at step 3; RMSProp is lowest of those left",
        ),
        (60, {"surface": "monkey_saddle", "start_y": 0.5}, "All have left the map"),
        (5, {"surface": "himmelblau", "basins": True}, "of 576 points are close to a minimum"),
        (5, {"surface": "monkey_saddle", "basins": True}, "have left the map, each down one of the valleys"),
    ],
)
def test_each_phase_of_a_race_has_its_sentence(steps: int, knobs: dict[str, Any], words: str) -> None:
    assert words in said(steps, **knobs)


@pytest.mark.slow
@pytest.mark.parametrize("surface", gradient_descent.SURFACES)
@pytest.mark.parametrize(("steps", "rate"), [(0, 0.01), (1, 10.0), (30, 10.0)])
def test_of_every_race_something_short_and_finite_is_said(surface: str, steps: int, rate: float) -> None:
    knobs = {"surface": surface, "lr_gradient_descent": rate, "lr_momentum": rate}
    experiment = gradient_descent.Experiment(gradient_descent.Config(**knobs, basins=steps == 1, starts=8))
    view = moment(experiment, steps)
    bare = View(view.frame, view.config)  # without curves
    for seen in (view, bare, dataclasses.replace(view, step=steps // 2)):
        assert 20 < len(say(seen)) <= 125 and say(seen).endswith(".")
        assert all(isinstance(v, str) or np.isfinite(v) for v in facts(seen).values())
