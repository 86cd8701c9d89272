"""The truths of the masked objective: what is hidden, what is seen of the rest, how it is judged and writes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import engine
from engine.contract.compare import same
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.contract.view import View
from engine.labs.language_model import blanks, units, view, words, writing
from engine.labs.language_model.config import ANEW, Config
from engine.labs.language_model.experiment import Experiment
from engine.labs.language_model.objective import MASK

lab = engine.lab("language_model")
MODELS = ({}, {"rank": 8, "tied": True}, {"shared": True, "unit": "characters", "context": 32})


def trained(steps: int, **knobs: object) -> Experiment:
    experiment = Experiment(Config(objective="masked", **knobs))  # type: ignore[arg-type]
    list(engine.train(experiment, steps))
    return experiment


def test_the_next_token_is_the_one_after() -> None:
    tokens = torch.arange(12).reshape(2, 6)
    read, said, count = lab.corrupt(tokens, "next", 0.3, generator(0, "corrupt"))
    assert read.tolist() == tokens[:, :-1].tolist() and said.tolist() == tokens[:, 1:].tolist()
    assert count.tolist() == torch.ones(2, 5).tolist()


@pytest.mark.parametrize("rate", [0.15, 0.3, 0.6, 1.0])
def test_a_share_is_hidden_and_counts_and_the_rest_stands(rate: float) -> None:
    tokens = torch.randint(50, (400, 24), generator=generator(0, "tokens"))
    read, said, count = lab.corrupt(tokens, "masked", rate, generator(0, "corrupt"))
    hidden = count == 1
    assert ((read == MASK) == hidden).all() and (count[~hidden] == 0).all() and (said == tokens).all()
    assert (read[~hidden] == tokens[~hidden]).all() and hidden.any(1).all()
    expected = rate + (1 - rate) ** 24 / 24  # in a row where no lot fell, one is hidden all the same
    assert float(count.mean()) == pytest.approx(expected, abs=4 * math.sqrt(rate * (1 - rate) / tokens.numel()) + 1e-9)


def test_what_there_is_not_is_refused() -> None:
    for objective, rate in (("masked", 0.0), ("masked", 1.5), ("other", 0.3)):
        with pytest.raises(ValueError, match="There is no objective"):
            lab.corrupt(torch.zeros(1, 4, dtype=torch.int64), objective, rate, generator(0, "corrupt"))


@pytest.mark.parametrize("knobs", MODELS)
def test_a_blank_depends_on_every_token_but_the_one_that_it_hides(knobs: dict[str, object]) -> None:
    model = trained(2, **knobs).model
    tokens = torch.randint(5, 60, (1, 12), generator=generator(0, "tokens"))
    place = 5

    def scores(said: torch.Tensor) -> torch.Tensor:
        read = said.clone()
        read[0, place] = MASK
        with torch.no_grad():
            return model(read)[0, place]  # type: ignore[no-any-return]

    here = scores(tokens)
    for other in range(12):
        changed = tokens.clone()
        changed[0, other] += 7
        moved = float((scores(changed) - here).abs().max())
        assert moved == 0 if other == place else moved > 1e-6, other


@pytest.mark.parametrize("knobs", MODELS)
def test_every_token_is_nearly_as_likely_at_first(knobs: dict[str, object]) -> None:
    experiment = trained(0, **knobs)
    assert experiment.found["nats"] == pytest.approx(math.log(len(experiment.corpus.tokens)), abs=0.1)


def test_it_learns_from_what_is_hidden_alone() -> None:
    experiment = trained(3)
    read, said, count = experiment.batch()
    with torch.no_grad():
        each = F.cross_entropy(experiment.model(read).mT, said, reduction="none")
    expected = float((each * count).sum() / count.sum())
    assert experiment.step()["loss"] == pytest.approx(expected, abs=1e-5)


def test_tables_are_asked_for_the_characters_that_are_hidden() -> None:
    experiment = trained(0, unit="characters", context=32)
    read, said, count = experiment.asked
    bits, _ = units.counted("", "characters")
    asked = [start + place for start, row in zip(experiment.judged.tolist(), count.tolist(), strict=True)
             for place, counts in enumerate(row) if counts]  # fmt: skip
    assert experiment.lines["table_4"] == pytest.approx(bits[3, asked].mean())
    assert [int(experiment.corpus.held[token]) for token in asked] == said[count > 0].tolist()
    with torch.no_grad():
        nats = F.cross_entropy(experiment.model(read)[count > 0], said[count > 0])
    assert experiment.found["bits"] == pytest.approx(float(nats) / math.log(2), rel=1e-5)


def test_blanks_are_told_as_the_model_fills_them() -> None:
    experiment = trained(3, unit="characters", context=32)
    found = blanks.filled(experiment.model, experiment.corpus, experiment.config)
    assert len(found) == 96 and 10 < sum(blank.hidden for blank in found) < 50
    assert found == blanks.filled(experiment.model, experiment.corpus, experiment.config)
    start = int(experiment.config.place / 100 * (len(experiment.corpus.held) - 96))
    text = experiment.corpus.held[start : start + 96]
    assert [blank.token for blank in found] == text.tolist()
    read = torch.tensor([MASK if blank.hidden else blank.token for blank in found]).reshape(3, 32)
    with torch.no_grad():
        chances = experiment.model(read).softmax(-1).flatten(0, 1)
    for n, blank in enumerate(found):
        if not blank.hidden:
            assert blank.guess == blank.token and not blank.likeliest
            continue
        assert blank.guess == int(chances[n].argmax()) and blank.chance == pytest.approx(float(chances[n, blank.token]))
        alone = read[n // 32].clone()
        alone[n % 32 + 1 :] = MASK
        with torch.no_grad():
            left = experiment.model(alone[None])[0, n % 32].softmax(-1)[blank.token]
        assert blank.before == pytest.approx(float(left), rel=1e-4)


def test_it_writes_into_a_blank_at_the_end() -> None:
    experiment = trained(3)
    tokens, length = experiment.corpus.held[:40].tolist(), experiment.config.context
    reader = writing.Blank(experiment.model)
    for n, token in enumerate(tokens, 1):
        given = [*tokens[:n][1 - length :], MASK]
        with torch.no_grad():
            expected = experiment.model(torch.tensor([given]))[0, -1].numpy()
        assert reader(token) == pytest.approx(expected, abs=1e-5)
    for decoding in ("sample", "greedy", "beam"):
        config = Config(objective="masked", decoding=decoding, written=120)
        written, _ = writing.write(experiment.model, tokens[:3], config)
        assert len(written.tokens) == ANEW == config.writes and all(0 <= chance <= 1 for chance in written.chances)


def test_only_the_transformer_looks_to_both_sides() -> None:
    with pytest.raises(ConfigError, match="both sides"):
        Config(objective="masked", model="gru")
    with pytest.raises(ConfigError, match="both sides"):
        Config(objective="masked", model="convolution")
    turned = Config(model="gru").turned(objective="masked")
    assert turned.model == "transformer" and turned.unit == "characters"
    assert Config(objective="masked").turned(model="gru").objective == "next"
    assert Config(objective="masked").elsewhere is None


@pytest.mark.parametrize("heads", [1, 3, 4, 7, 8])
@pytest.mark.parametrize("width", [16, 50, 64, 253, 256])
def test_a_width_that_heads_do_not_share_is_no_obstacle(heads: int, width: int) -> None:
    for model in ("gru", "convolution", "bigram"):
        before = Config(model=model, heads=heads, width=width, batch_size=4)
        for turned in (before.turned(objective="masked"), before.turned(model="transformer")):
            assert turned.width % (2 * heads) == 0 and abs(turned.width - width) < 2 * heads
    vectors = Config(heads=heads, model="gru").turned(objective="neighbours")
    assert all(vectors.turned(objective=objective).width >= 64 for objective in ("next", "masked"))


def test_what_the_masked_objective_brings_goes_with_it() -> None:
    masked = Config().turned(objective="masked")
    assert (masked.unit, masked.context, masked.learning_rate) == ("characters", 32, 0.005)
    assert masked.turned(objective="next") == Config() and masked.turned(model="gru") == Config(model="gru")
    assert masked.turned(objective="neighbours") == Config().turned(objective="neighbours")
    kept = masked.turned(unit="bytes", merges=900, learning_rate=0.02).turned(objective="next")
    assert (kept.unit, kept.context, kept.merges, kept.learning_rate) == ("bytes", 32, 900, 0.02)


def test_only_blanks_are_scored_with_what_stands_before_them() -> None:
    """All places of a piece for each of its blanks would be a hundred megabytes in a frame."""
    model, rows = trained(1).model, []
    model.unembedding.register_forward_hook(lambda module, given, found: rows.append(found.shape[:-1].numel()))
    read = torch.randint(5, 60, (3, 24), generator=generator(0, "tokens"))
    hidden = torch.rand(read.shape, generator=generator(0, "hidden")) < 0.5
    read[hidden] = MASK
    with torch.no_grad():
        found = blanks.before(model, read, hidden, torch.device("cpu"))
    assert rows == [int(hidden.sum())] == [len(found)]


def test_it_writes_a_token_a_pass_however_long_the_prompt_is() -> None:
    experiment = trained(1, unit="characters", context=128, batch_size=4)
    passes: list[int] = []
    experiment.model.register_forward_hook(lambda *_: passes.append(1))
    prompt = experiment.corpus.held[:100].tolist()
    written, first = writing.write(experiment.model, prompt, experiment.config)
    assert len(passes) == len(written.tokens) == experiment.config.writes
    with torch.no_grad():
        expected = experiment.model(torch.tensor([[*prompt, MASK]]))[0, -1].numpy()
    assert first == pytest.approx(expected, abs=1e-5)


def test_it_goes_on_from_its_state_to_the_bit() -> None:
    experiment = trained(5)
    other = Experiment(experiment.config)
    other.load_state_dict(experiment.state_dict())
    assert [other.step() for _ in range(6)] == [experiment.step() for _ in range(6)]
    assert same(other.state_dict(), experiment.state_dict())


@pytest.mark.parametrize(
    "knobs", [{}, {"unit": "characters", "context": 32}, {"unit": "bytes", "context": 128, "batch_size": 8}]
)
def test_it_is_drawn_before_and_after(knobs: dict[str, object]) -> None:
    for steps in (0, 2):
        experiment = trained(steps, **knobs)
        seen = View(experiment.frame(), experiment.config, {}, steps, steps)
        assert view.stage(seen).to_bytes() and view.inside(seen) and len(view.say(seen)) <= 140
        assert "right" in words.writing_title(seen) and words.left_alone(seen) > 0
        hidden = [blank for blank in seen.frame.blanks if blank.hidden]
        assert len(seen.frame.held) == len(hidden) and all(blank.likeliest for blank in hidden)


def test_numbers_that_are_none_are_told() -> None:
    experiment = trained(1)
    with torch.no_grad():
        for parameter in experiment.model.parameters():
            parameter.fill_(math.nan)
    experiment.found = experiment._judge()
    seen = View(experiment.frame(), experiment.config, {}, 1, 1)
    assert "diverged" in view.say(seen) and view.stage(seen).to_bytes() and np.isfinite(view.facts(seen)["left_alone"])
