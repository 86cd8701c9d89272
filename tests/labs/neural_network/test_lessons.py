"""What the lessons of neural_network say is what the runs do: every number in their explanations, and for other seeds.

A stack of networks is trained where one would do: network i of a stack is the run with seed + i.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson
from sklearn.linear_model import LogisticRegression

import engine
from engine.data import plane
from engine.labs import neural_network
from ui.lesson import lessons

DRAWS = first(2, range(5))  # of the points


def test_titles_fit_into_a_row_and_explanations_appear() -> None:
    for each in lessons("neural_network"):
        assert len(each.title) <= 28, each.slug
        assert each.runs_to is not None, each.slug
        assert len(each.answers) == 3, each.slug


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


@pytest.mark.slow
@pytest.mark.parametrize("draw", first(2, range(3)))
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
    xor = plane.plane("xor", 500, noise=0.0, seed=0)
    best = 0.0
    for angle in np.radians(np.arange(360)):
        right = xor.labels[np.argsort(xor.xy @ [np.cos(angle), np.sin(angle)])]
        best = max(best, float(((right == 0).cumsum() + (right == 1).sum() - (right == 1).cumsum()).max()) / 500)
    assert best == pytest.approx(0.71, abs=0.005)


@pytest.mark.parametrize("draw", first(2, range(3)))
def test_linear_layers_collapse_and_tanh_layers_do_not(draw: int) -> None:
    _, linear = network("linear_layers", seeds=5, data_seed=draw)
    assert linear["train_loss"] == pytest.approx(0.69, abs=0.01)
    assert linear["train_error"].min() > 0.3
    _, bent = network("linear_layers", beside=True, seeds=5, data_seed=draw, epochs=(20, 50))
    for scores in bent.values():
        assert not scores["train_error"].any()
        assert not scores["test_error"].any()


@pytest.mark.parametrize("draw", first(2, range(3)))
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


@pytest.mark.slow
@pytest.mark.parametrize("draw", first(1, range(2)))
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
@pytest.mark.parametrize("draw", first(1, range(3)))
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


@pytest.mark.slow
def test_32_seeds_end_far_apart() -> None:
    _, scores = network("many_seeds")
    errors = scores["test_error"]
    assert errors.min() == pytest.approx(0.004, abs=0.005)
    assert errors.max() == pytest.approx(0.2, abs=0.03)
    assert np.median(errors) == pytest.approx(0.08, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "draw"), first(1, [(100, 0), (1000, 0), (0, 1), (2000, 2)]))
def test_other_32_seeds_end_as_far_apart(seed: int, draw: int) -> None:
    _, scores = network("many_seeds", seed=seed, data_seed=draw)
    errors = scores["test_error"]
    assert errors.min() <= 0.0125
    assert 0.155 <= errors.max() <= 0.32


def test_stacked_networks_stand_for_single_runs() -> None:
    _, stack = network("zero_weights", beside=True, seeds=8)
    _, single = network("zero_weights", beside=True, seed=3)
    assert single["test_loss"][0] == pytest.approx(stack["test_loss"][3], rel=1e-3)
