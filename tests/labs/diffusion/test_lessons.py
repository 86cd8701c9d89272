"""What the lessons on diffusion say is what the runs do, for five seeds."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import pytest
import torch
from lesson_runs import config, first, lesson

from engine.contract.device import generator
from engine.data import point_clouds
from engine.labs.diffusion import Config, Experiment
from engine.measures import distances
from ui.lesson import lessons

SLUG = "diffusion"
SEEDS = range(5)


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


def both(name: str, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    return run(name, seed).scores, run(name, seed, beside=True).scores


@pytest.mark.parametrize("knobs", [{"sampling_steps": 1}, {"sampling_steps": 6, "eta": 0.5}, {"objective": "flow"}])
def test_a_run_that_is_trained_once_for_several_is_the_run_itself(knobs: dict[str, Any]) -> None:
    settings = Config(size="small", seed=1, **({"sampling_steps": 5} | knobs))
    alone, shared = Experiment(settings), drawn(settings, 23)
    for _ in range(23):
        alone.step()
    assert torch.equal(alone.path, shared.path) and alone.scores == shared.scores
    assert torch.equal(alone.few.values, shared.few.values)


def test_titles_fit_into_a_row_and_each_lesson_has_three_answers() -> None:
    for each in lessons("diffusion"):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.runs_to is not None and each.explain


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_one_look_leads_to_the_middle_and_fifty_to_the_ring(seed: int) -> None:
    one, fifty = both("one_look", seed)
    assert one["within"] == one["modes"] == 0
    assert run("one_look", seed).path[-1].norm(dim=1).mean() < 0.2
    assert fifty["modes"] == 8


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_ten_steps_cost_a_little_sharpness(seed: int) -> None:
    ten, thousand = both("ten_steps", seed)
    assert ten["modes"] == thousand["modes"] == 8
    assert max(ten["energy_distance"], thousand["energy_distance"]) < 0.012
    experiment = run("ten_steps", seed)
    assert 0.055 <= experiment.few.values[0, 1] < 0.115
    assert experiment.few.values[0, 0] == pytest.approx(0.6, abs=0.05) and experiment.few.clipped[0, 0] > 0.99
    assert float(experiment.schedule.alpha_bar[-1].sqrt()) == pytest.approx(5e-5, rel=0.05)
    alone = Experiment(dataclasses.replace(experiment.config, sampling_steps=1))
    alone.model.load_state_dict(experiment.model.state_dict())
    x = alone.sample(512, generator(seed, "test"))
    assert (x.abs() == alone.clip).all(1).sum() >= 509  # in the corners
    assert 0.66 <= ten["within"] <= 0.76
    assert thousand["within"] > 0.88
    assert thousand["straightness"] < 0.1 < 0.4 < ten["straightness"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_guidance_is_paid_for_with_variety(seed: int) -> None:
    guided, plain = both("guidance", seed)
    assert guided["recognised"] >= 0.98 > 0.95 >= plain["recognised"] >= 0.87
    assert 0.65 <= guided["variety"] <= 0.81
    assert 0.86 <= plain["variety"] <= 1.02


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_straight_paths_need_few_steps(seed: int) -> None:
    flow, linear = both("straight_paths", seed)
    assert flow["modes"] == 8 and 0.01 <= flow["energy_distance"] <= 0.025
    assert linear["modes"] <= 2 and 0.07 <= linear["energy_distance"] <= 0.13


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
    experiment = Experiment(Config(seed=seed))
    experiment.load_state_dict(learned(experiment.config, 1200))
    x = experiment.sample(2000, generator(seed, "test"))
    centres = point_clouds.centres("ring")
    assert centres is not None
    real = point_clouds.sample("ring", 2000, generator(seed, "test real"))
    assert distances.modes_covered(x, centres, point_clouds.SIGMA) == 8
    assert distances.energy_distance(x, real) <= 0.01
    assert (torch.cdist(x, centres).min(1).values <= 3 * point_clouds.SIGMA).float().mean() >= 0.85
