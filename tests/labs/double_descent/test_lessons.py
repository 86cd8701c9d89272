"""What the lessons on double descent say is what the runs do, for the seeds on screen and seven other sets of them."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson

from engine.contract.view import View
from engine.labs.double_descent import Config, Experiment
from engine.labs.double_descent.landmarks import spelt
from engine.labs.double_descent.view import facts, say, stage
from ui.lesson import lessons

SLUG = "double_descent"
SETS = range(0, 800, 100)  # each is five seeds, or nine
NAMES = [each.slug for each in lessons(SLUG)]


@cache
def run(settings: Config, steps: int) -> View:
    experiment = Experiment(settings)
    while experiment.step_count < steps and not experiment.done:
        experiment.step()
    return View(experiment.frame(), settings, step=experiment.step_count, last_step=experiment.step_count)


def found(name: str, seed: int = 0, *, beside: bool = False, **knobs: Any) -> dict[str, Any]:
    """The facts of a lesson where it stops."""
    return facts(run(config(SLUG, name, beside=beside, seed=seed, **knobs), lesson(SLUG, name).at or 0))


def both(name: str, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any] | None]:
    return found(name, seed), found(name, seed, beside=True) if lesson(SLUG, name).beside else None


def course(name: str, seed: int, what: str = "test_error", *, beside: bool = False) -> dict[int, float]:
    """The middle seed at each stop."""
    frame = run(config(SLUG, name, beside=beside, seed=seed), lesson(SLUG, name).at or 0).frame
    return dict(zip(frame.stops.tolist(), np.median(getattr(frame, what), axis=1).tolist(), strict=True))


def test_titles_fit_into_a_row_and_each_lesson_stops_when_all_points_are_there() -> None:
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.happened and each.otherwise
        assert each.at == len(Experiment(each.config(Config)).plan), each.slug


@pytest.mark.parametrize("seed", first(1, SETS))
@pytest.mark.parametrize("name", NAMES)
def test_each_lesson_tells_what_happened(name: str, seed: int) -> None:
    chosen, told = lesson(SLUG, name), both(name, seed)
    assert chosen.holds(*told)
    assert not re.search(r"\s-1\b|not a number", chosen.said(*told))


@pytest.mark.parametrize("seed", first(1, SETS))
def test_the_peak(seed: int) -> None:
    told, errors = found("the_peak", seed), course("the_peak", seed)
    assert told["peak"] == errors[100] == max(errors.values()) and 40 < told["peak"] < 200
    assert told["last"] == min(errors.values()) and 0.24 < told["last"] < 0.3
    assert 20 <= told["low_at"] <= 46 and 0.62 < told["low"] < 0.72
    assert told["last_wrong"] < 0.13 < 0.2 < told["low_wrong"]
    norms = [norm for stop, norm in course("the_peak", seed, "norm").items() if stop >= 100]
    assert norms == sorted(norms, reverse=True)


@pytest.mark.parametrize("seed", first(1, SETS))
def test_a_little_ridge(seed: int) -> None:
    errors = list(course("a_little_ridge", seed).values())
    assert errors == sorted(errors, reverse=True)
    left, right = both("a_little_ridge", seed)
    assert right and 0.4 < left["edge"] < 0.5 and right["peak"] > 40 and abs(left["last"] - right["last"]) < 0.02


@pytest.mark.parametrize("seed", first(1, SETS))
def test_more_data_can_hurt(seed: int) -> None:
    left, right = both("more_data_hurts", seed)
    assert right and right["twice_at"] == 95 and left["edge"] > 40 * right["twice"]
    more, fewer = course("more_data_hurts", seed), course("more_data_hurts", seed, beside=True)
    assert more[539] < fewer[500] and more[405] < fewer[365], "far from both peaks more data help"


@pytest.mark.parametrize("seed", first(1, SETS))
def test_noise_feeds_the_peak(seed: int) -> None:
    left, right = both("noise_feeds_it", seed)
    assert right and left["peak"] > 1e5 and right["edge_told"] == "0" and left["peak_at"] == right["edge_at"] == 20
    assert max(list(course("noise_feeds_it", seed, beside=True).values())[4:]) < 0.002
    assert left["low_at"] in (6, 7) and left["low"] < 0.015 < left["last"] < 0.036


@pytest.mark.parametrize("seed", first(1, SETS))
def test_relu_features_peak_later(seed: int) -> None:
    told = found("relu_comes_later", seed)
    assert told["peak_at"] == 110 and 92 <= told["edge_rank"] <= 96 and told["full_rank"] in (110, 127)
    assert told["edge_training"] > 0.005 and told["peak_training"] < 1e-9


@pytest.mark.parametrize("seed", first(1, SETS))
def test_epochs_descend_twice(seed: int) -> None:
    told = found("longer_training", seed)
    assert 2 <= told["low_at"] <= 5 and 1.65 < told["low"] < 1.85 and 50 <= told["peak_at"] <= 200
    assert 2.1 < told["peak"] < 2.8 and 0.55 < told["last"] < 0.7
    assert told["peak_fast"] > 1.5 * told["low_fast"] and told["peak_slow"] > 0.9 and told["last_slow"] < 0.1


@pytest.mark.parametrize("seed", first(1, SETS))
def test_theory_and_runs(seed: int) -> None:
    view = run(config(SLUG, "theory", seed=seed), lesson(SLUG, "theory").at or 0)
    told, frame = facts(view), view.frame
    known = dict(zip(frame.theory_at.tolist(), frame.theory.tolist(), strict=True))
    ratios = {stop: error / known[stop] for stop, error in course("theory", seed).items()}
    away = [ratio for stop, ratio in ratios.items() if stop < 80 or stop > 125]
    assert told["theory_low"] == pytest.approx(min(away)) and told["theory_high"] == pytest.approx(max(away))
    assert f"{min(away):.2f} to {max(away):.2f} × theory" in stage(view).rows[0][0]["title"]


@pytest.mark.parametrize(
    ("name", "knobs"),
    [("the_peak", {"ridge": 0.1}), ("a_little_ridge", {"ridge": 0.0}), ("noise_feeds_it", {"noise": 0.0}),
     ("relu_comes_later", {"model": "fourier"}), ("longer_training", {"noise": 0.0, "ridge": 30.0}),
     ("theory", {"seeds": 1}), ("more_data_hurts", {"samples": 50})],
)  # fmt: skip
def test_without_the_cause_something_else_is_told(name: str, knobs: dict[str, Any]) -> None:
    chosen, (_, other) = lesson(SLUG, name), both(name)
    told = found(name, **knobs)
    assert not chosen.holds(told, other)
    assert told["so_far"] in chosen.said(told, other) and "usually" in chosen.said(told, other)


@pytest.mark.parametrize("name", NAMES)
def test_before_the_first_point_every_lesson_says_that_there_is_none(name: str) -> None:
    told = [facts(run(config(SLUG, name, beside=beside), 0)) for beside in {False, bool(lesson(SLUG, name).beside)}]
    assert "This run has no point yet." in lesson(SLUG, name).said(told[0], told[-1])


@pytest.mark.parametrize("name", ["the_peak", "noise_feeds_it", "longer_training", "theory"])
def test_numbers_of_the_text_stand_on_the_stage(name: str) -> None:
    view = run(config(SLUG, name), lesson(SLUG, name).at or 0)
    told, panel = facts(view), stage(view).rows[0][0]
    words = [layer["text"] for layer in panel["layers"] if layer["kind"] == "text"]
    assert {f"{told['peak_told']} at {told['peak_at']:,}", told["last_told"]} <= set(words)
    if told["low_at"] > told["first_at"]:
        assert f"{told['low_told']} at {told['low_at']:,}" in words


def test_the_rank_stands_at_the_threshold() -> None:
    for each in (run(config(SLUG, "relu_comes_later"), 24), run(config(SLUG, "the_peak"), 24)):
        told, panel = facts(each), stage(each).rows[0][0]
        words = [layer["text"] for layer in panel["layers"] if layer["kind"] == "text"]
        relu = each.config.model == "relu"
        assert (f"100 features, rank {told['edge_rank']:.0f}" in words) == ("rank reaches 100" in words) == relu
        assert ("features = samples" in words) != relu


def test_the_sentence_under_the_counter_goes_along() -> None:
    chosen, at = config(SLUG, "the_peak"), {}
    for steps in (0, 8, 12, 14, 15, 24):
        at[steps] = say(run(chosen, steps))
        assert len(at[steps]) <= 120
    assert at[0].startswith("Play fits 24 models of 5 to 1,000 features (parameters), ")
    assert at[8].endswith("so far the test error falls.") and "it rises, since at 36 the test error was 0.66" in at[12]
    assert "100 features: test error 48" in at[14] and "as many parameters as samples" in at[14]
    assert "the peak was 48, at 100." in at[15]
    assert at[24] == "The test error was 0.66 at 36, rose to 48 at 100, and is 0.25 at 1,000 features."
    assert "no peak" in say(run(config(SLUG, "a_little_ridge"), 24))
    network = Config(model="network", widths=5, seeds=1, samples=10, widest=1.5)
    assert "is being trained" in say(run(network, 1))


def test_what_is_no_number_is_said() -> None:
    view = run(config(SLUG, "the_peak"), 15)
    lost = dataclasses.replace(view.frame, test_error=np.full_like(view.frame.test_error, np.nan))
    told = dataclasses.replace(view, frame=lost)
    assert "diverged" in say(told) and "no numbers" in str(facts(told)["so_far"]) and stage(told).to_bytes()
    assert lesson(SLUG, "the_peak").said(facts(told)).startswith("After 15 of 24 points")


@pytest.mark.parametrize(
    ("error", "words"),
    [(0.0, "0"), (1e-12, "0"), (2e-4, "below 0.001"), (0.0114, "0.011"), (0.6567, "0.66"), (0.997, "1.0"),
     (2.46, "2.5"), (9.97, "10"), (48.2, "48"), (131.6, "132"), (3_567_000.0, "3,570,000"),
     (float("nan"), "not a number")],
)  # fmt: skip
def test_errors_are_written_in_one_way(error: float, words: str) -> None:
    assert spelt(error) == words
