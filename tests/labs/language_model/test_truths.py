"""The truths of the lab: tokens, tables, what no model may see, what the knobs leave, and how it writes."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import engine
from engine.contract import weights
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.contract.view import View
from engine.data import bpe, shelf, text
from engine.labs.language_model import ngrams, units, view, words, writing
from engine.labs.language_model.config import Config
from engine.labs.language_model.experiment import Experiment
from engine.labs.language_model.frame import spelled
from engine.labs.language_model.networks import build, places

lab = engine.lab("language_model")
PIECE = text.corpus()[:60_000]
ODD = ("", "a", "🦔🦔 hedgehogs", "مرحبا بالعالم", "cafe\u0301", "\ud800", "\x00\x07", "  \n\n\t x", "日本語",
       "a_b__c 12")  # fmt: skip
MODELS = ({}, {"model": "gru", "layers": 1}, {"model": "convolution", "layers": 3}, {"model": "bigram"},
          {"rank": 8, "tied": True}, {"rank": 64, "width": 16}, {"shared": True, "unit": "bytes"},
          {"unit": "characters"})  # fmt: skip


def trained(steps: int, **knobs: object) -> Experiment:
    experiment = Experiment(Config(**knobs))  # type: ignore[arg-type]
    list(engine.train(experiment, steps))
    return experiment


# ------------------------------------------------------------------ tokens


@cache
def learned(merges: int) -> bpe.Tokeniser:
    return bpe.train(PIECE, merges)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_decoding_gives_back_any_text(said: str) -> None:
    tokeniser = learned(100)
    assert tokeniser.decode(tokeniser.encode(said)) == said and "".join(bpe.words(said)) == said


@pytest.mark.parametrize("merges", [0, 200, 1000])
def test_there_are_as_many_tokens_as_with_the_library(merges: int) -> None:
    words = bpe.words(PIECE)
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Split(pattern="\x00", behavior="isolated")
    kinds = len({byte for word in words for byte in word})
    theirs.train_from_iterator(words, trainers.BpeTrainer(vocab_size=kinds + merges, show_progress=False))
    count = sum(len(theirs.encode(word).ids) for word in words)
    assert theirs.get_vocab_size() == kinds + merges
    assert len(lab.bpe.train(PIECE, merges).encode(PIECE)) == count


def test_every_merge_is_a_commonest_pair_at_its_time() -> None:
    tokeniser = bpe.train(PIECE[:20_000], 60)
    words = Counter(bpe.words(PIECE[:20_000]))
    for made, (pair, count) in enumerate(tokeniser.merges):
        before = tokeniser.after(made)
        pairs: Counter[tuple[int, int]] = Counter()
        for word, often in words.items():
            for each in pairwise(before.encode(word)):
                pairs[each] += often
        assert pairs[pair] == count == max(pairs.values())


def test_odd_texts_are_cut_and_too_many_merges_end() -> None:
    tokeniser = bpe.train("aaaa aaaa b", 50)
    assert 0 < len(tokeniser.merges) < 50
    for said in ODD:
        assert tokeniser.decode(tokeniser.encode(said)) == said.encode(errors="replace").decode()
    assert bpe.train("", 5).merges == () and len(bpe.train("", 5)) == 256


def test_bytes_that_make_a_character_together_are_spelled_where_it_ends() -> None:
    corpus = units.corpus("", "bytes", 0, 24)
    said = "héé 🦔!"
    tokens = corpus.tokens.encode(said)
    assert "".join(spelled(corpus, [], tokens)) == said and len(spelled(corpus, [], tokens)) == len(tokens)
    assert "".join(spelled(corpus, [], [0xFF, 0x41, 0xE2, 0x82])).count("\ufffd") >= 2
    assert int(corpus.known[tokens].sum()) == len(said)


# ------------------------------------------------------------------ tables and bits


def test_tables_are_witten_and_bells() -> None:
    train, held = "abracadabra", "abrac"
    kinds = set(train + held)

    def chance(history: str, x: str) -> float:
        shorter = chance(history[1:], x) if history else 1 / len(kinds)
        after = Counter(
            train[i + len(history)] for i in range(len(train) - len(history)) if train[i:].startswith(history)
        )
        c, d = sum(after.values()), len(after)
        return (after[x] + d * shorter) / (c + d) if c else shorter

    found = ngrams.surprise(train, held, orders=3)
    for n in range(3):
        for t, x in enumerate(held):
            history = (train + held)[len(train) + t - n : len(train) + t]
            assert found[n, t] == pytest.approx(-math.log2(chance(history, x)), abs=1e-9)


def test_tables_of_the_shipped_text_are_those_that_were_measured() -> None:
    bits, uniform = units.counted("")
    assert bits.mean(1) == pytest.approx([4.54, 3.58, 2.74, 2.19, 2.06, 2.09], abs=0.15)
    assert uniform == pytest.approx(math.log2(len(set(text.corpus()))))


def test_bits_a_character() -> None:
    assert lab.bits_per_character(math.log(8), 10, 30) == pytest.approx(1.0)
    experiment = Experiment(Config(unit="characters"))
    assert experiment.found["bits"] == pytest.approx(experiment.found["nats"] / math.log(2))
    experiment = Experiment(Config())
    known = experiment.corpus.known[experiment.corpus.held].mean()
    assert experiment.found["bits"] == pytest.approx(experiment.found["nats"] / math.log(2) / known, rel=0.1)


# ------------------------------------------------------------------ models


@pytest.mark.parametrize("knobs", MODELS)
def test_every_token_is_nearly_as_likely_at_first(knobs: dict[str, object]) -> None:
    experiment = Experiment(Config(**knobs))  # type: ignore[arg-type]
    assert experiment.found["nats"] == pytest.approx(math.log(len(experiment.corpus.tokens)), abs=0.1)


@pytest.mark.parametrize("knobs", MODELS)
def test_no_score_depends_on_a_later_token(knobs: dict[str, object]) -> None:
    experiment = trained(2, **knobs)
    tokens, _, _ = experiment.batch()
    other = tokens.clone()
    other[:, 10:] = torch.flip(other[:, 10:], [0])
    with torch.no_grad():
        here, there = experiment.model(tokens), experiment.model(other)
    assert (here[:, :10] - there[:, :10]).abs().max() < 1e-6 < (here[:, 10:] - there[:, 10:]).abs().max()


@pytest.mark.parametrize("knobs", MODELS)
def test_it_writes_with_what_it_trains_with(knobs: dict[str, object]) -> None:
    experiment = trained(3, **knobs)
    tokens = torch.from_numpy(experiment.corpus.held[: experiment.config.context])
    with torch.no_grad():
        whole = experiment.model(tokens[None])[0].numpy()
    reader = writing.Reader(experiment.model)
    for token, scores in zip(tokens.tolist(), whole, strict=True):
        assert reader(token) == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("knobs", [{"model": "gru"}, {"model": "convolution", "layers": 3}, {"layers": 1}])
def test_beyond_its_context_it_reads_what_it_says_that_it_reads(knobs: dict[str, object]) -> None:
    """The GRU and convolutions read everything in one; a single layer of attention the last `context` tokens."""
    experiment = trained(3, **knobs)
    context = experiment.config.context
    tokens = torch.from_numpy(experiment.corpus.held[: 3 * context])
    reader = writing.Reader(experiment.model)
    found = [reader(token) for token in tokens.tolist()]
    with torch.no_grad():
        if experiment.config.model == "transformer":
            whole = torch.stack([experiment.model(tokens[None, n - context : n])[0, -1]
                                 for n in range(context, len(tokens) + 1)])  # fmt: skip
        else:
            whole = experiment.model(tokens[None])[0, context - 1 :]
    assert np.stack(found[context - 1 :]) == pytest.approx(whole.numpy(), abs=1e-4)


def test_numbers_are_counted_where_they_sit() -> None:
    V, W, r, L = 656, 64, 16, 2
    for rank, tied in ((0, False), (r, False), (r, True), (0, True)):
        model = build(Config(rank=rank, tied=tied), V, generator(0, "weights"))
        one = V * rank if rank else V * W
        assert places(model)["embedding and output"] == (one if tied else 2 * one) + (2 * rank * W if rank else 0)
        assert sum(places(model).values()) == sum(p.numel() for p in model.parameters())
        assert places(model)["attention"] == L * 4 * W * W and places(model)["feed-forward"] == L * 8 * W * W


# ------------------------------------------------------------------ what the knobs leave


def test_truncation_is_what_it_says() -> None:
    dice = generator(0, "truncation")
    for n in range(60):
        logits = 3 * torch.randn(20, generator=dice, dtype=torch.float64)
        temperature, top_k, top_p = (0.3, 1.0, 1.7)[n % 3], (0, 1, 5, 50)[n % 4], (1.0, 0.9, 0.5, 0.05, 0.2)[n % 5]
        p = np.exp((logits.numpy() - logits.max().item()) / temperature)
        kept = sorted(range(20), key=lambda i: -p[i])[: top_k or 20]
        share, total, chosen = p / p[kept].sum(), 0.0, []
        for i in kept:  # the fewest that have top_p together
            if chosen and total >= top_p:
                break
            chosen.append(i)
            total += share[i]
        expected = np.zeros(20)
        expected[chosen] = p[chosen] / p[chosen].sum()
        assert lab.truncated(logits, temperature, top_k, top_p).exp().numpy() == pytest.approx(expected, abs=1e-9)


def test_temperature_towards_zero_is_greedy_and_equals_stay() -> None:
    logits = torch.tensor([1.0, 3.0, 2.0])
    assert lab.truncated(logits, 0.0).exp().tolist() == [0, 1, 0]
    assert lab.truncated(logits, 1e-3).exp() == pytest.approx(torch.tensor([0.0, 1.0, 0.0]))
    assert lab.truncated(torch.tensor([2.0, 2.0, 1.0]), 1.0, top_k=1).exp() == pytest.approx(
        torch.tensor([0.5, 0.5, 0])
    )
    with pytest.raises(ValueError, match="no temperature"):
        lab.truncated(logits, -1.0)


def test_the_coldest_line_is_the_greedy_one_and_a_beam_tells_what_it_went_by() -> None:
    experiment = trained(20)
    prompt = experiment.corpus.tokens.encode("The")

    def line(**knobs: object) -> writing.Written:
        config = Config(written=16, **knobs)  # type: ignore[arg-type]
        return writing.write(experiment.model, prompt, config)[0]

    greedy = line(decoding="greedy")
    assert line(temperature=0.0) == greedy == line(temperature=1.0, top_k=1) == line(temperature=1e-310)
    assert lab.truncated(torch.tensor([1.0, 3.0, 2.0]), 1e-310).exp().tolist() == [0, 1, 0]
    assert line() == line() and line() != line(temperature=1.6)
    beam, length = line(decoding="beam"), experiment.config.context
    written = [*prompt, *beam.tokens]
    for n, (token, chance) in enumerate(zip(beam.tokens, beam.chances, strict=True), len(prompt)):
        with torch.no_grad():
            said = experiment.model(torch.tensor([written[max(0, n - length) : n]]))[0, -1].softmax(-1)
        assert chance == pytest.approx(float(said[token]), rel=1e-4)
    for knobs in ({"decoding": "beam"}, {"size": "large"}):
        assert Config(written=120, **knobs).writes == 40 < Config(written=120).writes == 120  # type: ignore[arg-type]
    assert len(set(line(decoding="greedy", repetition=2.0).tokens)) >= len(set(greedy.tokens))


# ------------------------------------------------------------------ what visitors bring


@pytest.mark.parametrize("said", ODD)
def test_odd_prompts_and_sentences_are_drawn(said: str) -> None:
    experiment = trained(1)
    for unit in ("bpe", "characters"):
        experiment = trained(1, unit=unit, prompt=said[:100], sentence=said[:100])
        seen = View(experiment.frame(), experiment.config, {}, 1, 1)
        assert view.stage(seen).to_bytes() and view.say(seen)


@pytest.mark.parametrize("said", ["x" * 400, "🦔" * 300, "مرحبا بالعالم " * 40, "a b\n" * 100, "0123456789" * 10_000])
def test_odd_texts_are_learned_from(tmp_path: object, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    key = shelf.keep(said.encode())
    for knobs in ({}, {"unit": "characters"}, {"unit": "bytes", "model": "gru"}):
        experiment = trained(2, text_key=key, context=16, **knobs)
        frame = experiment.frame()
        assert frame.written and all(map(math.isfinite, experiment.found.values()))
        assert view.stage(View(frame, experiment.config, {}, 2, 2)).to_bytes()


def test_a_text_that_is_too_short_gets_a_sentence(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    key = shelf.keep(b"abc de " * 29)
    assert Config(text_key=key, context=16).context == 16
    with pytest.raises(ConfigError, match="too few for pieces of 128 tokens"):
        Config(text_key=key, context=128)
    with pytest.raises(ConfigError, match="heads share"):
        Config(width=66, heads=4)


def test_a_text_of_many_characters_is_judged_by_those_that_it_has(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables must not be asked for characters that the model has no token for."""
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    said = "".join(chr(0x4E00 + n * n // 7 % 400) for n in range(3000))
    key = shelf.keep(said.encode())
    cut = units.tokeniser(key, "characters", 0)
    train, held = (
        "".join(c if c in cut.alphabet.characters else text.UNKNOWN for c in part) for part in units.parts(key)
    )
    bits, uniform = units.counted(key, "characters")
    assert bits == pytest.approx(ngrams.surprise(train, held)) and uniform == pytest.approx(math.log2(len(cut)))
    assert units.counted(key)[1] == pytest.approx(math.log2(len(set(said))))
    experiment = Experiment(Config(text_key=key, unit="characters", context=16))
    assert experiment.lines["uniform"] == uniform


def test_long_words_are_cut_and_long_texts_not_read_to_their_end() -> None:
    said = "".join("acgt"[n * n * n % 7 % 4] for n in range(3000))
    assert max(map(len, bpe.words(said))) == bpe.LONGEST and "".join(bpe.words(said)) == said
    for sign in ("7", "-", "_", "é"):
        assert [len(word) for word in bpe.words(" " + sign * 40)] == [33, 8]
    longer = PIECE * 4
    assert bpe.train(longer, 30) == bpe.train(longer[: bpe.LEARNED], 30)
    assert bpe.train("語" * 200_000, 9).merges == bpe.train("語" * (bpe.LEARNED // 3), 9).merges
    assert bpe.words(text.corpus()) == re.findall(r" ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s", text.corpus())


@pytest.mark.parametrize("model", ["transformer", "gru", "convolution", "bigram"])
@pytest.mark.parametrize("decoding", ["sample", "greedy", "beam"])
def test_numbers_that_are_none_are_told_and_drawn(model: str, decoding: str) -> None:
    experiment = trained(1, model=model, decoding=decoding, written=8)
    with torch.no_grad():
        for parameter in experiment.model.parameters():
            parameter.fill_(math.nan)
    experiment.found = experiment._judge()
    seen = View(experiment.frame(), experiment.config, {}, 1, 1)
    assert not len(seen.frame.embedding) and "diverged" in view.say(seen)
    assert view.stage(seen).to_bytes() and view.inside(seen) and view.facts(seen)["bits"] == 0


def test_the_plane_of_tokens_is_within_one_and_rounded() -> None:
    frame = trained(2).frame()
    assert np.abs(frame.embedding).max() == 1 and (np.round(frame.embedding, 3) == frame.embedding).all()


def test_worse_than_before_is_by_heart_only_if_training_is_better() -> None:
    experiment = trained(1)
    frame = replace(experiment.frame(), scores={**experiment.found, **experiment.lines, "bits": 2.5, "nats": 4.0})

    def told(loss: float) -> str:
        curves = {"bits": ([1, 2], [2.2, 2.5]), "loss": ([1, 2], [loss, loss])}
        seen = View(frame, experiment.config, curves, 2, 2)  # type: ignore[arg-type]
        return f"{view.say(seen)} {words.bits_title(seen)}"

    assert "by heart" in told(3.0) and "by heart" not in told(4.1) and "2.20 before" in told(4.1)


# ------------------------------------------------------------------ taken along


def test_of_a_short_text_as_many_merges_are_taken_along_as_there_are(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    key = shelf.keep(text.corpus()[:1500].encode())
    experiment = trained(1, text_key=key, merges=800)
    merges = len(experiment.corpus.tokens) - bpe.BYTES
    assert 0 < merges < 800 and (experiment.config.elsewhere or {})["merges"] == str(merges)
    there = engine.lab("attention_heads")
    network = shelf.keep(weights.write(experiment.model, {"lab": "language_model"}))
    config = there.Config.from_params({**(experiment.config.elsewhere or {}), "network": network})
    assert there.Experiment(config).symbols.labels() == experiment.corpus.labels


@pytest.mark.parametrize("knobs", [{}, {"unit": "characters", "context": 32}])
def test_its_heads_can_be_seen_elsewhere(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, knobs: dict[str, object]
) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    experiment = trained(3, **knobs)
    there = engine.lab("attention_heads")
    key = shelf.keep(weights.write(experiment.model, {"lab": "language_model"}))
    config = there.Config.from_params({**(experiment.config.elsewhere or {}), "network": key})
    other = there.Experiment(config)
    tokens, _, _ = experiment.batch()
    with torch.no_grad():
        assert (other.model(tokens) - experiment.model(tokens)).abs().max() < 1e-5
    assert other.symbols.labels() == experiment.corpus.labels
    assert isinstance(other.frame(), there.Frame) and other.step()["loss"] < 8
    with pytest.raises(ConfigError, match="1 layers"):
        there.Config.from_params({**(experiment.config.elsewhere or {}), "layers": "1", "network": key})
    with pytest.raises(ConfigError, match="network"):
        there.Config(network="0" * 20)
    assert config.turned(layers=1).network == ""
    assert Config(rank=8).elsewhere is Config(model="gru").elsewhere is Config(unit="bytes").elsewhere is None
