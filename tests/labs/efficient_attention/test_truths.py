"""The truths of the lab: what equals full attention, what is counted, what is kept, and what a time may not touch."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import engine
from engine.contract import plain, registry
from engine.contract.compare import same
from engine.contract.knobs import ConfigError
from engine.contract.view import Turn, View

lab = engine.lab("efficient_attention")
kinds = lab.attention_kinds
CPU = torch.device("cpu")


def drawn(T: int = 50, H: int = 4, G: int = 4, K: int = 8, V: int = 8, dtype: torch.dtype = torch.float32) -> Any:
    dice = torch.Generator().manual_seed(T + G)
    q, k, v = (torch.randn(2, heads, T, width, generator=dice, dtype=dtype)
               for heads, width in ((H, K), (G, K), (G, V)))  # fmt: skip
    return q, k, v


def near(one: Tensor, other: Tensor, most: float = 1e-5) -> bool:
    return one.shape == other.shape and float((one - other).detach().abs().max()) < most


@pytest.mark.parametrize("T", [1, 7, 50, 64])
def test_what_leaves_nothing_out_equals_full_attention(T: int) -> None:
    q, k, v = drawn(T)
    wanted = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    settings = {"window": T, "block": 8, "top": 16}
    for kind in ("full", "tiled", "fused", "window", "blocks"):
        assert near(kinds.attend(kind, q, k, v, **settings), wanted), kind
    assert near(kinds.windowed(q, k, v, window=T), wanted)


@pytest.mark.parametrize("window", [1, 5, 16, 64])
@pytest.mark.parametrize("T", [16, 50])
def test_a_window_by_blocks_is_the_masked_square(window: int, T: int) -> None:
    q, k, v = drawn(T)
    assert near(kinds.windowed(q, k, v, window=window), kinds.attend("window", q, k, v, window=window))


@pytest.mark.parametrize("features", kinds.FEATURES)
def test_linear_attention_by_chunks_is_the_masked_matrix_and_the_recurrence(features: str) -> None:
    q, k, v = drawn(50, dtype=torch.float64)
    found = [kinds.attend("linear", q, k, v, features=features, chunk=chunk) for chunk in (1, 8, 50, 64)]
    found.append(kinds.weights("linear", q, k, features=features) @ v)
    for other in found[1:]:
        assert near(found[0], other, 1e-10)


def test_tiles_end_at_full_attention_and_say_on_the_way_what_was_read_so_far() -> None:
    q, k, v = drawn(50)
    for tile in lab.tiles(q, k, v, 16):
        rows, keys = slice(16 * tile.i, 16 * tile.i + 16), slice(0, 16 * tile.j + 16)
        scores = q[..., rows, :] @ k[..., keys, :].mT / math.sqrt(8)
        late = torch.arange(50)[rows, None] < torch.arange(50)[keys]
        scores = scores.masked_fill(late, -math.inf)
        assert near(tile.maximum, scores.amax(-1)) and near(tile.out, scores.softmax(-1) @ v[..., keys, :])
        assert near(tile.total, (scores - scores.amax(-1, keepdim=True)).exp().sum(-1), 1e-4)
    assert [(tile.i, tile.j) for tile in lab.tiles(q, k, v, 32)] == [(0, 0), (1, 0), (1, 1)]


def test_the_longest_sequence_in_the_smallest_tiles_can_be_gone_through_to_its_end() -> None:
    """138 places: 112 that are read, and a question for each of 26 keys."""
    keys = "".join(f"{key}d" for key in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    whole = lab.Config(tokens=keys + "." * 60, length=112, tile_size=4, width=16)
    for tile, at in ((629, (34, 33)), (630, (34, 34)), (1, (0, 0)), (2, (1, 0)), (300, (23, 23))):
        tiling = lab.Experiment(replace(whole, tile=tile)).frame().tiling
        assert (len(tiling.scores), tiling.count, tiling.done, (tiling.i, tiling.j)) == (138, 630, tile, at)
        assert [met.j for met in tiling.met] == list(range(tiling.j + 1))
        assert tiling.i != tiling.j or np.abs(tiling.met[-1].out - tiling.exact).max() < 1e-5
    view = View(lab.Experiment(whole).frame(), whole)
    turn = registry.view("efficient_attention").answer(
        view, {"panel": "tiles", "kind": "plane", "x": 137.0, "y": 137.0}
    )
    assert turn == Turn({"tile": 630})


@pytest.mark.parametrize(("score", "overflows"), [(88.0, False), (89.0, True)])
def test_without_the_maximum_float32_overflows_from_89_on(score: float, overflows: bool) -> None:
    q, k = torch.tensor([[score]]), torch.tensor([[1.0]])
    bare, safe = (next(lab.tiles(q, k, torch.ones(1, 1), 4, safe=how)) for how in (False, True))
    assert math.isinf(float(bare.total)) == math.isnan(float(bare.out)) == overflows
    assert float(safe.out) == 1 and float(safe.total) == 1


def test_multi_head_is_grouped_with_a_group_for_each_head_and_groups_are_copies() -> None:
    q, k, v = drawn(30, H=8, G=2)
    wanted = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    assert near(kinds.attend("full", q, k, v), wanted)
    assert near(kinds.attend("full", q, kinds.shared(k, 8), kinds.shared(v, 8)), wanted)
    one, other = (lab.layers.Network(lab.Config(heads=4, sharing=how), "full") for how in ("multi_head", "grouped"))
    assert one.key.out_features == 4 * other.key.out_features


def test_scores_from_the_latent_alone_are_those_of_the_expanded_keys() -> None:
    """DeepSeek-V2: the matrix that expands keys moves over to the queries, so only the latent is kept."""
    network = lab.layers.Network(lab.Config(heads=8, sharing="latent", rank=12), "full").double()
    x = torch.randn(2, 20, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    q, k, _ = network.projected(x)
    u = network.norm(x)
    c = network.latent(torch.cat([u, F.pad(u[:, :-1], (0, 0, 1, 0))], dim=-1))  # (B, T, R): all that is kept
    expand = network.key.weight.view(8, 8, 12)  # (H, K, R)
    assert near(torch.einsum("bhtk,hkr,bsr->bhts", q, expand, c), q @ k.mT, 1e-11)


@pytest.mark.parametrize("kind", ["full", "window", "blocks"])
def test_heads_that_talk_with_identity_tables_are_heads_that_do_not(kind: str) -> None:
    q, k, v = drawn(30, dtype=torch.float64)
    settings, one = {"window": 7, "block": 8, "top": 1}, torch.eye(4, dtype=torch.float64)
    alone = kinds.attend(kind, q, k, v, **settings)
    assert near(kinds.attend(kind, q, k, v, mix=(one, one), **settings), alone, 1e-12)
    if kind != "blocks":  # all heads see alike: scores that go round and weights that come back are one's own
        turned = one.roll(1, 0)
        assert near(kinds.attend(kind, q, k, v, mix=(turned, turned.T), **settings), alone, 1e-12)
        assert not near(kinds.attend(kind, q, k, v, mix=(turned, one), **settings), alone, 1e-3)


def test_heads_that_talk_take_sums_of_scores_and_of_weights() -> None:
    """Shazeer et al., 2020, equations of section 3, written out head by head."""
    q, k, v = drawn(12, dtype=torch.float64)
    before, after = (torch.randn(4, 4, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (1, 2))
    past = torch.ones(12, 12, dtype=torch.bool).tril()
    raw = [q[:, h] @ k[:, h].mT / math.sqrt(8) for h in range(4)]
    mixed = [sum(raw[h] * before[h, g] for h in range(4)) for g in range(4)]
    soft = [scores.masked_fill(~past, -math.inf).softmax(-1) for scores in mixed]  # type: ignore[union-attr]
    wanted = torch.stack([sum(soft[h] * after[h, g] for h in range(4)) @ v[:, g] for g in range(4)], dim=1)
    assert near(kinds.attend("full", q, k, v, mix=(before, after)), wanted, 1e-12)


def test_a_network_whose_heads_talk_begins_as_one_whose_heads_do_not_and_learns_to() -> None:
    config = lab.Config(width=16, heads=4, kinds=("full", "linear"))
    calm, talks = lab.Experiment(config), lab.Experiment(replace(config, talking=True))
    x = calm._batch()[0]
    for kind in config.kinds:
        assert near(calm.networks[kind](x), talks.networks[kind](x))
    assert talks.networks["linear"].mix is None and calm.networks["full"].mix is None
    talks.step()
    view = View(talks.frame(), talks.config, step=1, last_step=1)
    full, linear = view.frame.seen
    assert full.mixing.shape == (2, 4, 4) and linear.mixing.size == 0
    assert all((table[~np.eye(4, dtype=bool)] != 0).all() for table in full.mixing)
    assert full.share == pytest.approx((4 + 4 + 8) / (4 + 4))  # each product also meets two tables of 4 x 4
    shown = [panel["key"] for panel in registry.view("efficient_attention").stage(view).rows[-1]]
    assert shown == ["scores", "weights"]


def test_one_head_has_nobody_to_talk_to() -> None:
    assert lab.Config().turned(talking=True).heads == 4
    with pytest.raises(ConfigError, match="talking"):
        lab.Config(heads=1, talking=True)


@pytest.mark.parametrize("T", [1, 13, 64])
@pytest.mark.parametrize("kind", ["full", "window", "blocks"])
def test_counts_of_work_are_the_non_zeros_of_the_mask(kind: str, T: int) -> None:
    q, k, _ = drawn(T)
    settings = {"window": 5, "block": 8, "top": 2}
    seen = kinds.allowed(kind, q, k, **settings)
    count = int((seen if seen.ndim == 2 else seen[0, 0]).sum())
    assert count == lab.accounting.cells(kind, T, **settings)
    asked = sum(t // 8 for t in range(T)) * 8 if kind == "blocks" else 0
    assert lab.work(kind, T, key_width=8, value_width=4, **settings) == 12 * count + asked
    assert torch.count_nonzero(kinds.weights(kind, q, k, **settings)[0, 0]) == count


def gated(*shares: float) -> Tensor:
    return torch.tensor(shares).expand(2, 4, 50, 3)


def test_each_part_of_nsa_is_an_attention_of_its_own_and_gates_add_them_up() -> None:
    q, k, v = drawn(50)
    settings = {"window": 5, "block": 8, "top": 2}
    means, chosen, near_ones = (kinds.attend("nsa", q, k, v, gates=gated(*row.tolist()), **settings)
                                for row in torch.eye(3))  # fmt: skip
    assert near(near_ones, kinds.attend("window", q, k, v, window=5))
    assert near(kinds.attend("nsa", q, k, v, gates=gated(0.2, 0.3, 0.5), **settings),
                0.2 * means + 0.3 * chosen + 0.5 * near_ones)  # fmt: skip
    assert near(kinds.attend("nsa", q, k, v, **settings), (means + chosen + near_ones) / 3)
    assert not means[:, :, :8].any() and not chosen[:, :, :8].any()  # before the first block there is nothing
    past = torch.ones(50, 50, dtype=torch.bool).tril(-1)
    scores = (q @ k.mT / math.sqrt(8)).masked_fill(~past, -math.inf)[:, :, 1:]
    wanted = scores.softmax(-1) @ v
    for gates in (gated(1, 0, 0), gated(0, 1, 0)):  # blocks of one place, all chosen: everything before oneself
        assert near(kinds.attend("nsa", q, k, v, gates=gates, window=1, block=1, top=50)[:, :, 1:], wanted)


def test_what_nsa_amounts_to_is_what_it_gives_and_its_choice_is_learned() -> None:
    q, k, v = (x.requires_grad_() for x in drawn(50))
    settings = {"window": 5, "block": 8, "top": 1}
    assert near(kinds.weights("nsa", q, k, **settings) @ v, kinds.attend("nsa", q, k, v, **settings))
    fits, chosen = kinds._chosen(q, k, **settings)
    for kind, learned in (("nsa", True), ("blocks", False)):
        (slope,) = torch.autograd.grad(kinds.attend(kind, q, k, v, **settings)[0, 0, 49].sum(), k)
        unread = ~kinds.allowed(kind, q, k, **settings)[0, 0, 49] & (torch.arange(50) < 48)
        assert bool(unread.any()) and bool((slope[0, 0, unread] != 0).all()) == learned
    assert fits.shape == (2, 4, 50, 7) and int(chosen[0, 0, 49].sum()) == 8


@pytest.mark.parametrize("T", [1, 13, 64])
def test_work_of_nsa_is_that_of_its_parts(T: int) -> None:
    q, k, _ = drawn(T)
    settings = {"window": 5, "block": 8, "top": 2}
    count = sum(int(torch.count_nonzero(part[0, 0])) for part in kinds.parts(q, k, None, **settings))
    assert lab.work("nsa", T, key_width=8, value_width=4, **settings) == 12 * count


def test_a_square_is_timed_only_where_much_more_memory_is_free_than_it_takes() -> None:
    square = 4 * lab.stopwatch.HEADS * 4096**2
    assert ("full", 4096) in lab.stopwatch.wanted(4096, 1e12)
    assert ("full", 4096) not in (small := list(lab.stopwatch.wanted(4096, 4 * square)))
    assert ("full", 1024) in small and ("tiled", 4096) in small
    assert lab.stopwatch.free(CPU) > 0
    q, k, v = drawn(512, K=32, V=32)
    peak = lab.stopwatch.peak(lambda: kinds.attend("full", q, k, v), CPU)
    assert peak < lab.stopwatch.SQUARES * 4 * 2 * 4 * 512**2 * 1.1


@pytest.mark.parametrize("stat", ["inactive_file 600\nfile 700\n", "inactive_file 5\ntotal_inactive_file 600\n", None])
def test_files_that_were_read_do_not_take_room(
    stat: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, used, detail = (tmp_path / name for name in ("limit", "used", "stat"))
    monkeypatch.setattr(lab.stopwatch, "GROUP", ((limit, used, detail),))
    limit.write_text("1000\n", encoding="utf-8")
    used.write_text("900\n", encoding="utf-8")
    if stat:
        detail.write_text(stat, encoding="utf-8")
    assert lab.stopwatch.free(CPU) == (700 if stat else 100)


def test_where_a_square_has_no_room_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    stopwatch = lab.stopwatch
    monkeypatch.setattr(stopwatch, "_measure", lambda name, length, device: (float(length), length))
    monkeypatch.setattr(stopwatch, "_taken", {})
    monkeypatch.setattr(stopwatch, "free", lambda device: stopwatch.SPARE * stopwatch.SQUARES * 16 * 512**2)
    told = stopwatch.times(2048, CPU)
    assert told.no_room == (1024, 2048) and [*told.milliseconds["full"]] == [256, 512]
    assert "square at 1,024 and 2,048 places" in lab.words.machine_note(told)
    monkeypatch.setattr(stopwatch, "free", lambda device: math.inf)
    told = stopwatch.times(2048, CPU)
    assert told.no_room == () and "square" not in lab.words.machine_note(told)


def test_work_of_linear_attention_grows_with_the_length_and_that_of_full_with_its_square() -> None:
    assert lab.work("linear", 2000) == 2 * lab.work("linear", 1000)
    assert lab.work("full", 2000) / lab.work("full", 1000) == pytest.approx(4, rel=1e-3)
    with pytest.raises(ValueError, match="the kinds are"):
        lab.work("half", 10)
    with pytest.raises(ValueError, match="the kinds are"):
        kinds.attend("half", *drawn())


def test_bytes_that_are_kept() -> None:
    assert lab.cache_bytes("multi_head", 32, 32, 128, 0, 32) == 524_288  # Llama 2 7B: half a megabyte a token
    assert lab.cache_bytes("grouped", 8, 8, 16, 0) == lab.cache_bytes("multi_head", 8, 8, 16, 0)
    assert lab.cache_bytes("multi_query", 8, 1, 16) * 8 == lab.cache_bytes("multi_head", 8, 8, 16)
    assert lab.cache_bytes("latent", 128, 128, 128, 576, 60) == 69_120  # DeepSeek-V2
    with pytest.raises(ValueError, match="there are"):
        lab.cache_bytes("none", 8, 8, 16)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("bf16", torch.bfloat16), ("fp16", torch.float16), ("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)],
)
def test_rounding_is_torchs_cast_bit_for_bit(name: str, theirs: torch.dtype) -> None:
    dice = torch.Generator().manual_seed(0)
    bits = torch.randint(-(2**31), 2**31 - 1, (200_000,), dtype=torch.int64, generator=dice).to(torch.int32)
    middling = torch.randn(100_000, generator=dice) * 10 ** torch.linspace(-9, 5, 100_000)
    ends = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, 448.0, 449.0, 464.0, 65504.0, 65520.0, 2.0**-149])
    x = torch.cat([bits.view(torch.float32), middling, ends])
    mine, wanted = lab.rounded(x, name), x.to(theirs).float()
    assert torch.equal(mine.isnan(), wanted.isnan())
    assert torch.equal(mine.nan_to_num(0.0).view(torch.int32), wanted.nan_to_num(0.0).view(torch.int32))


@pytest.mark.parametrize("name", ["float32", "fp16", "e5m2", "e4m3"])
def test_with_its_scale_a_gradient_fits_and_what_becomes_zero_is_counted(name: str) -> None:
    dice = torch.Generator().manual_seed(0)
    raw = torch.randn(4000, generator=dice) * 10 ** torch.linspace(-12, 1, 4000)
    raw[::50] = 0.0
    of, gradients = lab.quantise.FORMATS[name], lab.gradients
    for scaled in (False, True):
        weight = torch.nn.Parameter(torch.zeros(4000))
        weight.grad = raw.clone()
        counts = gradients.cast([weight], name, scaled=scaled)
        assert counts.sum() == (raw != 0).sum() and counts[1].sum() == ((weight.grad == 0) & (raw != 0)).sum()
        wanted = float(((lab.rounded(raw, name) == 0) & (raw != 0)).sum() / (raw != 0).sum())
        assert gradients.would_be_lost(counts, name) == pytest.approx(wanted, abs=1e-6)
        assert scaled or gradients.lost(counts) == pytest.approx(wanted, abs=1e-6)
    times = gradients.scale(raw, name)
    if name == "float32":  # into it all fits as it is
        assert times == 1 and torch.equal(weight.grad, raw)
    else:
        assert of.most / 2 < float((times * raw).abs().max()) <= of.most and math.log2(times) % 1 == 0
    for odd in (0.0, math.nan, math.inf):
        assert gradients.scale(torch.tensor([odd]), name) == 1
    for tiny, fits in ((1e-38, True), (2.0**-149, name in ("float32", "fp16"))):  # no scale lifts that to fp8
        weight.grad = torch.full((4000,), tiny)
        gradients.cast([weight], name, scaled=True)
        assert weight.grad.isfinite().all() and bool(weight.grad.any()) == fits


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", lab.kinds.GRADIENTS)
def test_with_gradients_in_any_format_and_a_scale_or_none_it_trains(name: str, scaled: bool) -> None:
    views = registry.view("efficient_attention")
    config = lab.Config(width=16, kinds=("window", "full"), gradients=name, scaled=scaled)
    experiment = lab.Experiment(config)
    before = gradients_panel(views.stage(View(experiment.frame(), config)))
    assert any("Press Play" in layer.get("text", "") for layer in before["layers"])
    assert all(np.isfinite([*experiment.step().values()]).all() for _ in range(2))
    panel = gradients_panel(views.stage(View(experiment.frame(), config, step=2, last_step=2)))
    assert not any(layer["kind"] == "text" for layer in panel["layers"]) and "window attention" in panel["note"]
    assert f"{views.facts(View(experiment.frame(), config, step=2, last_step=2))['fp16_lost']:.1%}" in panel["note"]
    rows = [group["label"] for group in panel["buttons"]]
    assert ("A scale for each tensor" in rows) == (name != "float32")


def gradients_panel(scene: Any) -> Any:
    return next(panel for row in scene.rows for panel in row if panel.get("key") == "gradients")


def test_gradients_are_counted_of_the_first_kind_alone() -> None:
    experiment = lab.Experiment(lab.Config(width=16, kinds=("window", "full"), gradients="e4m3"))
    experiment.step()
    alone = lab.Experiment(lab.Config(width=16, kinds=("window",), gradients="e4m3"))
    alone.step()
    assert np.array_equal(experiment.sizes, alone.sizes) and alone.sizes.any()
    weight = torch.nn.Parameter(torch.zeros(3))
    weight.grad = torch.tensor([1e-9, 0.3, 1.0])
    assert not lab.gradients.cast([weight], "e4m3", scaled=False, counted=False).any()
    assert weight.grad.tolist() == [0.0, 0.3125, 1.0]


def test_steps_are_added_to_the_copy_and_what_is_used_is_rounded() -> None:
    experiment = lab.Experiment(lab.Config(width=16, kinds=("full",), weights="copy"))
    experiment.step()
    network = experiment.networks["full"]
    whole = {name: weight.clone() for name, weight in network.state_dict().items()}
    with experiment._in_use(network):
        for name, weight in network.state_dict().items():
            assert torch.equal(weight, lab.rounded(whole[name], "bf16")), name
    experiment.frame()
    assert all(torch.equal(weight, whole[name]) for name, weight in network.state_dict().items())
    assert any(not torch.equal(weight, lab.rounded(weight, "bf16")) for weight in whole.values())


def test_what_was_kept_before_gradients_were_counted_is_read() -> None:
    one, other = (lab.Experiment(lab.Config(width=16, kinds=("full",))) for _ in range(2))
    one.step()
    assert one.frame().sizes.sum() > 0
    other.load_state_dict({name: kept for name, kept in one.state_dict().items() if name != "sizes"})
    assert other.frame().sizes.sum() == 0 and other.step() == one.step()


def test_rounding_by_lot_is_right_on_average_and_a_wrong_format_is_named() -> None:
    x = torch.full((20_000,), 1.003)
    found = lab.rounded(x, "bf16", dice=torch.Generator().manual_seed(0))
    assert set(found.tolist()) == {1.0, 1.0078125}
    assert float(found.mean()) == pytest.approx(1.003, abs=1.5e-4)  # four standard errors
    assert lab.rounded(x, "float32") is x
    with pytest.raises(ValueError, match="the formats are"):
        lab.rounded(x, "fp4")


def test_a_line_has_the_neighbours_of_a_value_and_small_steps_are_lost() -> None:
    line = lab.quantise.line(1.001, "bf16")
    assert (
        line.becomes == 1 and line.quantum == 2**-7 and {1 - 2**-7, 1 - 2**-8, 1.0, 1 + 2**-7} <= {*line.there.tolist()}
    )
    creep = lab.quantise.creep("bf16", 1e-3)
    assert creep["nearest"][-1] == 1 and creep["exact"][-1] == 2 and abs(creep["lot"][-1] - 2) < 0.1


def test_what_is_told_of_bf16_is_of_bf16_whatever_is_looked_at() -> None:
    facts = registry.view("efficient_attention").facts
    for look in ({}, {"number": 200.0}, {"format": "e4m3"}, {"format": "fp16", "number": 0.01}):
        config = lab.Config(width=16, **look)
        told = facts(View(lab.Experiment(config).frame(), config))
        assert told["quantum"] == 2**-7 and told["crept"] == 1 and abs(float(told["crept_by_lot"]) - 2) < 0.1


def test_work_is_compared_with_full_attention_by_name_where_that_does_not_run() -> None:
    views = registry.view("efficient_attention")
    for chosen, compared in ((("window", "linear"), "full attention's work."), (("full", "window"), "of its work.")):
        config = lab.Config(width=16, kinds=chosen)
        experiment = lab.Experiment(config)
        experiment.step()
        said = views.say(View(experiment.frame(), config, step=1, last_step=1))
        assert said.endswith(compared) and said.count("work") == 1
    alone = lab.Config(width=16, kinds=("full",))
    experiment = lab.Experiment(alone)
    experiment.step()
    assert "work" not in views.say(View(experiment.frame(), alone, step=1, last_step=1))


def test_linear_attention_is_drawn_as_the_sums_that_it_carries_and_not_as_a_square() -> None:
    for chosen, K in ((("full", "linear"), 8), (("linear",), 32), (("full", "window"), 0)):
        config = lab.Config(width=64, kinds=chosen, key_width=K or 8)
        frame = lab.Experiment(config).frame()
        T = len(frame.tokens)
        hero = registry.view("efficient_attention").stage(View(frame, config)).rows[0][0]
        ends = [layer["extent"] for layer in hero["layers"] if layer["kind"] == "classes"]
        widths = [round(end[1] - end[0]) + 1 for end in ends]
        assert widths == [K if kind == "linear" else T for kind in chosen]
        area = {kind: width * T for kind, width in zip(chosen, widths, strict=True)}
        for each in frame.seen:  # coloured cells are work: a sum is written and read where a product would be
            cells = area[each.kind] if each.kind == "linear" else each.computed.sum()
            assert cells / (T * (T + 1) / 2) == pytest.approx(each.share, rel=0.02)


def test_running_sums_are_what_linear_attention_reads() -> None:
    q, k, v = drawn(20, dtype=torch.float64)
    q, k = kinds.features(q, "elu"), kinds.features(k, "elu")
    read = torch.einsum("bhtk,bhtkv->bhtv", q, kinds.table(k, v))
    total = torch.einsum("bhtk,bhtk->bht", q, k.cumsum(-2))
    assert near(read / total[..., None], kinds.linear(q, k, v), 1e-5)


@pytest.mark.parametrize("knobs", [{}, {"pairs": 1}, {"tokens": "QdQe..Ab", "question": 1}, {"kinds": ("linear",)}])
def test_before_play_the_task_is_told_on_the_sequence_that_is_seen(knobs: dict[str, Any]) -> None:
    config = lab.Config(width=16, **knobs)
    frame = lab.Experiment(config).frame()
    (key, value), stood, asks = lab.words.traced(frame), lab.words.stood(frame), frame.question
    assert frame.labels[stood - 1 : stood + 1] == [key, value] and frame.labels[asks] == key and stood < asks
    hero = registry.view("efficient_attention").stage(View(frame, config)).rows[0][0]
    assert key + value in hero["title"]
    told = [layer["text"] for layer in hero["layers"] if layer["kind"] == "text"]
    squares = [each for each in frame.seen if each.kind != "linear"]
    assert told.count(key + value) == len(squares)  # over the column where it stood
    for each in frame.seen:
        said = (
            f"{key} → {lab.vocabulary.LABELS[each.said[asks]]} {'✓' if each.said[asks] == frame.wanted[asks] else '✗'}"
        )
        assert said in told
    if "tokens" in knobs:
        assert (key, value) == ("Q", "e")  # of two values the later is asked for


def test_what_is_outlined_is_where_the_weight_to_the_right_value_is_drawn() -> None:
    """The small box on a square lies around the cell of the key asked for and the value behind it, of every kind."""
    config = lab.Config(width=16, kinds=("full", "window", "nsa"), question=3)
    frame = lab.Experiment(config).frame()
    view = View(frame, config)
    hero = registry.view("efficient_attention").stage(view)
    layers = hero.rows[0][0]["layers"]
    corners = [layer["extent"] for layer in layers if layer["kind"] == "classes"]
    boxes = [layer for layer in layers if layer["kind"] == "lines" and layer["width"] == 2.5]
    assert len(corners) == len(boxes) == 3
    for (left, _, top, _), box in zip(corners, boxes, strict=True):
        middle = hero.arrays[box["xy"]][:4].mean(0)
        assert middle == pytest.approx([left + lab.words.stood(frame), top + frame.question], abs=1e-3)
        pick = {"panel": "squares", "kind": "plane", "x": 3.0, "y": float(top + np.flatnonzero(frame.wanted >= 0)[1])}
        assert registry.view("efficient_attention").answer(view, pick) == Turn({"question": 2})


def test_memory_is_counted_while_it_stands() -> None:
    made = 4 * 100 * 100
    assert lab.stopwatch.peak(lambda: torch.ones(100, 100), CPU) == made
    assert lab.stopwatch.peak(lambda: (torch.ones(100, 100) + 1).sum(), CPU) in (2 * made, 2 * made + 4)

    def one_after_another() -> Tensor:
        for _ in range(5):
            x = torch.ones(100, 100)
            del x
        return torch.ones(1)

    assert lab.stopwatch.peak(one_after_another, CPU) == made
    q, k, v = drawn(512, K=32, V=32)
    square = 4 * 2 * 4 * 512 * 512
    full = lab.stopwatch.peak(lambda: kinds.attend("full", q, k, v), CPU)
    assert full >= square and lab.stopwatch.peak(lambda: kinds.tiled(q, k, v, block=64), CPU) < full / 8


def test_whoever_measures_changes_nothing_of_a_run() -> None:
    """Times are taken anew on each machine, so they may lie in no state and in no metric."""
    while lab.stopwatch.times(512, CPU).left:
        pass
    calm, timed = (lab.Experiment(lab.Config(width=16, measured=how)) for how in ("not yet", "512"))
    for _ in range(3):
        assert calm.step() == timed.step()
        assert calm.frame().times is None and timed.frame().times is not None
    assert same(calm.state_dict(), timed.state_dict())
    told = timed.frame().times
    assert told.left == 0 and set(told.milliseconds) >= {"full", "tiled", "window", "linear"}
    assert all(list(row) == [256, 512] for row in told.milliseconds.values())
    assert told.machine and timed.frame().times == told  # taken once


def test_where_torch_has_no_flash_kernel_none_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Tensor) -> Tensor:
        raise RuntimeError("No available kernel. Aborting execution.")

    monkeypatch.setattr(lab.stopwatch, "KERNELS", {**lab.stopwatch.KERNELS, "flash": refuses})
    monkeypatch.setattr(lab.stopwatch, "_taken", {})
    while (told := lab.stopwatch.times(256, CPU)).left:
        pass
    assert "flash" not in told.milliseconds and "has no flash kernel" in lab.words.machine_note(told)


def test_between_two_looks_what_is_not_yet_taken_is_neither_told_nor_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look ends when its time is used up: after any of the kinds, so also between two that are compared."""
    monkeypatch.setattr(lab.stopwatch, "_measure", lambda name, length, device: (float(length), length))
    config = lab.Config(width=16, measured="512")
    calm, facts = lab.Experiment(config).frame(), registry.view("efficient_attention").facts
    every = list(lab.stopwatch.wanted(512, math.inf))
    for taken in range(len(every) + 1):
        found = {(str(CPU), *which): (float(which[1]), which[1]) for which in every[:taken]}
        monkeypatch.setattr(lab.stopwatch, "_taken", found)
        monkeypatch.setattr(lab.stopwatch, "AT_A_LOOK", -1.0)
        times = lab.stopwatch.times(512, CPU)
        view = View(replace(calm, times=times), config)
        told = facts(view)
        assert times.left == len(every) - taken and ("no flash kernel" in lab.words.machine_note(times)) is False
        assert told["timed"] == (512 if taken == len(every) else 256 if taken >= len(every) // 2 else 0)
        assert told["full_ms"] == told["linear_ms"] == told["timed"]
        assert registry.view("efficient_attention").stage(view).to_bytes()


def test_sequences_hold_what_they_ask_for() -> None:
    x, wanted = lab.batch(torch.Generator().manual_seed(7), count=64, length=48, asked=16, pairs=8)
    labels = lab.vocabulary.LABELS
    for row, answers in zip(x, wanted, strict=True):
        told = lab.vocabulary.told(row[:48].tolist())
        assert len(told) == 8 and int((answers >= 0).sum()) == 8
        assert all(told[int(row[t])] == int(answers[t]) for t in range(48, 56))
        assert "".join(labels[token] for token in row[56:]) == "·" * 8


def test_a_needle_is_one_pair_and_how_far_back_it_lies_is_counted_from_its_question() -> None:
    config = lab.Config(width=16, task="needle", length=50, batch_size=64)
    experiment = lab.Experiment(config)
    x, wanted, pairs = experiment._batch()
    assert pairs == 1 and x.shape == (64, 51) and bool((wanted[:, :50] == -1).all())
    parts = []
    for row, answers in zip(x.tolist(), wanted.tolist(), strict=True):
        (told,) = lab.vocabulary.told(row[:50]).items()
        assert told == (row[50], answers[50])
        back = 50 - row.index(told[1])
        parts.append(min(part for part in config.distances if back <= part))
    assert experiment._back(x) == parts and len(set(parts)) == 6
    for _ in range(4):
        metrics = experiment.step()
    assert sum(len(found) for found in experiment.recent["full"].values()) <= 6 * 40
    shares = experiment.recall("full")
    assert tuple(shares) == config.distances and metrics["full_recall"] == pytest.approx(sum(shares.values()) / 6)
    other = lab.Experiment(config)
    other.load_state_dict(experiment.state_dict())
    assert other.step() == experiment.step()
    view = View(experiment.frame(), config, step=5, last_step=5)
    recall = registry.view("efficient_attention").stage(view).rows[0][1]
    assert recall["x_names"] == [str(part) for part in config.distances] and "places back" in recall["x_label"]


@pytest.mark.parametrize("kind", ["full", "window", "linear"])
def test_what_lies_beyond_the_window_changes_nothing_of_a_windows_answer(kind: str) -> None:
    """To the last bit, whatever the weights: so beyond it no training can do better than chance."""
    config = lab.Config(width=16, task="needle", kinds=(kind,), window=10)
    network = lab.Experiment(config).networks[kind]
    for back in (1, 9, 11, 47):
        x = torch.full((1, 49), lab.vocabulary.NOISE)
        x[0, 48], x[0, 47 - back], x[0, 48 - back] = 7, 7, 30
        other = x.clone()
        other[0, 48 - back] = 31  # another value: the right answer is another
        same_answer = torch.equal(network(x)[0, 48], network(other)[0, 48])
        assert same_answer == (kind == "window" and back > 10)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Qd..Rx", "Qd··RxQR"),
        ("Qd Qe", "Qd·QeQ"),
        ("Ab😀C\u05d0", "AbCA"),
        ("ab", None),
        ("....", None),
        ("A", None),
    ],
)
def test_what_is_typed_is_read_and_the_rest_is_said(text: str, read: str | None) -> None:
    config = lab.Config(tokens=text, width=16)
    frame = lab.Experiment(config).frame()
    assert frame.own == (read is not None)
    if read is not None:
        assert "".join(frame.labels) == read
    said = registry.view("efficient_attention").say(View(frame, config))
    odd = [c for c in text if c not in lab.vocabulary.TYPED]
    assert said.startswith("Left out" if odd else "No capital" if read is None else "Pairs such as")
    assert len(said) <= 140 and said.isprintable()


def test_a_text_that_is_too_long_is_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="tokens"):
        lab.Config(tokens="A" * 100_000)
    config = lab.Config(tokens="😀" * 200, width=16)
    said = registry.view("efficient_attention").say(View(lab.Experiment(config).frame(), config))
    assert len(said) <= 140


def test_a_click_traces_a_question_or_goes_to_a_tile() -> None:
    views, config = registry.view("efficient_attention"), lab.Config(width=16)
    view = View(lab.Experiment(config).frame(), config)
    pick = {"panel": "sequence", "kind": "plane", "y": 0.0}
    assert views.answer(view, pick | {"x": 50.2}) == Turn({"question": 3})
    assert views.answer(view, pick | {"x": 0.0}) == Turn({"question": 1})
    tile = {"panel": "tiles", "kind": "plane"}
    assert views.answer(view, tile | {"x": 20.0, "y": 40.0}) == Turn({"tile": 5})
    assert views.answer(view, tile | {"x": 40.0, "y": 20.0}) is None  # a key after its query


def test_knobs_bring_along_what_they_need() -> None:
    assert lab.Config().turned(length=16).pairs == 8
    assert lab.Config().turned(pairs=24).length == 48
    assert lab.Config(length=20, pairs=8).turned(pairs=20).length == 40
    assert lab.Config().turned(sharing="multi_query").heads == 8
    with pytest.raises(ConfigError, match="pairs"):
        lab.Config(length=16, pairs=20)
    with pytest.raises(ConfigError, match="heads"):
        lab.Config(heads=7)
    with pytest.raises(ConfigError, match="kinds"):
        lab.Config(kinds=())


def test_a_run_that_has_diverged_says_so() -> None:
    config = lab.Config(width=16)
    experiment = lab.Experiment(config)
    with torch.no_grad():
        for parameter in experiment.model.parameters():
            parameter.fill_(np.nan)
    view = View(experiment.frame(), config, step=1, last_step=1)
    views = registry.view("efficient_attention")
    assert "diverged" in views.say(view) and views.stage(view).to_bytes()
    told = [layer["text"] for layer in gradients_panel(views.stage(view))["layers"] if layer["kind"] == "text"]
    assert len(told) == 1 and "No gradient is a number" in told[0]
    assert all(np.isfinite(value) for value in views.facts(view).values() if not isinstance(value, str))


def test_the_plain_form_repeats_the_run() -> None:
    source = plain.file("efficient_attention").read_text(encoding="utf-8")
    for knobs in ({}, {"heads": 8, "pairs": 8, "top": 3}):
        experiment = lab.Experiment(replace(lab.Config(), **knobs))
        for mine in plain.run(plain.with_config(source, lab.Config(**knobs)), 20):
            theirs = experiment.step()
            assert mine == {name: pytest.approx(theirs[name], rel=1e-4) for name in mine}
