"""What the lessons of moe_routing say is what the runs do, for the seed on screen and seven others."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson

import engine
from engine.contract import registry
from engine.contract.facts import Facts
from engine.contract.view import View
from engine.labs.moe_routing import Config, Experiment
from ui.lesson import lessons

SLUG = "moe_routing"
SEEDS = first(1, range(8))
EARLY = 20


@cache
def run(chosen: Config, steps: int) -> tuple[dict[str, np.ndarray], dict[int, Any]]:
    """The metrics of every step, and the frames at the start, early and at the end."""
    experiment = Experiment(chosen)
    metrics, frames = [], {0: experiment.frame()}
    for found in engine.train(experiment, steps):
        metrics.append(found)
        if experiment.step_count in (EARLY, steps):
            frames[experiment.step_count] = experiment.frame()
    return {name: np.array([found[name] for found in metrics]) for name in metrics[0]}, frames


def moment(chosen: Config, steps: int, step: int | None = None) -> View:
    """What a run is like at `step`, looked back at from its last one."""
    metrics, frames = run(chosen, steps)
    step = steps if step is None else step
    curves = {name: (np.arange(1, steps + 1), values) for name, values in metrics.items()}
    return View(frames[step], chosen, curves, step, steps)


def told(name: str, seed: int) -> tuple[Facts, Facts | None]:
    """The facts of a lesson's run where it stops, and of the run beside it."""
    chosen, facts = lesson(SLUG, name), registry.view(SLUG).facts
    both = [False] if chosen.beside is None else [False, True]
    found = [facts(moment(config(SLUG, name, beside=b, seed=seed), chosen.at or 0)) for b in both]
    return found[0], (found[1] if chosen.beside is not None else None)


def happened(name: str, seed: int, *, rare: int | None = None) -> tuple[Facts, Facts]:
    """The same; that the lesson's text is true of it, but for one seed; and that the numbers stand in it."""
    chosen, (facts, beside) = lesson(SLUG, name), told(name, seed)
    assert chosen.holds(facts, beside) is (seed != rare)
    said = chosen.said(facts, beside)
    assert "nan" not in said.split() and len(said.split()) <= 125
    return facts, beside or {}


def test_titles_fit_into_a_row_and_every_lesson_stops() -> None:
    assert len(lessons(SLUG)) == 5
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.at and each.point and each.knobs, each.slug


@pytest.mark.parametrize("seed", range(8))
def test_before_the_collapse_nobody_is_left_out(seed: int) -> None:
    """So that the answer is not on screen before Play."""
    chosen = config(SLUG, "collapse", seed=seed)
    frame = Experiment(chosen).frame()
    assert (frame.load > 0.01).sum() >= 3 and frame.violation < 1
    other = Experiment(config(SLUG, "collapse", beside=True, seed=seed)).frame()
    assert np.array_equal(frame.load, other.load)
    random = Experiment(dataclasses.replace(chosen, router_start="random"))
    even = Experiment(chosen)
    assert not even.moe.router[-1].any() and even.moe.router[:-1].equal(random.moe.router[:-1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_without_balance_one_expert_takes_all_but_in_one_run_of_eight(seed: int) -> None:
    facts, beside = happened("collapse", seed, rare=6)
    assert facts["working"] == (2 if seed == 6 else 1) and beside["working"] == 4
    assert facts["began"] >= 3 and facts["moe"] < 0.01
    metrics, _ = run(config(SLUG, "collapse", seed=seed), 300)
    working = sum(metrics[f"load.{i}"] > 0.01 for i in range(4))
    assert working[0] >= 3 and working[EARLY] >= 2 and working[-1] == facts["working"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_balanced_is_not_specialised(seed: int) -> None:
    facts, beside = happened("balanced_not_specialised", seed)
    assert 0.19 <= facts["violation"] <= 0.7 and 0.5 <= facts["information"] <= 0.66
    assert beside["violation"] == pytest.approx(3.27, abs=0.05) and beside["information"] > 0.84
    assert beside["working"] in (3, 4) and beside["told"] > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_half_the_seats_leave_half_of_the_error(seed: int) -> None:
    facts, beside = happened("capacity", seed)
    assert facts["dropped"] == pytest.approx(0.5, abs=0.01) and facts["moe"] == pytest.approx(0.51, abs=0.01)
    assert facts["information"] == 1 and facts["working"] == 4
    assert beside["dropped"] == 0 and beside["moe"] < 0.02
    crossed = moment(config(SLUG, "capacity", seed=seed), 500).frame.dropped
    assert crossed.mean() == pytest.approx(facts["dropped"], abs=0.03)  # the points that are drawn say so too


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_shared_expert_takes_what_is_common_but_in_one_run_of_eight(seed: int) -> None:
    facts, beside = happened("shared_expert", seed, rare=6)
    assert 0.7 <= facts["alike"] <= 0.79 and beside["common"] > 0.9
    assert -0.3 <= beside["alike"] <= (0.55 if seed == 6 else 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_on_text_the_mixture_beats_the_network_of_equal_compute(seed: int) -> None:
    facts, _ = happened("characters", seed)
    assert 1.8 <= facts["moe"] <= 2.1 and facts["ahead"] > 0.05 and facts["beyond"] < 0.2
    assert 0.3 <= facts["information"] <= 0.52 and 5 <= facts["gathered"] <= 18
    frame = moment(config(SLUG, "characters", seed=seed), 600).frame
    assert len(frame.passage) == 400 and facts["gathered"] == (frame.character_flow[:20].max(axis=1) > 0.5).sum()


@pytest.mark.slow
def test_what_happens_otherwise_is_told_when_the_cause_is_gone() -> None:
    chosen, (_, beside) = lesson(SLUG, "collapse"), told("collapse", 0)
    assert beside is not None and not chosen.holds(beside, beside)  # with the balancing loss on both sides
    assert str(beside["stands"]) in chosen.said(beside, beside)
    for name in ("balanced_not_specialised", "capacity", "shared_expert"):
        assert not lesson(SLUG, name).holds(beside, beside) and lesson(SLUG, name).said(beside, beside)
    assert not lesson(SLUG, "characters").holds(beside)


@pytest.mark.slow
def test_the_sentence_goes_with_the_run() -> None:
    say, chosen = registry.view(SLUG).say, config(SLUG, "collapse", seed=0)
    begun, early, end = (moment(chosen, 300, step) for step in (0, EARLY, 300))
    assert say(begun).startswith("Each dot, a token") and "2 of 4 experts work" in say(early)
    assert say(end).startswith("Collapsed") and "4 of 4" in say(
        moment(config(SLUG, "collapse", beside=True, seed=0), 300)
    )
    lost = dataclasses.replace(end, frame=dataclasses.replace(end.frame, scores=(math.nan, 0.1, 0.1)))
    assert "diverged" in say(lost) and "diverged" in registry.view(SLUG).facts(lost)["stands"]


@pytest.mark.parametrize(
    "knobs",
    [{"experts": 1}, {"data": "text"}, {"experts": 64, "top_k": 8}, {"capacity_factor": 0.1}, {"shared": 4},
     {"experts": 1, "data": "text", "router_start": "even"}],
)  # fmt: skip
def test_every_config_has_facts_and_a_sentence_from_the_start(knobs: dict[str, Any]) -> None:
    experiment, view = Experiment(Config(**knobs)), registry.view(SLUG)
    for step in range(2):
        now = View(experiment.frame(), experiment.config, {}, step, step)
        facts = view.facts(now)
        assert len(view.say(now)) <= 120 and facts["working"] == (experiment.frame().load > 0.01).sum()
        assert all(type(fact) in (int, float, str) for fact in facts.values())
        experiment.step()


def test_what_an_expert_tells_of_its_tokens() -> None:
    """Three clusters of equal size: one at an expert of its own, two at another: two thirds can be guessed."""
    frame = moment(Config(clusters=3), 1).frame
    flow = np.zeros((3, 5), np.float32)
    flow[0, 0], flow[1, 2], flow[2, 2] = 1 / 3, 1 / 3, 1 / 3
    view = View(dataclasses.replace(frame, flow=flow), Config(clusters=3), {}, 1, 1)
    assert registry.view(SLUG).facts(view)["told"] == pytest.approx(2 / 3)
