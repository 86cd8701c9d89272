"""Losses that follow no law, or are no numbers, and budgets far from all others: what the page says and draws then."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

import engine
from engine.contract import registry
from engine.contract.knobs import ConfigError
from engine.contract.view import View
from engine.labs.scaling_laws import fitting
from engine.labs.scaling_laws.calculator import spelt
from engine.labs.scaling_laws.experiment import Config, Experiment
from engine.labs.scaling_laws.parametric import Law

lab, views = engine.lab("scaling_laws"), registry.view("scaling_laws")
N, D = 128.0 * 2 ** np.arange(6), 256 * np.geomspace(100, 1000, 20)[:, None]
ODD = {
    "rising with data": 3 + 1e-9 * D**1.5 + 10 / N,
    "rising with size": 3 + 1e-4 * N**0.9 + 100 / D,
    "flat": np.full((20, 6), 4.1),
    "falling as a straight line": 4.1 - 2e-6 * D - 1e-5 * N,
    "random": 4 + np.random.default_rng(0).random((20, 6)),
}


@pytest.mark.parametrize("losses", ODD.values(), ids=ODD)
def test_exponents_stay_where_the_law_means_something_and_a_best_size_is_a_number(losses: np.ndarray) -> None:
    law = lab.fit(N, D, losses)
    for exponent in (law.alpha, law.beta):
        assert 0.02 <= exponent <= 4
    assert 0 < law.E <= losses.max() * 1.001 and 0 < law.exponent < 1
    for flops in (1e3, 1e9, 1e24):
        best = law.optimum(flops)
        assert np.isfinite(best).all() and min(best) > 0


def test_the_law_of_nearly_flat_losses_is_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, slopes = [], fitting._slopes
    monkeypatch.setattr(fitting, "_slopes", lambda *given: tried.append(1) or slopes(*given))
    noise = 1e-4 * np.random.default_rng(1).standard_normal((20, 6))
    lab.fit(N, D, 4.1 - 1e-7 * D - 1e-6 * N + noise)
    assert 0 < len(tried) <= fitting.STARTS * fitting.LONGEST


def test_last_digits_of_losses_do_not_come_through() -> None:
    dice = np.random.default_rng(0)
    losses = Law(3.88, 1.9, 3800.0, 0.61, 1.08).loss(N, D) * (1 + 1e-3 * dice.standard_normal((20, 6)))
    found = {lab.fit(N, D, losses * (1 + 2.2e-16 * dice.integers(-1, 2, losses.shape))) for _ in range(4)}
    assert len(found) == 1
    law = found.pop()
    assert all(float(f"{each:.5g}") == each for each in (law.E, law.A, law.B, law.alpha, law.beta))


def trained(steps: int, **knobs: object) -> Experiment:
    experiment = Experiment(Config(**{"seeds": 1, "sizes": 6, **knobs}))  # type: ignore[arg-type]
    for _ in engine.train(experiment, steps):
        pass
    return experiment


def test_a_fitted_floor_above_a_blind_guess_is_drawn_and_a_law_at_the_edge_is_no_fact() -> None:
    experiment = trained(230)
    frame, config = experiment.frame(), replace(experiment.config, floor="fitted")
    assert "Of ten times more compute" in views.say(View(frame, config, {}, 230, 230))
    for law in (Law(9.0, 1.0, 1.0, 0.5, 0.5), Law(4.1588, 1e-20, 1e80, 0.02, 4.0)):
        view = View(replace(frame, laws=(law,)), config, {}, 230, 230)
        assert views.stage(view).to_bytes()
        assert ("neither floor nor split" in views.say(view)) == (law.alpha == 0.02)


@pytest.mark.parametrize("across", ["sizes", "repeats"])
def test_a_run_that_has_diverged_says_so(across: str) -> None:
    experiment = trained(20, across=across, rank=4)
    with torch.no_grad():
        for weights in experiment.model.parameters():
            weights.fill_(np.nan)
    experiment.step_count = 299  # where a law would be fitted
    experiment.step()
    for floor in ("true", "fitted", "none"):
        view = View(experiment.frame(), replace(experiment.config, floor=floor), {}, 300, 300)
        assert "diverged" in views.say(view) and views.stage(view).to_bytes() and views.inside(view)
    told = [value for value in views.facts(view).values() if not isinstance(value, str)]
    titles = [panel["title"] for row in views.stage(view).rows for panel in row]
    assert np.isfinite(told).all() and titles and "nan" not in str(titles)


def test_before_the_first_fit_the_smaller_are_ahead_only_where_they_are() -> None:
    experiment = trained(60)
    frame = experiment.frame()
    assert "smallest model is ahead" in views.say(View(frame, experiment.config, {}, 60, 60))
    turned = replace(frame, loss=frame.loss - np.array([0, 0, 0, 0, 0, 1.0])[:, None])
    assert "ahead" not in views.say(View(turned, experiment.config, {}, 60, 60))


def test_large_numbers_are_spelt_and_small_budgets_are_not_zero_billion() -> None:
    assert [spelt(each) for each in (999.7e9, 999.4e9, 70e9, 999.96e6, 5e15, 12.0)] == [
        "1 trillion", "999 billion", "70 billion", "1 billion", "5,000 trillion", "12",
    ]  # fmt: skip
    for constants, budget, served in product(("hoffmann", "besiroglu"), (1e-3, 580.0, 1e6), (0.0, 10.0)):
        config = Config(constants=constants, budget=budget, served=served)
        told = views.facts(View(Experiment(replace(config, sizes=2, rank=2)).frame(), config, {}, 0, 0))
        for name in ("best_n", "best_d", "served_n", "served_d"):
            assert str(told[name]).endswith(("million", "billion", "trillion")) and "e+" not in str(told[name])


def test_the_longest_run_is_kept_for_the_usual_trainings_and_no_more() -> None:
    assert Config(across="repeats", planned=3000).planned == 3000
    with pytest.raises(ConfigError, match="would have to be kept"):
        Config(across="repeats", planned=3000, seeds=5)
