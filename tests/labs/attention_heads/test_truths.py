"""Attention is what torch computes, positions do what they promise, the tasks are fair, and an induction head forms."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import engine
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.labs.attention_heads import Config, Experiment, attend, batch, rotary, tasks
from engine.labs.attention_heads.frame import ABLATED, followers, scores
from engine.scene.head import attention_head
from engine.scene.sampler import next_token
from engine.scene.scene import Scene


def draws(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def qkv(heads: int = 4, groups: int = 4, length: int = 9, depth: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    return (
        draws(2, heads, length, depth, seed=1), draws(2, groups, length, depth, seed=2),
        draws(2, groups, length, depth, seed=3),
    )  # fmt: skip


CAUSAL = torch.ones(9, 9, dtype=torch.bool).tril()
MASKS = {"none": None, "causal": CAUSAL, "each head its own": draws(4, 9, 9, seed=4),
         "infinite": torch.zeros(9, 9).masked_fill(~CAUSAL, -math.inf)}  # fmt: skip

# ------------------------------------------------------------------ attention


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("groups", [4, 2, 1])
def test_attend_is_torchs_own(groups: int, mask: str) -> None:
    q, k, v = qkv(groups=groups)
    out, weights = attend(q, k, v, MASKS[mask])
    torchs = F.scaled_dot_product_attention(q, k, v, attn_mask=MASKS[mask], enable_gqa=True)
    assert torch.allclose(out, torchs, atol=1e-6)
    assert weights.shape == (2, 4, 9, 9) and torch.allclose(weights.sum(-1), torch.ones(2, 4, 9))


def test_who_may_look_nowhere_finds_nothing() -> None:
    q, k, v = qkv()
    mask = CAUSAL.clone()
    mask[3] = False
    out, weights = attend(q, k, v, mask)
    assert torch.allclose(out, F.scaled_dot_product_attention(q, k, v, attn_mask=mask), atol=1e-6)
    assert (out[:, :, 3] == 0).all() and (weights[:, :, 3] == 0).all()


def test_the_weights_of_each_head_are_those_of_multihead_attention() -> None:
    config = Config(heads=4, width=64, position="none", mask="full")
    ours = Experiment(config).model.blocks[0].attention
    theirs = nn.MultiheadAttention(64, 4, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.out_proj.weight.copy_(ours.output.weight)
        x = draws(3, 10, 64)
        found, weights = ours(x, weights=True)
        expected, by_head = theirs(x, x, x, average_attn_weights=False)
    assert torch.allclose(weights, by_head, atol=1e-6)
    assert torch.allclose(found, expected, atol=1e-6)


def test_grouped_attention_with_as_many_groups_as_heads_is_multi_head() -> None:
    q, k, v = qkv()
    alone = torch.cat([attend(q[:, h : h + 1], k[:, h : h + 1], v[:, h : h + 1])[0] for h in range(4)], dim=1)
    assert torch.allclose(attend(q, k, v)[0], alone, atol=1e-6)
    _, shared_k, shared_v = qkv(groups=2)
    written_out = attend(q, shared_k[:, [0, 0, 1, 1]], shared_v[:, [0, 0, 1, 1]])
    assert all(map(torch.equal, attend(q, shared_k, shared_v), written_out))


def test_rotary_scores_depend_on_distance_alone() -> None:
    q, k = (draws(1, 16, dtype=torch.float64, seed=s) for s in (1, 2))
    at = [(0, 5), (7, 12), (100, 105), (1000, 1005)]
    scores = [(rotary(q, torch.tensor([i])) * rotary(k, torch.tensor([j]))).sum() for i, j in at]
    assert max(scores) - min(scores) < 1e-12
    assert abs(scores[0] - (rotary(q, torch.tensor([0])) * rotary(k, torch.tensor([6]))).sum()) > 1e-3


def test_rotary_turns_pairs_of_numbers_as_complex_numbers() -> None:
    x, places = draws(3, 7, 8, dtype=torch.float64), torch.arange(7)
    turned = rotary(x, places)
    angle = places[:, None] * 10_000.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
    expected = torch.complex(x[..., :4], x[..., 4:]) * torch.polar(torch.ones_like(angle), angle)
    assert torch.allclose(turned, torch.cat([expected.real, expected.imag], -1), atol=1e-12)
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), atol=1e-12)


# ------------------------------------------------------------------ the model


@pytest.mark.parametrize("knobs", [
    {}, {"position": "alibi"}, {"mask": "sliding", "window": 3}, {"mask": "full", "position": "learned"},
    {"heads": 4, "key_value_heads": "grouped"}, {"heads": 4, "key_value_heads": "multi_query", "position": "alibi"},
], ids=str)  # fmt: skip
def test_the_fused_kernel_gives_the_same_logits(knobs: dict[str, Any]) -> None:
    config = Config(**knobs)
    tokens, _, _ = batch(config, generator(0, "test"))
    written_out, fused = Experiment(config).model, Experiment(dataclasses.replace(config, kernel="fused")).model
    with torch.no_grad():
        logits, weights = written_out(tokens, return_weights=True)
        assert torch.allclose(fused(tokens), logits, atol=1e-5)
    assert [w.shape for w in weights] == [(16, config.heads, 32, 32)] * 2


@pytest.mark.parametrize("position", ["none", "sinusoidal", "learned", "rotary", "alibi"])
def test_what_comes_later_changes_nothing_before(position: str) -> None:
    for mask, first in (("causal", 20), ("sliding", 20), ("full", 0)):
        config = Config(position=position, mask=mask, window=4, layers=1)
        model = Experiment(config).model
        tokens, _, _ = batch(config, generator(0, "test"))
        changed = tokens.clone()
        changed[:, 20] = (changed[:, 20] + 1) % 26
        with torch.no_grad():
            moved = (model(tokens) - model(changed)).abs().amax((0, 2)) > 1e-6  # (T,)
        last = 24 if mask == "sliding" else 32
        assert moved[first:last].all() and not moved[:first].any() and not moved[last:].any()


def test_without_positions_a_full_mask_cannot_tell_order() -> None:
    config = Config(position="none", mask="full")
    model = Experiment(config).model
    tokens = batch(config, generator(0, "test"))[0]
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(model(tokens)[:, order], model(tokens[:, order]), atol=1e-5)
        other = Experiment(dataclasses.replace(config, position="rotary")).model
        assert not torch.allclose(other(tokens)[:, order], other(tokens[:, order]), atol=1e-2)


@pytest.mark.parametrize("norm_place", ["pre", "post"])
@pytest.mark.parametrize("feed_forward", ["none", "swiglu"])
def test_the_logit_lens_ends_with_what_the_model_says(norm_place: str, feed_forward: str) -> None:
    experiment = Experiment(Config(norm_place=norm_place, feed_forward=feed_forward))
    frame = experiment.frame()
    with torch.no_grad():
        logits = experiment.model(torch.from_numpy(frame.tokens)[None])[0]
    assert np.allclose(frame.logits, logits[-1], atol=1e-5)
    assert np.array_equal(frame.lens_tokens[-1], logits.argmax(-1))
    likely = logits.softmax(-1)[range(32), torch.from_numpy(frame.targets)]
    assert np.allclose(frame.lens[-1], likely, atol=1e-6) and frame.lens.shape == (3, 32)


def test_a_head_taken_apart_is_the_one_that_runs() -> None:
    for position, sharing in (("rotary", "multi_head"), ("alibi", "grouped"), ("learned", "multi_query")):
        experiment = Experiment(Config(heads=4, position=position, key_value_heads=sharing, shown=23))
        frame = experiment.frame()
        head = frame.head
        assert (head.layer, head.head) == (2, 3)
        assert np.allclose(head.weights, frame.weights[1, 2], atol=1e-6)
        scaled = head.queries @ head.keys.T / 4 + head.bias
        shares = np.where(head.seen, np.exp(scaled), 0)
        assert np.allclose(head.weights, shares / shares.sum(1, keepdims=True), atol=1e-5)
        assert np.allclose(head.found, head.weights @ head.values, atol=1e-5)
        assert (head.seen == np.tri(32, dtype=bool)).all() and (position == "alibi") == bool(head.bias.any())


def test_switching_a_head_off_takes_away_what_it_adds_and_nothing_from_training() -> None:
    plain, without = Experiment(Config(heads=2)), Experiment(Config(heads=2, off=(12,)))
    assert list(engine.train(plain, 8)) == list(engine.train(without, 8))
    frame = without.frame()
    assert frame.off == ((1, 2),) and frame.loss == plain.frame().loss
    with torch.no_grad():  # the same, by hand: the second head's rows of the output matrix set to zero
        plain.model.blocks[0].attention.output.weight[:, 32:] = 0
        tokens, targets, scored = (t[:ABLATED] for t in plain.held_out)
        by_hand = F.cross_entropy(plain.model(tokens)[scored], targets[scored])
    assert frame.loss_off == pytest.approx(float(by_hand), abs=1e-5)
    assert frame.costs[0, 1] == pytest.approx(frame.loss_off - frame.loss, abs=1e-6)


def test_the_cache_is_as_large_as_the_keys_and_values() -> None:
    for sharing in ("multi_head", "grouped", "multi_query"):
        experiment = Experiment(Config(heads=4, layers=3, key_value_heads=sharing))
        x = draws(1, 10, 64)
        size = 0
        for block in experiment.model.blocks:
            _, k, v = block.attention.project(x)
            size += (k.numel() + v.numel()) * k.element_size()
        assert experiment.frame().cache[sharing] * 10 == size


# ------------------------------------------------------------------ tasks and scores


def words(tokens: Tensor) -> list[str]:
    return [tasks.SYMBOLS.decode(row.numpy()) for row in tokens]


def test_repeated_sequences_have_periods_of_their_own_and_no_shortcut() -> None:
    periods: dict[bool, set[int]] = {}
    for held_out in (False, True):
        tokens, targets, scored = batch(Config(), generator(0, "test"), held_out=held_out, count=200)
        assert (targets[:, :-1] == tokens[:, 1:]).all()
        found = periods[held_out] = set()
        for row, wanted, known in zip(tokens, targets, scored, strict=True):
            period = int((row[1:] == row[0]).nonzero()[0]) + 1
            found.add(period)
            assert len(set(row[:period].tolist())) == period  # no letter twice
            assert (row[period:] == row[:-period]).all()
            assert known.tolist() == [t >= period for t in range(32)]
            assert int(wanted[-1]) == int(row[32 - period])
    assert len(periods[False]) >= 6 and len(periods[True]) >= 3 and not periods[False] & periods[True]


@pytest.mark.parametrize("length", [12, 33, 64])
@pytest.mark.parametrize("mask", ["causal", "full"])
def test_questions_have_the_right_answers(mask: str, length: int) -> None:
    for task in ("reverse", "sort", "lookup"):
        config = Config(task=task, mask=mask, length=length, batch_size=4, width=16)
        tokens, targets, scored = batch(config, generator(0, "test"))
        assert tokens.shape == targets.shape == scored.shape and tokens.shape[1] <= length
        for text, wanted, known, row in zip(words(tokens), words(targets), scored, tokens, strict=True):
            asked = "".join(wanted[t] for t in range(len(text)) if known[t])
            if task == "lookup":
                told = 2 * max(2, length // 8)
                values = dict(zip(text[:told:2], text[1:told:2], strict=True))
                assert asked == "".join(values[text[t]] for t in range(told, len(text), 2))
                assert len(values) == told // 2 and len(asked) == (length - told) // 2
            else:
                question = text[: len(asked)]
                assert asked == (question[::-1] if task == "reverse" else "".join(sorted(question)))
            if mask == "full" or task == "reverse":  # no answer stands in the input before it is asked for
                assert mask != "full" or ("_" in text and not set(wanted[-1]) & set(text[-1]))
            assert row.min() >= 0


def test_a_text_is_followed_by_its_next_characters() -> None:
    config = Config(task="text")
    tokens, targets, scored = batch(config, generator(0, "test"))
    assert tokens.shape == (16, 32) and (targets[:, :-1] == tokens[:, 1:]).all() and scored.all()
    known, text = tasks.source("")
    whole = known.decode(text.numpy())
    assert known.decode(tokens[0].numpy()) in whole[: int(len(whole) * 0.9) + 1]
    held = batch(config, generator(0, "test"), held_out=True)[0]
    assert known.decode(held[0].numpy()) in whole[int(len(whole) * 0.9) :]


def test_a_perfect_induction_head_scores_one() -> None:
    tokens, _, scored = batch(Config(), generator(0, "test"))
    after = followers(tokens)
    period = (tokens[:, :1] == tokens[:, 1:]).int().argmax(1) + 1
    for b in range(4):
        row = 20
        expected = [j for j in range(1, row + 1) if tokens[b, j - 1] == tokens[b, row]]
        assert after[b, row].nonzero().flatten().tolist() == expected
        assert all((row - j + 1) % int(period[b]) == 0 for j in expected)
    perfect = after / after.sum(-1, keepdim=True).clamp(min=1)
    before = torch.eye(32).roll(-1, 1).tril().expand(16, 1, 32, 32)
    induction, previous = scores([perfect[:, None].float(), before], tokens)
    assert induction[0, 0] == pytest.approx(1) and previous[1, 0] == pytest.approx(1)
    assert induction[1, 0] == 0 and (scored == after.any(-1)).all()


def test_typed_tokens_answer_at_once() -> None:
    experiment = Experiment(Config())
    experiment.update(Config(tokens="abc abc! ab"))
    frame = experiment.frame()
    assert "".join(frame.labels[t] for t in frame.tokens) == "abcabcab"
    assert frame.own and frame.ignored == "!" and frame.weights.shape == (2, 2, 8, 8)
    assert frame.targets[-1] == -1 and not frame.scored[-1] and (frame.lens[:, -1] == 0).all()
    experiment.update(Config(tokens="???"))
    assert not experiment.frame().own and experiment.frame().ignored == "?"
    experiment.update(Config(tokens="z" * 200))
    assert len(experiment.frame().tokens) == 32
    sort = Experiment(Config(task="sort", tokens="hello>x")).frame()
    assert "".join(sort.labels[t] for t in sort.tokens) == "hello>ehll"
    assert "".join(sort.labels[t] for t in sort.targets[sort.scored]) == "ehllo"
    blanks = Experiment(Config(task="reverse", mask="full", tokens="abc")).frame()
    assert "".join(blanks.labels[t] for t in blanks.tokens) == "abc___"
    text = Experiment(Config(task="text", tokens="The value of ☃")).frame()
    assert "".join(text.labels[t] for t in text.tokens).replace("␣", " ") == "The value of " and text.ignored == "☃"


def test_what_takes_too_long_is_refused_with_what_would_do() -> None:
    with pytest.raises(ConfigError, match=r"batch of at most [0-9]+ sequences") as caught:
        Config(layers=8, heads=8)
    assert caught.value.knob == "batch_size"
    fits = int(str(caught.value).split("at most ")[1].split()[0])
    assert Config(layers=8, heads=8, batch_size=fits)
    with pytest.raises(ConfigError, match="width"):
        Config(layers=8, heads=8, width=128, length=64)
    with pytest.raises(ConfigError, match="even number"):
        Config(heads=3, key_value_heads="grouped")
    with pytest.raises(ConfigError, match="text_key"):
        Config(task="text", text_key="0" * 20)


# ------------------------------------------------------------------ what it learns


@pytest.mark.parametrize("seed", [0, 1])
def test_two_layers_with_one_head_each_form_an_induction_head(seed: int) -> None:
    experiment = Experiment(Config(heads=1, seed=seed))
    *_, last = engine.train(experiment, 200)
    assert last["test_accuracy"] >= 0.95 and last["induction"] > 0.8 and last["previous_token"] > 0.4
    tokens, targets, scored = batch(experiment.config, generator(99, "never trained on"), held_out=True, count=64)
    with torch.no_grad():
        right = (experiment.model(tokens).argmax(-1) == targets)[scored].float().mean()
    assert right >= 0.95
    assert experiment.frame().induction[1, 0] > 0.8  # the stripe is in the second layer


def test_a_large_model_is_four_times_as_wide_and_forms_an_induction_head() -> None:
    large, standard = (Experiment(Config(size=size, length=16, batch_size=8)) for size in ("large", "standard"))
    assert large.model.embedding.weight.shape[1] == 256 and large.frame().head.queries.shape == (16, 128)
    assert parameters(large) > 14 * parameters(standard)
    *_, last = engine.train(large, 120)
    assert last["test_loss"] < 1 and last["induction"] > 0.5


def parameters(experiment: Experiment) -> int:
    return sum(p.numel() for p in experiment.model.parameters())


def test_a_large_model_repeats_itself_and_takes_a_quarter_of_the_steps_length() -> None:
    config = Config(size="large", length=12, batch_size=4, learning_rate=0.01)
    one, again = (Experiment(config) for _ in range(2))
    assert list(engine.train(one, 4)) == list(engine.train(again, 4))
    third = Experiment(config)
    third.load_state_dict(one.state_dict())
    assert third.step() == one.step()
    assert one.optimiser.param_groups[0]["lr"] == 0.0025
    one.update(dataclasses.replace(config, learning_rate=0.02))
    assert one.optimiser.param_groups[0]["lr"] == 0.005


def test_what_a_large_model_may_take_is_refused_by_its_own_width() -> None:
    with pytest.raises(ConfigError, match=r"layers of width 512 .* batch of at most [0-9]+ sequences") as caught:
        Config(size="large", width=128)
    fits = int(str(caught.value).split("at most ")[1].split()[0])
    assert Config(size="large", width=128, batch_size=fits).model_width == 512


# ------------------------------------------------------------------ panels of the scene


def test_a_sampler_takes_a_label_for_each_logit() -> None:
    scene = Scene()
    next_token(scene, "next", title="Next", logits=np.array([0.0, np.inf, np.nan]), labels=list("abc"))
    assert scene.to_bytes().startswith(b"SCN1")
    with pytest.raises(ValueError, match="V labels"):
        next_token(scene, "other", title="Next", logits=np.zeros(3), labels=["a"])


def test_a_head_takes_arrays_that_fit_its_tokens() -> None:
    head = Experiment(Config()).frame().head
    arrays = {f.name: getattr(head, f.name) for f in dataclasses.fields(head) if f.name not in ("layer", "head", "on")}
    scene = Scene()
    attention_head(scene, "head", title="Head", tokens=list("a" * 32), **arrays)
    assert scene.to_bytes().startswith(b"SCN1")
    with pytest.raises(ValueError, match="31 tokens"):
        attention_head(scene, "other", title="Head", tokens=list("a" * 31), **arrays)
