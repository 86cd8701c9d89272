"""What is written below recurrent cells at work, and which of their numbers stand inside, is what the frame says."""

from __future__ import annotations

from typing import Any

import pytest
from scene_format import words

from engine.contract.figure import FULL, LEFT, RIGHT, Chart, Text
from engine.contract.view import View
from engine.labs import lstm_gates as lab
from engine.labs.lstm_gates import view as drawn


def seen(**knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**({"length": 12, "hidden": 4} | knobs)))
    return View(experiment.frame(), experiment.config)


def test_what_each_cell_writes_stands_below_it() -> None:
    view = seen(task="text", length=20)
    assert words(drawn.stage(view)).splitlines() == [
        f"{title} writes | {text}" for title, text in zip(("tanh RNN", "GRU", "LSTM"), view.frame.writes, strict=True)
    ]
    assert words(drawn.stage(seen())) == ""


def test_a_brushed_span_is_named_and_underlined_where_the_state_runs_alike() -> None:
    view = seen(task="brackets", span_start=3, span_stop=6)
    scene = drawn.stage(view)
    brushed = "".join(view.frame.tokens[3:6])
    head, *rows = words(scene).splitlines()
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
