"""The truths of masked diffusion: what is hidden, that its loss is a bound, and how blanks are filled pass by pass."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

import engine
from engine.contract.compare import same
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.contract.view import View
from engine.labs.language_model import blanks, view
from engine.labs.language_model.config import BLANKS, PASSES, Config
from engine.labs.language_model.experiment import Experiment
from engine.labs.language_model.objective import MASK, weighted
from engine.labs.language_model.unveil import Unveiled, unveil

lab = engine.lab("language_model")
LETTERS: dict[str, object] = {"objective": "diffusion", "unit": "characters", "context": 32}


def trained(steps: int, **knobs: object) -> Experiment:
    experiment = Experiment(Config(**(LETTERS | knobs)))  # type: ignore[arg-type]
    list(engine.train(experiment, steps))
    return experiment


def written(experiment: Experiment, prompt: str = "The", **knobs: object) -> tuple[Unveiled, list[int]]:
    start = experiment.corpus.tokens.encode(prompt)
    return unveil(experiment.model, start, Config(**(LETTERS | knobs)))[0], start  # type: ignore[arg-type]


def test_each_row_draws_its_share_and_counts_by_one_over_it() -> None:
    tokens = torch.randint(50, (480, 24), generator=generator(0, "tokens"))
    read, said, count = lab.corrupt(tokens, "diffusion", 0.3, generator(0, "corrupt"))
    hidden = read == MASK
    assert (said == tokens).all() and (read[~hidden] == tokens[~hidden]).all() and (count[~hidden] == 0).all()
    share = hidden.float().mean(1, keepdim=True)
    assert torch.allclose(count[hidden], (1 / share).expand_as(count)[hidden])
    often = torch.bincount(hidden.sum(1), minlength=25)
    assert often[0] == 0 and often[1:].min() >= 19 and often[1:].max() <= 21  # as many rows of each share
    places = hidden.float().mean(0)
    assert (places - 25 / 48).abs().max() < 4 * math.sqrt(0.25 / 480)


def test_its_loss_is_minus_the_logarithm_of_the_probability_where_all_orders_agree() -> None:
    """Of a model that knows the true chances, given any tokens, of three letters that hang together."""
    shares = torch.rand(2, 2, 2, generator=generator(1, "joint"), dtype=torch.float64)
    shares /= shares.sum()
    x = torch.tensor([1, 0, 1])
    read, said, count = lab.corrupt(x.repeat(30_000, 1), "diffusion", 0.5, generator(0, "corrupt"))
    logits = torch.zeros(*read.shape, 2, dtype=torch.float64)
    for pattern in product((True, False), repeat=3):
        given = shares[tuple(slice(None) if blank else int(x[n]) for n, blank in enumerate(pattern))]
        rows = ((read == MASK) == torch.tensor(pattern)).all(1)
        for axis, n in enumerate(n for n, blank in enumerate(pattern) if blank):
            kept = given.sum([other for other in range(given.ndim) if other != axis]) if given.ndim > 1 else given
            logits[rows, n] = (kept / kept.sum()).log()
    nats = 3 * float(weighted(logits, said, count))
    assert nats == pytest.approx(-math.log(float(shares[1, 0, 1])), abs=0.02)


def test_it_is_judged_by_the_characters_that_the_next_token_is_judged_by() -> None:
    here, there = trained(0), Experiment(Config(unit="characters", context=32))
    assert here.scored.tolist() == there.scored.tolist() and here.lines == there.lines
    read, said, count = here.asked
    assert (read[:, :16] == said[:, :16]).all() and count[:, :16].sum() == 0
    assert torch.allclose(count.sum(1), torch.full((len(count),), 16.0))
    assert here.found["nats"] == pytest.approx(math.log(len(here.corpus.tokens)), abs=0.1)


@pytest.mark.parametrize("order", ["surest", "random"])
@pytest.mark.parametrize("passes", [1, 3, 8, PASSES])
def test_each_pass_fills_its_share_with_what_the_model_says_given_what_is_filled(order: str, passes: int) -> None:
    experiment = trained(3)
    found, start = written(experiment, temperature=0.0, passes=passes, order=order)
    tokens, at, count = torch.tensor(found.tokens), np.array(found.passes), 32 - len(start)
    assert len(tokens) == count and at.min() == 1 and at.max() == passes
    for n in range(1, passes + 1):
        assert (at <= n).sum() == round(count * n / passes)
        read = torch.tensor([[*start, *tokens.where(torch.from_numpy(at < n), torch.tensor(MASK)).tolist()]])
        with torch.no_grad():
            chances = experiment.model(read)[0, len(start) :].softmax(-1)
        now, later = at == n, at > n
        assert (chances.argmax(-1)[now] == tokens[now]).all()
        assert np.array(found.chances)[now] == pytest.approx(chances.max(-1).values[now].numpy(), rel=1e-4)
        if order == "surest" and later.any():
            assert chances.max(-1).values[now].min() >= chances.max(-1).values[later].max() - 1e-6


def test_random_numbers_are_the_same_each_time() -> None:
    early, late = trained(1), trained(8)
    assert written(late) == written(late) and written(late)[0] != written(early)[0]
    assert written(late, order="random")[0].passes == written(early, order="random")[0].passes
    assert written(late, temperature=1.6)[0].tokens != written(late)[0].tokens
    long = written(late, prompt="x" * 100)[0]
    assert len(long.tokens) == 16  # half of a piece at least


def test_how_well_tokens_fit_is_asked_with_three_of_four_others_given() -> None:
    experiment = trained(3)
    text = torch.from_numpy(experiment.corpus.held[:20]).reshape(2, 10)
    found = blanks.fitting(experiment.model, text, given=3)
    assert found.shape == (2, 7)
    read = text.clone()
    read[1, [5, 9]] = MASK
    with torch.no_grad():
        chances = experiment.model(read[1:]).softmax(-1)[0]
    assert found[1, [2, 6]].tolist() == pytest.approx([float(chances[n, text[1, n]]) for n in (5, 9)], rel=1e-4)


def test_it_goes_on_from_its_state_to_the_bit_and_is_looked_at_without_a_trace() -> None:
    experiment = trained(5)
    other = Experiment(experiment.config)
    other.load_state_dict(experiment.state_dict())
    other.frame()
    assert [other.step() for _ in range(6)] == [experiment.step() for _ in range(6)]
    assert same(other.state_dict(), experiment.state_dict())


@pytest.mark.parametrize(
    "knobs", [{}, {"unit": "bpe", "context": 24, "passes": 1}, {"context": 128, "batch_size": 8, "passes": PASSES}]
)
def test_it_is_drawn_before_and_after(knobs: dict[str, object]) -> None:
    for steps in (0, 2):
        experiment = trained(steps, **knobs)
        seen = View(experiment.frame(), experiment.config, {}, steps, steps)
        assert len(view.stage(seen).to_bytes()) < 60_000 and view.inside(seen) and len(view.say(seen)) <= 140
        told, film = view.facts(seen), seen.frame.film
        assert film is not None and told["in_passes"] == experiment.config.passes == max(film.passes)
        assert told["fit"] == pytest.approx(-np.log2(film.fits).mean(), abs=1e-3)


def test_numbers_that_are_none_are_told() -> None:
    experiment = trained(1)
    with torch.no_grad():
        for parameter in experiment.model.parameters():
            parameter.fill_(math.nan)
    experiment.found = experiment._judge()
    seen = View(experiment.frame(), experiment.config, {}, 1, 1)
    assert "diverged" in view.say(seen) and view.stage(seen).to_bytes() and np.isfinite(view.facts(seen)["fit"])


def test_what_it_brings_along_goes_with_it() -> None:
    with pytest.raises(ConfigError, match="both sides"):
        Config(objective="diffusion", model="gru")
    turned = Config(model="gru").turned(objective="diffusion")
    assert (turned.model, turned.unit, turned.learning_rate) == ("transformer", "characters", 0.005)
    assert turned.turned(objective="masked") == Config().turned(objective="masked") and turned.elsewhere is None
    assert turned.turned(objective="next") == Config() and turned.turned(model="gru") == Config(model="gru")
    assert set(BLANKS) == {"masked", "diffusion"}
