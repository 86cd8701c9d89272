"""What is drawn of the translators, what a click does, and what becomes of sentences that visitors type."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scene_format import decode

import engine
from engine.contract import registry
from engine.contract.knobs import ConfigError
from engine.contract.view import Turn, View
from engine.labs.translation.config import Config
from engine.labs.translation.experiment import Experiment
from engine.labs.translation.frame import Branch
from engine.scene.aligned import aligned
from engine.scene.scene import Scene

views = registry.view("translation")
SMALL = {"width": 16, "batch_size": 4, "heads": 4}


def shown(steps: int = 2, **knobs: Any) -> View:
    experiment = Experiment(Config(**SMALL | knobs))
    metrics = list(engine.train(experiment, steps))
    curves = {name: (np.arange(1, steps + 1), np.array([m[name] for m in metrics])) for name in metrics[0]}
    return View(experiment.frame(), experiment.config, curves, steps, steps)


def panels(view: View) -> dict[str, Any]:
    return {panel["key"]: panel for row in decode(views.stage(view).to_bytes())[0]["rows"] for panel in row}


@pytest.mark.parametrize("knobs", [
    {}, {"models": "all"}, {"models": "none"}, {"models": "transformer"}, {"pair": "numbers"}, {"pair": "dates"},
    {"pair": "own"}, {"clauses": 3, "decoding": "beam", "beam": 8}, {"decoding": "sample"},
    {"source_order": "reversed"}, {"rows": "own"}, {"judge_beam": True, "clauses": 2},
])  # fmt: skip
def test_everything_is_drawn_and_said(knobs: dict[str, Any]) -> None:
    view = shown(10 if "judge_beam" in knobs else 1, **knobs)
    assert 2_000 < len(views.stage(view).to_bytes()) < 60_000 and len(views.curves(view).to_bytes()) > 500
    assert 10 < len(views.say(view)) <= 140 and views.facts(view)["words"] == len(view.frame.written[0].words)
    assert len(views.inside(view)) == 3


def test_the_boxes_are_the_true_alignment_and_rows_are_the_right_words() -> None:
    view = shown(shown=50)
    panel = panels(view)["matrix"]
    assert panel["source"] == list(view.frame.source) and panel["target"] == list(view.frame.reference)
    assert panel["boxes"] == [[row, column] for row, column in enumerate(view.frame.alignment)]
    assert view.frame.weights.sum(1) == pytest.approx(np.ones(len(view.frame.rows)), abs=1e-5)
    turned = shown(shown=50, source_order="reversed")
    assert panels(turned)["matrix"]["boxes"] == panel["boxes"]


def test_a_click_makes_a_row_look_there_and_a_second_one_lets_it_go() -> None:
    view = shown(shown=50)
    pick = {"panel": "matrix", "kind": "cell", "row": 2, "column": 4}
    turn = views.answer(view, pick)
    assert turn == Turn({"look_at": (305,)})
    forced = shown(shown=50, **turn.knobs)
    assert forced.frame.weights[2].tolist() == np.eye(len(view.frame.source))[4].tolist()
    assert np.allclose(forced.frame.weights[[0, 1]], view.frame.weights[[0, 1]], atol=1e-5)
    assert panels(forced)["matrix"]["forced"] == [[2, 4]] and views.answer(forced, pick) == Turn({"look_at": ()})
    other = views.answer(forced, pick | {"column": 1})
    assert other == Turn({"look_at": (302,)})
    reverse = shown(shown=50, source_order="reversed", look_at=(305,))
    assert reverse.frame.weights[2].tolist() == np.eye(len(view.frame.source))[4].tolist()
    assert views.answer(shown(models="transformer"), pick) is None


def test_a_sentence_of_ones_own_is_translated_and_its_true_alignment_found() -> None:
    view = shown(sentence="The old CAT, sees a dog near the river!")
    assert view.frame.own and " ".join(view.frame.reference) == "lo miro senu na wufa lo fluo apu videt"
    unknown = shown(sentence="cat the the sees")
    assert (
        unknown.frame.reference == ()
        and unknown.frame.boxes == ()
        and len(unknown.frame.rows) == len(unknown.frame.written[0].words)
    )
    assert "arithmetic" not in panels(unknown)


@pytest.mark.parametrize(
    "typed", ["🦉🦉", "שלום עולם", "x", " ", "\x00", "the " * 75, "<b>cat</b>", "猫" * 300, "\u202ecat", "."]
)
def test_whatever_is_typed_gets_a_picture_and_a_sentence(typed: str) -> None:
    view = shown(1, sentence=typed, begin_with=typed[:200])
    assert len(views.stage(view).to_bytes()) < 60_000 and 10 < len(views.say(view)) <= 140
    if not view.frame.own:
        assert view.frame.reference and bool(view.frame.ignored) == bool(typed.strip(" .\x00") or typed == "\x00")
    with pytest.raises(ConfigError, match="characters"):
        Config(sentence="x" * 100_000)
    with pytest.raises(ConfigError, match="characters"):
        Config(grammar="x" * 100_000)


def test_a_translation_that_is_begun_goes_on_and_a_full_stop_ends_it() -> None:
    view = shown(begin_with="la kala", shown=50)
    assert view.frame.written[0].words[:2] == ("la", "kala")
    ended = shown(begin_with="la kala.", shown=50)
    assert ended.frame.written[0].words == ("la", "kala") and ended.frame.written[1].words == ("la", "kala")


def test_the_tree_holds_what_was_kept_and_what_was_dropped() -> None:
    frame = shown(decoding="beam", beam=3).frame
    first = [branch for branch in frame.tree if branch.depth == 1]
    assert sum(branch.kept for branch in first) == 3 and sum(not branch.kept for branch in first) == 3
    best = [branch.word for branch in frame.tree if branch.best]
    assert [word for word in best if word != "<end>"] == list(frame.written[0].words)
    scores = [score for _, _, score in frame.sentences]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3


def test_of_a_long_search_any_fourteen_words_can_be_seen() -> None:
    def tree(deepest: int, tree_from: int) -> dict[str, Any]:
        branches = tuple(Branch("cat", n - 1, n + 1, -float(n), True, True) for n in range(deepest))
        config = dataclasses.replace(view.config, tree_from=tree_from)
        return panels(dataclasses.replace(view, frame=dataclasses.replace(view.frame, tree=branches), config=config))[
            "tree"
        ]

    view = shown()
    assert tree(20, 1)["x_names"] == ["start", *map(str, range(1, 15))] and tree(20, 1)["rail"]["high"] == 7
    assert tree(20, 3)["x_names"][:2] == ["…", "3"] and tree(20, 48)["x_names"][-1] == "20"
    assert "rail" in tree(15, 1) and "rail" not in tree(14, 1)


def test_what_a_page_cannot_do_or_know_it_says() -> None:
    told = views.say(shown(models="transformer", look_at=(101,)))
    assert told not in (views.say(shown(models="transformer")), views.say(shown(look_at=(101,))))
    few = shown(0 + 1, pair="own", grammar="N: cat = neko | dog = inu; the N sees = N miru")
    assert few.frame.known and not shown(pair="own").frame.known and not shown().frame.known
    untrained = dataclasses.replace(few, step=0, curves={})
    apart = {
        known: dataclasses.replace(few, frame=dataclasses.replace(few.frame, known=known)) for known in (True, False)
    }
    for told in (views.say, lambda view: views.inside(view)[0].title):
        assert told(apart[True]) != told(apart[False])
    assert views.say(untrained) != views.say(dataclasses.replace(untrained, frame=apart[False].frame))


def test_a_look_leaves_no_trace_and_words_drawn_by_lot_stay_at_a_step() -> None:
    experiment = Experiment(Config(**SMALL, decoding="sample"))
    experiment.step()
    before = experiment.frame().written[0].words
    experiment.update(dataclasses.replace(experiment.config, decoding="greedy"))
    experiment.frame()
    experiment.update(dataclasses.replace(experiment.config, decoding="sample"))
    assert experiment.frame().written[0].words == before


def test_two_sentences_that_do_not_fit_their_weights_are_refused() -> None:
    given: dict[str, Any] = {"title": "t", "source": ["a", "b"], "target": ["x"]}
    for more, about in (
        ({"weights": np.zeros((2, 2))}, "weights of the shape"),
        ({"weights": np.zeros((1, 2)), "marks": [("x", "text")] * 2}, "2 marks"),
        ({"weights": np.zeros((1, 2)), "boxes": [(0, 2)]}, "2 columns"),
    ):
        with pytest.raises(ValueError, match=about):
            aligned(Scene(), "key", **given, **more)
