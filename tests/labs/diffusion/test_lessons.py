"""What the lessons on diffusion say is what the runs do, for five seeds."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
import torch

from engine.contract.device import generator
from engine.labs.diffusion import Config, Experiment
from ui.lesson import lessons

SEEDS = range(5)


@cache
def run(name: str, seed: int, *, beside: bool = False) -> Experiment:
    """The lesson's run, or the one beside it, when the explanation appears."""
    lesson = next(each for each in lessons("diffusion") if each.slug == name)
    config = lesson.compared(Config) if beside else lesson.config(Config)
    assert config is not None and lesson.runs_to is not None
    experiment = Experiment(dataclasses.replace(config, seed=seed))
    for _ in range(lesson.runs_to):
        experiment.step()
    return experiment


def both(name: str, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    return run(name, seed).scores, run(name, seed, beside=True).scores


def test_titles_fit_into_a_row_and_each_lesson_has_three_answers() -> None:
    for each in lessons("diffusion"):
        assert len(each.title) <= 28 and len(each.answers) == 3 and each.runs_to is not None and each.explain


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_one_look_leads_to_the_middle_and_fifty_to_the_ring(seed: int) -> None:
    one, fifty = both("one_look", seed)
    assert one["within"] == one["modes"] == 0
    assert run("one_look", seed).path[-1].norm(dim=1).mean() < 0.2
    assert fifty["modes"] == 8


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
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
@pytest.mark.parametrize("seed", SEEDS)
def test_guidance_is_paid_for_with_variety(seed: int) -> None:
    guided, plain = both("guidance", seed)
    assert guided["recognised"] >= 0.98 > 0.95 >= plain["recognised"] >= 0.87
    assert 0.65 <= guided["variety"] <= 0.81
    assert 0.86 <= plain["variety"] <= 1.02


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_straight_paths_need_few_steps(seed: int) -> None:
    flow, linear = both("straight_paths", seed)
    assert flow["modes"] == 8 and 0.01 <= flow["energy_distance"] <= 0.025
    assert linear["modes"] <= 2 and 0.07 <= linear["energy_distance"] <= 0.13


@pytest.mark.slow
def test_with_the_cosine_schedule_noise_prediction_needs_no_more_steps() -> None:
    config = run("straight_paths", 0, beside=True).config
    found = []
    for seed in SEEDS:
        experiment = Experiment(dataclasses.replace(config, schedule="cosine", seed=seed))
        for _ in range(500):
            experiment.step()
        found.append(experiment.scores["energy_distance"])
    assert np.median(found) < 0.03
    assert torch.isfinite(experiment.path).all()
