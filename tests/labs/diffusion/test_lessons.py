"""What the lessons on diffusion say is what the runs do, for five seeds or eight."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import pytest
import torch
from lesson_runs import config, first, lesson
from scene_format import words

from engine.contract import registry
from engine.contract.device import generator
from engine.contract.view import View
from engine.data import point_clouds
from engine.labs.diffusion import Config, Experiment
from engine.labs.diffusion.view import stage
from engine.labs.diffusion.words import NONE, facts
from engine.measures import distances
from ui.lesson import lessons

SLUG = "diffusion"
SEEDS = range(5)
view = registry.view(SLUG)


def ring(**knobs: Any) -> Config:
    """Settings on the plane."""
    return Config(**{"data": "ring"} | knobs)


STATES: dict[Config, dict[int, dict[str, Any]]] = {}


def learned(settings: Config, updates: int) -> dict[str, Any]:
    """The state after so many updates; training goes on from the last earlier state that is known."""
    known = STATES.setdefault(settings, {})
    if updates not in known:
        experiment = Experiment(settings)
        if earlier := [n for n in known if n < updates]:
            experiment.load_state_dict(known[max(earlier)])
        while experiment.step_count < updates:
            experiment.step()
            if experiment.step_count % 50 == 0 or experiment.step_count == updates:
                known[experiment.step_count] = experiment.state_dict()
    return known[updates]


@cache
def drawn(settings: Config, updates: int) -> Experiment:
    """A run after so many updates, as it would have been from the beginning.

    How samples are drawn changes nothing in what is learned: runs that differ in that alone are trained once, as far
    as to where the samples begin that are ready in the end.
    """
    default = Config()
    drawing = ("sampler", "flow_sampler", "eta", "sampling_steps", "guidance")
    plain = dataclasses.replace(settings, **{name: getattr(default, name) for name in drawing})
    each = 250 if settings.sampling_steps == 1000 else settings.sampling_steps  # updates while samples are drawn
    before = updates // each - 1  # drawn by then
    experiment = Experiment(settings)
    experiment.load_state_dict(learned(plain, before * each) | {"run": before})
    while experiment.step_count < updates:
        experiment.step()
    return experiment


def run(name: str, seed: int, *, beside: bool = False) -> Experiment:
    """The lesson's run, or the one beside it, when the explanation appears."""
    return drawn(config(SLUG, name, beside=beside, seed=seed), lesson(SLUG, name).runs_to or 0)


def seen(experiment: Experiment) -> View:
    return View(experiment.frame(), experiment.config, {}, experiment.step_count, experiment.step_count)


def told(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts of both runs, by which the lesson says what happened."""
    one, other = (facts(seen(run(name, seed, beside=beside))) for beside in (False, True))
    chosen = lesson(SLUG, name)
    assert chosen.holds(one, other), (one, other)
    assert "lesson's settings" not in chosen.said(one, other) and NONE not in chosen.said(one, other)
    assert not chosen.holds(other, other)  # both sides as the right one: what it is about is gone
    assert "lesson's settings" in chosen.said(other, other)
    return one, other


@pytest.mark.parametrize("knobs", [{"sampling_steps": 1}, {"sampling_steps": 6, "eta": 0.5}, {"objective": "flow"}])
def test_a_run_that_is_trained_once_for_several_is_the_run_itself(knobs: dict[str, Any]) -> None:
    settings = ring(size="small", seed=1, **({"sampling_steps": 5} | knobs))
    alone, shared = Experiment(settings), drawn(settings, 23)
    for _ in range(23):
        alone.step()
    assert torch.equal(alone.path, shared.path) and alone.scores == shared.scores
    assert torch.equal(alone.few.values, shared.few.values)


def test_every_lesson_has_three_answers_and_points_at_a_panel_that_is_there() -> None:
    for each in lessons(SLUG):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.at and each.point
        scene = view.stage(seen(Experiment(each.config(Config))))
        assert each.point.panel in [panel["key"] for row in scene.rows for panel in row]
        assert each.knobs and set(each.knobs) <= {*Config.knobs()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, range(8)))
def test_one_look_leads_to_the_middle_and_fifty_to_the_ring(seed: int) -> None:
    one, fifty = told("one_look", seed)
    assert one["within"] == one["modes"] == 0 and one["middle"] < 0.2 < 0.5 < one["real_middle"]
    assert fifty["modes"] == 8 and fifty["within"] > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_ten_steps_cost_a_little_sharpness(seed: int) -> None:
    ten, thousand = told("ten_steps", seed)
    assert ten["modes"] == thousand["modes"] == 8
    assert max(ten["energy"], thousand["energy"]) < 0.012
    assert 0.66 <= ten["within"] <= 0.76 and thousand["within"] > 0.88
    assert thousand["straightness"] < 0.1 < 0.4 < ten["straightness"]
    experiment = run("ten_steps", seed)
    assert (experiment.few.values[0, 1:].diff() < 0).sum() >= 4  # it falls with every call, but for chance at the end
    alone = Experiment(dataclasses.replace(experiment.config, sampling_steps=1))
    alone.model.load_state_dict(experiment.model.state_dict())
    x = alone.sample(512, generator(seed, "test"))
    assert (x.abs() == alone.clip).all(1).sum() >= 509  # the cross at one call: in the corners, nearly all of them


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_guidance_is_paid_for_with_variety(seed: int) -> None:
    guided, plain = told("guidance", seed)
    assert guided["recognised"] >= 0.98 > 0.95 >= plain["recognised"] >= 0.87
    assert 0.65 <= guided["variety"] <= 0.81 and 0.86 <= plain["variety"] <= 1.02
    for found, beside in ((guided, False), (plain, True)):  # the numbers stand above the digits of which they are
        view = dataclasses.replace(seen(run("guidance", seed, beside=beside)), beside=True)
        title = next(panel for row in stage(view).rows for panel in row if panel["key"] == "samples")["title"]
        assert str(found["said_recognised"]) in title and str(found["said_variety"]) in title


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_straight_paths_need_few_steps(seed: int) -> None:
    flow, linear = told("straight_paths", seed)
    assert flow["modes"] == 8 and 0.01 <= flow["energy"] <= 0.025 and 0.4 < flow["straightness"] < 0.7
    assert linear["modes"] <= 2 and 0.07 <= linear["energy"] <= 0.13


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_with_the_cosine_schedule_noise_prediction_needs_no_more_steps(seed: int) -> None:
    settings = config(SLUG, "straight_paths", beside=True, seed=seed, schedule="cosine")
    experiment = drawn(settings, lesson(SLUG, "straight_paths").runs_to or 0)
    assert experiment.scores["energy_distance"] < 0.03
    assert torch.isfinite(experiment.path).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_the_ring_of_eight_is_learned(seed: int) -> None:
    """Within 1,200 updates, for which ten seconds of one core are enough."""
    experiment = Experiment(ring(seed=seed))
    experiment.load_state_dict(learned(experiment.config, 1200))
    x = experiment.sample(2000, generator(seed, "test"))
    centres = point_clouds.centres("ring")
    assert centres is not None
    real = point_clouds.sample("ring", 2000, generator(seed, "test real"))
    assert distances.modes_covered(x, centres, point_clouds.SIGMA) == 8
    assert distances.energy_distance(x, real) <= 0.01
    assert (torch.cdist(x, centres).min(1).values <= 3 * point_clouds.SIGMA).float().mean() >= 0.85


def test_what_is_said_changes_with_the_samples() -> None:
    settings = ring(size="small", sampling_steps=20, seed=1)
    experiment, said = Experiment(settings), []
    for _ in range(400):
        if experiment.step_count % 10 == 0:
            said.append(view.say(seen(experiment)))
        experiment.step()
    assert "learns the way back" in said[0] and said[1] == "The first samples are under way, step 10 of 20."
    assert any("places so far" in each for each in said) and said[-1].startswith("All 8 places are found")
    assert max(map(len, said)) <= 120
    experiment.update(dataclasses.replace(settings, sampling_steps=1))
    assert "lie at a bound" in view.say(seen(experiment))


@pytest.mark.parametrize("name", ["one_look", "ten_steps", "straight_paths"])
def test_the_numbers_of_a_text_stand_on_the_panels_that_its_lesson_opens(name: str) -> None:
    chosen, experiment = lesson(SLUG, name), Experiment(config(SLUG, name, size="small"))
    while experiment.drawn_at < 0:
        experiment.step()
    here = dataclasses.replace(seen(experiment), beside=True)
    scene, found = stage(here), facts(here)
    assert chosen.panels == ("numbers",) and "numbers" in [panel["key"] for row in scene.rows for panel in row]
    told = words(scene)
    named = {fact.removeprefix("beside.") for fact in chosen.names() if "said_" in fact}
    assert named and all(f"{found[fact]}" in told for fact in named), (named, told)
    [hero] = [panel for row in scene.rows for panel in row if panel["key"] == "samples"]
    compared = ["said_within", "said_middle" if name == "one_look" else "said_modes"]
    assert all(f"{found[fact]}" in hero["title"] for fact in compared)


def test_where_nothing_is_measured_the_facts_say_so() -> None:
    for knobs in ({}, {"data": "spiral"}, {"data": "digits"}, {"data": "moons", "conditional": True}):
        experiment = Experiment(ring(size="small", **knobs))
        found = facts(seen(experiment))
        assert found["drawn_at"] == -1 and found["said_energy"] == NONE == found["said_variety"]
        for each in lessons(SLUG):
            assert not each.holds(found, found) and "nan" not in each.said(found, found)
        experiment.model.requires_grad_(False)
        for parameter in experiment.model.parameters():
            parameter.fill_(float("nan"))
        experiment.step_count += 1
        experiment.path = experiment.path * float("nan")
        assert "left all bounds" in view.say(seen(experiment))
