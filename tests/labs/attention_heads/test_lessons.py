"""What the lessons of attention_heads say is what the runs do, for the seed on screen and four others."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from lesson_runs import config, first, lesson

import engine
from engine.labs.attention_heads import Config, Experiment
from ui.lesson import lessons

SLUG = "attention_heads"
SEEDS = first(2, range(5))


@cache
def run(chosen: Config, steps: int) -> tuple[Experiment, dict[str, np.ndarray]]:
    experiment = Experiment(chosen)
    metrics = list(engine.train(experiment, steps))
    return experiment, {name: np.array([found[name] for found in metrics]) for name in metrics[0]}


def shown(name: str, *, beside: bool = False, seed: int) -> tuple[Experiment, dict[str, np.ndarray]]:
    """The experiment and its metrics after as many steps as the lesson runs."""
    return run(config(SLUG, name, beside=beside, seed=seed), lesson(SLUG, name).runs_to or 0)


def reaches(values: np.ndarray, level: float) -> int:
    return int(np.argmax(values >= level)) + 1


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 5
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.runs_to is not None, each.slug


def half_way(values: np.ndarray) -> int:
    """The first step past the middle between step 60 and the end."""
    way = (values - values[60]) / (values[-1] - values[60])
    return int(np.argmax(way > 0.5)) + 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_loss_and_induction_score_turn_at_the_same_step(seed: int) -> None:
    experiment, metrics = shown("induction_head", seed=seed)
    at = half_way(metrics["test_loss"])
    assert 84 <= at <= 96 and abs(half_way(metrics["induction"]) - at) <= 1
    assert metrics["test_accuracy"][69] < 0.3 and metrics["test_accuracy"][110:124].max() >= 0.95
    assert metrics["test_accuracy"][-1] >= 0.95
    frame = experiment.frame()
    assert frame.previous[0, 0] > 0.75 and frame.induction[1, 0] > 0.9
    assert frame.loss < 0.115 and (frame.costs > 4.5).all()
    _, four = shown("four_heads_or_one", seed=seed)
    assert abs(half_way(four["induction"]) - half_way(four["test_loss"])) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_without_positions_all_blanks_get_one_answer(seed: int) -> None:
    experiment, metrics = shown("without_positions", seed=seed)
    assert metrics["test_accuracy"][-1] == 0.125 and 2.2 < metrics["test_loss"][-1] < 2.5
    assert metrics["test_loss"].min() > np.log(8)
    tokens, _, scored = experiment.held_out
    with torch.no_grad():
        logits = experiment.model(tokens)[scored].unflatten(0, (-1, 8))
    assert torch.allclose(logits, logits[:, :1].expand_as(logits), atol=1e-5)
    _, placed = shown("without_positions", beside=True, seed=seed)
    assert (placed["test_accuracy"][40:] == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_one_layer_cannot_find_what_came_after(seed: int) -> None:
    _, one = shown("one_layer", seed=seed)
    assert 0.08 <= one["test_accuracy"][-1] <= 0.19 and 2.6 <= one["test_loss"][-1] <= 2.9
    _, two = shown("one_layer", beside=True, seed=seed)
    assert two["test_accuracy"][-1] >= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_one_head_is_enough_and_four_can_spare_one(seed: int) -> None:
    four, of_four = shown("four_heads_or_one", seed=seed)
    one, of_one = shown("four_heads_or_one", beside=True, seed=seed)
    assert 121 <= reaches(of_four["test_accuracy"], 0.95) <= 136
    assert 97 <= reaches(of_one["test_accuracy"], 0.95) <= 110
    assert (one.frame().costs > 4.5).all() and one.frame().loss < 0.115
    costs = four.frame().costs
    assert costs[1].max() < 0.3 and costs[1].max() < costs[0].max()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_shared_keys_learn_a_little_later_and_need_a_quarter_of_the_cache(seed: int) -> None:
    shared, metrics = shown("grouped_queries", seed=seed)
    _, own = shown("grouped_queries", beside=True, seed=seed)
    late, early = (reaches(found["test_accuracy"], 0.95) for found in (metrics, own))
    assert 138 <= late <= 167 and 121 <= early <= 136
    assert min(metrics["test_accuracy"][-1], own["test_accuracy"][-1]) >= 0.98
    cache = shared.frame().cache
    assert (cache["multi_head"], cache["multi_query"]) == (1024, 256)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, range(2)))
def test_text_is_better_read_with_four_heads(seed: int) -> None:
    four, one = (run(Config(task="text", heads=heads, seed=seed), 300)[1]["test_loss"][-1] for heads in (4, 1))
    assert 1.7 < four < 2.1 and 1.9 < one < 2.4 and one > four + 0.1
