"""What the lessons of alignment say is what the runs do: another language and other people for each seed."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson

import engine
from engine.contract.view import View
from engine.labs.alignment import words
from engine.labs.alignment.experiment import Config, Experiment
from ui.lesson import lessons

SLUG = "alignment"
SEEDS = range(8)


@cache
def seen(chosen: Config, steps: int) -> View:
    """What there is to draw of a run at a step."""
    experiment = Experiment(chosen)
    told = list(engine.train(experiment, steps))
    curves = {name: (np.arange(1, len(told) + 1), np.array([each[name] for each in told])) for name in told[0]}
    return View(experiment.frame(), chosen, curves, len(told), len(told))


def run(chosen: Config, steps: int) -> dict[str, Any]:
    """The facts of a run at a step."""
    return words.facts(seen(chosen, steps))


def facts(name: str, seed: int, *, beside: bool = False, **knobs: Any) -> dict[str, Any]:
    return run(config(SLUG, name, beside=beside, seed=seed, **knobs), lesson(SLUG, name).at or 0)


def speaks(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts of both runs, of which what happened is true."""
    chosen = lesson(SLUG, name)
    here, there = facts(name, seed), facts(name, seed, beside=True) if chosen.beside else {}
    assert chosen.holds(here, there), (here, there)
    assert chosen.said(here, there).count("\n\n") == 1
    return here, there


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 11
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.at is not None, each.slug
        assert each.point is not None and each.knobs and len(each.happened.split()) <= 170, each.slug


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_rewarded_policy_walks_on_to_the_line(seed: int) -> None:
    here, _ = speaks("line", seed)
    assert here["astray"] < 0.01  # the many that are still beside the line are hardly written
    assert here["to_optimum"] < 0.03 and here["off_first"] > 1.1 and here["value"] > 0.98 * here["best_value"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_linear_judge_is_fooled_where_distance_is_cheap(seed: int) -> None:
    here, there = speaks("fooled", seed)
    assert here["true"] < there["true"] - 1 and here["believed"] > there["believed"] + 0.5
    assert (here["true"] < 0) == (seed not in (5, 7)) and here["repeating"] > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_judge_that_sees_pairs_is_fooled_more_rarely(seed: int) -> None:
    chosen, here, there = lesson(SLUG, "wiser"), facts("wiser", seed), facts("wiser", seed, beside=True)
    assert here["judged_right"] > there["judged_right"] + 0.04
    assert chosen.holds(here, there) == (here["true"] > there["true"])
    assert (here["true"] > there["true"] + 1) == (seed not in (4, 7))


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_dpo_arrives_at_the_same_line(seed: int) -> None:
    here, there = speaks("direct", seed)
    assert here["to_optimum"] < 0.25 and there["to_optimum"] < 0.04 and here["off_first"] > 2.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_with_few_pairs_winners_and_losers_go_down(seed: int) -> None:
    here, _ = speaks("few_pairs", seed)
    assert here["winners_fell"] > 4 and here["losers_fell"] > here["winners_fell"] + 4
    assert here["judged_right"] > 0.9 and here["to_optimum"] > 1.5 and here["value"] < here["best_value"] - 0.5
    assert here["off_least"] < here["to_optimum"] - 0.1
    assert here["unseen"] + here["won"] > here["unseen_before"] + here["won_before"] + 0.3  # together, not each of them


@pytest.mark.slow
def test_what_is_said_of_few_pairs_stands_below_their_chart() -> None:
    chosen = lesson(SLUG, "few_pairs")
    view = seen(config(SLUG, "few_pairs"), chosen.at or 0)
    said = chosen.said(words.facts(view))
    shares = re.findall(r"\d+%", words.pairs_note(view))
    assert len(shares) == 5 and all(share in said for share in shares)
    assert words.pairs_title(view).split(",")[0].removeprefix("Winners ") in said


@pytest.mark.parametrize("seed", first(2, SEEDS))
def test_the_best_of_16_costs_what_is_said(seed: int) -> None:
    here, _ = speaks("best_of", seed)
    assert 1.8 < here["kl"] <= here["bound"] == pytest.approx(1.835, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_ppo_is_nearer_after_as_many_sentences(seed: int) -> None:
    here, there = speaks("reuse", seed)
    assert here["to_optimum"] < 0.6 * there["to_optimum"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_judge_of_people_who_disagree_leads_less_far(seed: int) -> None:
    here, there = speaks("noise", seed)
    assert here["kl"] < 0.46 * there["kl"] and here["believed"] < 0.9 < there["believed"] and here["true"] > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_without_a_baseline_as_many_sentences_teach_less(seed: int) -> None:
    here, there = speaks("baseline", seed)
    assert here["to_optimum"] > 2.4 * there["to_optimum"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_keeping_the_best_goes_on_and_on(seed: int) -> None:
    here, there = speaks("no_price", seed)
    assert here["kl"] > there["kl"] + 2 and here["top_share"] > 0.9


@pytest.mark.slow
def test_your_own_taste_needs_answers() -> None:
    chosen = lesson(SLUG, "yours")
    assert "You have chosen 0 times" in chosen.said(facts("yours", 0))
    here = facts("yours", 0, choices="LRLLRRLLRLRRLLRLRL")
    assert chosen.holds(here) and "You chose 18 times" in chosen.said(here)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "knobs"),
    [("line", {"learning_rate": 1e-4}), ("fooled", {"beta": 0.5}), ("wiser", {"judge": "linear"}),
     ("few_pairs", {"comparisons": 20_000}), ("no_price", {"method": "reinforce"}), ("best_of", {"candidates": 4}),
     ("baseline", {"baseline": True}), ("noise", {"noise": 0.0})],
)  # fmt: skip
def test_with_its_cause_taken_away_a_lesson_says_otherwise(name: str, knobs: dict[str, Any]) -> None:
    chosen = lesson(SLUG, name)
    here, there = facts(name, 0, **knobs), facts(name, 0, beside=True) if chosen.beside else {}
    assert not chosen.holds(here, there) and chosen.said(here, there) != ""
