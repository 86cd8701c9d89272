"""The truths of the lab: BLEU, beam, attention, decoding, torch's own transformer, and a grammar that can be undone."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from sacrebleu.metrics import BLEU
from torch import nn

import engine
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.labs.translation import own_grammar
from engine.labs.translation.config import Config
from engine.labs.translation.decoding import Decoder, many
from engine.labs.translation.experiment import Experiment
from engine.labs.translation.networks import Transformer, align, build, greedy
from engine.labs.translation.vocabulary import END, PAD, START, Vocabulary

lab = engine.lab("translation")
pairs = lab.sequence_pairs
KINDS = ("attention", "none", "transformer")


def trained(steps: int, **knobs: object) -> Experiment:
    experiment = Experiment(Config(**knobs))  # type: ignore[arg-type]
    list(engine.train(experiment, steps))
    return experiment


# ------------------------------------------------------------------ sentences


def test_the_grammar_can_be_undone_and_the_alignment_holds_the_same_words() -> None:
    dice = generator(0, "undo")
    for n in range(1000):
        source, target, alignment = pairs.pair("language", dice, 1 + n % 3)
        assert pairs.back(target) == source
        assert sorted(alignment) == list(range(len(source))) and len(alignment) == len(target)
        assert pairs.translate("language", source) == (target, alignment)
    with pytest.raises(ValueError, match="no clause"):
        pairs.back(["lo", "lo", "ruk", "x", "videt"])


def test_the_verb_stands_last_and_adjectives_after_their_noun() -> None:
    words, target = (
        ["the", "old", "cat", "near", "a", "river", "sees", "the", "red", "dog"],
        ["lo", "miro", "senu", "na"],
    )
    found, alignment = pairs.translate("language", words) or ([], [])
    assert found[:3] == target[:3] and found[-1] == "videt" and alignment[-1] == words.index("sees")
    assert found[3:6] == ["nu", "fluo", "apu"] and found[6:9] == ["la", "wufa", "ruk"]


@pytest.mark.parametrize("name", ["language", "numbers", "dates", "own"])
def test_every_pair_is_in_the_vocabulary_and_understood(name: str) -> None:
    dice, (source_words, target_words) = generator(1, name), pairs.vocabularies(name)
    for _ in range(200):
        source, target, alignment = pairs.pair(name, dice)
        assert set(source) <= set(source_words) and set(target) <= set(target_words)
        assert len(alignment) == len(target) and all(0 <= place < len(source) for place in alignment)
        assert pairs.translate(name, source) == (target, alignment)
        assert pairs.tokens(name, " ".join(source).title() + ".") == source


def test_numbers_and_dates_are_what_their_digits_say() -> None:
    for value in (*range(1, 1000), *range(1000, 1_000_000, 997)):
        assert "".join(pairs.number(value)[1]) == str(value)
    source, target, alignment = pairs.number(342)
    assert source == ["three", "hundred", "two", "and", "forty"] and [source[at] for at in alignment] == [
        "three",
        "forty",
        "two",
    ]
    source, target, alignment = pairs.date(4, 2, 1987, form=2)
    assert "".join(target) == "1987-03-04" and " ".join(source) == "the 4 th of march 1 9 8 7"
    assert [source[at] for at in alignment] == [*"1987", "march", "march", "march", "4", "4", "4"]


def test_without_agreement_there_is_one_article() -> None:
    dice = generator(0, "one article")
    found = {word for _ in range(100) for word in pairs.pair("language", dice, 1, agreement=0.0)[1]}
    assert found & {"lo", "nu"} and not found & {"la", "na"}


def test_a_grammar_of_ones_own_is_read_and_what_is_wrong_gets_a_sentence() -> None:
    text = "N: cat = el gato | dog = perro; the N sees a N2 = N2 ve N"
    assert pairs.translate("own", ["the", "dog", "sees", "a", "cat"], grammar=text) == (
        ["el", "gato", "ve", "perro"],
        [4, 4, 0, 1],
    )
    for wrong, about in (
        ("", "at least one line"), ("the N sees = N ve", "no list N"), ("N: cat", "one word"), ("hello", "equals sign"),
        ("N: a = b; N N = N N", "same places"), ("N: a = b; N: c = d; N = N", "already a list"),
        ("N: 🐈 = ⟵" + "x" * 30 + "; N = N", "letters at most"), ("N: <b> = b; N = N", "not for words"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=about):
            Config(pair="own", grammar=wrong)
    assert own_grammar.read("N: 猫 = قط; N = N").options("N") == (("猫", ("قط",)),)


# ------------------------------------------------------------------ BLEU


def test_bleu_is_sacrebleus() -> None:
    dice = np.random.default_rng(0)
    words, judge = [f"w{n}" for n in range(12)], BLEU(tokenize="none", smooth_method="none")
    references = [[words[i] for i in dice.integers(0, 12, dice.integers(4, 15))] for _ in range(50)]
    hypotheses = [
        [w if dice.random() < 0.85 else words[dice.integers(12)] for w in r[: dice.integers(2, 16)]] for r in references
    ]
    theirs = judge.corpus_score([" ".join(h) for h in hypotheses], [[" ".join(r) for r in references]])
    score, precisions, brevity = lab.bleu(hypotheses, references)
    assert score == pytest.approx(theirs.score, abs=1e-6) and brevity == pytest.approx(theirs.bp, abs=1e-9)
    assert precisions == pytest.approx(theirs.precisions, abs=1e-9) and 5 < score < 95


def test_clipping_and_what_is_perfect() -> None:
    reference = ["la", "kala", "la", "hola", "videt"]
    assert lab.scores.matches(["la"] * 5, reference, 1) == (2, 5, 5) and lab.bleu([["la"] * 5], [reference])[0] == 0
    assert lab.bleu([reference], [reference]) == (pytest.approx(100), [100.0] * 4, 1.0)
    assert lab.bleu([[]], [reference])[0] == 0
    with pytest.raises(ValueError, match="cannot be compared"):
        lab.bleu([reference], [])


# ------------------------------------------------------------------ translators


@pytest.mark.parametrize("knobs", [{"attention": score} for score in ("dot", "general", "additive")]
                         + [{"models": "transformer"}, {"source_order": "reversed"}, {"encoder": "one"}])  # fmt: skip
def test_weights_sum_to_one_and_are_zero_on_padding(knobs: dict[str, object]) -> None:
    experiment = trained(2, **({"models": "attention", "width": 16} | knobs))
    source = experiment.held_source
    _, weights = experiment.model(source, torch.full((len(source), 3), START))
    assert weights is not None and torch.allclose(weights.sum(-1), torch.ones(len(source), 3), atol=1e-5)
    assert (source == PAD).any() and weights.mT[source == PAD].abs().max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_with_the_state_kept_is_decoding_from_the_start(kind: str) -> None:
    experiment = trained(3, models=kind, width=16, heads=4)
    model, source = experiment.model, experiment.held_source[:5]
    given = torch.cat([torch.full((5, 1), START), experiment.held_target[:5, :6]], 1)
    with torch.no_grad():
        whole = model(source, given)[0].log_softmax(-1)
        memory = model.encode(source)
        state = model.begin(memory)
        for t in range(given.shape[1]):
            log_probs, state, _ = model.follow(memory, state, given[:, t])
            assert torch.allclose(log_probs, whole[:, t], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_is_read_alike_in_any_batch(kind: str) -> None:
    experiment = trained(1, models=kind, width=16)
    model, rows = experiment.model, [source for source, _, _ in experiment.held_out[:20:5]]
    together = greedy(model, experiment.words.read(rows), length=8)
    assert together == [greedy(model, experiment.words.read([row]), length=8)[0] for row in rows]


def test_the_transformer_is_torchs() -> None:
    config, words = Config(models="transformer", width=32, heads=4), Vocabulary(tuple("abcdefg"), tuple("uvwxyz"))
    mine = build("transformer", config, words, generator(0, "weights"))
    assert isinstance(mine, Transformer)
    theirs = nn.Transformer(32, 4, 2, 2, 128, dropout=0.0, batch_first=True, norm_first=True)
    for mine_blocks, stack in ((mine.encoder, theirs.encoder), (mine.decoder, theirs.decoder)):
        for block, layer in zip(mine_blocks, stack.layers, strict=True):
            attentions = [(block.own, layer.self_attn)]
            norms = [(block.own_norm, layer.norm1), (block.norm, layer.norm2)]
            if hasattr(block, "across"):
                attentions.append((block.across, layer.multihead_attn))
                norms = [(block.own_norm, layer.norm1), (block.across_norm, layer.norm2), (block.norm, layer.norm3)]
            with torch.no_grad():
                for own, other in attentions:
                    other.in_proj_weight.copy_(torch.cat([own.query.weight, own.key.weight, own.value.weight]))
                    other.in_proj_bias.copy_(torch.cat([own.query.bias, own.key.bias, own.value.bias]))
                    other.out_proj.load_state_dict(own.output.state_dict())
                for own, other in [*norms, (block.wide, layer.linear1), (block.narrow, layer.linear2)]:
                    other.load_state_dict(own.state_dict())
    source, given = words.read(["abc", "gfedc"]), torch.tensor([[START, 3, 4], [START, 5, 8]])
    there = source == PAD
    with torch.no_grad():
        x, y = mine._placed(mine.source_embedding, source), mine._placed(mine.target_embedding, given)
        causal = nn.Transformer.generate_square_subsequent_mask(3)
        found = theirs(x, y, tgt_mask=causal, src_key_padding_mask=there, memory_key_padding_mask=there)
        assert torch.allclose(mine.output(found), mine(source, given)[0], atol=1e-5)


def test_attention_by_hand() -> None:
    experiment = trained(1, models="attention", width=16)
    model, (source, target, _) = experiment.model, experiment.held_out[50]
    found = align(model, source, target)
    memory = model.encode(experiment.words.read([source]))
    given = torch.tensor([[START, *experiment.words.write([target])[0, : len(target) - 1].tolist()]])
    h, _ = model.decoder(model.target_embedding(given), memory.last[None])
    scores = h[0] @ model.query.weight.T @ memory.states[0].T
    assert found.shape == (len(target), len(source)) and torch.allclose(found, scores.softmax(-1), atol=1e-5)
    with pytest.raises(ValueError, match="no attention"):
        align(trained(0, models="none").model, source, target)
    with pytest.raises(ValueError, match="no word of this vocabulary"):
        align(model, ["🦉"], target)


def test_a_source_that_is_turned_round_is_aligned_as_it_was_written() -> None:
    """Turning the source and swapping the two readers' weights is the same network in two directions."""
    plain, turned = (trained(0, models="attention", width=16, source_order=order) for order in ("as_it_is", "reversed"))
    state = {**plain.model.state_dict()}
    for name in list(state):
        if name.startswith("encoder"):
            other = name.removesuffix("_reverse") if name.endswith("_reverse") else f"{name}_reverse"
            state[name] = plain.model.state_dict()[other]
    half = 8
    swap = torch.cat([torch.arange(half, 16), torch.arange(half)])
    state["query.weight"] = state["query.weight"][swap]  # the states' halves have changed places
    turned.model.load_state_dict(state)
    source = plain.held_out[40][0]
    # the decoder begins with the halves swapped, so only the attention of given states can be compared
    one, other = plain.model.encode(plain.words.read([source])), turned.model.encode(turned.words.read([source]))
    assert torch.allclose(one.states.flip(1)[..., swap], other.states, atol=1e-6)
    h = torch.randn(1, 3, 16, generator=generator(0, "states"))
    assert torch.allclose(plain.model.attend(h, one)[1], turned.model.attend(h, other)[1].flip(-1), atol=1e-6)


# ------------------------------------------------------------------ search


def table(rows: dict[tuple[int, ...], list[float]]) -> object:
    return lambda prefixes: torch.tensor([rows[tuple(row[1:])] for row in prefixes.tolist()]).log()


def test_a_beam_finds_what_greed_misses() -> None:
    rows = {(): [0.0, 0.6, 0.4], (1,): [0.4, 0.3, 0.3], (2,): [1.0, 0.0, 0.0], (1, 1): [1.0, 0, 0], (1, 2): [1.0, 0, 0]}
    search = lambda width: lab.beam.search(table(rows), start=9, end=0, width=width, length=3)  # noqa: E731
    assert search(1) == [([1, 0], pytest.approx(math.log(0.24)))]
    assert search(2)[0] == ([2, 0], pytest.approx(math.log(0.4))) and [tokens for tokens, _ in search(2)] == [
        [2, 0],
        [1, 0],
    ]
    with pytest.raises(ValueError, match="at least 1 wide"):
        search(0)


def test_a_length_penalty_ranks_longer_sentences_higher() -> None:
    rows = {(): [0.5, 0.5], (1,): [0.1, 0.9], (1, 1): [1.0, 0.0]}
    first = [lab.beam.search(table(rows), start=9, end=0, width=2, length=4, penalty=p)[0][0] for p in (0.0, 1.0)]
    assert first == [[0], [1, 1, 0]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_beam_of_one_is_greedy_and_scores_are_the_models_own(kind: str) -> None:
    experiment = trained(12, models=kind, width=16)
    model, source = experiment.model, experiment.held_source[[10, 50, 90]]
    in_step = many(model, source, width=3, length=16)
    with torch.no_grad():
        for n in range(3):
            row = source[n : n + 1][:, source[n] != PAD]
            [(tokens, log_prob)] = lab.beam.search(Decoder(model, row), start=START, end=END, width=1, length=16)
            assert tokens == greedy(model, row, length=16)[0]
            found = lab.beam.search(Decoder(model, row), start=START, end=END, width=3, length=16)
            assert [tokens for tokens, _ in in_step[n]] == [tokens for tokens, _ in found]
            assert found[0][1] >= log_prob - 1e-6 and len({tuple(tokens) for tokens, _ in found}) == len(found)
            for tokens, total in found:
                logits = model(row, torch.tensor([[START, *tokens[:-1]]]))[0][0].log_softmax(-1)
                assert float(logits[range(len(tokens)), tokens].sum()) == pytest.approx(total, abs=1e-4)


# ------------------------------------------------------------------ the run


def test_two_translators_side_by_side_learn_as_if_alone() -> None:
    together = [list(engine.train(Experiment(Config(width=16)), 3))[-1]]
    for kind in ("attention", "none"):
        alone = list(engine.train(Experiment(Config(width=16, models=kind)), 3))[-1]
        assert alone[f"loss_{kind}"] == together[0][f"loss_{kind}"]


def test_the_first_loss_is_that_of_guessing_and_no_sentence_is_trained_that_is_held_out() -> None:
    experiment = Experiment(Config())
    assert experiment.step()["loss_attention"] == pytest.approx(math.log(61), abs=0.3)
    source, _ = experiment.batch()
    held = {tuple(row[row != PAD].tolist()) for row in experiment.held_source}
    assert len(held) > 90 and not held & {tuple(row[row != PAD].tolist()) for row in source}


def test_teacher_forcing_changes_what_is_given_and_may_be_turned_while_it_trains() -> None:
    experiment = Experiment(Config(width=16, models="attention"))
    experiment.update(dataclasses.replace(experiment.config, teacher_forcing=0.0))
    source, target = experiment.batch()
    given = torch.cat([torch.full_like(target[:, :1], START), target[:, :-1]], 1)
    mixed = experiment._mixed(experiment.model, source, given)
    assert (mixed[:, 0] == START).all() and (mixed[:, 1:] != given[:, 1:]).float().mean() > 0.8
    with torch.no_grad():
        assert torch.equal(mixed[:, 1:], experiment.model(source, given)[0].argmax(-1)[:, :-1])


@pytest.mark.slow
@pytest.mark.truths
@pytest.mark.parametrize("pair", ["numbers", "dates", "own"])
def test_other_pairs_are_learned_too(pair: str) -> None:
    experiment = trained(400, pair=pair, models="attention")
    assert experiment.found["exact_attention"] > 0.5, experiment.found
