"""The lab of attacks: what its lessons say for several seeds, the curve it measures, and networks from the shelf."""

from __future__ import annotations

import dataclasses
import pickle
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from lesson_runs import config, first

import engine
from engine.contract import weights
from engine.contract.device import generator
from engine.contract.knobs import ConfigError, StillMissing
from engine.data import shelf
from engine.labs.adversarial_examples import Config, Experiment, robustness
from engine.labs.adversarial_examples.attacks import attack
from engine.nets.convnet import Architecture, ConvNet
from ui.lesson import lessons

SLUG = "adversarial_examples"
SEEDS = range(6)
AT = robustness.INF_RADII.index(0.15)


@cache
def finished(settings: Config) -> Experiment:
    """The run at its end."""
    experiment = Experiment(settings)
    while not experiment.done:
        experiment.step()
    return experiment


def accuracy(settings: Config) -> dict[str, np.ndarray]:
    """Of both networks (2,), under each attack with 0.15 and under none."""
    curves = finished(settings).curves
    share = robustness.shares(curves.right, curves.asked)
    found = {name: share[:, kind, AT] for kind, name in enumerate(robustness.ATTACKS)}
    return found | {"none": share[:, 0, 0]}


def between(values: Any, low: float, high: float) -> bool:
    return bool(np.all((low <= np.asarray(values)) & (np.asarray(values) <= high)))


# ------------------------------------------------------------------ lessons


def test_every_lesson_asks_and_explains_before_its_run_is_over() -> None:
    for each in lessons(SLUG):
        assert len(each.answers) == 3 and len(each.title) <= 28
        for settings in (each.config(Config), each.compared(Config)):
            if settings is not None:
                experiment = Experiment(settings)
                assert each.runs_to is not None
                assert settings.training_steps < each.runs_to <= settings.training_steps + len(experiment.curves.pieces)
                before = [i for i, piece in enumerate(experiment.curves.pieces) if piece.radius <= AT]
                assert settings.training_steps + before[-1] < each.runs_to, "0.15 is not measured yet"


@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_noise_does_nothing_and_the_gradients_sign_does(seed: int) -> None:
    settings = config(SLUG, "noise_or_sign", seed=seed)
    assert dataclasses.replace(settings, attack="fgsm") == config(SLUG, "noise_or_sign", beside=True, seed=seed)
    found = accuracy(Config(seed=seed))  # the curve does not depend on the attack on the one picture
    assert between(found["none"][0], 0.97, 0.985)
    assert between(found["random_sign"][0], 0.93, 0.96)
    assert between(found["fgsm"][0], 0.09, 0.14)
    assert between(found["pgd"][0], 0.04, 0.08)
    experiment = finished(Config(seed=seed))
    answers = {}
    for name in ("random_sign", "fgsm"):
        experiment.update(Config(seed=seed, attack=name))
        seen = experiment.frame().attacked
        answers[name] = seen.after[0].argmax() == seen.label
    experiment.update(Config(seed=seed))
    assert answers == {"random_sign": True, "fgsm": False}
    seen = experiment.frame().attacked
    assert between(seen.slope_1[0] / seen.slope_2[0], 5.5, 6.8)


@pytest.mark.parametrize("seed", first(1, range(5)))
def test_a_linear_model_is_fooled_too(seed: int) -> None:
    found = accuracy(config(SLUG, "linear_too", seed=seed))
    assert between(found["none"][0], 0.935, 0.945)
    assert between(found["pgd"][0], 0.24, 0.28)
    assert between(found["random_sign"][0], 0.915, 0.945)
    assert config(SLUG, "linear_too", beside=True, seed=seed) == Config(seed=seed)


@pytest.mark.parametrize("seed", first(1, SEEDS))
def test_adversarial_training_buys_robustness_and_costs_accuracy(seed: int) -> None:
    found = accuracy(config(SLUG, "price_of_robustness", seed=seed))
    assert found["pgd"][0] < 0.1 and found["pgd"][1] > 0.5  # what the defence is for
    assert between(found["pgd"][1], 0.595, 0.645)
    assert between(found["none"][1], 0.95, 0.972)
    assert found["none"][1] < found["none"][0]
    much = accuracy(config(SLUG, "price_of_robustness", beside=True, seed=seed))
    assert between(much["none"][1], 0.655, 0.805)
    assert between(much["pgd"][1], 0.34, 0.535)


@pytest.mark.parametrize("seed", [pytest.param(s, marks=[pytest.mark.slow] if s > 0 else []) for s in range(5)])
def test_a_hidden_gradient_hides_nothing_from_another_network(seed: int) -> None:
    settings = config(SLUG, "hidden_gradient", seed=seed)
    found, experiment = accuracy(settings), finished(settings)
    assert between(found["pgd"][1], 0.955, 0.98)
    assert between(found["transfer"][1], 0.09, 0.145)
    assert abs(found["transfer"][1] - found["fgsm"][0]) < 0.04
    seen = experiment.frame().attacked
    assert np.array_equal(seen.adversarial[1], seen.picture)  # an empty change
    experiment.update(dataclasses.replace(settings, source="other"))
    seen = experiment.frame().attacked
    experiment.update(settings)
    assert seen.before[1].argmax() == seen.label != seen.after[1].argmax()


# ------------------------------------------------------------------ what is seen is what is so


def test_the_curve_is_what_attacking_all_pictures_by_hand_gives() -> None:
    experiment = finished(Config(seed=1, training_steps=50, steps=4))
    x, y = experiment.x_test, experiment.y_test
    assert (experiment.curves.asked == 500).all()
    for number, network in enumerate((experiment.model, experiment.defended)):
        clean = int((network(x).argmax(1) == y).sum())
        assert (experiment.curves.right[number, :, 0] == clean).all()
        moved = attack("fgsm", network, x, y, eps=0.15, steps=1)
        by_hand = int((network(moved).argmax(1) == y).sum())
        assert abs(experiment.curves.right[number, 1, AT] - by_hand) <= 1  # sums of other batches round differently


def test_what_the_frame_shows_of_one_picture_is_what_the_network_says() -> None:
    experiment = Experiment(Config(seed=2, example=11, attack="bim", norm="2", eps_2=0.7))
    for _ in engine.train(experiment, 60):
        pass
    seen, config_ = experiment.frame().attacked, experiment.config
    for number, network in enumerate((experiment.model, experiment.defended)):
        change = seen.adversarial[number] - seen.picture
        assert np.linalg.norm(change) <= 0.7 + 1e-5
        y = torch.tensor([seen.label])
        moved = attack("bim", network, experiment.picture, y, eps=0.7, steps=config_.steps, norm="2",
                       step_size=0.7 * config_.step_size)  # fmt: skip
        np.testing.assert_allclose(seen.adversarial[number], moved[0, 0], atol=1e-6)
        with torch.no_grad():
            np.testing.assert_allclose(seen.after[number], network(moved).softmax(1)[0], atol=1e-5)
        assert len(seen.way[number]) == config_.steps + 1
        np.testing.assert_allclose(seen.way[number][0], seen.before[number], atol=1e-5)
        middle = seen.plane.shape[1] // 2  # y = 0; x = 0 and 1 stand at a third and two thirds
        assert seen.plane.shape == (2, 19, 19)
        assert seen.plane[number, middle, 6] == seen.before[number].argmax()
        assert seen.plane[number, middle, 12] == seen.after[number].argmax()


def test_both_networks_start_alike_and_learn_from_the_same_pictures() -> None:
    experiment = Experiment(Config(defence="none"))
    for _ in engine.train(experiment, 5):
        pass
    for one, other in zip(experiment.model.parameters(), experiment.defended.parameters(), strict=True):
        assert torch.equal(one, other)
    apart = Experiment(Config())
    for _ in engine.train(apart, 5):
        pass
    for one, other in zip(apart.model.parameters(), experiment.model.parameters(), strict=True):
        assert torch.equal(one, other)  # the defence of the one does not touch the other


def test_restored_while_measuring_it_goes_on_exactly() -> None:
    settings = Config(seed=4, training_steps=50)
    experiment = Experiment(settings)
    for _ in engine.train(experiment, 80):
        pass
    assert not experiment.done and experiment.curves.asked.any()
    again = Experiment(settings)
    again.load_state_dict(pickle.loads(pickle.dumps(experiment.state_dict())))
    while not experiment.done:
        assert experiment.step() == again.step()
    assert again.done
    np.testing.assert_array_equal(experiment.curves.right, again.curves.right)


def test_a_finished_run_measures_again_when_the_attack_changes_and_only_then() -> None:
    settings = Config(training_steps=50, seed=7)
    experiment = Experiment(settings)
    while not experiment.done:
        experiment.step()
    right = experiment.curves.right.copy()
    experiment.update(dataclasses.replace(settings, eps=0.3, example=9, attack="cw", restarts=2, target="4"))
    assert experiment.done and np.array_equal(experiment.curves.right, right)
    experiment.update(dataclasses.replace(settings, steps=2))
    assert not experiment.done and not experiment.curves.asked.any()
    while not experiment.done:
        experiment.step()
    assert (experiment.curves.right[:, 2] >= right[:, 2] - 2).all()  # two steps find less than ten


def test_more_restarts_never_end_better_for_the_network() -> None:
    experiment = Experiment(Config(seed=3))
    for _ in engine.train(experiment, 40):
        pass
    for example in range(6):
        margins = []
        for restarts in (1, 5):
            experiment.update(Config(seed=3, example=example, restarts=restarts, steps=3))
            margins.append(experiment.frame().attacked.margin_after)
        assert (margins[1] <= margins[0] + 0.6).all()
    assert margins[1].mean() <= margins[0].mean() + 1e-6


# ------------------------------------------------------------------ networks from elsewhere


@pytest.fixture
def folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))


def shelved(made: Architecture, **about: str) -> tuple[str, ConvNet]:
    model = ConvNet(made, generator(5, "weights"))
    told = {"lab": "cnn_filters", "architecture": made.to_json(), "data": "digits"} | about
    return shelf.keep(weights.write(model, told)), model


@pytest.mark.usefixtures("folder")
def test_a_network_that_was_taken_over_is_attacked_as_it_came() -> None:
    key, model = shelved(Architecture(side=8, classes=10, channels=(6, 7), norm="batch"))
    experiment = Experiment(Config(model="taken", network=key))
    for _ in engine.train(experiment, 6):
        pass
    model.eval()
    with torch.no_grad():
        assert torch.equal(experiment.model(experiment.x_test), model(experiment.x_test))
        assert not torch.equal(experiment.defended(experiment.x_test), model(experiment.x_test))
    again = Experiment(Config(model="taken", network=key))
    again.load_state_dict(pickle.loads(pickle.dumps(experiment.state_dict())))
    assert again.step() == experiment.step()
    file = weights.read(weights.write(experiment.model, {"lab": SLUG, **experiment.about()}))
    assert Architecture.from_json(file.about["architecture"]) == model.architecture


@pytest.mark.usefixtures("folder")
def test_a_network_that_does_not_fit_gets_a_sentence() -> None:
    with pytest.raises(StillMissing, match="take one over"):
        Config(model="taken")
    wide = Architecture(side=8, classes=10, channels=(64, 64), depth=50)
    cases = [("0" * 20, "no longer"), ("short", "key"), (shelved(wide)[0], "smaller"),
             (shelved(Architecture(side=28, classes=10))[0], "28 × 28"),
             (shelved(Architecture(side=8, classes=4))[0], "4 classes"),
             (shelved(Architecture(side=8, classes=10), architecture="{}")[0], "does not describe")]  # fmt: skip
    for key, word in cases:
        with pytest.raises(ConfigError, match=word) as caught:
            Config(model="taken", network=key)
        assert caught.value.knob == "network"


def test_a_file_of_this_lab_says_how_its_network_is_built() -> None:
    assert "architecture" not in Experiment(Config()).about()
    experiment = Experiment(Config(model="cnn"))
    architecture = Architecture.from_json(experiment.about()["architecture"])
    network = ConvNet(architecture, generator(0, "weights"))
    weights.fit(network, weights.read(weights.write(experiment.model, {"lab": SLUG})))
