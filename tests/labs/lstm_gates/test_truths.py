"""The lab of recurrent cells: gates and gradients against torch's own, tasks that are what they say, similar states."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine.contract.device import denormals_as_zero, generator
from engine.contract.knobs import ConfigError
from engine.data import shelf
from engine.labs import lstm_gates
from engine.labs.lstm_gates import Config, Experiment, cells, gates, tasks
from engine.labs.lstm_gates.frame import TOGETHER, _alike, _counting

N, T, F, H = 3, 20, 4, 7


def sequences(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drawn(cell: nn.RNNBase, seed: int = 1) -> Any:
    """`cell` in double precision, with weights large enough for gates to open and close."""
    g = torch.Generator().manual_seed(seed)
    cell = cell.double()
    for p in cell.parameters():
        p.data.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64))
    return cell


# ---------------------------------------------------------------------- gates


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", ["batch first", "time first", "one sequence"])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_gates_reproduce_torchs_own_layers(kind: type[nn.RNNBase], layout: str, bias: bool) -> None:
    cell = drawn(kind(F, H, batch_first=layout == "batch first", bias=bias))
    x = sequences(N, T, F)[0] if layout == "one sequence" else sequences(N, T, F)
    given = x.transpose(0, 1).contiguous() if layout == "time first" else x
    h, last = cell(given)
    h = {"batch first": h, "time first": h.transpose(0, 1)}.get(layout, h[None])
    found = gates(cell, given)
    assert all(values.shape == h.shape for values in found.values())
    torch.testing.assert_close(found["h"], h, rtol=0, atol=1e-12)
    if kind is nn.LSTM:
        torch.testing.assert_close(found["c"][:, -1], last[1].reshape(len(h), H), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_in_single_precision_gates_are_right_to_one_millionth(kind: type[nn.RNNBase]) -> None:
    cell = kind(F, H, batch_first=True)
    x = sequences(N, 100, F).float()
    torch.testing.assert_close(gates(cell, x)["h"], cell(x)[0].detach(), rtol=0, atol=1e-6)


def test_every_gate_of_the_lstm_step_by_step_from_the_papers_equations() -> None:
    cell, x = drawn(nn.LSTM(F, H, batch_first=True)), sequences(N, T, F)
    found, h, c = gates(cell, x), torch.zeros(N, H).double(), torch.zeros(N, H).double()
    for t in range(T):
        z = [
            x[:, t] @ cell.weight_ih_l0[k * H : (k + 1) * H].T + cell.bias_ih_l0[k * H : (k + 1) * H]
            + h @ cell.weight_hh_l0[k * H : (k + 1) * H].T + cell.bias_hh_l0[k * H : (k + 1) * H]
            for k in range(4)
        ]  # fmt: skip
        i, f, g, o = 1 / (1 + (-z[0]).exp()), 1 / (1 + (-z[1]).exp()), z[2].tanh(), 1 / (1 + (-z[3]).exp())
        c = f * c + i * g
        h = o * c.tanh()
        for name, value in (("i", i), ("f", f), ("g", g), ("o", o), ("c", c), ("h", h)):
            torch.testing.assert_close(found[name][:, t], value, rtol=0, atol=1e-12)


def test_every_gate_of_the_gru_and_that_torch_resets_after_the_product() -> None:
    cell, x = drawn(nn.GRU(F, H, batch_first=True)), sequences(N, T, F)
    found, h = gates(cell, x), torch.zeros(N, H).double()
    W, U, b, b_ = (p.chunk(3) for p in (cell.weight_ih_l0, cell.weight_hh_l0, cell.bias_ih_l0, cell.bias_hh_l0))
    before_the_product = 0.0
    for t in range(T):
        r, z = (torch.sigmoid(x[:, t] @ W[k].T + b[k] + h @ U[k].T + b_[k]) for k in range(2))
        n = torch.tanh(x[:, t] @ W[2].T + b[2] + r * (h @ U[2].T + b_[2]))
        as_in_the_paper = torch.tanh(x[:, t] @ W[2].T + b[2] + (r * h) @ U[2].T + b_[2])
        before_the_product = max(before_the_product, float((as_in_the_paper - n).detach().abs().max()))
        h = (1 - z) * n + z * h
        for name, value in (("r", r), ("z", z), ("n", n), ("h", h)):
            torch.testing.assert_close(found[name][:, t], value, rtol=0, atol=1e-12)
    assert before_the_product > 0.1  # the two conventions are not the same cell


@pytest.mark.parametrize("cell", [nn.LSTM(2, 3, 2), nn.GRU(2, 3, bidirectional=True), nn.LSTM(2, 3, proj_size=2)])
def test_cells_with_more_than_one_layer_or_direction_are_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match="one layer, one direction and no projection"):
        gates(cell, torch.zeros(5, 1, 2))


# ---------------------------------------------------------------------- gradients


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_gradients_of_states_are_those_of_autograd_through_torchs_own_cell(kind: type[nn.RNNBase]) -> None:
    cell, x = drawn(kind(F, H, batch_first=True)), sequences(N, T, F)
    states, d = gates(cell, x), sequences(N, H, seed=5)
    lengths = cells.state_gradients(cell, states, d)
    assert lengths.shape == (N, T)
    torch.testing.assert_close(lengths[:, -1], d.norm(dim=1))
    for t in (0, 1, T // 2, T - 2):  # cut the sequence after step t and hand its state on by hand
        handed = [states[name][:, t][None].contiguous().requires_grad_() for name in ("h", "c") if name in states]
        out, _ = cell(x[:, t + 1 :], tuple(handed) if kind is nn.LSTM else handed[0])
        found = torch.autograd.grad((out[:, -1] * d).sum(), handed)
        torch.testing.assert_close(lengths[:, t], torch.cat(found, -1)[0].norm(dim=1), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("rho", [0.5, 0.9, 1.0, 1.1, 1.5])
def test_a_linear_recurrence_with_orthogonal_weights_scales_gradients_by_rho_to_the_t(rho: float) -> None:
    steps, hidden = 12, 16
    cell = nn.RNN(1, hidden, nonlinearity="relu", bias=False, batch_first=True).double()
    with torch.no_grad():
        nn.init.orthogonal_(cell.weight_hh_l0, gain=rho, generator=torch.Generator().manual_seed(3))
        cell.weight_ih_l0.fill_(1.0)
    x = 10.0 ** torch.arange(steps, dtype=torch.float64)[None, :, None]  # so large that no sum is ever negative: linear
    states, d = gates(cell, x), sequences(1, hidden)
    assert (states["h"] > 0).all()
    lengths = cells.state_gradients(cell, states, d)[0]
    expected = d.norm() * rho ** torch.arange(steps - 1, -1, -1, dtype=torch.float64)
    torch.testing.assert_close(lengths, expected, rtol=1e-12, atol=0)


def test_the_frame_says_how_much_of_the_gradient_of_the_last_answers_loss_arrives() -> None:
    experiment = Experiment(Config(task="adding", length=12, hidden=6))
    experiment.step()
    frame = experiment.frame()
    assert frame.gradient.shape == (3, 12)
    assert (frame.gradient[:, -1] == 1).all()
    x, y = (part[:TOGETHER] for part in experiment.shown)
    for row, reader in zip(frame.gradient, experiment.readers.values(), strict=True):
        _, at_5 = reader.cell(x[:, :5])
        parts = [s.detach().requires_grad_() for s in (at_5 if isinstance(at_5, tuple) else (at_5,))]
        h, _ = reader.cell(x[:, 5:], tuple(parts) if len(parts) > 1 else parts[0])
        last = h[:, -1]
        loss = (reader.readout(last)[:, 0] - y[:, -1]).square().sum()
        early = torch.cat(torch.autograd.grad(loss, parts, retain_graph=True), -1)
        (late,) = torch.autograd.grad(loss, last)
        assert row[4] == pytest.approx(float(early.norm() / late.norm()), rel=1e-4)


def test_the_forget_gates_two_biases_add_up_to_the_knob_and_the_recurrent_weights_scale() -> None:
    plain, other = (
        Experiment(Config(task="adding", hidden=9, forget_bias=b, recurrent_scale=s))
        for b, s in ((1.0, 1.0), (-2.5, 3.0))
    )
    for experiment, wanted in ((plain, 1.0), (other, -2.5)):
        cell = experiment.readers["lstm"].cell
        torch.testing.assert_close((cell.bias_ih_l0 + cell.bias_hh_l0)[9:18], torch.full((9,), wanted))
    for kind in cells.CELLS:
        one, three = (e.readers[kind].cell.weight_hh_l0 for e in (plain, other))
        torch.testing.assert_close(3 * one, three)
        assert float(one.detach().abs().max()) <= 9**-0.5
        inputs = plain.readers[kind].cell.weight_ih_l0.detach().abs()
        assert 0.5 < float(inputs.max()) <= 1


# ---------------------------------------------------------------------- tasks


def test_adding_asks_for_the_sum_of_two_marked_numbers_and_guessing_costs_a_sixth() -> None:
    task = tasks.Adding(15)
    x, y = task.draw(40_000, generator(0, "test"))
    value, mark = x.unbind(-1)
    assert (mark[:, :7].sum(1) == 1).all() and (mark[:, 7:].sum(1) == 1).all()
    torch.testing.assert_close(y[:, -1], (value * mark).sum(1))
    assert float((y[:, -1] - 1).square().mean()) == pytest.approx(task.guess, rel=0.02) and task.guess == 1 / 6
    said = torch.zeros(2, 15, 1)
    said[:, -1, 0] = y[:2, -1] + torch.tensor([0.5, -0.5])
    assert float(tasks.loss(task, said, y[:2])) == pytest.approx(0.25)  # and no other step counts


def test_copying_asks_for_the_letters_from_before_the_pause() -> None:
    task = tasks.Copying(14)
    x, y = task.draw(50, generator(0, "test"))
    for one, wanted in zip(x, y, strict=True):
        tokens = task.tokens(one)
        assert tokens[:4] == task.answers(wanted)[-4:] and tokens[4:] == ["·"] * 6 + ["?"] * 4
    right = torch.nn.functional.one_hot(y, task.outputs).float() * 100
    assert float(tasks.loss(task, right, y)) < 1e-6
    assert float(tasks.loss(task, torch.zeros_like(right), y)) == pytest.approx(task.guess)


@pytest.mark.parametrize("length", [12, 50, 100])
def test_brackets_never_close_what_is_not_open_and_the_guess_is_the_entropy_of_the_answers(length: int) -> None:
    task = tasks.Brackets(length)
    x, y = task.draw(20_000, generator(0, "test"))
    depth = task.depth(x)
    assert depth.min() == 0 and depth.max() == tasks.DEEPEST
    assert torch.equal(y, (depth > 0).long())
    share = float(y.float().mean())
    assert task.guess == pytest.approx(-share * math.log(share) - (1 - share) * math.log(1 - share), abs=0.005)


def test_the_next_character_is_the_next_character_and_the_end_of_the_text_is_kept_apart() -> None:
    task = lstm_gates.task_of(Config(task="text", length=30))
    assert isinstance(task, tasks.NextCharacter)
    letters = task.places.numpy()
    border, windows = int(0.9 * len(letters)), {True: set(), False: set()}
    for test, found in windows.items():
        x, y = task.draw(300, generator(0, "test"), test=test)
        assert torch.equal(x.argmax(-1)[:, 1:], y[:, :-1])
        found |= {bytes(row.tolist()) for row in x.argmax(-1)}
    for test, text in ((False, letters[:border]), (True, letters[border:])):
        whole = bytes(text.tolist())
        assert all(window in whole for window in windows[test])


def test_a_visitors_own_text_is_learned_from_and_what_is_gone_gets_a_sentence(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    key = shelf.keep(("abc abd " * 40).encode())
    experiment = Experiment(Config(task="text", text_key=key, length=12))
    assert experiment.alphabet is not None and experiment.alphabet.characters == " abcd\ufffd"
    for _ in engine.train(experiment, 5):
        pass
    assert set("".join(experiment.frame().tokens)) <= set("␣abcd")
    for bad in ("0" * 20, "no key"):
        with pytest.raises(ConfigError, match="give it again"):
            Config(task="text", text_key=bad)
    with pytest.raises(ConfigError, match="at least 200"):
        Config(task="text", text_key=shelf.keep(b"too short"))


def test_a_text_to_read_stands_under_the_cursor() -> None:
    experiment = Experiment(Config(task="text", length=12, reading="This is it."))
    frame = experiment.frame()
    assert frame.tokens == tuple("This␣is␣it.") and frame.wanted == tuple("his␣is␣it.")
    assert frame.gates["f"].shape == (11, 32) and frame.logits is not None
    assert frame.said[-1] == frame.labels[int(frame.logits.argmax())]


@pytest.mark.parametrize("kind", list(cells.CELLS))
def test_writing_draws_each_character_from_what_the_network_expects_after_all_before(kind: str) -> None:
    reader = cells.Reader(kind, 6, 6, 5)
    cells.initialise(reader, generator(1, "w"), forget_bias=1.0, recurrent_scale=2.0)
    noise = -torch.empty(30, 6).exponential_(generator=generator(0, "noise")).log()
    written = cells.generate(reader, 2, noise, temperature=0.7)
    x = torch.nn.functional.one_hot(torch.tensor([[2, *written[:-1]]]), 6).float()
    assert (reader(x)[0] / 0.7 + noise).argmax(-1).tolist() == written
    assert len(set(written)) > 2


# ---------------------------------------------------------------------- what is seen


@pytest.mark.parametrize("kind", list(cells.CELLS))
def test_the_parts_of_a_sum_and_its_squashing_make_the_gate(kind: str) -> None:
    experiment = Experiment(Config(task="brackets", cell=kind, length=12, hidden=5))
    experiment.step()
    frame = experiment.frame()
    for place, name in enumerate(frame.summed):
        recurrent_part = frame.from_state[place]
        if kind == "gru" and name == "n":
            np.testing.assert_allclose(recurrent_part, frame.gates["u"], atol=1e-6)
            recurrent_part = frame.gates["r"] * recurrent_part
        total = frame.from_input[place] + recurrent_part + frame.bias[place]
        squashed = np.tanh(total) if name in "gnh" else 1 / (1 + np.exp(-total))
        np.testing.assert_allclose(squashed, frame.gates[name], atol=1e-6)


def test_the_span_itself_and_its_copies_are_found_as_most_alike() -> None:
    h = sequences(4, 30, 8)
    h[2, 11:16] = h[0, 3:8]
    found = _alike(h, h[0, 3:8], [[str(t % 10) for t in range(30)] for _ in range(4)])
    assert [(f.sequence, f.start) for f in found[:2]] == [(0, 3), (2, 11)]
    assert found[0].similarity == pytest.approx(1) and found[1].similarity == pytest.approx(1)
    assert found[2].similarity < 0.8
    assert (found[0].before, found[0].inside, found[0].after) == ("012", "34567", "89012345")
    assert len(found) == 6
    for a, b in itertools.combinations(found, 2):
        assert a.sequence != b.sequence or abs(a.start - b.start) >= 5


def test_a_number_that_counts_is_found_whatever_its_sign_and_scale() -> None:
    depth = torch.randint(0, 5, (6, 40), generator=torch.Generator().manual_seed(0))
    memory = sequences(6, 40, 9)
    memory[:, :, 4] = 3 - 0.25 * depth
    found = _counting(memory, depth, depth[0])
    assert found["counter"] == 4 and found["counts"] == pytest.approx(-1)
    expected = [np.corrcoef(memory[..., k].flatten(), depth.flatten())[0, 1] for k in range(9)]
    np.testing.assert_allclose(found["correlations"], expected, atol=1e-9)


# ---------------------------------------------------------------------- training


def test_the_three_cells_learn_from_the_same_batch_as_three_single_networks_would() -> None:
    config = Config(task="adding", length=12, hidden=6, clip=0.05)
    experiment = Experiment(config)
    alone = {kind: Experiment(config).readers[kind] for kind in cells.CELLS}
    optimisers = {
        kind: torch.optim.Adam(reader.parameters(), lr=config.learning_rate) for kind, reader in alone.items()
    }
    for number in range(4):
        experiment.step()
        x, y = experiment.task.draw(32, generator(0, f"batch/{number}"))
        for kind, reader in alone.items():
            optimisers[kind].zero_grad()
            (reader(x)[:, -1, 0] - y[:, -1]).square().mean().backward()
            norm = nn.utils.clip_grad_norm_(reader.parameters(), 0.05)
            assert experiment.norms[kind] == pytest.approx(float(norm), rel=1e-4)
            optimisers[kind].step()
    for kind, reader in alone.items():
        for ours, theirs in zip(experiment.readers[kind].parameters(), reader.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_of_wide_cells_each_step_updates_one_and_all_see_the_same_batches() -> None:
    experiment = Experiment(Config(task="adding", hidden=33, length=12))
    before = {kind: reader.cell.weight_hh_l0.clone() for kind, reader in experiment.readers.items()}
    assert experiment.turns == 3
    for step, kind in enumerate(cells.CELLS):
        metrics = experiment.step()
        moved = [k for k, reader in experiment.readers.items() if not torch.equal(reader.cell.weight_hh_l0, before[k])]
        assert moved == list(cells.CELLS)[: step + 1]
        assert f"loss_{kind}" in metrics and len(metrics) == 2 * (step + 1)


def parameters(experiment: Experiment) -> int:
    return sum(p.numel() for p in experiment.model.parameters())


def test_a_large_cell_has_four_times_the_numbers_and_learns() -> None:
    standard, large, again = (
        Experiment(Config(task="adding", size=size, length=20)) for size in ("standard", "large", "large")
    )
    assert [reader.cell.hidden_size for reader in large.readers.values()] == [128] * 3
    assert parameters(large) > 12 * parameters(standard)
    found = list(engine.train(large, 90))
    assert found[-1]["loss_gru"] < 0.3 * found[2]["loss_gru"]
    assert list(engine.train(again, 9)) == found[:9]
    third = Experiment(large.config)
    third.load_state_dict(again.state_dict())
    assert third.step() == again.step() == found[9]


@pytest.mark.parametrize("kind", list(cells.CELLS))
def test_of_a_large_cell_the_first_numbers_are_shown(kind: str) -> None:
    experiment = Experiment(Config(task="brackets", cell=kind, size="large", length=12, example=13))
    frame, sequence = experiment.frame(), experiment.shown.x[13:14]
    states = gates(experiment.readers[kind].cell, sequence)
    assert frame.units == 128 and frame.correlations is not None
    for name, values in frame.gates.items():
        np.testing.assert_allclose(values, states[name][0, :, :32], atol=1e-5)
    assert frame.correlations.shape == (32,) and 0 <= frame.counter < 32
    assert {a.shape for a in (frame.from_input, frame.from_state)} == {(len(frame.summed), 12, 32)}
    for place, name in enumerate(frame.summed):
        if (kind, name) != ("gru", "n"):
            total = frame.from_input[place] + frame.from_state[place] + frame.bias[place]
            squashed = np.tanh(total) if name in "gh" else 1 / (1 + np.exp(-total))
            np.testing.assert_allclose(squashed, frame.gates[name], atol=1e-5)


def test_of_a_large_cell_like_states_are_told_with_the_number_of_their_sequence() -> None:
    experiment = Experiment(Config(task="brackets", size="large", length=20, example=13, span_start=4, span_stop=9))
    best = experiment.frame().alike[0]
    assert (best.sequence, best.start) == (13, 4) and best.similarity == pytest.approx(1, abs=1e-5)


def test_a_large_cell_and_long_sequences_are_refused_with_what_would_do() -> None:
    with pytest.raises(ConfigError, match="hidden size of at most 32 or sequences of at most 50 steps"):
        Config(size="large", hidden=64, length=100)
    assert Config(size="large", hidden=32, length=100).units == Config(size="large", hidden=64, length=50).units / 2


def test_clipping_can_be_turned_while_it_trains_and_leaves_the_seen_gradient_alone() -> None:
    experiment = Experiment(Config(task="adding", length=12, hidden=6))
    other = Experiment(experiment.config)
    other.update(dataclasses.replace(other.config, clip=0.0))
    assert experiment.step() == other.step()  # the first gradient is the same, before clipping
    assert experiment.step() != other.step()


def test_numbers_too_small_for_the_processor_are_zero_within_the_bounds_of_a_step_alone() -> None:
    tiny = torch.full((8,), 1.5e-38)  # the smallest normal number is 1.2e-38
    with pytest.raises(ZeroDivisionError), denormals_as_zero():
        assert (tiny * 0.5 == 0).all()
        raise ZeroDivisionError
    assert (tiny * 0.5 > 0).all()
    Experiment(Config(task="adding", forget_bias=-4.0)).step()
    assert (tiny * 0.5 > 0).all()


@pytest.mark.slow
@pytest.mark.truths
@pytest.mark.parametrize("seed", range(3))
def test_lstm_and_gru_add_over_fifty_steps_and_the_tanh_rnn_does_not(seed: int) -> None:
    experiment, below = Experiment(Config(task="adding", seed=seed)), {}
    for metrics in engine.train(experiment, 1500):
        below |= {k: experiment.step_count for k in ("gru", "lstm") if k not in below and metrics[f"loss_{k}"] < 0.02}
        if len(below) == 2:
            break
    assert below.keys() == {"gru", "lstm"}
    kind, task = "rnn", experiment.task
    while experiment.step_count < 2000:  # only the one that is still learning
        x, y = task.draw(32, generator(seed, f"batch/{experiment.step_count}"))
        experiment._learn(kind, x, y)
        experiment.step_count += 1
    assert np.mean(experiment.losses[kind]) > 0.12
