"""What is written below recurrent cells at work, and which of their numbers stand inside, is what the frame says."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from moments import moment
from scene_format import words

from engine.contract.figure import FULL, LEFT, RIGHT, Chart, Text
from engine.contract.view import View
from engine.labs import lstm_gates as lab
from engine.labs.lstm_gates import view as drawn

NUMBERS = 6  # lines of the table of the three cells


def seen(**knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**({"task": "adding", "length": 12, "hidden": 4} | knobs)))
    return View(experiment.frame(), experiment.config)


def test_what_each_cell_writes_stands_below_it() -> None:
    view = seen(task="text", length=20)
    assert words(drawn.stage(view)).splitlines()[NUMBERS:] == [
        f"{title} writes | {text}" for title, text in zip(("tanh RNN", "GRU", "LSTM"), view.frame.writes, strict=True)
    ]
    assert len(words(drawn.stage(seen())).splitlines()) == NUMBERS


def test_a_brushed_span_is_named_and_underlined_where_the_state_runs_alike() -> None:
    view = seen(task="brackets", span_start=3, span_stop=6)
    scene = drawn.stage(view)
    brushed = "".join(view.frame.tokens[3:6])
    head, *rows = words(scene).splitlines()[NUMBERS:]
    assert head.startswith(f"Where the state runs as over “{brushed}” (mean cosine") and rows[0].startswith("1.00 | ")
    [[table]] = [row for row in scene.rows if row and row[0]["key"] == "alike"]
    marked = [[span["text"] for span in row[2] if span.get("underlined")] for row in table["rows"]]
    assert marked == [[found.inside] for found in view.frame.alike] and marked[0] == [brushed]
    assert table["hold"] == 0  # an answer comes at once


@pytest.mark.parametrize(("cell", "columns"), [("lstm", [LEFT, RIGHT]), ("gru", [LEFT, RIGHT]), ("rnn", [FULL])])
def test_gates_stand_beside_what_is_written_and_a_cell_without_gates_has_none(cell: str, columns: list[int]) -> None:
    figures = drawn.inside(seen(cell=cell))
    assert [figure.column for figure in figures if isinstance(figure, Chart)] == columns
    [note] = [figure.text for figure in figures if isinstance(figure, Text)]
    assert "all steps and numbers of the sequence" in note
    counting = [figure.key for figure in drawn.inside(seen(cell=cell, task="brackets")) if isinstance(figure, Chart)]
    assert counting[-1] == "counters"


def test_the_memory_is_drawn_over_the_brackets_that_it_counts() -> None:
    experiment = lab.Experiment(lab.Config(length=20, hidden=8))
    view = moment(experiment, 3)
    memory, gates = drawn.stage(view).rows[0]
    frame, paths = view.frame, {layer["name"]: layer for layer in memory["layers"] if layer["kind"] == "path"}
    scene = drawn.stage(view)
    letters = [layer for layer in memory["layers"] if layer["kind"] == "letters"]
    read = [(x, letter) for layer in letters
            for (x, _), letter in zip(scene.arrays[layer["xy"]], layer["letters"], strict=True)]  # fmt: skip
    assert sorted(read) == [(step, token) for step, token in enumerate(frame.tokens, start=1)] and set(paths) == {
        "open brackets",
        drawn.words.number_called(frame),
    }
    [crosses] = [layer for layer in memory["layers"] if layer["kind"] == "points"]
    wrong = [said != wanted for said, wanted in zip(frame.said, frame.wanted, strict=True)]
    assert len(drawn.stage(view).arrays[crosses["xy"]]) == sum(wrong) > 0
    assert f"umber {frame.counter + 1} " in memory["title"] or f": {frame.counter + 1} is nearest" in memory["title"]
    assert f"{frame.counts:+.2f}".replace("-", "−") in memory["title"] and gates["key"] == "gates"
    [buttons] = memory["buttons"]
    assert [choice["knobs"] for choice in buttons["choices"]] == [{"cell": kind} for kind in ("rnn", "gru", "lstm")]


@pytest.mark.parametrize("counts", [-0.9, 0.9])
def test_what_is_turned_round_is_said(counts: float) -> None:
    """A number that counts downwards is drawn upright: what is added has the other sign than i times g."""
    view = moment(lab.Experiment(lab.Config(length=20, hidden=8)), 3)
    view = dataclasses.replace(view, frame=dataclasses.replace(view.frame, counts=counts))
    legend = [
        layer["name"] for layer in drawn.stage(view).rows[0][1]["layers"] if layer.get("name", "").startswith("added")
    ]
    assert len(legend) == 1 and ("turned round" in legend[0]) == (counts < 0)


def test_gates_that_are_no_numbers_leave_their_columns_empty() -> None:
    view = moment(lab.Experiment(lab.Config(length=20, hidden=8)), 3)
    broken = {name: np.full_like(values, np.nan) for name, values in view.frame.gates.items()}
    scene = drawn.stage(dataclasses.replace(view, frame=dataclasses.replace(view.frame, gates=broken)))
    assert not [layer for layer in scene.rows[0][1]["layers"] if layer["kind"] == "points"]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_what_is_kept_and_written_makes_the_number(cell: str) -> None:
    """c = f c + i g, and h = z h + (1 - z) n: step by step it is the memory's own number."""
    frame = moment(lab.Experiment(lab.Config(length=20, hidden=8, cell=cell)), 3).frame
    found = drawn.words.kept_and_written(frame)
    assert found is not None
    number, sign, memory = 0.0, 1 if frame.counts > 0 else -1, frame.gates["c" if cell == "lstm" else "h"]
    for step, (kept, written) in enumerate(zip(*found, strict=True)):
        number = kept * number + written
        assert number == pytest.approx(sign * memory[step, frame.counter], abs=1e-5)
    assert drawn.words.kept_and_written(dataclasses.replace(frame, cell="rnn")) is None


def test_what_is_kept_and_added_is_drawn_for_each_symbol_with_its_mean() -> None:
    view = moment(lab.Experiment(lab.Config(length=20, hidden=8)), 3)
    scene = drawn.stage(view)
    gates = scene.rows[0][1]
    found = drawn.words.kept_and_written(view.frame)
    assert found is not None
    kept, written = found
    tokens = np.array(view.frame.tokens)
    means = [kept.mean(), *(written[tokens == token].mean() for token in "()·")]
    bars = [scene.arrays[layer["xy"]] for layer in gates["layers"] if layer["kind"] == "band"]
    assert gates["x_names"] == ["keeps", "at (", "at )", "at ·"]
    assert [bar[0, 2] for bar in bars] == pytest.approx(means, abs=1e-6)
    dots = [len(scene.arrays[layer["xy"]]) for layer in gates["layers"] if layer["kind"] == "points"]
    assert dots == [20, *((tokens == token).sum() for token in "()·")]


def test_the_answers_stand_over_the_sum_of_what_was_marked() -> None:
    view = moment(lab.Experiment(lab.Config(task="adding", length=12, hidden=4)), 2)
    frame = view.frame
    marked = [float(token.removeprefix("✓")) if "✓" in token else 0.0 for token in frame.tokens]
    assert frame.added == pytest.approx(np.cumsum(marked), abs=0.011)
    assert f"{frame.answers[-1]:.2f}" == frame.said[-1]
    keys = [[panel["key"] for panel in row] for row in drawn.stage(view).rows]
    assert keys == [["memory", "gradient"], ["loss"], ["numbers"], ["cell"]]


def test_the_gradient_says_whether_the_cell_has_learned_to_remember() -> None:
    view = moment(lab.Experiment(lab.Config(task="adding", length=12, hidden=4)), 2)
    assert drawn.words.gradient_title(view).endswith("of the LSTM's gradient reaches step 1, before it has learned")
    learned = (np.arange(1, 3), np.array([0.1, 0.001]))
    told = drawn.words.gradient_title(dataclasses.replace(view, curves={**view.curves, "loss_lstm": learned}))
    assert told.endswith("of the LSTM's gradient reaches step 1: it has learned to remember")
