"""What the lessons of state spaces say is what the runs do: other weights and other sequences for each seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, fits_a_row_and_can_be_told, happens, lesson, recorded

from engine.contract import registry
from engine.contract.view import View
from engine.labs.state_space.experiment import Config, Experiment
from ui.lesson import lessons

SLUG = "state_space"
SEEDS = range(5)
LONGEST = 300  # steps of the default at which the last lesson of it stops


@cache
def run(chosen: Config, steps: int) -> tuple[dict[str, np.ndarray], dict[int, Any]]:
    """The metrics, and the frames wherever a lesson stops."""
    return recorded(Experiment(chosen), steps, {each.at for each in lessons(SLUG)})


def facts(name: str, *, beside: bool = False, seed: int, at: int = 0, **knobs: Any) -> dict[str, Any]:
    """What may be told of a lesson's run where it stops, or at another step."""
    chosen = config(SLUG, name, beside=beside, seed=seed, **knobs)
    at = at or lesson(SLUG, name).at or 0
    metrics, frames = run(chosen, LONGEST if chosen == Config(seed=seed) else at)
    curves = {metric: (np.arange(1, at + 1), values[:at]) for metric, values in metrics.items()}
    return registry.view(SLUG).facts(View(frames[at], chosen, curves, at, at))  # type: ignore[no-any-return]


def speaks(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The facts of both runs, of which what happened is true."""
    return happens(lesson(SLUG, name), facts, seed)


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 9
    fits_a_row_and_can_be_told(SLUG)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_steps_open_at_letters_and_the_control_falls_to_guessing_at_four_times_the_length(seed: int) -> None:
    opened, _ = speaks("open", seed)
    assert opened["times"] > 20 and opened["first_times"] < 5
    chosen, _ = speaks("cannot", seed)
    assert chosen["ahead"] > 0.11
    longer, _ = speaks("longer", seed)
    assert longer["long_4"] > 0.75 and longer["control_long_4"] < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_time_invariant_layers_copy_after_a_fixed_delay(seed: int) -> None:
    here, _ = speaks("delay", seed)
    assert here["accuracy"] > 0.93 and here["long_4"] < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_selective_layers_recall_by_key_and_others_do_not(seed: int) -> None:
    here, _ = speaks("recall", seed)
    assert here["accuracy"] > 0.95 and here["control_accuracy"] < 0.55


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(0, SEEDS))
def test_a_gru_is_ahead_on_short_sequences(seed: int) -> None:
    here, _ = speaks("gru", seed)
    assert here["control_accuracy"] > here["accuracy"] + 0.03


@pytest.mark.slow
def test_one_function_in_two_orders() -> None:
    here, there = speaks("one_answer", 0)
    assert there is not None and there["loss"] == pytest.approx(here["loss"], rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_poles_that_turn_are_ahead_of_those_that_fade(seed: int) -> None:
    here, there = speaks("poles", seed)
    assert there is not None and here["test_accuracy"] > there["test_accuracy"] + 0.2


def test_a_curve_is_kept_but_for_its_jumps() -> None:
    here, _ = speaks("polynomial", 0)
    assert 0.05 < here["error"] < 0.12 and here["worse"] < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("open", {"layer": "gru", "at": 1}),
        ("longer", {"at": 1}),
        ("delay", {"task": "selective"}),
        ("recall", {"at": 1}),
        ("gru", {"control": "s4d", "at": 1}),
        ("polynomial", {"memory": 4}),
    ],
)
def test_with_its_cause_taken_away_a_lesson_says_otherwise(name: str, knobs: dict[str, Any]) -> None:
    chosen, here = lesson(SLUG, name), facts(name, seed=0, **knobs)
    assert not chosen.holds(here, None)
    said = chosen.said(here, None)
    assert "Usually" in said or "begins with" in said
