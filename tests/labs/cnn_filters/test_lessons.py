"""What the lessons of cnn_filters say is what the runs do, for the seed on screen and others."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson

import engine
from engine.labs.cnn_filters import Experiment
from ui.lesson import lessons

SLUG = "cnn_filters"
SEEDS = first(2, range(6))


@cache
def run(name: str, *, beside: bool = False, **knobs: Any) -> tuple[Experiment, list[dict[str, float]]]:
    """The experiment and its metrics after as many steps as the lesson runs."""
    experiment = Experiment(config(SLUG, name, beside=beside, **knobs))
    return experiment, list(engine.train(experiment, lesson(SLUG, name).runs_to or 0))


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    for each in lessons(SLUG):
        assert len(each.title) <= 28, each.slug
        assert each.runs_to is not None, each.slug
        assert len(each.answers) == 3, each.slug


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_later_layers_tell_more_about_the_class(seed: int) -> None:
    before = Experiment(config(SLUG, "edges_before_shapes", seed=seed)).frame().class_correlation
    first, second, third = run("edges_before_shapes", seed=seed)[0].frame().class_correlation
    assert 0.24 < first < 0.36 and abs(first - before[0]) < 0.06
    assert 0.4 < second < 0.5
    assert third > 0.66
    assert before.max() < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_pooling_reads_more_of_the_moved_digits(seed: int) -> None:
    pooled, kept = (run("pooling_buys_invariance", beside=beside, seed=seed)[1][-1] for beside in (False, True))
    for row in (pooled, kept):
        assert 0.965 < row["test_accuracy"] < 0.995
    assert 0.57 < pooled["moved_accuracy"] < 0.67
    assert 0.46 < kept["moved_accuracy"] < 0.56
    assert pooled["moved_accuracy"] > kept["moved_accuracy"] + 0.06


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, range(3)))
def test_moved_pictures_are_the_stronger_cure(seed: int) -> None:
    row = run("pooling_buys_invariance", seed=seed, augmentation="shift")[1][-1]
    assert 0.86 < row["moved_accuracy"] < 0.93


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(2, range(5)))
def test_thirty_plain_layers_train_worse_than_residual_ones(seed: int) -> None:
    plain, residual = (
        np.mean([row["train_loss"] for row in run("deep_plain_or_residual", beside=beside, seed=seed)[1][-20:]])
        for beside in (False, True)
    )
    assert 0.03 < residual < 0.25
    assert plain > 0.45


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(2, range(5)))
def test_integrated_gradients_hardly_change_with_random_weights(seed: int) -> None:
    experiment, _ = run("sanity_check", seed=seed)
    alike = []
    for example in range(10):
        experiment.update(dataclasses.replace(experiment.config, example=example))
        alike.append(experiment.frame().alike)
    saliency, integrated, grad_cam, occlusion = np.mean(alike, axis=0)
    assert integrated > 0.85 and np.min(alike, axis=0)[1] > 0.75
    assert 0.05 < saliency < 0.25 and -0.35 < grad_cam < 0.35 and 0.05 < occlusion < 0.6
