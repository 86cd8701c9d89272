"""The lab of attacks: the curve it measures, one picture by hand, and networks from the shelf."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import engine
from engine.contract import weights
from engine.contract.device import generator
from engine.contract.knobs import ConfigError, StillMissing
from engine.data import shelf
from engine.labs.adversarial_examples import Config, Experiment, robustness, tally
from engine.labs.adversarial_examples.attacks import attack
from engine.nets.convnet import Architecture, ConvNet

SLUG = "adversarial_examples"
AT = robustness.INF_RADII.index(0.15)


def small(**knobs: Any) -> Config:
    """Digits of 8 x 8 and random weights, which is quick; the page opens with larger ones and a trained network."""
    return Config(**({"data": "digits", "start": "scratch", "training_eps": 0.15} | knobs))


# ------------------------------------------------------------------ what is seen is what is so


def test_the_curve_is_what_attacking_all_pictures_by_hand_gives() -> None:
    experiment = Experiment(small(seed=1, training_steps=50, steps=4))
    while not experiment.done:
        experiment.step()
    x, y = experiment.x_test, experiment.y_test
    assert (experiment.curves.asked == 500).all()
    for number, network in enumerate((experiment.model, experiment.defended)):
        clean = int((network(x).argmax(1) == y).sum())
        assert (experiment.curves.right[number, :, 0] == clean).all()
        moved = attack("fgsm", network, x, y, eps=0.15, steps=1)
        by_hand = int((network(moved).argmax(1) == y).sum())
        assert abs(experiment.curves.right[number, 1, AT] - by_hand) <= 1  # sums of other batches round differently


@pytest.mark.parametrize("norm", ["inf", "2"])
def test_while_they_train_the_curve_is_that_of_fgsm_and_of_random_signs(norm: str) -> None:
    settings = small(seed=1, norm=norm, eps=0.15, eps_2=0.6)  # a radius that is on the curve
    experiment = Experiment(settings)
    told = list(engine.train(experiment, 30))[-1]
    early, radii = experiment.frame().early, experiment.curves.radii
    at = radii.index(settings.radius)
    assert early.shape == (2, tally.EARLY, len(radii)) and np.isfinite(early).all()
    for number, name in enumerate(("plain", "defended")):
        assert early[number, :, 0] == pytest.approx(told[f"{name}_accuracy"])
        assert early[number, 1, at] == pytest.approx(told[f"{name}_attacked"], abs=0.004)
        assert early[number, 1, -1] < early[number, 1, 0] and early[number, 0, at] > early[number, 1, at]
    other = "2" if norm == "inf" else "inf"
    experiment.update(dataclasses.replace(settings, norm=other))
    assert np.isnan(experiment.frame().early).all()  # radii of another norm: nothing is known of them


def test_what_the_frame_shows_of_one_picture_is_what_the_network_says() -> None:
    experiment = Experiment(small(seed=2, example=11, attack="bim", norm="2", eps_2=0.7))
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
    experiment = Experiment(small(defence="none"))
    for _ in engine.train(experiment, 5):
        pass
    for one, other in zip(experiment.model.parameters(), experiment.defended.parameters(), strict=True):
        assert torch.equal(one, other)
    apart = Experiment(small())
    for _ in engine.train(apart, 5):
        pass
    for one, other in zip(apart.model.parameters(), experiment.model.parameters(), strict=True):
        assert torch.equal(one, other)  # the defence of the one does not touch the other


def test_restored_while_measuring_it_goes_on_exactly() -> None:
    settings = small(seed=4, training_steps=50)
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
    settings = small(training_steps=50, seed=7)
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
    experiment = Experiment(small(seed=3))
    for _ in engine.train(experiment, 40):
        pass
    for example in range(6):
        margins = []
        for restarts in (1, 5):
            experiment.update(small(seed=3, example=example, restarts=restarts, steps=3))
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
    experiment = Experiment(small(model="taken", network=key))
    for _ in engine.train(experiment, 6):
        pass
    model.eval()
    with torch.no_grad():
        assert torch.equal(experiment.model(experiment.x_test), model(experiment.x_test))
        assert not torch.equal(experiment.defended(experiment.x_test), model(experiment.x_test))
    again = Experiment(small(model="taken", network=key))
    again.load_state_dict(pickle.loads(pickle.dumps(experiment.state_dict())))
    assert again.step() == experiment.step()
    file = weights.read(weights.write(experiment.model, {"lab": SLUG, **experiment.about()}))
    assert Architecture.from_json(file.about["architecture"]) == model.architecture


@pytest.mark.usefixtures("folder")
def test_a_network_that_does_not_fit_gets_a_sentence() -> None:
    with pytest.raises(StillMissing, match="take one over"):
        small(model="taken")
    wide = Architecture(side=8, classes=10, channels=(64, 64), depth=50)
    cases = [("0" * 20, "no longer"), ("short", "key"), (shelved(wide)[0], "smaller"),
             (shelved(Architecture(side=28, classes=10))[0], "28 × 28"),
             (shelved(Architecture(side=8, classes=4))[0], "4 classes"),
             (shelved(Architecture(side=8, classes=10), architecture="{}")[0], "does not describe")]  # fmt: skip
    for key, word in cases:
        with pytest.raises(ConfigError, match=word) as caught:
            small(model="taken", network=key)
        assert caught.value.knob == "network"


def test_a_file_of_this_lab_says_how_its_network_is_built() -> None:
    assert "architecture" not in Experiment(small()).about()
    experiment = Experiment(small(model="cnn"))
    architecture = Architecture.from_json(experiment.about()["architecture"])
    network = ConvNet(architecture, generator(0, "weights"))
    weights.fit(network, weights.read(weights.write(experiment.model, {"lab": SLUG})))


# ------------------------------------------------------------------ what the page opens with


def test_the_game_is_played_with_true_attacks_and_those_that_fool_come_first() -> None:
    experiment = Experiment(Config(seed=5))
    pairs = experiment.frame().pairs
    assert pairs is not None
    assert np.abs(pairs.adversarial - pairs.pictures).max() <= 0.05 + 1e-6
    with torch.no_grad():
        for pictures, told in ((pairs.pictures, pairs.before), (pairs.adversarial, pairs.after)):
            np.testing.assert_allclose(
                experiment.model(torch.from_numpy(pictures)[:, None]).softmax(1), told, atol=1e-5
            )
    fooled = (pairs.before.argmax(1) == pairs.truth) & (pairs.after.argmax(1) != pairs.truth)
    assert fooled.sum() == min(len(fooled), pairs.fooled) and not np.any(np.diff(fooled.astype(int)) > 0)
    assert pairs.fooled <= pairs.read <= pairs.tried == 16 and 0 < pairs.left.sum() < len(pairs.left)
    sides = [Experiment(Config(seed=seed)).frame().pairs for seed in range(4)]
    assert len({tuple(each.left.tolist()) for each in sides if each is not None}) > 1
    assert Experiment(Config(start="scratch")).frame().pairs is None  # nothing can be fooled yet


def test_stored_networks_learn_nothing_and_are_measured_at_once() -> None:
    experiment = Experiment(Config())
    before = [p.clone() for p in experiment.model.parameters()]
    early = experiment.frame().early
    assert np.isfinite(early).all()
    for _ in engine.train(experiment, 30):
        pass
    assert all(torch.equal(p, q) for p, q in zip(before, experiment.model.parameters(), strict=True))
    assert experiment.curves.asked.any() and "plain_loss" not in experiment.step()
    alike = Experiment(Config(defence="none"))
    assert all(torch.equal(p, q) for p, q in zip(before, alike.defended.parameters(), strict=True))


def test_who_changes_the_stored_networks_begins_at_random_and_comes_back_to_them() -> None:
    assert Config().stored and not Config(model="linear").stored and Config(eps=0.2, defence="none").stored
    turned = Config().turned(model="cnn")
    assert (turned.start, turned.updates) == ("scratch", turned.training_steps)
    assert turned.turned(start="trained") == Config() and Config().updates == 0
