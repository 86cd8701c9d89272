"""What the lessons on double descent say is what the runs do, for the seeds on screen and four other sets of them."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import first

from engine.labs.double_descent import Config, Experiment, Frame
from ui.lesson import lessons

SETS = (0, 100, 200, 300, 400)  # each is five seeds


@cache
def frame(name: str, seed: int, *, beside: bool = False) -> Frame:
    lesson = next(each for each in lessons("double_descent") if each.slug == name)
    config = lesson.compared(Config) if beside else lesson.config(Config)
    assert config is not None
    experiment = Experiment(dataclasses.replace(config, seed=seed))
    while not experiment.done:
        experiment.step()
    if not beside:
        assert experiment.step_count == lesson.runs_to
    return experiment.frame()


def error(found: Frame, kind: str = "test_error") -> np.ndarray:
    """The middle seed at each width."""
    values: np.ndarray = np.median(getattr(found, kind), axis=1)
    return values


def at(found: Frame, stop: int, kind: str = "test_error") -> Any:
    return error(found, kind)[list(found.stops).index(stop)]


def test_titles_fit_into_a_row_and_each_lesson_has_three_answers() -> None:
    for each in lessons("double_descent"):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.runs_to is not None


@pytest.mark.parametrize("seed", first(2, SETS))
def test_the_peak(seed: int) -> None:
    found = frame("the_peak", seed)
    best = error(found)[: list(found.stops).index(100)]
    assert best.min() == pytest.approx(0.67, abs=0.025)
    assert 20 <= found.stops[best.argmin()] <= 40
    assert 48 <= at(found, 100) <= 120 and found.stops[error(found).argmax()] == 100
    assert at(found, 1000) == pytest.approx(0.26, abs=0.02)
    assert at(found, 1000, "wrong") == pytest.approx(0.10, abs=0.03)
    assert error(found, "wrong")[best.argmin()] == pytest.approx(0.3, abs=0.06)
    assert error(found, "train_error")[found.stops >= 100].max() < 1e-9
    beyond = error(found, "norm")[found.stops >= 100]
    assert np.all(np.diff(beyond) < 0)


@pytest.mark.parametrize("seed", first(2, SETS))
def test_a_little_ridge(seed: int) -> None:
    found, other = frame("a_little_ridge", seed), frame("a_little_ridge", seed, beside=True)
    assert np.all(np.diff(error(found)) < 0)
    assert 0.42 <= round(float(at(found, 100)), 2) <= 0.46
    assert at(other, 100) >= 48
    for ends in (found, other):
        assert at(ends, 1000) == pytest.approx(0.26, abs=0.02)


@pytest.mark.parametrize("seed", first(2, SETS))
def test_more_data_can_hurt(seed: int) -> None:
    found, other = frame("more_data_hurts", seed), frame("more_data_hurts", seed, beside=True)
    nearest = other.stops[np.abs(other.stops - 100).argmin()]
    assert nearest == 95 and other.threshold == 50
    assert 0.7 <= round(float(at(other, 95)), 1) <= 0.8
    assert 48 <= at(found, 100) <= 120
    assert at(found, 100) > 50 * at(other, 95)
    assert at(found, 539) < 0.31 and at(other, 500) >= 0.335


@pytest.mark.parametrize("seed", first(2, SETS))
def test_noise_feeds_the_peak(seed: int) -> None:
    found, other = frame("noise_feeds_it", seed), frame("noise_feeds_it", seed, beside=True)
    assert at(found, 20) > 1e5 and found.stops[error(found).argmax()] == 20
    assert at(other, 20) < 1e-12
    assert error(other)[4:].max() < 0.002
    assert 0.0195 <= at(found, 200) <= 0.035
    best = error(found).argmin()
    assert found.stops[best] in (6, 7) and 0.0075 <= error(found)[best] <= 0.014


@pytest.mark.parametrize("seed", first(2, SETS))
def test_relu_features_peak_later(seed: int) -> None:
    found = frame("relu_comes_later", seed)
    assert 93 <= at(found, 100, "rank") <= 95
    assert at(found, 100, "train_error") > 1e-3
    assert found.stops[error(found).argmax()] == 110
    first = [found.stops[(rank >= 100).argmax()] for rank in found.rank.T]
    assert set(first) <= {110, 127} and np.median(first) == 110
    assert found.full_rank in (110, 127)


@pytest.mark.parametrize("seed", first(2, SETS))
def test_epochs_descend_twice(seed: int) -> None:
    found = frame("longer_training", seed)
    values, epochs = error(found), found.stops
    first = values[epochs < 30].argmin()
    peak = first + values[first:].argmax()
    assert 2 <= epochs[first] <= 5 and 1.7 <= round(float(values[first]), 1) <= 1.8 and values[0] > values[first]
    assert 50 <= epochs[peak] <= 200 and 2.2 <= values[peak] <= 2.7
    assert values[-1] == pytest.approx(0.62, abs=0.05)


@pytest.mark.parametrize("seed", first(2, SETS))
def test_theory_and_runs(seed: int) -> None:
    found = frame("theory", seed)
    known = dict(zip(found.theory_at.tolist(), found.theory.tolist(), strict=True))
    ratio = error(found) / np.array([known[stop] for stop in found.stops.tolist()])
    away = (found.stops < 80) | (found.stops > 125)
    assert round(float(ratio[away].min()), 2) >= 0.8 and ratio[away].max() <= 1.25
    assert error(found).argmin() == len(found.stops) - 1, "there is no classical minimum"
