"""Which heads are drawn large, and where a line is drawn around what they do: what the maps themselves say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from moments import moment

from engine.contract.view import View
from engine.labs.attention_heads import Config, Experiment
from engine.labs.attention_heads import view as drawn
from engine.labs.attention_heads.frame import followers
from engine.labs.attention_heads.heads import BEFORE, INDUCTION, best, stripes, telling
from engine.labs.attention_heads.view import stage

TOKENS = np.array([4, 1, 3, 0, 2] * 3 + [4, 1])  # a word of five letters, again and again


def looks(where: np.ndarray) -> np.ndarray:
    """Weights (T, T) of a head that looks where `where` is true, evenly, and at itself where that is nowhere."""
    spread = where.astype(float)
    spread[~where.any(1)] = np.eye(len(where))[~where.any(1)]
    return np.asarray(spread / spread.sum(1, keepdims=True))


def test_stripes_are_the_places_of_an_induction_head() -> None:
    import torch

    where = followers(torch.tensor(TOKENS)[None])[0].numpy()
    found = stripes(INDUCTION, looks(where), TOKENS)
    cells = {(row + k, column + k) for column, row, last, _ in found for k in range(last - column + 1)}
    assert cells == {(int(r), int(c)) for r, c in np.argwhere(where)}
    assert {(column, row) for column, row, _, _ in found} == {(1, 5), (1, 10), (1, 15)}  # a word back, two, three


def test_where_a_head_does_not_look_there_is_no_line() -> None:
    only = np.eye(len(TOKENS), k=-4, dtype=bool)  # one word back and one further
    assert [run[:2] for run in stripes(INDUCTION, looks(only), TOKENS)] == [(1, 5)]
    assert stripes(INDUCTION, looks(np.eye(len(TOKENS), dtype=bool)), TOKENS) == []
    assert stripes(BEFORE, looks(only), TOKENS) == [(0, 1, 15, 16)]


def test_the_best_head_keeps_its_place_while_another_is_hardly_better() -> None:
    assert best(np.array([[0.1, 0.2], [0.93, 0.95]])) == (1, 0)
    assert best(np.array([[0.1, 0.2], [0.60, 0.95]])) == (1, 1)


def test_two_layers_are_shown_and_a_head_that_is_clicked_takes_its_layers_place() -> None:
    scores = {INDUCTION: np.array([[0.1, 0.1], [0.2, 0.9]]), BEFORE: np.array([[0.2, 0.8], [0.1, 0.1]])}
    assert telling(scores) == ((0, 1), (1, 1))
    assert telling(scores, (0, 0)) == ((0, 0), (1, 1)) and telling(scores, (1, 0)) == ((0, 1), (1, 0))
    assert telling({name: each[:, :1] for name, each in scores.items()}) == ((0, 0), (1, 0))
    assert telling({name: each[:1, :1] for name, each in scores.items()}) == ((0, 0),)
    assert telling({name: each[:1] for name, each in scores.items()}, (0, 1)) == ((0, 0), (0, 1))


@pytest.mark.parametrize("knobs", [{}, {"heads": 4}, {"heads": 1}, {"layers": 1, "heads": 1}, {"task": "text"}])
def test_the_head_taken_apart_is_one_of_the_large_ones_and_a_click_chooses_it(knobs: dict[str, object]) -> None:
    experiment = Experiment(Config(**knobs))  # type: ignore[arg-type]
    view = View(experiment.frame(), experiment.config)
    maps = stage(view).rows[0][0]
    named = [caption.split(":")[0] for caption in maps["captions"]]
    assert maps["key"] == "heads" and named[-1].startswith(f"Head {view.frame.head.layer}.{view.frame.head.head}")
    turn = drawn.answer(view, {"panel": "heads", "kind": "node", "index": 0})
    assert turn is not None
    clicked = dataclasses.replace(experiment.config, **turn.knobs)
    experiment.update(clicked)
    head = experiment.frame().head
    assert named[0].startswith(f"Head {head.layer}.{head.head}") and maps["captions"][0].count("\n") >= 1


@pytest.mark.slow
def test_the_stripe_is_outlined_when_it_has_come_and_named_with_its_score() -> None:
    experiment = Experiment(Config(heads=1))
    before, after = moment(experiment, 60), moment(experiment, 140)
    assert stage(before).rows[0][0]["outlines"] == []
    maps = stage(after).rows[0][0]
    score = after.frame.induction[1, 0]
    assert f"Head 2.1: induction stripe, {score:.0%}" in maps["captions"][1] and score > 0.5
    assert {n for n, *_ in maps["outlines"]} == {0, 1} and "Head 2.1 finds where" in maps["title"]
