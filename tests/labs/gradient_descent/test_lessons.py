"""What the lessons of gradient_descent say is what the runs do: every number in their explanations."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson

import engine
from engine.labs import gradient_descent
from ui.lesson import lessons

SEEDS = first(2, range(5))
DRAWS = first(2, range(5))  # of the points


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    for each in lessons("gradient_descent"):
        assert len(each.title) <= 28, each.slug
        assert each.runs_to is not None, each.slug
        assert len(each.answers) == 3, each.slug


def race(name: str, *, beside: bool = False, steps: int = 0, **knobs: Any) -> tuple[Any, list[dict[str, float]]]:
    """The experiment and its metrics after `steps`, or as many as the lesson runs."""
    experiment = gradient_descent.Experiment(config("gradient_descent", name, beside=beside, **knobs))
    runs_to = lesson("gradient_descent", name).runs_to
    return experiment, list(engine.train(experiment, steps or runs_to or 0))


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
    assert start.gradients[0] == pytest.approx([-155, -50])
    steps = dict(zip(experiment.config.optimisers, experiment.frame().last_steps, strict=True))
    assert steps["gradient_descent"] == pytest.approx([0.0775, 0.025])
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
    experiment = gradient_descent.Experiment(config("gradient_descent", "saddle", beside=beside, seed=seed))
    left: dict[str, int] = {}
    for _ in engine.train(experiment, steps):
        left |= {name: experiment.step_count for name in experiment.left if name not in left}
    return left


def test_without_noise_gradient_descent_stays_at_the_saddle() -> None:
    experiment, _ = race("saddle")
    assert experiment.frame().points[0] == pytest.approx([0.04, 0.0], abs=5e-3)
    assert leaving(beside=False, steps=1500) == {"momentum": 11, "adam": 150}


@pytest.mark.parametrize("seed", first(3, range(20)))
def test_noise_leads_off_the_saddle(seed: int) -> None:
    left = leaving(beside=True, steps=300, seed=seed)
    assert left["momentum"] == 11
    assert left["adam"] == 36
    assert 61 <= left["gradient_descent"] <= 224
    assert seed != 0 or left["gradient_descent"] == 114


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
