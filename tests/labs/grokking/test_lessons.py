"""What the lessons of grokking say is what the runs do: other weights and other cells for each seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from lesson_runs import config, first, lesson

import engine
from engine.contract import registry
from engine.contract.view import View
from engine.labs.grokking.experiment import Config, Experiment
from engine.labs.grokking.fourier import circles, restricted
from ui.lesson import lessons

SLUG = "grokking"
SEEDS = range(8)
MIDDLE, LONGEST = 220, 650  # steps of the default at which lessons stop


@cache
def run(chosen: Config, steps: int) -> tuple[dict[str, np.ndarray], list[Any], dict[str, Any]]:
    """The metrics; the frames at the start, in the middle of the plateau and at the end; the state in the middle."""
    experiment = Experiment(chosen)
    metrics, frames, state = [], [experiment.frame()], {}
    for each in engine.train(experiment, steps):
        metrics.append(each)
        if experiment.step_count in (MIDDLE, steps):
            frames.append(experiment.frame())
        if experiment.step_count == MIDDLE:
            state = experiment.state_dict()
    return {name: np.array([found[name] for found in metrics]) for name in metrics[0]}, frames, state


def shown(name: str, *, beside: bool = False, seed: int) -> dict[str, np.ndarray]:
    """The metrics of a lesson; step t is at t - 1.  One long run of the defaults serves all lessons that show it."""
    chosen = config(SLUG, name, beside=beside, seed=seed, data_seed=seed)
    steps = LONGEST if chosen == Config(seed=seed, data_seed=seed) else lesson(SLUG, name).runs_to
    return run(chosen, steps or 0)[0]


def reaches(values: np.ndarray, level: float) -> int:
    assert values.max() >= level
    return int(np.argmax(values >= level)) + 1


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 8
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and 3 <= len(each.answers) <= 4 and each.runs_to is not None, each.slug
    assert (lesson(SLUG, "hidden_progress").runs_to, lesson(SLUG, "circle").runs_to) == (MIDDLE, LONGEST)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_plateau_and_a_jump(seed: int) -> None:
    metrics = shown("plateau", seed=seed)
    assert reaches(metrics["train_accuracy"], 0.99) <= 35
    new = metrics["new_accuracy"]
    assert new[149] <= 0.02 and 270 <= reaches(new, 0.5) <= 410 and 340 <= reaches(new, 0.9) <= 570 and new[649] > 0.945
    assert 0.36 < metrics["test_accuracy"][49] < 0.42


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_progress_is_hidden_and_not_absent(seed: int) -> None:
    metrics = shown("hidden_progress", seed=seed)
    keys, new = metrics["key_accuracy"], metrics["new_accuracy"]
    assert 0.41 < keys[MIDDLE - 1] < 0.96 and 0.01 < new[MIDDLE - 1] < 0.17
    assert 120 <= reaches(new, 0.5) - reaches(keys, 0.5) <= 235


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_embeddings_gather_in_few_frequencies(seed: int) -> None:
    metrics = shown("circle", seed=seed)
    _, (first, _, last), _ = run(Config(seed=seed, data_seed=seed), LONGEST)
    shares = [float(np.sort(frame.shares)[-5:].sum()) for frame in (first, last)]
    assert 0.25 <= shares[0] <= 0.285 and 0.47 <= shares[1] <= 0.555 and len(last.shares) == 21
    assert shares[1] == pytest.approx(metrics["key_share"][-1], abs=1e-5)
    radius = [np.hypot(*frame.circle.T) for frame in (first, last)]
    assert radius[1].std() < 0.15 < radius[0].std() and radius[1].mean() == pytest.approx(1, abs=0.05)
    own = [np.hypot(*frame.neurons.T) for frame in (first, last)]
    assert np.median(own[0]) < 0.6 and np.median(own[1]) > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_without_decay_nothing_new_is_known_and_the_customary_measure_says_it_is(seed: int) -> None:
    plain, decayed = shown("no_decay", seed=seed), shown("no_decay", beside=True, seed=seed)
    assert reaches(plain["train_accuracy"], 0.99) <= 35
    assert plain["new_accuracy"][499] == 0 and decayed["new_accuracy"][499] > 0.78
    assert 72 < plain["norm"][499] < 75 and 37 < decayed["norm"][499] < 40 and 51 < plain["norm"][0] < 55
    at = (lesson(SLUG, "fooled").runs_to or 0) - 1
    assert max(plain["new_accuracy"][at], plain["key_accuracy"][at]) < 0.02 and plain["customary_accuracy"][at] > 0.45


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_with_enough_cells_there_is_hardly_a_plateau(seed: int) -> None:
    many, few = shown("enough_pairs", seed=seed), shown("enough_pairs", beside=True, seed=seed)
    assert reaches(many["train_accuracy"], 0.99) <= 45 and 135 <= reaches(many["new_accuracy"], 0.9) <= 170
    assert many["new_accuracy"][199] > 0.9 and few["new_accuracy"][199] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_parity_is_found_for_all_cells_at_once(seed: int) -> None:
    metrics = shown("parity", seed=seed)
    train, test = (reaches(metrics[f"{part}_accuracy"], 0.95) for part in ("train", "test"))
    assert 0 <= test - train <= 10 and test <= 100 and metrics["test_accuracy"][39] < 0.55
    _, frames, _ = run(config(SLUG, "parity", seed=seed, data_seed=seed), 150)
    assert set(np.argsort(frames[-1].shares)[-3:] + 1) == set(frames[-1].keys.tolist()) == {1, 2, 7}


@pytest.mark.slow
def test_other_frequencies_know_nothing_on_the_plateau() -> None:
    experiment = Experiment(Config())
    experiment.load_state_dict(run(Config(), LONGEST)[2])
    with torch.no_grad():
        logits = experiment.model(experiment.a, experiment.b)
        _, shares = circles(experiment.model.rows, experiment.hour, experiment.hours)
        new, weakest = experiment.new, shares.topk(5, largest=False).indices + 1
        found = restricted(logits[new], experiment.a[new], experiment.b[new], weakest, 43)
    assert float((found.argmax(1) == experiment.c[new]).float().mean()) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_new_cells_are_known_first_where_much_is_shown_and_decay_is_strong(seed: int) -> None:
    chosen = lesson(SLUG, "where")
    experiment = Experiment(config(SLUG, "where", seed=seed, data_seed=seed))
    told = list(engine.train(experiment, chosen.runs_to or 0))
    view = View(experiment.frame(), experiment.config, {}, len(told), len(told))
    phases, facts = view.frame.phases, registry.view(SLUG).facts(view)
    assert chosen.holds(facts) and "spreads" in chosen.answers[chosen.right or 0]
    assert facts["by_heart"] == 30 and (phases.by_heart[:4] <= 40).all() and (phases.by_heart[-1] == 0).all()
    assert 4 <= facts["known"] <= 9 and facts["new_undecayed"] < 0.1 and facts["train_most"] < 0.3
    assert 111 <= facts["since_80"] <= 223 and (facts["since_60"] or 501) > 200
    assert 1.5 < facts["since_less"] / facts["since_80"] < 3 and not phases.known[:2].any()
    assert str(facts["since_80"]) in chosen.said(facts)
