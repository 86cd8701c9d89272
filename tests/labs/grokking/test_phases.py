"""The phase picture: every cell is a network trained alone, and the picture shows when it knew what."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lesson_runs import first
from moments import moment
from scene_format import decode

import engine
from engine.contract.compare import same
from engine.contract.knobs import ConfigError
from engine.contract.view import Turn
from engine.labs.grokking.config import DECAYS, SHARES

lab = engine.lab("grokking")
SMALL: dict[str, Any] = {"trained": "phases", "p": 11, "width": 16, "learning_rate": 0.02}


def trained(steps: int, **knobs: Any) -> Any:
    experiment = lab.Experiment(lab.Config(**SMALL | knobs))
    for _ in engine.train(experiment, steps):
        pass
    return experiment


def alone(share: float, decay: float, *, steps: int, **knobs: Any) -> Any:
    """The network of a cell, trained by itself and by torch's own AdamW on torch's own loss."""
    config = lab.Config(**SMALL | knobs | {"trained": "one"})
    network = lab.networks.build(config, [0]).one(0)
    a, b, c = lab.table(config.operation, config.p)
    shown, _ = lab.tables.split(config.p, share, 0)
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    adamw = torch.optim.AdamW(network.parameters(), lr=0.02, betas=(0.9, 0.98), weight_decay=decay)
    for _ in range(steps):
        adamw.zero_grad()
        F.cross_entropy(network(a[shown], b[shown]), c[shown]).backward()
        adamw.step()
    return network


@pytest.mark.parametrize(
    "knobs", [{}, {"model": "concat", "operation": "a-b"}, {"model": "transformer"}, {"operation": "a-b"}]
)
def test_a_cell_is_what_torchs_adamw_makes_of_its_network_alone(knobs: dict[str, Any]) -> None:
    together = trained(30, **knobs)
    a, b = together.a, together.b
    for share, decay in ((0.3, 0.0), (0.5, 1.0), (0.8, 3.0)):
        place = DECAYS.index(decay) * len(SHARES) + SHARES.index(share)
        network = alone(share, decay, steps=30, **knobs)
        with torch.no_grad():
            assert torch.allclose(together.each[place](a, b), network(a, b), rtol=1e-3, atol=1e-3), (share, decay)


@pytest.mark.parametrize("optimiser", ["adamw", "adam", "momentum", "lion"])
def test_a_cell_is_a_run_of_one_network_with_its_share_and_decay(optimiser: str) -> None:
    together = trained(8, optimiser=optimiser, loss="squared", cell_share="0.7", cell_decay="0.3")
    config = together.config.turned(trained="one")
    assert (config.train_share, config.weight_decay) == (0.7, 0.3)
    one = lab.Experiment(config)
    *_, metrics = engine.train(one, 8)
    with torch.no_grad():
        assert torch.allclose(together.model(one.a, one.b), one.model(one.a, one.b), rtol=1e-3, atol=1e-3)
    scores = together.frame().scores
    assert {name: scores[name] for name in metrics} == pytest.approx(metrics, abs=1e-3)


def test_a_larger_share_holds_the_smaller_and_decay_changes_no_cell() -> None:
    grid = trained(0).grid
    for (fewer, _), (more, new) in zip(grid.masks[:-1], grid.masks[1:], strict=True):
        assert bool((more | ~fewer).all()) and int(more.sum()) > int(fewer.sum()) and not bool((new & more).any())
    assert [int(train.sum()) for train, _ in grid.masks] == [round(share * 121) for share in SHARES]
    assert torch.equal(grid.train[: len(SHARES)], grid.train[-len(SHARES) :])
    assert grid.decay.view(len(DECAYS), -1)[:, 0].tolist() == pytest.approx(DECAYS)


@pytest.mark.parametrize("model", ["sum", "concat"])
def test_the_grid_measures_what_is_measured_of_one_network(model: str) -> None:
    """Each pair computed once and counted twice, or every cell by itself: the accuracies are those of the table."""
    experiment = trained(25, model=model)
    assert len(experiment.grid.c) == (66 if model == "sum" else 121)
    phases = experiment.frame().phases
    for place in (0, 10, 20, 35):
        row, column = divmod(place, len(SHARES))
        knobs = {"cell_share": f"{SHARES[column]:g}", "cell_decay": f"{DECAYS[row]:g}"}
        experiment.update(dataclasses.replace(experiment.config, **knobs))
        scores = experiment.frame().scores
        assert scores["train_accuracy"] == pytest.approx(phases.train_accuracy[row, column], abs=1e-5)
        assert scores["new_accuracy"] == pytest.approx(phases.new_accuracy[row, column], abs=1e-5)


def test_first_steps_stay_and_the_way_is_remembered_on_log_time() -> None:
    experiment = lab.Experiment(lab.Config(**SMALL))
    hearts, told = [], []
    for metrics in engine.train(experiment, 60):
        hearts.append(experiment.frame().phases.train_accuracy >= 0.99)
        told.append(metrics["by_heart"])
    phases = experiment.frame().phases
    ever = np.array(hearts)
    assert np.array_equal(phases.by_heart, np.where(ever.any(0), ever.argmax(0) + 1, 0)) and phases.by_heart.any()
    assert told == sorted(told) and told[-1] == pytest.approx((phases.by_heart > 0).mean())
    times = phases.times.tolist()
    assert times[:10] == list(range(1, 11)) and times == sorted(set(times)) and 20 < len(times) < 45
    assert phases.past_train.shape == phases.past_new.shape == (len(times), len(DECAYS), len(SHARES))


def test_a_state_goes_on_to_the_bit_and_stays_as_it_was() -> None:
    ahead = trained(12)
    state = pickle.loads(pickle.dumps(ahead.state_dict()))
    taken = ahead.state_dict()
    resumed = lab.Experiment(lab.Config(**SMALL))
    resumed.step()
    resumed.load_state_dict(state)
    for _ in range(15):
        assert resumed.step() == ahead.step()
    assert same(resumed.state_dict(), ahead.state_dict()) and same(taken, state)


def test_another_cell_is_another_table_and_changes_nothing_that_is_learned() -> None:
    looked, blind = trained(20), trained(20)
    before = looked.frame()
    looked.update(dataclasses.replace(looked.config, cell_share="0.8", cell_decay="0"))
    after = looked.frame()
    assert int(after.train.sum()) == round(0.8 * 121) > int(before.train.sum()) == round(0.5 * 121)
    assert not np.array_equal(after.chance, before.chance)
    assert same(dataclasses.asdict(after.phases), dataclasses.asdict(before.phases))
    assert looked.step() == blind.step() and same(looked.state_dict(), blind.state_dict())


def test_a_click_chooses_the_cell() -> None:
    views, view = engine.contract.registry.view("grokking"), moment(trained(0), 2)
    pick = {"panel": "phases", "kind": "plane"}
    assert views.answer(view, {**pick, "x": 4.3, "y": 0.6}) == Turn({"cell_share": "0.7", "cell_decay": "0.1"})
    assert views.answer(view, {**pick, "x": -3.0, "y": 9.0}) == Turn({"cell_share": "0.3", "cell_decay": "10"})
    assert view.config.turned(**views.answer(view, {**pick, "x": 4.3, "y": 0.6}).knobs).cell == 10


@pytest.mark.parametrize("operation", ["a+b", "a*b"])
def test_the_picture_numbers_the_cells_that_know_and_hatches_those_not_yet_by_heart(operation: str) -> None:
    views, view = engine.contract.registry.view("grokking"), moment(trained(0, operation=operation, p=12), 60)
    phases = view.frame.phases
    phases.known[3, 5] = 41
    packed = views.stage(view).to_bytes()
    drawn, arrays = decode(packed)
    panels = {panel["key"]: panel for row in drawn["rows"] for panel in row}
    layers = {layer["kind"]: layer for layer in panels["phases"]["layers"]}
    told = [layer for layer in panels["phases"]["layers"] if layer["kind"] == "text"]
    assert {(5.0, 3.0, "41")} <= {(layer["x"], layer["y"], layer["text"]) for layer in told}
    assert len(told) == int((phases.known > 0).sum())
    values = arrays[layers["heatmap"]["values"]].reshape(phases.by_heart.shape)
    assert np.array_equal(values == 255, phases.by_heart == 0) and 0 < (values == 255).sum() < values.size
    assert len(packed) < 60_000 and len(views.curves(view).to_bytes()) > 500
    assert {"table", "accuracy"} <= panels.keys() and ("circle" in panels) == (operation == "a+b")
    assert views.inside(view)[0].rows[2][-1].endswith("/ 41")  # decay 1 is the third row from the top


def test_what_is_said_counts_the_networks() -> None:
    views, view = engine.contract.registry.view("grokking"), moment(trained(0), 60)
    phases, facts = view.frame.phases, views.facts(view)
    for known in (0, 3):
        phases.known[:] = 0
        phases.known[4, :known] = 50
        said = views.say(view)
        assert said.endswith(".") and len(said) <= 140 and str(int((phases.by_heart > 0).sum())) in said
    assert facts["networks"] == 36 and facts["by_heart"] == int((phases.by_heart > 0).sum())
    assert views.say(moment(trained(0), 0)).startswith("36 networks learn")


def test_the_picture_brings_small_networks_and_goes_back_to_the_cell() -> None:
    many = lab.Config(train_share=0.62, weight_decay=0.12, seeds=4, operation="parity", size="large").turned(
        trained="phases"
    )
    assert (many.operation, many.model, many.seeds, many.size) == ("a+b", "sum", 1, "standard") and many.cost < 20
    assert (many.cell_share, many.cell_decay) == ("0.6", "0.1")
    assert lab.Config(operation="a-b", model="concat").turned(trained="phases").model == "concat"
    back = many.turned(trained="one")
    assert (back.p, back.width, back.train_share, back.weight_decay) == (31, 64, 0.6, 0.1)


@pytest.mark.parametrize("knobs", [{"seeds": 2}, {"operation": "parity"}, {"p": 97}])
def test_what_the_picture_cannot_have_is_refused_by_name(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        lab.Config(**SMALL | knobs)
    assert refused.value.knob in {*knobs, "width"}


def test_where_one_network_diverges_the_others_go_on_and_it_is_drawn_all_the_same() -> None:
    """A decay of 10 times a learning rate of 0.25 turns the weights round at each step, and makes them larger."""
    experiment = trained(200, learning_rate=0.25, cell_decay="10")
    view, views = moment(experiment, 1), engine.contract.registry.view("grokking")
    # How many of a row come so far at this learning rate differs from machine to machine: the last digits decide it.
    assert not np.isfinite(view.frame.chance).all() and (view.frame.phases.by_heart[1] > 0).any()
    assert np.isfinite(list(experiment.step().values())).all()
    keys = [panel["key"] for row in decode(views.stage(view).to_bytes())[0]["rows"] for panel in row]
    assert keys == ["phases", "table", "accuracy"] and "diverged" in views.inside(view)[-1].text


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(3, range(6)))
def test_larger_shares_know_sooner_and_without_decay_nothing_new_is_known(seed: int) -> None:
    """A small table, other weights and other cells for each of six seeds: 0-.02, .35-.94, and without decay 0-.03."""
    phases = trained(200, p=23, width=48, seed=seed, data_seed=seed).frame().phases
    assert (phases.by_heart[:4] > 0).all() and (phases.by_heart[-1] == 0).all()
    few, many = phases.new_accuracy[DECAYS.index(1.0)].reshape(3, 2).mean(1)[[0, 2]]
    assert few < 0.05 and many > 0.3 and phases.new_accuracy[0].max() < 0.1
