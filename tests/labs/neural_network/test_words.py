"""What is said of a run is true of it: the sentence of each phase, and facts for every kind of config."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moments import moment

from engine.contract.view import View
from engine.labs import neural_network as lab
from engine.labs.neural_network.view import facts, say, stage
from engine.labs.neural_network.words import border, curve, gap

KNOBS: list[dict[str, Any]] = [
    {}, {"data": "regression_plane"}, {"data": "three_spirals", "hidden": ()}, {"seeds": 4, "gradients": True},
    {"data": "regression_gaussians", "seeds": 3}, {"initialisation": "zero"}, {"norm": "batch", "hidden": (5,)},
    {"data": "regression_plane", "activation": "relu", "optimiser": "gradient_descent", "learning_rate": 10.0},
]  # fmt: skip


@pytest.mark.parametrize("knobs", KNOBS)
@pytest.mark.parametrize("steps", [0, 12])
def test_every_config_has_its_facts_and_a_sentence(knobs: dict[str, Any], steps: int) -> None:
    experiment = lab.Experiment(lab.Config(samples=40, **knobs))
    view = moment(experiment, steps)
    found = facts(view)
    assert all(type(value) in (int, float, str) for value in found.values())
    assert found["parameters"] == sum(p.numel() for p in experiment.model.parameters())
    said = say(view)
    assert said.endswith(".") and len(said) <= 125
    assert (
        ("diverged" in said)
        is (not np.isfinite(view.frame.scores["train_loss"]))
        is ("diverged" in str(found["outcome"]))
    )
    for beside in (False, True):
        assert stage(View(**{**vars(view), "beside": beside})).to_bytes()


def test_the_sentence_goes_with_the_phases_of_a_run() -> None:
    experiment = lab.Experiment(lab.Config(data="moons", noise=1.2, samples=200, train_share=0.2, hidden=(32, 32),
                                           learning_rate=0.003, batch_size=40))  # fmt: skip
    history: dict[str, list[float]] = {}
    said = []
    for epoch in range(301):
        if epoch:
            for name, value in experiment.step().items():
                history.setdefault(name, []).append(value)
        if epoch in (0, 1, 8, 300):
            curves = {name: (np.arange(1, epoch + 1), np.array(values)) for name, values in history.items()}
            said.append(say(View(experiment.frame(), experiment.config, curves, epoch, epoch)))
    losses = history["test_loss"]
    assert said[0].startswith("Untrained") and said[1].startswith("At epoch 1,") and said[2].startswith("It learns")
    assert said[3].startswith(
        f"Since epoch {1 + int(np.argmin(losses))} the test loss has risen from {min(losses):.2f}"
    )


@pytest.mark.parametrize(("knobs", "steps", "words"), [
    ({"data": "gaussians"}, 12, "No test point"), ({"initialisation": "zero"}, 30, "hardly moved from 0.69"),
    ({"seeds": 3}, 2, "3 networks"), ({"learning_rate": 10.0, "optimiser": "gradient_descent", "activation": "relu",
                                       "data": "regression_plane"}, 12, "diverged"),
])  # fmt: skip
def test_what_else_may_be_said(knobs: dict[str, Any], steps: int, words: str) -> None:
    assert words in say(moment(lab.Experiment(lab.Config(samples=100, **knobs)), steps))


def test_what_lies_after_the_moment_on_screen_does_not_count() -> None:
    experiment = lab.Experiment(lab.Config(samples=60))
    then = moment(experiment, 4)
    later = moment(lab.Experiment(lab.Config(samples=60)), 9)
    back = View(then.frame, then.config, later.curves, 4, 9)
    assert facts(back) == facts(then) and say(back) == say(then)
    assert len(curve(back, "test_loss")[0]) == 4


def test_the_gradient_that_reaches_a_layer_is_that_of_one_point() -> None:
    frame = lab.Experiment(lab.Config(samples=20, train_share=0.1, hidden=(6, 5))).frame()
    assert len(frame.train_xy) == 2
    deltas = []
    for follow in (0, 1):
        followed = (
            lab.Experiment(lab.Config(samples=20, train_share=0.1, hidden=(6, 5), follow=follow)).frame().followed
        )
        deltas.append([layer["delta"] for layer in followed.layers])
    for depth, rms in enumerate(frame.delta_rms):
        assert rms == pytest.approx(np.sqrt(np.mean(np.square([delta[depth] for delta in deltas]))), rel=1e-5)
    assert gap(frame) == pytest.approx(frame.delta_rms[1] / frame.delta_rms[0])


def test_a_straight_border_is_as_long_as_the_plane_is_wide() -> None:
    class Flat:
        classes = 2
        output_map = np.tile(np.linspace(0, 1, 40), (40, 1))

    assert border(Flat()) == 1.0
