"""The truths of the lab: three computations are one, known systems, Mamba's own scan, and what no layer can do."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from mambapy.mamba import MambaBlock, MambaConfig
from scipy.signal import cont2discrete

import engine
from engine.contract import plain, registry
from engine.contract.knobs import ConfigError
from engine.contract.view import Turn, View
from engine.data.text import border, corpus

lab = engine.lab("state_space")


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def selective(T: int = 24, H: int = 4, N: int = 8) -> tuple[torch.Tensor, ...]:
    """Step sizes (2, T, H), poles (H,), B and C (2, T, N) as a trained layer might have them."""
    g = dice(T)
    dt = torch.rand(2, T, H, generator=g) ** 4
    return dt, -torch.arange(1.0, H + 1), torch.randn(2, T, N, generator=g), torch.randn(2, T, N, generator=g)


@pytest.mark.parametrize("T", [1, 2, 24, 33])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_scan_is_the_recurrence(T: int, dtype: torch.dtype) -> None:
    a, b = (torch.randn(3, T, 5, generator=dice(T), dtype=dtype) for _ in range(2))
    one, other = lab.scan.recurrence(a, b), lab.scan.parallel(a, b)
    assert one.shape == b.shape and torch.allclose(one, other, rtol=1e-9, atol=1e-9)
    assert torch.equal(one[:, 0], b[:, 0])


@pytest.mark.parametrize("method", lab.systems.METHODS)
def test_recurrence_scan_and_matrix_agree(method: str) -> None:
    dt, A, B, C = selective()
    x = torch.randn(2, 24, 4, generator=dice(1))
    kept, factor = lab.systems.scalars(A, dt, method)  # (2, T, H)
    driven = (factor * x)[..., None] * B[:, :, None]  # (2, T, H, N)
    found = [torch.einsum("bhts,bsh->bth", lab.as_matrix(dt, A, B, C, method), x)]
    for run in (lab.scan.recurrence, lab.scan.parallel):
        h = run(kept[..., None].expand(driven.shape).flatten(2), driven.flatten(2)).view(driven.shape)
        found.append(torch.einsum("bthn,btn->bth", h, C))
    for other in found[1:]:
        assert torch.allclose(found[0], other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", ["scalar", "s4d"])
def test_a_network_answers_alike_however_it_is_computed(layer: str) -> None:
    control = "gru" if layer == "s4d" else "s4d"
    answers = []
    for computed in ("matrix", "scan", "recurrence"):
        config = lab.Config(layer=layer, control=control, computed=computed, length=8, batch_size=8)
        experiment = lab.Experiment(config)
        answers.append([experiment.step()["loss"] for _ in range(3)])
    for other in answers[1:]:
        assert other == pytest.approx(answers[0], rel=1e-4)


def test_convolution_is_the_recurrence_and_wraps_round_without_padding() -> None:
    A = torch.complex(torch.full((3,), -0.05, dtype=torch.float64), torch.arange(3.0, dtype=torch.float64))
    B, C = (torch.randn(3, generator=dice(n), dtype=torch.complex128) for n in (0, 1))
    u = torch.randn(40, generator=dice(2), dtype=torch.float64)
    kept, driven = lab.discretise(A, B, 0.3)
    h = lab.scan.recurrence(kept.expand(40, 3), u[:, None] * driven)
    wanted = (h @ C).real
    K = lab.kernel(A, B, C, 0.3, 40)
    assert torch.allclose(lab.convolve(u, K), wanted, rtol=0, atol=1e-12)
    wrapped = torch.fft.irfft(torch.fft.rfft(u) * torch.fft.rfft(K), n=40)
    assert (wrapped - wanted).abs().max() > 0.1


@pytest.mark.parametrize(("method", "theirs"), [("zoh", "zoh"), ("euler", "euler"), ("bilinear", "bilinear")])
@pytest.mark.parametrize("diagonal", [False, True])
def test_steps_are_those_of_scipy(method: str, theirs: str, diagonal: bool) -> None:
    N = 4
    A = -torch.eye(N, dtype=torch.float64) + 0.3 * torch.randn(N, N, generator=dice(3), dtype=torch.float64)
    if diagonal:
        A = torch.diag(-torch.arange(1.0, N + 1, dtype=torch.float64))
    B = torch.randn(N, 1, generator=dice(4), dtype=torch.float64)
    wanted = cont2discrete((A.numpy(), B.numpy(), np.eye(N), np.zeros((N, 1))), 0.2, theirs)[:2]
    if diagonal:
        kept, driven = lab.discretise(A.diagonal(), B[:, 0], 0.2, method)
        found = torch.diag(kept).numpy(), driven.numpy()[:, None]
    else:
        found = tuple(each.numpy() for each in lab.discretise(A, B, 0.2, method))
    for mine, known in zip(found, wanted, strict=True):
        assert mine == pytest.approx(known, abs=1e-12)


def test_methods_agree_for_small_steps_and_refuse_what_is_none() -> None:
    A, B = lab.hippo(6)
    exact = lab.discretise(A, B, 1e-4)
    for method in lab.systems.METHODS:
        kept, driven = lab.discretise(A, B, 1e-4, method)
        assert kept.numpy() == pytest.approx(exact[0].numpy(), abs=2e-6)
        assert driven.numpy() == pytest.approx(exact[1].numpy(), rel=1e-2)
    with pytest.raises(ValueError, match="the methods are"):
        lab.discretise(A, B, 0.1, "trapezoid")
    with pytest.raises(ValueError, match="length of 0"):
        lab.discretise(A, B, -0.1)
    kept, factor = lab.systems.scalars(torch.tensor(-2.0), torch.tensor([0.0, 1e-6]), "zoh")
    assert (
        factor.tolist() == pytest.approx([0, 1e-6], rel=1e-5) and kept[0] == 1
    )  # a step of 0 leaves the state as it was


def test_the_selective_scan_is_mambapys() -> None:
    """With an S6 layer's own poles, one for each number of each channel."""
    config = lab.Config(layer="s6", control="none", width=16, state=4)
    layer = lab.layers.Selective(config, "s6")
    layer.initialise(dice())
    u, dt, B, C, _ = layer.selected(torch.randn(2, 12, 16, generator=dice(5)))
    mine = layer._carried(u[..., None], dt, B, C)[..., 0] + layer.skip * u
    block = MambaBlock(MambaConfig(d_model=16, n_layers=1, d_state=4, expand_factor=1))
    for scan in (block.selective_scan, block.selective_scan_seq):
        theirs = scan(u, dt, -layer.log_pole.exp(), B, C, layer.skip)
        assert torch.allclose(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["scalar", "s6", "gru", "attention", "s4d"])
def test_what_is_drawn_is_what_the_layer_does(kind: str) -> None:
    """The hidden attention times what is written is what is read; and no place knows a later one."""
    config = lab.Config(layer=kind, control="none" if kind != "s4d" else "gru", width=16, heads=2, length=8)
    network = lab.layers.Network(config, kind)
    network.initialise(dice())
    x, _, _ = lab.batch("selective", dice(1), count=1, length=8, kept=4)
    logits, looks = network.look(x)
    assert torch.allclose(logits, network(x), atol=1e-5)
    other = x.clone()
    other[:, 6:] = 0
    assert torch.allclose(network(other)[:, :6], network(x)[:, :6], atol=1e-5)
    assert looks[0].mixed.shape[-2:] == (12, 12) and not bool(looks[0].mixed.triu(1).any())
    layer = network.layers[0]
    read = layer.norm(network.read(x))
    if kind == "scalar":
        u, dt, B, C, _ = layer.selected(read)
        v = u.unflatten(-1, (2, -1))
        y = torch.einsum("bhts,bshp->bthp", looks[0].mixed, v)
        assert torch.allclose(y, layer._carried(v, dt, B, C), atol=1e-5)
        assert torch.allclose((looks[0].state[0] * looks[0].out[0]).sum(-1).mT, y[0, :, :, 0], atol=1e-5)
    elif kind == "attention":
        assert torch.allclose(looks[0].mixed.sum(-1), torch.ones(1, 2, 12), atol=1e-5)


def test_the_gate_of_a_gru_is_a_step() -> None:
    """h = z h + (1 - z) n, with torch's own cell; and with a step softplus(s), z = exp(-step): Mamba, theorem 1."""
    config = lab.Config(layer="gru", control="none", width=16, heads=8, layers=1)
    layer = lab.layers.Gru(config, "gru")
    layer.initialise(dice())
    x = torch.randn(1, 6, 16, generator=dice(1))
    with torch.no_grad():
        h, looked = layer.mix(x, look=True)
    written = looked.dt[0]  # (T, 8): of every second unit
    before = torch.nn.functional.pad(h[0, :-1], (0, 0, 1, 0))[:, ::2]
    new = (h[0, :, ::2] - (1 - written) * before) / written
    assert float(new.abs().max()) <= 1 + 1e-5  # it is a tanh
    rebuilt = torch.einsum("hts,sh->th", looked.mixed[0], new)
    assert torch.allclose(rebuilt, h[0, :, ::2], atol=1e-5)
    s = torch.logit(written)
    assert torch.allclose(torch.exp(-torch.nn.functional.softplus(s)), 1 - written, atol=1e-6)


def test_hippo_is_the_papers_and_its_memory_is_nearly_the_best() -> None:
    A, B = lab.hippo(4)
    for n in range(4):
        assert B[n] == pytest.approx(math.sqrt(2 * n + 1))
        for k in range(4):
            wanted = -math.sqrt((2 * n + 1) * (2 * k + 1)) if n > k else -(n + 1) if n == k else 0
            assert A[n, k] == pytest.approx(wanted)
    found = lab.memory.remember("", 32)
    assert found.least <= found.error < 1.01 * found.least and 0.05 < found.error < 0.15
    line = lab.memory.remember("-1,1", 2)
    assert line.error < 2e-3  # a line is two Legendre polynomials
    whole, half = lab.memory.remember("", 64), lab.memory.remember("", 8)
    assert whole.error < found.error < half.error


@pytest.mark.parametrize("text", ["1", "a,b", "nan,1", "1,inf", "😀"])
def test_a_curve_that_cannot_be_read_costs_a_sentence(text: str) -> None:
    with pytest.raises(lab.memory.CurveError, match="curve"):
        lab.memory.read_curve(text)
    frame = lab.Experiment(lab.Config(curve=text, width=16)).frame()
    assert frame.memory is None and frame.memory_error


@pytest.mark.parametrize("task", ["selective", "delay", "recall"])
def test_sequences_hold_what_they_ask_for(task: str) -> None:
    x, targets, asked = lab.batch(task, dice(7), count=64, length=20, kept=4)
    assert x.shape == targets.shape == asked.shape == (64, 24) and bool((asked.sum(1) == 4).all())
    labels = lab.vocabulary.LABELS
    for row, wanted, at in zip(x, targets, asked, strict=True):
        text = "".join(labels[token] for token in row[:20])
        answers = "".join(labels[token] for token in wanted[at])
        if task == "recall":
            pairs = dict(pairwise(text))
            assert answers == "".join(pairs[labels[key]] for key in row[20:])
        else:
            assert answers == text.replace("·", "") and (task != "delay" or text.startswith(answers))


def test_a_text_asks_for_its_next_sign_and_its_end_is_never_trained_on() -> None:
    x, targets, asked = lab.batch("text", dice(1), count=512, length=20, kept=4)
    assert bool(asked.all()) and torch.equal(x[:, 1:], targets[:, :-1])
    known = "".join(lab.vocabulary.TEXT[token] for token in lab.vocabulary.spelled(corpus()))
    cut = border(len(known), 4 * lab.tasks.LONGEST_READ + 1)
    for row in lab.batch("text", dice(2), count=64, length=80, kept=4, held_out=True)[0]:
        assert "".join(lab.vocabulary.TEXT[token] for token in row) in known[cut:]
    for row in x[:64]:
        assert "".join(lab.vocabulary.TEXT[token] for token in row) in known[:cut]
    frame = lab.Experiment(lab.Config(task="text", tokens="Ab, 😀 é\n", width=16)).frame()
    assert frame.own and "".join(frame.labels) == "ab,␣*␣*" and frame.telling.tolist() == [0, 0, 1, 1, 0, 1, 0]


def test_a_time_invariant_layer_is_blind_to_where_a_letter_stands_among_noise() -> None:
    """Its matrix is the same for every sequence, and only shifts: a selective one's changes with what is read."""
    for kind in ("s4d", "scalar"):
        config = lab.Config(layer=kind, control="none" if kind == "scalar" else "gru", width=16, heads=2)
        network = lab.layers.Network(config, kind)
        network.initialise(dice())
        x = lab.batch("selective", dice(1), count=2, length=20, kept=4)[0]
        matrices = [network.look(row[None])[1][0].mixed[0] for row in x]
        assert torch.equal(*matrices) == (kind == "s4d")
        shifted = torch.allclose(matrices[0][:, 1:, 1:], matrices[0][:, :-1, :-1], atol=1e-6)
        assert shifted == (kind == "s4d")


@pytest.mark.parametrize(
    ("task", "text", "read"),
    [
        ("selective", "a..c.b", "a··c·b???"),
        ("selective", "a c?zz", "a·c??"),
        ("recall", "A3..B5", "A3··B5AB"),
        ("selective", "b😀\u05d0", "b?"),
        ("selective", "x", None),
        ("recall", "3A", None),
        ("selective", "....", None),
    ],
)
def test_what_is_typed_is_read_and_the_rest_is_said(task: str, text: str, read: str | None) -> None:
    config = lab.Config(task=task, tokens=text, width=16)
    frame = lab.Experiment(config).frame()
    assert frame.own == (read is not None)
    if read is not None:
        assert "".join(frame.labels) == read
    said = registry.view("state_space").say(View(frame, config))
    odd = [c for c in text.partition("?")[0] if c not in "abcdefABCDEF123456·.-_ "]
    refused, empty = said.startswith("Left out"), said.startswith("There is nothing")
    assert (refused, empty) == (bool(odd), read is None and not odd)
    assert len(said) <= 140 and said.isprintable()


def test_a_text_that_is_too_long_is_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="tokens"):
        lab.Config(tokens="a" * 100_000)
    said = registry.view("state_space").say(View(lab.Experiment(lab.Config(tokens="😀" * 200, width=16)).frame(),
                                                 lab.Config(tokens="😀" * 200, width=16)))  # fmt: skip
    assert len(said) <= 140


def test_a_click_shows_a_head_or_a_step_and_a_drawn_curve_is_remembered() -> None:
    views, config = registry.view("state_space"), lab.Config(width=16)
    view = View(lab.Experiment(config).frame(), config)
    assert views.answer(view, {"panel": "steps", "kind": "plane", "x": 3.0, "y": 3.2}) == Turn({"head": 3})
    assert views.answer(view, {"panel": "steps", "kind": "plane", "x": 3.0, "y": 14.0}) is None
    assert views.answer(view, {"panel": "state", "kind": "plane", "x": 4.3, "y": 0.0}) == Turn({"place": 5})
    drawn = views.answer(view, {"panel": "curve", "kind": "draw", "points": [[0, -2.0], [0.5, 0.0], [1, 1.0]]})
    heights = lab.memory.read_curve(drawn.knobs["curve"])
    assert heights[0] == -1 and heights[-1] == 1 and replace(config, curve=drawn.knobs["curve"])
    assert views.answer(view, {"panel": "curve", "kind": "draw", "points": [[0.5, 0.5]]}) is None


@pytest.mark.parametrize(("task", "among"), [("selective", "abcdef"), ("delay", "abcdef"), ("recall", "123456")])
def test_an_answer_is_one_that_the_task_has_and_grey_while_it_is_a_guess(task: str, among: str) -> None:
    config = lab.Config(task=task, width=16)
    view = View(lab.Experiment(config).frame(), config)
    for seen in view.frame.seen:
        assert {lab.vocabulary.LABELS[said] for said in seen.said} <= set(among)
        assert (seen.sure > 0).all() and (seen.sure < 0.5).all() and "guesses" in lab.words.who_says(view, seen)
    [steps] = [
        panel for row in registry.view("state_space").stage(view).rows for panel in row if panel["key"] == "steps"
    ]
    drawn = [layer for layer in steps["layers"] if layer["kind"] == "letters"]
    said = ["".join(lab.vocabulary.LABELS[c] for c in seen.said[view.frame.wanted >= 0])
            for seen in view.frame.seen]  # fmt: skip
    assert [layer["colour"] for layer in drawn if "".join(layer["letters"]) in said][-2:] == ["neutral", "neutral"]


def test_the_softmax_map_is_causal_attention_of_the_same_scores() -> None:
    frame = lab.Experiment(lab.Config(width=16)).frame()
    assert frame.softmax.sum(1) == pytest.approx(np.ones(24), abs=1e-5) and not np.triu(frame.softmax, 1).any()
    looked = lab.Experiment(lab.Config(width=16)).model.look(torch.tensor(frame.tokens)[None])[1][0]
    scores = (looked.out[0] @ looked.into[0].mT / 4).detach().numpy()
    last = np.exp(scores[-1] - scores[-1].max())
    assert frame.softmax[-1] == pytest.approx(last / last.sum(), abs=1e-5)
    assert not len(lab.Experiment(lab.Config(layer="gru", control="none", width=16)).frame().softmax)


def test_a_dragged_pole_shows_the_kernel_that_it_would_make() -> None:
    views, config = registry.view("state_space"), lab.Config(width=16)
    view = View(lab.Experiment(config).frame(), config)
    K, poles = view.frame.seen[1].kernels, view.frame.seen[1].poles
    first = poles[2, 3]
    turn = views.answer(view, {"panel": "poles", "kind": "draw", "points": [[first.real, first.imag], [-0.9, 2.0]]})
    channel, number, real, imaginary = replace(config, **turn.knobs).moved_pole
    assert poles[channel - 1, number - 1] == pytest.approx(first) and (real, imaginary) == (-0.9, 2.0)
    there = lab.Experiment(lab.Config(width=16, moved=f"3,4,{first.real:.4f},{first.imag:.4f}")).frame().seen[1].moved
    assert there == pytest.approx(K[2], abs=2e-3)  # moved to where it was
    elsewhere = lab.Experiment(lab.Config(width=16, **turn.knobs)).frame().seen[1].moved
    assert np.abs(elsewhere - K[channel - 1]).max() > 1e-3
    assert not len(lab.Experiment(lab.Config(width=16, moved="8,99,-1,0")).frame().seen[1].moved)
    for wrong in ("x", "1,1,0.5,2", "0,1,-1,2", "1,2,-1"):
        with pytest.raises(ConfigError, match="channel, pole"):
            lab.Config(moved=wrong)


def test_whoever_takes_the_time_changes_nothing_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.stopwatch, "_measure", lambda name, length, device: float(length))
    monkeypatch.setattr(lab.stopwatch, "_taken", {})
    calm, timed = (lab.Experiment(lab.Config(width=16, measured=how)) for how in ("not yet", "512"))
    for _ in range(2):
        assert calm.step() == timed.step()
        assert calm.frame().times is None and timed.frame().times is not None
    told = timed.frame().times
    assert told.left == 0 and set(told.milliseconds) == set(lab.stopwatch.NAMES) and told.machine
    assert all(list(row) == [64, 128, 256, 512] for row in told.milliseconds.values())
    longest = set(lab.stopwatch.wanted(4096))
    assert ("recurrence", 4096) in longest and ("matrix", 2048) not in longest and ("attention", 4096) not in longest


def test_what_is_timed_are_the_layers_computations() -> None:
    ways = {name: lab.stopwatch.ready(name, 64, torch.device("cpu"))() for name in lab.stopwatch.NAMES}
    assert torch.allclose(ways["recurrence"], ways["scan"], rtol=1e-4, atol=1e-4)
    assert {way.numel() for way in ways.values()} == {64 * lab.stopwatch.CHANNELS}


def test_a_layer_is_not_its_own_control() -> None:
    assert replace(lab.Config(control="gru"), layer="s4d").settle("layer").control == "gru"
    with pytest.raises(ConfigError, match="control"):
        lab.Config(layer="s4d", control="s4d")


def test_the_plain_form_repeats_the_run() -> None:
    source = plain.file("state_space").read_text(encoding="utf-8")
    experiment = lab.Experiment(lab.Config())
    for mine in plain.run(plain.with_config(source, lab.Config()), 12):
        theirs = experiment.step()
        assert mine == {name: pytest.approx(theirs[name], rel=1e-4) for name in mine}
