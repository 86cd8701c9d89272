"""What the lessons say is what the runs do: every number in their explanations, for the seed on screen and others.

A stack of networks is trained where one would do: network i of a stack is the run with seed + i.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, lesson
from sklearn.linear_model import LogisticRegression

import engine
from engine import data
from engine.labs import gradient_descent, neural_network
from ui.lesson import lessons

SEEDS = range(5)
DRAWS = range(5)  # of the points


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    for slug in ("gradient_descent", "neural_network"):
        for each in lessons(slug):
            assert len(each.title) <= 28, each.slug
            assert each.runs_to is not None, each.slug
            assert len(each.answers) == 3, each.slug


# Gradient descent


def race(name: str, *, beside: bool = False, steps: int = 0, **knobs: Any) -> tuple[Any, list[dict[str, float]]]:
    """The experiment and its metrics after `steps`, or as many as the lesson runs."""
    experiment = gradient_descent.Experiment(config("gradient_descent", name, beside=beside, **knobs))
    runs_to = lesson("gradient_descent", name).runs_to
    return experiment, list(engine.train(experiment, steps or runs_to or 0))


def first_below(metrics: list[dict[str, float]], key: str, value: float) -> int:
    return next(i for i, found in enumerate(metrics, 1) if found[key] < value)


def test_over_the_edge_grows_and_under_it_shrinks() -> None:
    _, over = race("over_the_edge")
    _, under = race("over_the_edge", beside=True)
    key = "loss.gradient_descent"
    assert 4e5 < over[-1][key] < 5e5
    assert under[-1][key] < 1e-3
    assert over[-1][key] / over[-2][key] == pytest.approx(1.21, abs=1e-6)
    _, over = race("over_the_edge", steps=66)
    assert [np.isfinite(over[i][key]) for i in (63, 64)] == [True, False]  # steps 64 and 65


@pytest.mark.parametrize(("condition", "angle"), [(2.0, 0.0), (10.0, 75.0), (50.0, 30.0), (200.0, 10.0), (900.0, 45.0)])
def test_only_the_side_of_the_edge_matters(condition: float, angle: float) -> None:
    for beside, factor in ((False, 1.21), (True, 0.81)):
        rate = (1.9 if beside else 2.1) / condition
        bowl = {"condition": condition, "angle": angle, "lr_gradient_descent": rate}
        experiment, metrics = race("over_the_edge", beside=beside, **bowl)
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        steep = experiment.frame().paths[0, -2:] @ [-s, c]  # the last two points, along the steepest direction
        assert (steep[1] / steep[0]) ** 2 == pytest.approx(factor, rel=1e-6)
        assert (metrics[-1]["loss.gradient_descent"] > metrics[0]["loss.gradient_descent"]) is not beside


def test_momentum_is_through_the_ravine_at_step_30_and_gradient_descent_at_178() -> None:
    experiment, metrics = race("ravine")
    assert first_below(metrics, "distance.gradient_descent", 0.01) == 178
    assert first_below(metrics, "distance.momentum", 0.01) == 30
    frame = experiment.frame()
    assert frame.predicted_rate == pytest.approx([0.981, 0.869], abs=5e-4)
    assert frame.measured_rate[0] == pytest.approx(0.981, abs=5e-4)
    beta, L = experiment.config.momentum, 100
    assert experiment.config.lr_momentum < 2 * (1 + beta) / L == pytest.approx(0.033, abs=5e-4)


@pytest.mark.parametrize("angle", [0.0, 15.0, 45.0, 60.0])
@pytest.mark.parametrize("start", [(2.0, 1.0), (0.5, -2.5), (-2.0, -2.0)])
def test_momentum_is_several_times_faster_from_everywhere(start: tuple[float, float], angle: float) -> None:
    x, y = start
    _, metrics = race("ravine", steps=300, angle=angle, start_x=x, start_y=y)
    slow, fast = (first_below(metrics, f"distance.{name}", 0.01) for name in ("gradient_descent", "momentum"))
    assert slow > 4.5 * fast
    assert fast <= 46


def test_the_first_steps_are_what_the_lesson_says() -> None:
    experiment, _ = race("adams_first_step")
    start = gradient_descent.Experiment(experiment.config).frame()
    assert start.gradients[0] == pytest.approx([-155, -50])
    steps = dict(zip(experiment.config.optimisers, experiment.frame().last_steps, strict=True))
    assert steps["gradient_descent"] == pytest.approx([0.0775, 0.025])
    assert steps["rmsprop"] == pytest.approx([1, 1], abs=1e-7)
    assert steps["adam"] == pytest.approx([0.1, 0.1], abs=1e-7)


@pytest.mark.parametrize("start", [(1.8, -0.5), (-0.5, 2.5), (0.3, 1.5), (-1.8, -0.8), (0.0, 0.0001)])
def test_adams_first_step_is_the_learning_rate_from_everywhere(start: tuple[float, float]) -> None:
    x, y = start
    experiment, _ = race("adams_first_step", start_x=x, start_y=y)
    gradient = gradient_descent.Experiment(experiment.config).frame().gradients[0]
    assert experiment.frame().last_steps[2] == pytest.approx(-0.1 * np.sign(gradient), abs=1e-6)
    assert experiment.frame().last_steps[1] == pytest.approx(-np.sign(gradient), abs=1e-5)


def leaving(*, beside: bool, steps: int, seed: int = 0) -> dict[str, int]:
    """The step at which each racer left the map of the saddle, of those that did."""
    experiment = gradient_descent.Experiment(config("gradient_descent", "saddle", beside=beside, seed=seed))
    left: dict[str, int] = {}
    for _ in engine.train(experiment, steps):
        left |= {name: experiment.step_count for name in experiment.left if name not in left}
    return left


def test_without_noise_gradient_descent_stays_at_the_saddle() -> None:
    experiment, _ = race("saddle")
    assert experiment.frame().points[0] == pytest.approx([0.04, 0.0], abs=5e-3)
    assert leaving(beside=False, steps=1500) == {"momentum": 11, "adam": 150}


@pytest.mark.parametrize("seed", range(20))
def test_noise_leads_off_the_saddle(seed: int) -> None:
    left = leaving(beside=True, steps=300, seed=seed)
    assert left["momentum"] == 11
    assert left["adam"] == 36
    assert 61 <= left["gradient_descent"] <= 224
    assert seed != 0 or left["gradient_descent"] == 114


def in_the_middle(frame: Any) -> float:
    """Share of the starts that are in the five by five pits in the middle."""
    return float((np.abs(frame.basin_points) < 2.5).all(axis=-1).mean())


def test_without_noise_every_start_stays_in_its_pit() -> None:
    experiment, metrics = race("noise_as_help", beside=True)
    frame = experiment.frame()
    assert frame.basin_ends.size == 576
    assert in_the_middle(frame) == 144 / 576
    assert (frame.basin_ends >= 0).all()
    assert metrics[-1]["loss.gradient_descent"] == pytest.approx(5, abs=0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_and_then_none_brings_half_of_the_starts_to_the_middle(seed: int) -> None:
    experiment, _ = race("noise_as_help", steps=200, seed=seed)
    frame = experiment.frame()
    assert 0.47 <= in_the_middle(frame) <= 0.555
    assert 0.4 < (frame.basin_ends >= 0).mean() < 0.6  # shaken, about half are close to the bottom of a pit
    experiment.update(dataclasses.replace(experiment.config, noise=0.0))
    *_, last = engine.train(experiment, 50)
    frame = experiment.frame()
    assert 0.47 <= in_the_middle(frame) <= 0.555
    assert (frame.basin_ends >= 0).mean() > 0.97
    assert 0.9 < last["loss.gradient_descent"] < 10


# The neural network


@cache
def _trained(chosen: Any, epochs: tuple[int, ...]) -> tuple[Any, Mapping[int, dict[str, np.ndarray]]]:
    experiment = neural_network.Experiment(chosen)
    scores = {}
    for _ in engine.train(experiment, max(epochs)):
        if experiment.step_count in epochs:
            found = experiment.scores(experiment._outputs())
            scores[experiment.step_count] = dict(zip(neural_network.SCORES, found, strict=True))
    return experiment, scores


def network(name: str, *, beside: bool = False, epochs: tuple[int, ...] = (), **knobs: Any) -> tuple[Any, Any]:
    """The experiment, and for each of `epochs` the scores of every network of the stack."""
    wanted = epochs or (lesson("neural_network", name).runs_to or 0,)
    experiment, scores = _trained(config("neural_network", name, beside=beside, **knobs), wanted)
    return experiment, scores if epochs else scores[wanted[0]]


def loss_of_one_half() -> float:
    return float(np.log(2))


@pytest.mark.parametrize("draw", range(3))
def test_xor_needs_a_hidden_layer_or_the_product(draw: int) -> None:
    _, without = network("xor_without_hidden_layer", seeds=8, data_seed=draw)
    assert without["train_error"] == pytest.approx(0.45, abs=0.06)
    assert without["test_error"] == pytest.approx(0.47, abs=0.06)
    assert without["test_loss"] == pytest.approx(loss_of_one_half(), abs=0.01)
    _, hidden = network("xor_without_hidden_layer", beside=True, seeds=8, data_seed=draw)
    assert hidden["test_error"].max() <= 0.075
    assert draw or hidden["test_error"][0] == pytest.approx(0.01, abs=0.005)
    _, product = network("xor_without_hidden_layer", seeds=8, data_seed=draw, features=("x", "y", "xy"))
    assert product["test_error"].max() <= 0.01


def test_the_best_line_gets_71_percent_of_xor() -> None:
    xor = data.plane("xor", 500, noise=0.0, seed=0)
    best = 0.0
    for angle in np.radians(np.arange(360)):
        right = xor.labels[np.argsort(xor.xy @ [np.cos(angle), np.sin(angle)])]
        best = max(best, float(((right == 0).cumsum() + (right == 1).sum() - (right == 1).cumsum()).max()) / 500)
    assert best == pytest.approx(0.71, abs=0.005)


@pytest.mark.parametrize("draw", range(3))
def test_linear_layers_collapse_and_tanh_layers_do_not(draw: int) -> None:
    _, linear = network("linear_layers", seeds=5, data_seed=draw)
    assert linear["train_loss"] == pytest.approx(0.69, abs=0.01)
    assert linear["train_error"].min() > 0.3
    _, bent = network("linear_layers", beside=True, seeds=5, data_seed=draw, epochs=(20, 50))
    for scores in bent.values():
        assert not scores["train_error"].any()
        assert not scores["test_error"].any()


@pytest.mark.parametrize("draw", range(3))
def test_zero_weights_stay_zero(draw: int) -> None:
    experiment, zero = network("zero_weights", seeds=8, data_seed=draw)
    assert not any(layer.weight.any() for layer in experiment.layers)
    assert (zero["test_error"] == 0.5).all()
    assert zero["test_loss"] == pytest.approx(loss_of_one_half(), abs=1e-3)
    _, random = network("zero_weights", beside=True, seeds=8, data_seed=draw)
    assert not random["train_error"].any()
    assert not random["test_error"].any()


@pytest.mark.parametrize("seed", range(6))
def test_the_first_layers_gradient_has_vanished_before_the_first_step(seed: int) -> None:
    sigmoid, relu = (
        neural_network.Experiment(config("neural_network", "vanishing_gradients", beside=beside, seed=seed))
        for beside in (False, True)
    )
    small, large = sigmoid.frame().gradient_rms, relu.frame().gradient_rms
    assert small[0] < 1e-6
    assert large[0] > 0.9e4 * small[0]
    # Seed 5 happens to begin with the right bias of the output, so that there is little gradient to lose.
    assert small[6] > (50 if seed == 5 else 1e3) * small[0]


@pytest.mark.parametrize("draw", range(2))
def test_sigmoids_stay_stuck_and_relus_do_not(draw: int) -> None:
    _, stuck = network("vanishing_gradients", seeds=5, data_seed=draw)
    assert (stuck["test_error"] == 0.5).all()
    _, he = network("vanishing_gradients", seeds=5, data_seed=draw, initialisation="he")
    assert he["test_loss"] == pytest.approx(loss_of_one_half(), abs=1e-3)
    _, relu = network("vanishing_gradients", beside=True, seeds=5, data_seed=draw)
    assert not relu["test_error"].any()


@pytest.mark.slow
def test_sigmoids_are_still_stuck_at_epoch_200() -> None:
    _, stuck = network("vanishing_gradients", seeds=5, epochs=(200,))
    assert (stuck[200]["test_error"] == 0.5).all()


CURVE = (*range(1, 31), 100, 300)


@pytest.mark.parametrize("draw", DRAWS)
def test_the_test_loss_falls_and_then_more_than_doubles(draw: int) -> None:
    _, scores = network("overfitting", seeds=8, data_seed=draw, epochs=CURVE)
    lowest = np.min([scores[epoch]["test_loss"] for epoch in CURVE], axis=0)
    assert (scores[300]["test_loss"] > 2 * lowest).all()
    assert (scores[300]["train_loss"] < scores[20]["train_loss"]).all()
    if draw == 0:
        assert scores[20]["test_loss"] == pytest.approx(0.37, abs=0.03)
        assert scores[20]["test_loss"][0] - lowest[0] < 0.02
        assert scores[300]["test_loss"][0] == pytest.approx(1.1, abs=0.1)
        assert (scores[300]["test_loss"] > 1).all()
        assert (scores[300]["train_loss"] < 0.05).all()
        assert scores[20]["test_error"] == pytest.approx(0.16, abs=0.02)
        assert scores[300]["test_error"] == pytest.approx(0.22, abs=0.025)


# For each cure: the epoch, the test loss on screen, and its bounds over draws and seeds.
CURES = [
    ("cure_weight_decay", 0.41, (0.3, 0.6)),
    ("cure_dropout", 0.43, (0.4, 0.85)),
    ("cure_small_network", 0.45, (0.4, 0.85)),
    ("cure_more_data", 0.42, (0.3, 0.45)),
]


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("name", "on_screen", "bounds"), CURES)
def test_each_cure_lowers_the_test_loss(name: str, on_screen: float, bounds: tuple[float, float], draw: int) -> None:
    epoch = lesson("neural_network", name).runs_to or 0
    _, cured = network(name, seeds=5, data_seed=draw)
    _, scores = network("overfitting", seeds=8, data_seed=draw, epochs=CURVE)  # the run beside it is that lesson's
    ill = {metric: values[:5] for metric, values in scores[epoch].items()}
    assert config("neural_network", name, beside=True) == config("neural_network", "overfitting")
    low, high = bounds
    assert low < cured["test_loss"].min()
    assert cured["test_loss"].max() < high
    assert (cured["test_loss"] < 0.85 * ill["test_loss"]).all()
    if (name, draw) != ("cure_more_data", 3):  # there they are level
        assert (cured["train_loss"] > ill["train_loss"]).all()
    if draw == 0:
        assert cured["test_loss"][0] == pytest.approx(on_screen, abs=0.03)


def test_what_the_cures_say_of_the_training_loss_and_of_the_share_wrong() -> None:
    train = {name: network(name, seeds=5, data_seed=0)[1]["train_loss"][0] for name, *_ in CURES}
    assert train["cure_weight_decay"] == pytest.approx(0.27, abs=0.02)
    assert train["cure_dropout"] == pytest.approx(0.2, abs=0.02)
    assert train["cure_more_data"] == pytest.approx(0.25, abs=0.02)
    _, cured = network("cure_dropout", seeds=5, data_seed=0)
    assert cured["test_error"] == pytest.approx(0.16, abs=0.02)
    _, scores = network("overfitting", seeds=8, data_seed=0, epochs=CURVE)
    assert scores[100]["train_loss"][0] == pytest.approx(0.07, abs=0.02)
    assert scores[100]["test_loss"][0] == pytest.approx(0.88, abs=0.05)


@pytest.mark.parametrize("draw", DRAWS)
def test_the_test_loss_with_40_points_at_epoch_100(draw: int) -> None:
    _, scores = network("overfitting", seeds=8, data_seed=draw, epochs=CURVE)
    assert scores[100]["test_loss"].min() > 0.45
    assert scores[100]["test_loss"].max() < 1.9


def test_with_weight_decay_the_test_loss_stays_where_it_is() -> None:
    _, scores = network("cure_weight_decay", seeds=5, epochs=(100, 300))
    assert scores[300]["test_loss"] == pytest.approx(scores[100]["test_loss"], abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("draw", range(3))
def test_400_points_too_are_learned_by_heart_in_the_end(draw: int) -> None:
    _, scores = network("cure_more_data", seeds=5, data_seed=draw, epochs=(100, 300))
    assert (scores[300]["train_loss"] < scores[100]["train_loss"]).all()
    assert (scores[300]["test_loss"] > scores[100]["test_loss"]).all()


def straightness(frame: Any) -> float:
    """Share of the plane that one straight line puts on the same side as the network does."""
    map_ = frame.output_map > 0.5
    xy = np.stack(np.meshgrid(np.linspace(-1, 1, len(map_)), np.linspace(-1, 1, len(map_))), -1).reshape(-1, 2)
    return float(LogisticRegression(C=1e4).fit(xy, map_.ravel()).score(xy, map_.ravel()))


@pytest.mark.parametrize("draw", DRAWS)
def test_weight_decay_makes_the_border_smooth(draw: int) -> None:
    smooth, _ = network("cure_weight_decay", seeds=5, data_seed=draw)
    jagged, _ = network("overfitting", seeds=8, data_seed=draw, epochs=CURVE)
    assert straightness(smooth.frame()) > straightness(jagged.frame())
    assert draw or straightness(smooth.frame()) > 0.99


def test_how_many_numbers_the_small_and_the_large_network_choose() -> None:
    for beside, count in ((False, 13), (True, 1185)):
        experiment = neural_network.Experiment(config("neural_network", "cure_small_network", beside=beside))
        assert sum(p.numel() for p in experiment.model.parameters()) == count


def test_32_seeds_end_far_apart() -> None:
    _, scores = network("many_seeds")
    errors = scores["test_error"]
    assert errors.min() == pytest.approx(0.004, abs=0.005)
    assert errors.max() == pytest.approx(0.2, abs=0.03)
    assert np.median(errors) == pytest.approx(0.08, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "draw"), [(100, 0), (1000, 0), (0, 1), (2000, 2)])
def test_other_32_seeds_end_as_far_apart(seed: int, draw: int) -> None:
    _, scores = network("many_seeds", seed=seed, data_seed=draw)
    errors = scores["test_error"]
    assert errors.min() <= 0.0125
    assert 0.155 <= errors.max() <= 0.32


def test_stacked_networks_stand_for_single_runs() -> None:
    _, stack = network("zero_weights", beside=True, seeds=8)
    _, single = network("zero_weights", beside=True, seed=3)
    assert single["test_loss"][0] == pytest.approx(stack["test_loss"][3], rel=1e-3)
