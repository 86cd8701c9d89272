"""The truths of word vectors: the made world, what is learned of it, and why analogies come out."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import engine
from engine.contract.compare import same
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.contract.view import Turn, View
from engine.data import shelf
from engine.labs.language_model import made_world, sentences, view
from engine.labs.language_model.config import Config
from engine.labs.language_model.experiment import Experiment
from engine.labs.language_model.made_world import NOUNS, NUMBER, WORDS
from engine.labs.language_model.neighbours import Neighbours, world
from engine.labs.language_model.vectors import NEGATIVES, negative_sampling, right

lab = engine.lab("language_model")
READINGS = ("skip_gram", "cbow")


def vectors(steps: int, **knobs: object) -> Neighbours:
    config = Config(objective="neighbours", model="vectors", width=16, **knobs)  # type: ignore[arg-type]
    experiment = Experiment(config)
    assert isinstance(experiment, Neighbours)
    list(engine.train(experiment, steps))
    return experiment


def test_there_are_117_words_and_146_analogies() -> None:
    assert len(set(WORDS)) == len(WORDS) == 117 and len(NOUNS) == 36
    asked = made_world.analogies()
    assert len(set(asked)) == len(asked) == 146
    assert tuple(NUMBER[word] for word in ("woman", "man", "king", "queen")) in asked
    assert tuple(NUMBER[word] for word in ("Rome", "Italy", "France", "Paris")) in asked


def test_a_sentence_has_a_noun_with_its_company() -> None:
    said = sentences.sentences(500, generator(0, "world"))
    assert said.shape == (500, made_world.LENGTH) and len(set(map(tuple, said.tolist()))) == 500
    places = Counter()  # type: ignore[var-annotated]
    for line in said.tolist():
        told = [WORDS[n] for n in line]
        (noun,) = set(told) & set(NOUNS)
        pair = NOUNS.index(noun) // 2
        family, second = (0, NOUNS.index(noun) % 2) if pair < 10 else (1, NOUNS.index(noun) % 2)
        own = [*made_world.PEOPLE.values(), *made_world.PLACES.values()][pair].split()
        kind = made_world.KINDS[family][second].split()
        for company in (own, kind, made_world.EVERYWHERE):
            assert len(set(told) & set(company)) == 2, told
        places[told.index(noun)] += 1
    assert min(places.values()) > 30  # shuffled


def test_rows_of_information_answer_every_analogy_by_themselves() -> None:
    """Why it works: the row of a noun is that of its role and that of its sex, so rows add up as the words do."""
    _, _, information = world(0)
    rows = information.clamp(min=0.0)
    assert right(rows, torch.tensor(made_world.analogies())).all()
    a, b, c, d = (rows[NUMBER[word]] for word in ("king", "man", "woman", "queen"))
    mine = (torch.stack([a, b, c, d]) > 0.5).any(0)
    assert (a - b + c - d)[mine].abs().max() < 0.5 < float(d.max())


def test_information_is_counted() -> None:
    said = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 1, 7, 8, 9, 10, 11]])
    found = sentences.information(said)
    assert float(found[0, 1]) == pytest.approx(math.log((2 / 84) / (12 / 84) ** 2))
    assert float(found[0, 2]) == pytest.approx(math.log((1 / 84) / ((12 / 84) * (6 / 84))))
    assert found[2, 7] == -math.inf and torch.equal(found.nan_to_num(), found.T.nan_to_num())


def test_the_loss_is_that_of_one_neighbour_and_five_others() -> None:
    scores = torch.randn(6, 1 + NEGATIVES, generator=generator(0, "scores"), dtype=torch.float64)
    labels = torch.zeros_like(scores)
    labels[:, 0] = 1
    expected = F.binary_cross_entropy_with_logits(scores, labels, reduction="sum") / 6
    assert float(negative_sampling(scores)) == pytest.approx(float(expected))
    assert vectors(0).step()["loss"] == pytest.approx((1 + NEGATIVES) * math.log(2), abs=0.1)


def test_an_analogy_is_the_nearest_by_cosine_but_the_words_that_are_given() -> None:
    drawn = torch.randn(9, 4, generator=generator(1, "vectors"), dtype=torch.float64)
    order = lab.analogy(drawn, 2, 5, 7)
    unit = drawn.numpy() / np.linalg.norm(drawn.numpy(), axis=1, keepdims=True)
    wanted = unit[2] - unit[5] + unit[7]
    near = sorted(set(range(9)) - {2, 5, 7}, key=lambda n: -float(unit[n] @ wanted))
    assert order[:6].tolist() == near and sorted(order[6:].tolist()) == [2, 5, 7]
    exact = torch.tensor([[1.0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 1], [-1, -1, 0]])
    assert int(lab.analogy(exact, 0, 1, 2)[0]) == 3


def test_batches_are_neighbours_and_others_by_frequency() -> None:
    experiment = vectors(0)
    together = world(0)[2] > -math.inf
    given, asked = experiment.batch()
    assert given.shape == (512, 1) and asked.shape == (512, 1 + NEGATIVES)
    assert together[given[:, 0], asked[:, 0]].all() and not together[given[:, 0], asked[:, 1]].all()
    given, asked = vectors(0, reading="cbow").batch()
    assert given.shape == (512, 6) and together[given[:, 0], asked[:, 0]].all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [pytest.param(s, marks=[pytest.mark.truths] * (s > 0)) for s in range(5)])
@pytest.mark.parametrize("reading", READINGS)
def test_all_analogies_come_out(seed: int, reading: str) -> None:
    experiment = vectors(600, seed=seed, reading=reading)
    assert experiment.found == {"people": 1.0, "places": 1.0}


@pytest.mark.slow
def test_scores_are_information_less_the_logarithm_of_the_negatives() -> None:
    """Levy and Goldberg, 2014; shares of negatives are by frequency to the power of .75, which shifts columns."""
    experiment = vectors(1500)
    said, shares, information = world(0)
    often = torch.bincount(said.flatten(), minlength=len(WORDS)).double()
    wanted = information + (often / often.sum()).log() - (NEGATIVES * shares).log()
    there = information > -math.inf
    with torch.no_grad():
        scores = (experiment.model.embedding.weight @ experiment.model.neighbour.weight.T).double()
    found = np.corrcoef(scores[there].numpy(), wanted[there].numpy())[0, 1]
    assert found > 0.9


def test_vectors_and_neighbours_go_together() -> None:
    for knobs in ({"objective": "neighbours"}, {"model": "vectors"}, {"objective": "masked", "model": "vectors"}):
        with pytest.raises(ConfigError, match="go together"):
            Config(**knobs)  # type: ignore[arg-type]
    turned = Config().turned(objective="neighbours")
    assert (turned.model, turned.width) == ("vectors", 16) and Config().turned(model="vectors") == turned
    assert turned.turned(objective="next") == turned.turned(model="transformer") == Config()
    assert turned.turned(objective="masked").model == "transformer" and turned.elsewhere is None


def test_knobs_that_do_nothing_in_the_made_world_are_not_shown() -> None:
    knobs = Config.knobs()
    config = Config().turned(objective="neighbours")

    def shown(name: str) -> bool:
        asked, _, allowed = knobs[name].when.partition("=")
        return not asked or (knobs[asked].format(getattr(config, asked)) in allowed.split("|") and shown(asked))

    assert {name for name in knobs if shown(name)} == {
        "text_key", "model", "objective", "reading", "width", "size", "learning_rate", "batch_size", "word_a", "word_b",
        "word_c", "seed",
    }  # fmt: skip


def test_a_text_is_not_read_for_word_vectors(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    key = shelf.keep(b"abc de " * 29)
    assert Config(text_key=key, objective="neighbours", model="vectors", context=128).text_key == key


def test_a_text_is_cut_into_pieces_that_it_has_room_for(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    turned = Config().turned(text_key=shelf.keep(b"abc de " * 29))
    assert turned.context == turned.turned(unit="characters").context == turned.turned(objective="masked").context == 16
    assert Config().turned(text_key=shelf.keep(b"abc de " * 49)).turned(objective="masked").context == 28


def test_what_is_left_out_and_what_lessons_name_stands_on_the_stage() -> None:
    experiment = vectors(20)
    seen = View(experiment.frame(), experiment.config, {}, 20, 20)
    facts, panels = view.facts(seen), {panel["key"]: panel for row in view.stage(seen).rows for panel in row}
    assert panels["writing"]["title"].startswith("king − man + woman: the nearest other word is ")
    assert panels["nearest"]["title"].endswith("but for these three")
    assert panels["nearest"]["note"].endswith(f"the nearest is {facts['of_all']}.")
    assert f"{facts['gap']:.2f} in the mean" in panels["rows"]["note"]
    assert panels["rows"]["note"].endswith(f"{facts['most']:.1f}.")
    assert f"{facts['cosine']:.2f}" in str(panels["nearest"])


def test_it_goes_on_from_its_state_to_the_bit() -> None:
    experiment = vectors(5)
    other = Experiment(experiment.config)
    other.load_state_dict(experiment.state_dict())
    assert [other.step() for _ in range(6)] == [experiment.step() for _ in range(6)]
    assert same(other.state_dict(), experiment.state_dict())


@pytest.mark.parametrize("words", [("king", "man", "woman"), ("Rome", "Italy", "king"), ("king", "king", "king")])
def test_it_is_drawn_and_a_word_is_chosen_by_a_click(words: tuple[str, str, str]) -> None:
    for steps in (0, 3):
        experiment = vectors(steps, word_a=words[0], word_b=words[1], word_c=words[2])
        seen = View(experiment.frame(), experiment.config, {}, steps, steps)
        assert view.stage(seen).to_bytes() and view.inside(seen) and view.facts(seen) and len(view.say(seen)) <= 140
        frame = seen.frame
        assert len(frame.embedding) == len(frame.labels) + 1 and np.abs(frame.embedding).max() == 1
        n = frame.labels.index("queen" if words[0] == "king" else "Paris")
        place = {"x": float(frame.embedding[n, 0]), "y": float(frame.embedding[n, 1])}
        found = view.answer(seen, {"panel": "writing", "kind": "plane", **place})
        assert isinstance(found, Turn) and found.knobs["word_c"] in NOUNS
        assert view.answer(seen, {"panel": "writing", "kind": "plane", "x": 9.0, "y": 9.0}) is None


def test_numbers_that_are_none_are_told() -> None:
    experiment = vectors(1)
    with torch.no_grad():
        experiment.model.embedding.weight.fill_(math.nan)
    seen = View(experiment.frame(), experiment.config, {}, 1, 1)
    assert "diverged" in view.say(seen) and view.stage(seen).to_bytes() and view.inside(seen)
