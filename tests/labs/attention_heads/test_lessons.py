"""What the lessons of attention_heads say is what the runs do, for the seed on screen and seven others."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import numpy as np
import pytest
import torch
from lesson_runs import config, first, lesson

import engine
from engine.contract import registry
from engine.contract.facts import Facts
from engine.contract.view import View
from engine.labs.attention_heads import Config, Experiment
from engine.labs.attention_heads.frame import Frame
from ui.lesson import lessons

SLUG = "attention_heads"
SEEDS = first(1, range(8))
AT = (70, 95)  # steps of which the frames are kept too: before an induction head appears, and while it does


@cache
def run(chosen: Config, steps: int) -> tuple[Experiment, dict[str, np.ndarray], dict[int, Frame]]:
    experiment = Experiment(chosen)
    metrics, frames = [], {0: experiment.frame()}
    for found in engine.train(experiment, steps):
        metrics.append(found)
        if experiment.step_count in (*AT, steps):
            frames[experiment.step_count] = experiment.frame()
    return experiment, {name: np.array([found[name] for found in metrics]) for name in metrics[0]}, frames


def moment(chosen: Config, steps: int, step: int | None = None) -> View:
    """What a run is like at `step`, looked back at from its last one."""
    _, metrics, frames = run(chosen, steps)
    step = steps if step is None else step
    curves = {name: (np.arange(1, steps + 1), values) for name, values in metrics.items()}
    return View(frames[step], chosen, curves if step else {}, step, steps)


def told(name: str, seed: int) -> tuple[Facts, Facts | None]:
    """The facts of a lesson's run where it stops, and of the run beside it."""
    chosen, view = lesson(SLUG, name), registry.view(SLUG)
    both = [False] if chosen.beside is None else [False, True]
    found = [view.facts(moment(config(SLUG, name, beside=b, seed=seed), chosen.at or 0)) for b in both]
    return found[0], (found[1] if chosen.beside is not None else None)


def happened(name: str, seed: int) -> tuple[Facts, Facts]:
    """The same; that the lesson's text is true of it; and that the numbers stand in it."""
    chosen, (facts, beside) = lesson(SLUG, name), told(name, seed)
    assert chosen.holds(facts, beside)
    said = chosen.said(facts, beside)
    assert "nan" not in said and len(said.split()) <= 120
    return facts, beside or {}


def test_titles_fit_into_a_row_and_every_lesson_stops() -> None:
    assert len(lessons(SLUG)) == 5
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.at and each.point and each.knobs, each.slug


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_loss_and_stripe_turn_together_after_a_long_wait(seed: int) -> None:
    facts, _ = happened("induction_head", seed)
    assert 70 <= facts["third"] <= 88 and facts["reached"] <= 115 and facts["took"] <= 35
    assert abs(facts["loss_half"] - facts["stripe"]) == facts["apart"] <= 3 and facts["loss_half"] < 100
    assert facts["induction"] > 0.9 and facts["previous"] > 0.8 and facts["cost_least"] > 4
    _, metrics, frames = run(config(SLUG, "induction_head", seed=seed), 200)
    assert (metrics["test_accuracy"][: facts["third"] - 1] < 1 / 3).all() and metrics["test_accuracy"][-1] > 0.95
    assert frames[200].costs.min() == facts["cost_least"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_without_positions_all_blanks_get_one_answer(seed: int) -> None:
    facts, beside = happened("without_positions", seed)
    assert facts["right"] == 0.125 and 2.2 < facts["loss"] < 2.5 and facts["rows_apart"] < 1e-5
    experiment, metrics, _ = run(config(SLUG, "without_positions", seed=seed), 100)
    assert metrics["test_loss"].min() > np.log(8)
    tokens, _, scored = experiment.held_out
    with torch.no_grad():
        logits = experiment.model(tokens)[scored].unflatten(0, (-1, 8))
    assert torch.allclose(logits, logits[:, :1].expand_as(logits), atol=1e-5)
    assert beside["right"] == 1 and beside["reached"] <= 40 and beside["mirrored"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_one_layer_cannot_find_what_came_after(seed: int) -> None:
    facts, beside = happened("one_layer", seed)
    assert 0.07 <= facts["right"] < 0.2 and facts["induction"] < 0.15 and facts["reached"] == 0
    assert beside["right"] >= 0.99 and beside["induction"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_one_head_is_enough_and_four_can_spare_one(seed: int) -> None:
    facts, beside = happened("four_heads_or_one", seed)
    assert 115 <= facts["reached"] <= 150 and 90 <= beside["reached"] <= 112
    assert facts["cost_last"] < 0.3 and facts["cost_first"] > facts["cost_last"] and beside["cost_least"] > 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_shared_keys_learn_a_little_later_and_need_a_quarter_of_the_cache(seed: int) -> None:
    facts, beside = happened("grouped_queries", seed)
    assert 135 <= facts["reached"] <= 170 and 115 <= beside["reached"] <= 150
    assert min(facts["right"], beside["right"]) >= 0.98 and (facts["cache"], beside["cache"]) == (256, 1024)


@pytest.mark.slow
def test_what_happens_otherwise_is_told_when_the_cause_is_gone() -> None:
    """The run that the lesson compares with in both places: nothing is left to explain."""
    for name in ("without_positions", "four_heads_or_one"):
        chosen, (_, beside) = lesson(SLUG, name), told(name, 0)
        assert beside is not None and not chosen.holds(beside, beside), name
        assert str(beside["stands"]) in chosen.said(beside, beside)
    chosen, (facts, _) = lesson(SLUG, "induction_head"), told("without_positions", 0)
    assert not chosen.holds(facts) and "has not yet reached 95%" in chosen.said(facts)


@pytest.mark.slow
def test_the_sentence_goes_with_the_run() -> None:
    say, chosen = registry.view(SLUG).say, config(SLUG, "induction_head", seed=0)
    phases = [say(moment(chosen, 200, step)) for step in (0, *AT, 200)]
    starts = ("press Play", "no induction stripe", "A stripe grows in head 2.1", "right: head 2.1 looks")
    assert all(start in phase for start, phase in zip(starts, phases, strict=True))
    assert all(len(phase) <= 120 for phase in phases)
    before = moment(chosen, 200, AT[0])
    assert registry.view(SLUG).facts(before)["reached"] == 0  # though the curves go on to where it was
    off = dataclasses.replace(before, frame=dataclasses.replace(before.frame, off=((1, 1),)))
    assert say(off).startswith("With heads switched off")
    lost = {"test_loss": (np.arange(1, 4), np.array([3.0, 9.0, math.nan]))}
    diverged = dataclasses.replace(before, curves=lost)
    assert "diverged" in say(diverged) and "diverged" in registry.view(SLUG).facts(diverged)["stands"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, range(2)))
def test_text_is_better_read_with_four_heads(seed: int) -> None:
    four, one = (run(Config(task="text", heads=heads, seed=seed), 300)[1]["test_loss"][-1] for heads in (4, 1))
    assert 1.7 < four < 2.1 and 1.9 < one < 2.4 and one > four + 0.1
