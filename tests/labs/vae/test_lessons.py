"""What the lessons of vae say is what the runs do, for the seed on screen and others."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from lesson_runs import config, first, lesson

import engine
from engine.labs.vae import Config, Experiment
from ui.lesson import lessons

SLUG = "vae"
SEEDS = first(2, range(6))


@cache
def run(settings: Config, steps: int) -> tuple[Experiment, dict[str, float]]:
    """The experiment after so many steps, and its last metrics."""
    experiment = Experiment(settings)
    *_, last = engine.train(experiment, steps)
    return experiment, last


def ends(name: str, *, beside: bool = False, **knobs: Any) -> tuple[Experiment, dict[str, float]]:
    return run(config(SLUG, name, beside=beside, **knobs), lesson(SLUG, name).runs_to or 0)


def far(pictures: np.ndarray, experiment: Experiment) -> float:
    """Mean distance of pictures (N, H, W) to the nearest picture of the training data."""
    rows = torch.from_numpy(pictures.reshape(len(pictures), -1))
    return float(torch.cdist(rows, experiment.x).min(1).values.mean())


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    for each in lessons(SLUG):
        assert len(each.title) <= 28, each.slug
        assert each.runs_to is not None, each.slug
        assert len(each.answers) == 3, each.slug


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, [0, 6, 12]))
def test_dear_codes_die_in_every_network(seed: int) -> None:
    experiment, last = ends("dead_plane", seed=seed)
    assert len(experiment.by_seed[1]) == 6 and (experiment.by_seed[1] < 0.01).all() and last["dead"] == 2
    grid = experiment.frame().grid
    assert np.abs(grid - experiment.observed.train_x.mean(0).reshape(8, 8)).mean() < 0.06  # the same blot everywhere
    experiment, last = ends("dead_plane", beside=True, seed=seed)
    assert ((experiment.by_seed[1] > 2.3) & (experiment.by_seed[1] < 3.2)).all() and last["dead"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_codes_for_nothing_leave_holes(seed: int) -> None:
    (free, told), (held, with_price) = (ends("holes", beside=beside, seed=seed) for beside in (False, True))
    assert told["holes"] > 0.9 and with_price["holes"] < 0.07
    assert (free.frame().scatter > 2.0).all() and (free.frame().scatter < 3.6).all()
    assert 19.5 < told["test_reconstruction"] < 20.6 and 21.4 < with_price["test_reconstruction"] < 22.2
    assert 15 < told["test_kl"] < 22 and 2.5 < with_price["test_kl"] < 3.2
    assert told["test_elbo"] < -34.5 and -25.2 < with_price["test_elbo"] < -24.2
    assert held.config == config(SLUG, "four_to_nine", seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_walk_stays_among_the_digits(seed: int) -> None:
    experiment, last = ends("four_to_nine", seed=seed)
    frame = experiment.frame()
    middle = slice(3, 6)
    walked, mixed = far(frame.walked[middle], experiment), far(frame.mixed[middle], experiment)
    assert 1.05 < walked < 1.45 < mixed + 0.05 and mixed < 1.75 and walked < mixed - 0.1
    assert far(experiment.observed.test_x, experiment) == pytest.approx(1.08, abs=0.01)
    assert last["neighbours"] > 0.72  # the plane is separated


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_autoencoder_rebuilds_better_and_lies_elsewhere(seed: int) -> None:
    (plain, told), (held, bound) = (ends("plain_autoencoder", beside=beside, seed=seed) for beside in (False, True))
    assert 20 < told["test_reconstruction"] < 21 < bound["test_reconstruction"] < 22.2
    assert (plain.frame().scatter > 1.85).all() and (plain.frame().scatter < 2.6).all()
    assert (held.frame().scatter > 0.85).all() and (held.frame().scatter < 1.05).all()
    assert 0.14 < told["sample_distance"] < 0.24 and 0.12 < bound["sample_distance"] < 0.17
    assert "test_elbo" in bound and "test_elbo" not in told
