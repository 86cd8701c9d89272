"""The truths of the lab: Fourier, tables, one frequency is enough, and what no training can change."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scene_format import decode

import engine
from engine.contract.knobs import ConfigError
from engine.contract.view import Turn, View

lab = engine.lab("grokking")


def trained(steps: int, **knobs: object) -> tuple[object, list[dict[str, float]]]:
    experiment = lab.Experiment(lab.Config(**knobs))
    return experiment, list(engine.train(experiment, steps))


@pytest.mark.parametrize("p", [11, 43, 12])
def test_powers_add_up_to_the_variance(p: int) -> None:
    rows = torch.randn(3, p, 7, generator=torch.Generator().manual_seed(p), dtype=torch.float64)
    total = (rows - rows.mean(-2, keepdim=True)).square().sum((-1, -2))
    power = lab.fourier_power(rows)
    assert power.shape == (3, p // 2) and torch.allclose(power.sum(-1), total, rtol=1e-9, atol=0)
    _, shares = lab.fourier.circles(rows[0], torch.arange(p), p)
    assert torch.allclose(shares, power[0] / total[0], rtol=1e-9, atol=1e-12)


def test_the_power_of_one_wave_lies_in_its_frequency() -> None:
    rows = torch.cos(2 * math.pi * 5 / 43 * torch.arange(43, dtype=torch.float64) + 0.3)[:, None]
    power = lab.fourier_power(rows)
    assert power.argmax() == 4 and float(power[4] / power.sum()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("frequency", [1, 7, 21])
def test_one_frequency_by_hand_gets_every_pair_right(frequency: int) -> None:
    p, w = 43, 2 * math.pi * frequency / 43
    config = lab.Config(p=p, width=16, activation="square")
    network = lab.networks.build(config, [0]).one(0)
    angle = w * torch.arange(p)
    turns = torch.arange(8) * math.pi / 8  # phases around the clock: what depends on a - b alone is the same for each c
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.embedding[:, :2] = torch.stack([angle.cos(), angle.sin()], 1)
        network.first[:2, :8] = torch.stack([turns.cos(), -turns.sin()])  # cos(wa + turn)
        network.second[:8] = torch.cos(2 * turns[:, None] + angle)
        a, b, c = lab.table("a+b", p)
        logits = network(a, b)
    # Where a - b is half a turn the wave all but vanishes: the margin is small there, and never gone, as p is odd.
    assert bool((logits.argmax(1) == c).all())
    alone = lab.restricted(logits.double(), a, b, torch.tensor([frequency]), p)
    assert bool((alone.argmax(1) == c).all())


def test_what_the_restriction_keeps() -> None:
    p = 23
    a, b, _ = lab.table("a+b", p)
    g = torch.Generator().manual_seed(0)
    w = 2 * math.pi * 3 / p * (a + b).double()
    wave = torch.stack([w.cos(), w.sin()], 1) @ torch.randn(2, 5, generator=g, dtype=torch.float64)
    assert torch.allclose(lab.restricted(wave, a, b, torch.tensor([3, 8]), p), wave, atol=1e-9)
    assert lab.restricted(wave, a, b, torch.tensor([5, 8]), p).abs().max() < 1e-9
    other = torch.cos(2 * math.pi * 3 / p * (a - b).double())[:, None]  # of a - b: nothing of a + b
    assert lab.restricted(other, a, b, torch.tensor([3]), p).abs().max() < 1e-9
    some = torch.randperm(p * p, generator=g)[:60]  # over some pairs only it is the least squares fit
    X = torch.cat([torch.stack([f(2 * math.pi * k / p * (a + b)[some].double()) for k in (3, 8)], 1)
                   for f in (torch.cos, torch.sin)], 1)  # fmt: skip
    noisy = torch.randn(60, 5, generator=g, dtype=torch.float64)
    fit = X @ torch.linalg.lstsq(X, noisy).solution
    assert torch.allclose(lab.restricted(noisy, a[some], b[some], torch.tensor([3, 8]), p), fit, atol=1e-9)


def test_tables_hold_what_they_say() -> None:
    for operation, rule in (("a+b", lambda a, b: a + b), ("a-b", lambda a, b: a - b), ("a*b", lambda a, b: a * b),
                            ("a^2+b^2", lambda a, b: a * a + b * b)):  # fmt: skip
        a, b, c = (t.tolist() for t in lab.table(operation, 13))
        assert c == [rule(x, y) % 13 for x, y in zip(a, b, strict=True)] and len(set(zip(a, b, strict=True))) == 169
    every = list(itertools.permutations(range(5)))
    a, b, c = (t.tolist() for t in lab.table("permutations", 0))
    assert len(c) == 120**2
    for x, y, z in list(zip(a, b, c, strict=True))[::97]:
        assert tuple(every[x][every[y][i]] for i in range(5)) == every[z]
    a, b, c = (t.tolist() for t in lab.table("parity", 0, bits=3))
    assert c == [((x & 3).bit_count() + (y & 1)) % 2 for x, y in zip(a, b, strict=True)]


@pytest.mark.parametrize("operation", ["a+b", "a-b", "a*b", "a^2+b^2"])
def test_phases_add_up_to_the_answer(operation: str) -> None:
    """Cells whose phases have one sum have one answer: the clock is right."""
    p = 13
    rows, phase, hours = lab.tables.phases(operation, p)
    hour = dict(zip(rows.tolist(), phase.tolist(), strict=True))
    sign = -1 if operation == "a-b" else 1
    found: dict[int, set[int]] = {}
    for a, b, c in zip(*(t.tolist() for t in lab.table(operation, p)), strict=True):
        if a in hour and b in hour:
            found.setdefault((hour[a] + sign * hour[b]) % hours, set()).add(c)
    assert len(found) == hours and all(len(answers) == 1 for answers in found.values())
    assert len(set.union(*found.values())) == hours


def test_no_clock_where_there_is_none() -> None:
    assert all(lab.tables.phases(operation, p)[2] == 0 for operation, p in (("a*b", 15), ("permutations", 43)))


def test_new_cells_are_new_in_both_orders() -> None:
    train, new = (t.view(43, 43) for t in lab.tables.split(43, 0.4, 0))
    assert int(train.sum()) == round(0.4 * 43 * 43) and not bool((new & (train | train.T)).any())
    assert bool((new | train | train.T).all()) and float(new.float().mean()) == pytest.approx(0.36, abs=0.03)


@pytest.mark.parametrize("model", ["sum", "concat", "transformer"])
def test_summed_embeddings_cannot_tell_the_order(model: str) -> None:
    experiment, _ = trained(20, model=model, p=13)
    a, b, _ = lab.table("a+b", 13)
    with torch.no_grad():
        same = torch.equal(experiment.model(a, b), experiment.model(b, a))
    assert same == (model == "sum")


def test_relabelling_the_residues_changes_nothing_but_their_names() -> None:
    """a -> g a is a symmetry of addition: with weights permuted alike, the training curve is the same."""
    p, g = 13, 5
    plain, moved = (lab.Experiment(lab.Config(p=p)) for _ in range(2))
    to = g * torch.arange(p) % p
    with torch.no_grad():
        moved.stack.embedding[:, to] = plain.stack.embedding
        moved.stack.second[:, :, to] = plain.stack.second
        moved.stack.second_bias[:, to] = plain.stack.second_bias
    a, b, c = (to[t] for t in plain.shown_cells)
    moved.shown_cells = (a, b, c)
    moved.train = torch.zeros_like(moved.train).index_fill(0, a * p + b, True)
    for _ in range(30):
        one, other = plain.step(), moved.step()
        assert other["train_loss"] == pytest.approx(one["train_loss"], rel=1e-3)
        assert other["test_loss"] == pytest.approx(one["test_loss"], rel=1e-3)
    shares, others = plain.frame().shares, moved.frame().shares
    to_frequency = [min(k * pow(g, -1, p) % p, -k * pow(g, -1, p) % p) - 1 for k in range(1, p // 2 + 1)]
    assert others[to_frequency] == pytest.approx(shares, rel=1e-3)


@pytest.mark.parametrize("model", ["sum", "concat", "transformer"])
def test_a_stack_trains_each_network_as_if_alone(model: str) -> None:
    together, of_all = trained(5, model=model, p=13, seeds=3, seed=4)
    alone = [trained(5, model=model, p=13, seed=4 + i) for i in range(3)]
    losses = [metrics[-1]["train_loss"] for _, metrics in alone]
    assert of_all[-1]["train_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    a, b, _ = lab.table("a+b", 13)
    with torch.no_grad():
        for i, (experiment, _) in enumerate(alone):
            assert torch.allclose(together.stack(a, b)[i], experiment.model(a, b), atol=1e-3)


@pytest.mark.parametrize("model", ["sum", "concat", "transformer"])
def test_the_whole_table_is_every_pair(model: str) -> None:
    experiment = lab.Experiment(lab.Config(model=model, p=13, seeds=2))
    a, b, _ = lab.table("a+b", 13)
    with torch.no_grad():
        assert torch.allclose(experiment.stack.everywhere(), experiment.stack.hidden(a, b), atol=1e-5)
        assert torch.allclose(experiment.model.everywhere(), experiment.model.hidden(a, b), atol=1e-5)


def test_attention_is_torchs_own() -> None:
    """The heads' sums over a, b and "=" equal scaled_dot_product_attention on the three tokens."""
    config = lab.Config(model="transformer", p=13)
    network = lab.networks.build(config, [0]).one(0)
    a, b, _ = lab.table("a+b", 13)
    with torch.no_grad():
        last = network.place[2].expand(len(a), -1)
        tokens = torch.stack(
            [network.embedding[a] + network.place[0], network.embedding[b] + network.place[1], last], 1
        )
        q, k, v = (
            (tokens @ w).unflatten(-1, (4, -1)).transpose(1, 2) for w in (network.query, network.key, network.value)
        )
        found = torch.nn.functional.scaled_dot_product_attention(q[:, :, 2:], k, v)[:, :, 0].flatten(1)
        assert torch.allclose(network.attended(a, b), last + found @ network.out, atol=1e-5)


def test_a_bar_that_is_clicked_shows_its_circle() -> None:
    config = lab.Config(p=13)
    frame = lab.Experiment(config).frame()
    view = View(frame, config)
    answer = engine.contract.registry.view("grokking").answer
    assert answer(view, {"panel": "power", "kind": "plane", "x": 3.4, "y": 0.1}) == Turn({"frequency": 3})
    assert answer(view, {"panel": "power", "kind": "plane", "x": 60.0, "y": 0.1}) == Turn({"frequency": 6})
    assert answer(view, {"panel": "table", "kind": "plane", "x": 3.4, "y": 0.1}) is None


@pytest.mark.parametrize("operation", list(lab.config.OPERATIONS))
def test_every_table_is_drawn_and_said(operation: str) -> None:
    views = engine.contract.registry.view("grokking")
    config = lab.Config(operation=operation, model="concat", p=13)
    experiment = lab.Experiment(config)
    metrics = experiment.step()
    curves = {name: (np.array([1]), np.array([value])) for name, value in metrics.items()}
    view = View(experiment.frame(), config, curves, 1, 1)
    assert 2_000 < len(views.stage(view).to_bytes()) < 60_000 and len(views.curves(view).to_bytes()) > 500
    assert views.say(view).endswith(".") and views.facts(view)["train_accuracy"] == metrics["train_accuracy"]


def test_several_networks_have_a_band_and_one_of_them_is_drawn() -> None:
    views = engine.contract.registry.view("grokking")
    frames = []
    for shown in (0, 1, 15):
        config = lab.Config(p=13, seeds=3, shown=shown)
        experiment = lab.Experiment(config)
        metrics = experiment.step()
        curves = {name: (np.array([1, 2]), np.full(2, value)) for name, value in metrics.items()}
        frames.append(experiment.frame())
        drawn, _ = decode(views.stage(View(frames[-1], config, curves, 2, 2)).to_bytes())
        (panel,) = (p for row in drawn["rows"] for p in row if p["key"] == "accuracy")
        assert "3 networks" in panel["title"] and len(panel["bands"]) == 1
    first, second, last = frames
    assert not np.array_equal(first.chance, second.chance) and not np.array_equal(second.chance, last.chance)
    alone = lab.Experiment(lab.Config(p=13, seed=2))
    alone.step()
    assert alone.frame().chance == pytest.approx(last.chance, abs=1e-4)  # the highest index is the last network


def test_what_is_inside_counts_every_neuron() -> None:
    views, config = engine.contract.registry.view("grokking"), lab.Config(p=13)
    frame = lab.Experiment(config).frame()
    table, note, _ = views.inside(View(frame, config))
    used = sum(int(row[2]) for row in table.rows)
    assert len(table.rows) == 5 and note.text.startswith(f"The other {config.hidden - used} of {config.hidden}")


def test_an_operation_brings_a_model_that_can_learn_it() -> None:
    assert replace(lab.Config(), operation="a-b").settle("operation").model == "concat"
    assert lab.Config().settle("operation") == lab.Config()
    with pytest.raises(ConfigError, match="model"):
        lab.Config(operation="parity", model="transformer")


@pytest.mark.slow
@pytest.mark.truths
def test_without_decay_new_cells_stay_unknown() -> None:
    """Six networks; the mean, because single ones reach .2 at step 1,000."""
    _, metrics = trained(1000, weight_decay=0.0, seeds=6)
    assert metrics[-1]["train_accuracy"] == 1 and metrics[-1]["new_accuracy"] < 0.25
