"""What the lessons of lstm_gates say is what the runs do, over six seeds; seed 0 is the one on screen."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from lesson_runs import config, first, lesson

from engine.contract.device import generator
from engine.labs.lstm_gates import BATCH, Experiment
from ui.lesson import lessons

SLUG = "lstm_gates"
ALL_THE_SAME = 2  # the one seed of six whose LSTM learns with a closed gate too, and faster without an opened one
SEEDS = first(2, (0, ALL_THE_SAME, 1, 3, 4, 5))


@cache
def trained(name: str, cells: tuple[str, ...], *, beside: bool = False, steps: int = 0, **knobs: Any) -> Any:
    """The experiment after the lesson, its losses and gradients at each step; only `cells` learn, which saves time."""
    experiment = Experiment(config(SLUG, name, beside=beside, **knobs))
    losses: dict[str, list[float]] = {kind: [] for kind in cells}
    norms: dict[str, list[float]] = {kind: [] for kind in cells}
    for number in range(steps or lesson(SLUG, name).runs_to or 0):
        x, y = experiment.task.draw(BATCH[experiment.config.task], generator(experiment.config.seed, f"batch/{number}"))
        for kind in cells:
            experiment._learn(kind, x, y)
            losses[kind].append(float(np.mean(experiment.losses[kind])))
            norms[kind].append(experiment.norms[kind])
    return experiment, losses, norms


def test_every_lesson_has_three_answers_and_an_end() -> None:
    for each in lessons(SLUG):
        assert len(each.answers) == 3 and each.runs_to and len(each.title) <= 28


@pytest.mark.parametrize("seed", SEEDS)
def test_before_training_almost_no_gradient_gets_to_the_rnns_first_step(seed: int) -> None:
    frame = Experiment(config(SLUG, "the_rnn_forgets", seed=seed)).frame()
    assert frame.gradient[frame.cells.index("rnn"), 0] < 1e-8


def learned(losses: list[float]) -> int:
    """The step at which the loss is below 0.02."""
    return next(i for i, loss in enumerate(losses, 1) if loss < 0.02)


def opened(seed: int) -> list[float]:
    """Losses of the LSTM beside the one with a closed gate: that of the first lesson, which runs on for longer."""
    beside, longer = config(SLUG, "forget_bias", beside=True, seed=seed), config(SLUG, "the_rnn_forgets", seed=seed)
    assert beside == dataclasses.replace(longer, cell=beside.cell)
    losses: list[float] = trained("the_rnn_forgets", ("rnn", "gru", "lstm"), seed=seed)[1]["lstm"]
    return losses[: lesson(SLUG, "forget_bias").runs_to]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_rnn_stays_at_guessing_and_the_others_learn_to_add(seed: int) -> None:
    _, losses, _ = trained("the_rnn_forgets", ("rnn", "gru", "lstm"), seed=seed)
    assert 0.15 < losses["rnn"][-1] < 0.3
    for kind, (soonest, latest) in {"gru": (90, 140), "lstm": (155, 285)}.items():
        assert soonest < learned(losses[kind]) < latest
        assert losses[kind][-1] < 0.02


def test_what_the_forget_gate_lets_through_at_the_start() -> None:
    left, right = (1 / (1 + math.exp(-bias)) for bias in (-4, 1))
    assert left == pytest.approx(0.02, abs=0.003) and right == pytest.approx(0.73, abs=0.005)
    assert right**49 == pytest.approx(2e-7, rel=0.1)
    assert left**49 == pytest.approx(3e-86, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_with_a_closed_forget_gate_five_of_six_lstms_do_not_learn_to_add(seed: int) -> None:
    closed = trained("forget_bias", ("lstm",), seed=seed)[1]["lstm"]
    assert (closed[-1] < 0.14) == (seed == ALL_THE_SAME)
    assert opened(seed)[-1] < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_with_a_bias_of_zero_it_takes_longer_in_five_of_six(seed: int) -> None:
    zero = trained("forget_bias", ("lstm",), seed=seed, forget_bias=0.0, steps=425)[1]["lstm"]
    assert (learned(opened(seed)) < learned(zero)) == (seed != ALL_THE_SAME)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_clipping_the_loss_explodes_and_with_it_it_does_not(seed: int) -> None:
    free, losses, norms = trained("exploding_gradients", ("rnn",), seed=seed)
    assert max(losses["rnn"][:10]) * 16 > 10 and free.losses["rnn"][-1] > 1e6
    assert max(norms["rnn"][:10]) > 50
    _, losses, norms = trained("exploding_gradients", ("rnn",), beside=True, seed=seed, steps=60)
    assert max(losses["rnn"]) < 5 and 0.12 < losses["rnn"][-1] < 0.4
    assert max(norms["rnn"]) > 5  # before they are cut


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_one_number_of_the_lstms_cell_counts_brackets_and_none_of_the_rnns_state_does(seed: int) -> None:
    experiment, _, _ = trained("a_neuron_that_counts", ("rnn", "lstm"), seed=seed)
    assert abs(experiment.frame().counts) >= 0.97
    experiment.update(dataclasses.replace(experiment.config, cell="rnn"))
    assert abs(experiment.frame().counts) < 0.9
