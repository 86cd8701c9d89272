"""What the lessons of translation say is what the runs do: other weights and other sentences for each seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, fits_a_row_and_can_be_told, happens, lesson

import engine
from engine.contract import registry
from engine.contract.view import View
from engine.labs.translation.experiment import Config, Experiment
from ui.lesson import lessons

SLUG = "translation"
SEEDS = range(5)


@cache
def run(chosen: Config, steps: int) -> tuple[Experiment, dict[str, Any]]:
    """A run of so many steps; what is only looked at does not change it."""
    experiment = Experiment(chosen)
    metrics = list(engine.train(experiment, steps))
    return experiment, {name: (np.arange(1, steps + 1), np.array([m[name] for m in metrics])) for name in metrics[0]}


def view(chosen: Config, steps: int) -> View:
    experiment, curves = run(chosen.seen_as(Config()), steps)
    experiment.update(chosen)
    return View(experiment.frame(), chosen, curves, steps, steps)


def facts(name: str, *, beside: bool = False, at: int = 0, **knobs: Any) -> dict[str, Any]:
    chosen = config(SLUG, name, beside=beside, **knobs)
    return registry.view(SLUG).facts(view(chosen, at or lesson(SLUG, name).at or 0))  # type: ignore[no-any-return]


def speaks(name: str, seed: int) -> dict[str, Any]:
    """The facts of a run of which what happened is true."""
    return happens(lesson(SLUG, name), facts, seed)[0]


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 8
    fits_a_row_and_can_be_told(SLUG)


@pytest.mark.parametrize("name", ["clipping", "paraphrase"])
def test_what_bleu_says_needs_no_learning(name: str) -> None:
    here = speaks(name, 0)
    assert here["written"] == {"clipping": "la la la la la", "paraphrase": "la hola videt la kala"}[name]
    drawn = registry.view(SLUG).stage(view(config(SLUG, name), lesson(SLUG, name).at or 0))
    [panel] = [panel for row in drawn.rows for panel in row if panel["key"] == "arithmetic"]
    told = [[cell[0]["text"] for cell in row] for row in panel["rows"]]
    assert told[1][1:4] == ["5", "5", str(here["clipped"])] and told[-1][-1] == "BLEU 0.0"


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_the_matrix_finds_the_word_order(seed: int) -> None:
    here = speaks("matrix", seed)
    assert 0.96 < here["aligned_attention"] <= 1 and here["exact_attention"] > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_without_attention_long_sentences_suffer_most(seed: int) -> None:
    here = speaks("bottleneck", seed)
    assert 8 < here["bleu_none"] < 30 and here["bleu_short_none"] > 1.4 * here["bleu_long_none"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_articles_are_looked_for_near_the_noun(seed: int) -> None:
    here = speaks("article", seed)
    assert 0.3 < here["articles_attention"] < 0.65 and here["nouns_attention"] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(0, SEEDS))
def test_an_encoder_that_reads_one_way_guesses_the_gender(seed: int) -> None:
    here = speaks("one_way", seed)
    assert 0.55 < here["agree_attention"] < 0.88


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_an_article_that_is_made_to_look_elsewhere_is_another(seed: int) -> None:
    here = speaks("elsewhere", seed)
    free = facts("elsewhere", seed=seed, look_at=())["written"]
    assert here["forced_word"] == "na" and free == "lo miro na wufa videt"


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_beam_is_likelier_and_shorter_and_worse(seed: int) -> None:
    here = speaks("beam", seed)
    assert here["words_beam"] < 0.95 * here["words_right"] and here["bleu_penalty"] >= here["bleu_beam"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "knobs", "at"),
    [
        ("matrix", {"models": "none"}, 10), ("bottleneck", {}, 10), ("article", {"agreement": 0.0}, 30),
        ("one_way", {"encoder": "two"}, 20), ("elsewhere", {"look_at": ()}, 20), ("beam", {"judge_beam": False}, 20),
        ("clipping", {"begin_with": ""}, 1), ("paraphrase", {"begin_with": ""}, 1),
    ],
)  # fmt: skip
def test_with_its_cause_taken_away_a_lesson_says_otherwise(name: str, knobs: dict[str, Any], at: int) -> None:
    chosen = lesson(SLUG, name)
    here = facts(name, at=at, **knobs)
    there = None if chosen.beside is None else facts(name, beside=True, at=at)
    assert not chosen.holds(here, there)
    assert chosen.said(here, there) != chosen.happened and len(chosen.said(here, there)) > 50
