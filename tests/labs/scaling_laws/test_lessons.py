"""What the lessons of scaling laws say is what the runs do: another language and other weights for each seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from lesson_runs import config, first, fits_a_row_and_can_be_told, happens, lesson

import engine
from engine.contract import registry
from engine.contract.view import View
from engine.labs.scaling_laws.experiment import Config, Experiment
from ui.lesson import lessons

SLUG = "scaling_laws"
SEEDS = range(5)


@cache
def frame(chosen: Config, steps: int) -> Any:
    """What a run looks like after so many steps.  Knobs for looking are no part of `chosen`."""
    experiment = Experiment(chosen)
    for _ in engine.train(experiment, steps):
        pass
    return experiment.frame()


def facts(name: str, *, beside: bool = False, seed: int, at: int = 0, **knobs: Any) -> dict[str, Any]:
    """What may be told of a lesson's run where it stops, or at another step."""
    chosen = config(SLUG, name, beside=beside, seed=seed, **knobs)
    at = at or lesson(SLUG, name).at or 0
    looks = {name: spec.default for name, spec in Config.knobs().items() if spec.look}
    trained = Config(**{**{name: getattr(chosen, name) for name in Config.knobs()}, **looks})
    return registry.view(SLUG).facts(View(frame(trained, at), chosen, {}, at, at))  # type: ignore[no-any-return]


def speaks(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The facts of both runs, of which what happened is true."""
    return happens(lesson(SLUG, name), facts, seed)


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 8
    fits_a_row_and_can_be_told(SLUG)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_the_envelope_is_straight_above_the_true_floor_and_size_takes_its_turn(seed: int) -> None:
    floor, _ = speaks("floor", seed)
    assert 0.8 < floor["bend_true"] < 1.25 and 2.8 < floor["bend_none"] < 5 and 0.28 < floor["left"] < 0.42
    behind, _ = speaks("behind", seed)
    assert behind["behind"] > 0.08 and behind["ahead"] > 0.08


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_budget_goes_into_both_and_fits_come_to_agree(seed: int) -> None:
    split, _ = speaks("split", seed)
    assert 0.55 < split["bowls"] < 0.65 and 0.6 < split["exponent"] < 0.7
    fitted, _ = speaks("extrapolate", seed)
    assert fitted["off"] < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_flatter_spectrum_asks_for_larger_models(seed: int) -> None:
    here, there = speaks("language", seed)
    assert there is not None and there["bowls"] > here["bowls"] + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_whole_answers_leap_where_tokens_do_not(seed: int) -> None:
    here, _ = speaks("emerges", seed)
    assert 0.2 < here["all_large"] < 0.5 and here["p_large"] / here["p_small"] < 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_four_passes_are_nearly_new_and_sixty_four_are_not(seed: int) -> None:
    here, _ = speaks("repeats", seed)
    assert 0.003 < here["four_worse"] < 0.005 and 0.18 < here["many_worse"] < 0.2
    assert here["read_64"] < here["loss_64"] - 0.25


def test_served_a_lot_a_smaller_model_is_cheapest() -> None:
    here, _ = speaks("served", 0)
    assert here["smaller"] > 1.5 and here["longer"] > 1.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("floor", {"at": 1}),
        ("behind", {"sizes": 2, "rank": 2}),
        ("split", {"at": 150}),
        ("extrapolate", {"at": 150}),
        ("emerges", {"answer": 1}),
        ("repeats", {"at": 100}),
        ("served", {"served": 0.0}),
    ],
)
def test_with_its_cause_taken_away_a_lesson_says_otherwise(name: str, knobs: dict[str, Any]) -> None:
    chosen, here = lesson(SLUG, name), facts(name, seed=0, **knobs)
    assert not chosen.holds(here, None)
    assert ("Usually" in chosen.said(here, None)) == (name != "served")
