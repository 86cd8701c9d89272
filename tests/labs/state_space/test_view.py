"""What is drawn and said of state spaces when numbers are none, of a text, and of poles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import engine
from engine.contract import registry
from engine.contract.figure import Table
from engine.contract.view import View
from engine.data.text import border, corpus
from engine.labs.state_space.view.reach import dragged

lab, views = engine.lab("state_space"), registry.view("state_space")


@pytest.mark.parametrize("layer", ["scalar", "s6", "s4d", "gru", "attention"])
@pytest.mark.parametrize("task", ["selective", "digits", "text"])
def test_numbers_that_are_none_are_told_and_drawn(layer: str, task: str) -> None:
    control = "none" if layer == "s4d" else "s4d"
    config = lab.Config(task=task, layer=layer, control=control, width=16, moved="1,2,-0.5,1")
    experiment = lab.Experiment(config)
    with torch.no_grad():
        for network in experiment.networks.values():
            for parameter in network.parameters():
                parameter.fill_(math.nan)
    view = View(experiment.frame(), config, {}, 1, 1)
    assert views.stage(view).to_bytes() and views.inside(view) and "diverged" in views.say(view)
    assert all(math.isfinite(value) for value in views.facts(view).values() if not isinstance(value, str))


@pytest.mark.parametrize("knobs", [
    {"moved": "1,1,-999.9999,0"}, {"layer": "s4d", "control": "none", "state": 32, "dt_high": 1.0},
])  # fmt: skip
def test_a_kernel_that_grows_beyond_all_numbers_is_drawn(knobs: dict[str, Any]) -> None:
    config = lab.Config(**{"method": "euler", "width": 32, "length": 64} | knobs)
    view = View(lab.Experiment(config).frame(), config)
    seen = view.frame.seen[-1]
    assert not np.isfinite([*seen.kernels.ravel(), *seen.moved]).all()
    assert views.stage(view).to_bytes()
    assert ("grows" in views.say(view)) == (not np.isfinite(seen.kernels).all())


def test_of_poles_at_one_place_the_first_is_dragged() -> None:
    poles = lab.Experiment(lab.Config(width=16)).frame().seen[1].poles  # HiPPO: every channel begins with the same
    assert dragged(poles, (-0.5, math.pi), (-0.55, 2.0)) == "1,2,-0.550,2.000"


@pytest.mark.parametrize(("heads", "width"), [(6, 30), (8, 32), (5, 30), (7, 28)])
def test_a_layer_made_smaller_is_one_that_its_heads_share_evenly(heads: int, width: int) -> None:
    turned = lab.Config(width=8 * heads, heads=heads).turned(layer="s6")
    assert (turned.width, turned.heads) == (width, heads)


def test_a_text_is_judged_by_what_was_kept_from_training_and_against_its_commonest_sign() -> None:
    config = lab.Config(task="text", width=16, length=8, batch_size=8)
    experiment = lab.Experiment(config)
    metrics = experiment.step()
    known = "".join(lab.vocabulary.TEXT[token] for token in lab.vocabulary.spelled(corpus()))
    kept = known[border(len(known), 4 * lab.tasks.LONGEST_READ + 1) :]
    for x, _, _ in experiment.tests.values():
        assert all("".join(lab.vocabulary.TEXT[token] for token in row) in kept for row in x)
    most = max(known.count(sign) for sign in lab.vocabulary.TEXT)
    assert known.count("␣") == most and lab.words.chance(config) == pytest.approx(most / len(known), abs=1e-6)
    told = {**metrics, "test_accuracy": 0.31, "control_test_accuracy": 0.27, "accuracy": 0.99, "control_accuracy": 0.98}
    view = View(experiment.frame(), config, {name: (np.array([1]), np.array([told[name]])) for name in told}, 1, 1)
    for said in (views.say(view), lab.words.longer_title(view)):
        assert "31%" in said and "27%" in said and "99" not in said and len(said) <= 140
    [table] = [figure for figure in views.inside(view) if isinstance(figure, Table)]
    assert len(table.header) == 3
