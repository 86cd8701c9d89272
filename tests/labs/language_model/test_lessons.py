"""What the lessons of the language model say is what the runs do: other weights and other pieces for each seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, fits_a_row_and_can_be_told, happens, lesson

import engine
from engine.contract import registry
from engine.contract.view import View
from engine.labs.language_model.experiment import Config, Experiment
from ui.lesson import lessons

SLUG = "language_model"
SEEDS = range(5)
STOPS = sorted({each.at or 0 for each in lessons(SLUG)})


@cache
def run(chosen: Config, steps: int) -> tuple[dict[str, np.ndarray], dict[int, dict[str, Any]]]:
    """The metrics, and the state wherever a lesson stops; what is only looked at does not change it."""
    experiment, metrics, states = Experiment(chosen), [], {}
    for each in engine.train(experiment, steps):
        metrics.append(each)
        if experiment.step_count in (*STOPS, steps):
            states[experiment.step_count] = experiment.state_dict()
    return {name: np.array([found[name] for found in metrics]) for name in metrics[0]}, states


def facts(name: str, *, beside: bool = False, seed: int, at: int = 0, **knobs: Any) -> dict[str, Any]:
    chosen = config(SLUG, name, beside=beside, seed=seed, **knobs)
    at = at or lesson(SLUG, name).at or 0
    plain = chosen.seen_as(Config())
    metrics, states = run(plain, 250 if plain == Config(seed=seed) and at > 20 else at)
    experiment = Experiment(chosen)
    experiment.load_state_dict(states[at])
    curves = {metric: (np.arange(1, at + 1), values[:at]) for metric, values in metrics.items()}
    return registry.view(SLUG).facts(View(experiment.frame(), chosen, curves, at, at))  # type: ignore[no-any-return]


def speaks(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The facts of both runs, of which what happened is true."""
    return happens(lesson(SLUG, name), facts, seed)


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 12
    fits_a_row_and_can_be_told(SLUG)


def test_a_merge_counts_wherever_its_pair_stands() -> None:
    here, _ = speaks("merge", 0)
    assert here["cut_tokens"] < 28 and here["cut_characters"] == 34


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_it_writes_words_and_greedy_lines_are_dull_and_hot_ones_wild(seed: int) -> None:
    here, _ = speaks("words", seed)
    assert 2.1 < here["bits"] < 2.25
    dull, _ = speaks("greedy", seed)
    wild, _ = speaks("temperature", seed)
    assert dull["line"] < wild["line"] / 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(0, SEEDS))
def test_characters_have_fewer_nats_and_more_bits_and_are_behind_a_table(seed: int) -> None:
    here, there = speaks("nats", seed)
    assert there is not None and here["nats"] < 0.6 * there["nats"] and here["bits"] > there["bits"] + 0.5
    assert 2.75 < here["bits"] < 3.05 and 2.15 < there["bits"] < 2.35
    speaks("table", seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(0, SEEDS))
def test_a_table_of_pairs_stops(seed: int) -> None:
    here, there = speaks("last", seed)
    assert there is not None and here["bits"] > there["bits"] + 0.12


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(0, SEEDS))
def test_sixteen_numbers_do_for_a_token_and_two_do_not(seed: int) -> None:
    here, there = speaks("rank", seed)
    assert there is not None and there["bits"] > here["bits"] + 0.4
    full = facts("rank", seed=seed, rank=0)
    assert 2.15 < full["bits"] < 2.35 and full["bits"] < here["bits"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(0, range(6)))
def test_blanks_are_learned_slowly_and_need_both_sides(seed: int) -> None:
    here, there = speaks("masked", seed)
    assert there is not None and 3.1 < here["bits"] < 3.6 and 2.4 < there["bits"] < 2.75
    assert here["left_alone"] > here["surprise"] + 0.2
    faster, slower = (
        facts("masked", seed=seed, learning_rate=0.01),
        facts("masked", beside=True, seed=seed, learning_rate=0.005),
    )
    assert faster["bits"] > here["bits"] and abs(slower["bits"] - there["bits"]) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, range(6)))
def test_letters_drawn_at_once_fit_one_another_worse(seed: int) -> None:
    here, _ = speaks("passes", seed)
    more = facts("passes", seed=seed, passes=8)
    assert more["fit"] < here["fit"] - 1 and more["bits"] == here["bits"] < here["table_1"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(0, range(6)))
def test_long_tokens_are_learned_by_heart(seed: int) -> None:
    here, _ = speaks("heart", seed)
    assert 1.5 < here["gap_nats"] < 1.8 and here["passes"] > 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, range(6)))
def test_a_queen_is_a_king_with_the_company_of_a_woman(seed: int) -> None:
    here, _ = speaks("neighbours", seed)
    assert here["people"] == here["places"] == 1 and here["of_all"] == "queen"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "knobs", "at"),
    [
        ("words", {}, 20), ("nats", {"unit": "bytes"}, 10), ("table", {}, 10), ("last", {"model": "gru"}, 10),
        ("greedy", {"decoding": "sample"}, 10), ("temperature", {"temperature": 0.5}, 10), ("merge", {"cut": 0}, 1),
        ("rank", {"rank": 0}, 10), ("masked", {"objective": "next"}, 10), ("passes", {"passes": 16}, 10),
        ("neighbours", {"word_a": "hero"}, 20), ("heart", {"merges": 400}, 20),
    ],
)  # fmt: skip
def test_with_its_cause_taken_away_a_lesson_says_otherwise(name: str, knobs: dict[str, Any], at: int) -> None:
    chosen = lesson(SLUG, name)
    here = facts(name, seed=0, at=at, **knobs)
    there = None if chosen.beside is None else facts(name, beside=True, seed=0, at=at)
    assert not chosen.holds(here, there)
    assert chosen.said(here, there) != chosen.happened and len(chosen.said(here, there)) > 50
