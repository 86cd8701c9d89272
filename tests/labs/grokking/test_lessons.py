"""What the lessons of grokking say is what the runs do: other weights and other cells for each seed."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from lesson_runs import config, first, fits_a_row_and_can_be_told, happens, lesson

import engine
from engine.contract import registry
from engine.contract.view import View
from engine.labs.grokking.experiment import Config, Experiment
from engine.labs.grokking.fourier import circles, restricted
from ui.lesson import lessons

SLUG = "grokking"
SEEDS = range(8)
MIDDLE, LONGEST = 220, 650  # steps of the default at which lessons stop


STOPS = {each.at for each in lessons(SLUG)}


@cache
def run(chosen: Config, steps: int) -> tuple[dict[str, np.ndarray], dict[int, Any], dict[str, Any]]:
    """The metrics; the frames at the start, wherever a lesson stops and at the end; the state in the middle."""
    experiment = Experiment(chosen)
    metrics, frames, state = [], {0: experiment.frame()}, {}
    for each in engine.train(experiment, steps):
        metrics.append(each)
        if experiment.step_count in STOPS | {steps}:
            frames[experiment.step_count] = experiment.frame()
        if experiment.step_count == MIDDLE:
            state = experiment.state_dict()
    return {name: np.array([found[name] for found in metrics]) for name in metrics[0]}, frames, state


def of(chosen: Config, steps: int) -> tuple[dict[str, np.ndarray], dict[int, Any], dict[str, Any]]:
    """One long run of the defaults serves all lessons that show it, and one without decay those two."""
    default = Config(seed=chosen.seed, data_seed=chosen.data_seed)
    plain = dataclasses.replace(default, weight_decay=0.0)
    return run(chosen, {default: LONGEST, plain: 500}.get(chosen, steps))


def shown(name: str, *, beside: bool = False, seed: int) -> dict[str, np.ndarray]:
    """The metrics of a lesson; step t is at t - 1."""
    return of(config(SLUG, name, beside=beside, seed=seed, data_seed=seed), lesson(SLUG, name).at or 0)[0]


def facts(name: str, *, beside: bool = False, seed: int, at: int = 0, **knobs: Any) -> dict[str, Any]:
    """What may be told of a lesson's run where it stops, or at another step."""
    chosen = config(SLUG, name, beside=beside, seed=seed, data_seed=seed, **knobs)
    at = at or lesson(SLUG, name).at or 0
    metrics, frames, _ = of(chosen, at)
    curves = {metric: (np.arange(1, len(values) + 1), values) for metric, values in metrics.items()}
    return registry.view(SLUG).facts(View(frames[at], chosen, curves, at, len(metrics["norm"])))  # type: ignore[no-any-return]


def speaks(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The facts of both runs, of which what happened is true."""
    return happens(lesson(SLUG, name), facts, seed)


def reaches(values: np.ndarray, level: float) -> int:
    assert values.max() >= level
    return int(np.argmax(values >= level)) + 1


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    assert len(lessons(SLUG)) == 8
    fits_a_row_and_can_be_told(SLUG)
    assert (lesson(SLUG, "hidden_progress").at, lesson(SLUG, "circle").at) == (MIDDLE, LONGEST)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_plateau_and_a_jump(seed: int) -> None:
    metrics = shown("plateau", seed=seed)
    assert reaches(metrics["train_accuracy"], 0.99) <= 35
    new = metrics["new_accuracy"]
    assert new[149] <= 0.02 and 270 <= reaches(new, 0.5) <= 410 and 340 <= reaches(new, 0.9) <= 570 and new[649] > 0.945
    assert 0.36 < metrics["test_accuracy"][49] < 0.42
    here, _ = speaks("plateau", seed)
    assert here["half_at"] == reaches(new, 0.5) and here["heart_at"] <= 35 and 0.3 < here["test_then"] < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_progress_is_hidden_and_not_absent(seed: int) -> None:
    metrics = shown("hidden_progress", seed=seed)
    keys, new = metrics["key_accuracy"], metrics["new_accuracy"]
    assert 0.41 < keys[MIDDLE - 1] < 0.96 and 0.01 < new[MIDDLE - 1] < 0.17
    assert 120 <= reaches(new, 0.5) - reaches(keys, 0.5) <= 235
    here, _ = speaks("hidden_progress", seed)
    assert here["key_accuracy"] == pytest.approx(keys[MIDDLE - 1], abs=1e-5) and here["key_times"] > 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_embeddings_gather_in_few_frequencies(seed: int) -> None:
    metrics = shown("circle", seed=seed)
    frames = run(Config(seed=seed, data_seed=seed), LONGEST)[1]
    first, last = frames[0], frames[LONGEST]
    shares = [float(np.sort(frame.shares)[-5:].sum()) for frame in (first, last)]
    assert 0.25 <= shares[0] <= 0.285 and 0.47 <= shares[1] <= 0.555 and len(last.shares) == 21
    assert shares[1] == pytest.approx(metrics["key_share"][-1], abs=1e-5)
    radius = [np.hypot(*frame.circle.T) for frame in (first, last)]
    assert radius[1].std() < 0.15 < radius[0].std() and radius[1].mean() == pytest.approx(1, abs=0.05)
    own = [np.hypot(*frame.neurons.T) for frame in (first, last)]
    assert np.median(own[0]) < 0.6 and np.median(own[1]) > 0.75
    here, _ = speaks("circle", seed)
    assert here["key_share"] == pytest.approx(shares[1], abs=1e-5) and 0.25 <= here["key_share_first"] <= 0.29


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_without_decay_nothing_new_is_known_and_the_customary_measure_says_it_is(seed: int) -> None:
    plain, decayed = shown("no_decay", seed=seed), shown("no_decay", beside=True, seed=seed)
    assert reaches(plain["train_accuracy"], 0.99) <= 35
    assert plain["new_accuracy"][499] == 0 and decayed["new_accuracy"][499] > 0.78
    assert 72 < plain["norm"][499] < 75 and 37 < decayed["norm"][499] < 40 and 51 < plain["norm"][0] < 55
    here, there = speaks("no_decay", seed)
    assert here["new_accuracy"] == 0 and there is not None and there["norm"] < there["norm_first"]
    at = (lesson(SLUG, "fooled").at or 0) - 1
    assert max(plain["new_accuracy"][at], plain["key_accuracy"][at]) < 0.02 and plain["customary_accuracy"][at] > 0.45
    if plain["customary_accuracy"][at] > 0.5:  # in seven of eight runs
        speaks("fooled", seed)
    else:
        assert not lesson(SLUG, "fooled").holds(facts("fooled", seed=seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_with_enough_cells_there_is_hardly_a_plateau(seed: int) -> None:
    many, few = shown("enough_pairs", seed=seed), shown("enough_pairs", beside=True, seed=seed)
    assert reaches(many["train_accuracy"], 0.99) <= 45 and 135 <= reaches(many["new_accuracy"], 0.9) <= 170
    assert many["new_accuracy"][199] > 0.9 and few["new_accuracy"][199] < 0.105
    speaks("enough_pairs", seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_a_parity_is_found_for_all_cells_at_once(seed: int) -> None:
    metrics = shown("parity", seed=seed)
    train, test = (reaches(metrics[f"{part}_accuracy"], 0.95) for part in ("train", "test"))
    assert 0 <= test - train <= 10 and test <= 100 and metrics["test_accuracy"][39] < 0.55
    frame = run(config(SLUG, "parity", seed=seed, data_seed=seed), 150)[1][150]
    assert set(np.argsort(frame.shares)[-3:] + 1) == set(frame.keys.tolist()) == {1, 2, 7}
    here, _ = speaks("parity", seed)
    assert (here["shown_at"], here["others_at"]) == (train, test)


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
    told = list(engine.train(experiment, chosen.at or 0))
    view = View(experiment.frame(), experiment.config, {}, len(told), len(told))
    phases, facts = view.frame.phases, registry.view(SLUG).facts(view)
    assert chosen.holds(facts) and "spreads" in chosen.answers[chosen.right or 0]
    assert facts["by_heart"] == 30 and (phases.by_heart[:4] <= 40).all() and (phases.by_heart[-1] == 0).all()
    assert 4 <= facts["known"] <= 9 and facts["new_undecayed"] < 0.1 and facts["train_most"] < 0.3
    assert 111 <= facts["since_80"] <= 223 and (facts["since_60"] or 501) > 200
    assert 1.5 < facts["since_less"] / facts["since_80"] < 3 and not phases.known[:2].any()
    assert str(facts["since_80"]) in chosen.said(facts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "knobs", "at"),
    [
        ("plateau", {"weight_decay": 0.0}, 500),
        ("circle", {"weight_decay": 0.0}, 500),
        ("hidden_progress", {"weight_decay": 0.0}, 0),
        ("fooled", {"weight_decay": 1.0}, 0),
        ("no_decay", {"weight_decay": 1.0}, 0),
        ("enough_pairs", {"train_share": 0.4}, 0),
        ("parity", {"bits": 6}, 20),
    ],
)
def test_with_its_cause_taken_away_a_lesson_says_otherwise(name: str, knobs: dict[str, Any], at: int) -> None:
    chosen = lesson(SLUG, name)
    here = facts(name, seed=0, at=at, **knobs)
    there = None if chosen.beside is None else facts(name, beside=True, seed=0)
    assert not chosen.holds(here, there)
    number = here["test_accuracy" if name == "parity" else "new_accuracy"]
    assert "Usually" in chosen.said(here, there) and f"{number:.0%}" in chosen.said(here, there)


@pytest.mark.slow
def test_the_sentence_changes_with_the_phases_of_the_run_and_the_chart_marks_its_steps() -> None:
    views, chosen = registry.view(SLUG), Config(seed=0, data_seed=0)
    metrics, frames, _ = run(chosen, LONGEST)
    curves = {metric: (np.arange(1, len(values) + 1), values) for metric, values in metrics.items()}
    said = {at: views.say(View(frames[at], chosen, curves, at, LONGEST)) for at in (0, MIDDLE, LONGEST)}
    assert said[0].startswith("On Play it learns 740 of 1,849 cells") and "key frequencies alone" in said[MIDDLE]
    assert said[LONGEST].startswith("It knows: ")
    [panel] = [p for row in views.stage(View(frames[LONGEST], chosen, curves, LONGEST, LONGEST)).rows for p in row
               if p["key"] == "accuracy"]  # fmt: skip
    here = facts("plateau", seed=0)
    assert [step for step, _ in panel["rules"]] == [here["heart_at"], here["half_at"]]
    assert f"{here['new_accuracy']:.0%} of the new" in panel["title"]
