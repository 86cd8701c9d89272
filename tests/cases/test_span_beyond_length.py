"""A brushed span that lay behind the end of a shorter sequence stopped the LSTM page for good.

`span_start` and `span_stop` are knobs without a widget: when the length or the text to read became shorter, they
stayed, and no Reset helped.  A span is clipped to the sequence, and an empty one is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import drive
import pytest
from scene_format import words
from streamlit.testing.v1 import AppTest

from engine import runs
from engine.labs.lstm_gates import Config, Experiment
from engine.labs.lstm_gates.cells import CELLS

SPANS = [(50, 10, 20), (50, 45, 60), (50, 50, 51), (12, 60, 70), (50, 99, 100), (12, 0, 100), (12, 11, 12), (12, 7, 3)]


@pytest.fixture(autouse=True)
def _no_run_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    runs.stop()
    yield
    runs.stop()


def seen(**knobs: Any) -> Any:
    return Experiment(Config(hidden=4, **knobs)).frame()


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("task", ["adding", "copying", "brackets", "text"])
@pytest.mark.parametrize(("length", "start", "stop"), SPANS)
def test_a_span_is_clipped_to_the_sequence(length: int, start: int, stop: int, task: str, cell: str) -> None:
    frame = seen(task=task, cell=cell, length=length, span_start=start, span_stop=stop)
    inside = [t for t in range(length) if start <= t < stop]
    if inside:
        assert frame.span == (inside[0], inside[-1] + 1)
        assert frame.alike[0].start == inside[0] and frame.alike[0].similarity == pytest.approx(1, abs=1e-5)
    else:
        assert frame.span == (0, 0) and frame.alike == ()


def test_a_span_ends_with_the_text_to_read() -> None:
    knobs = {"task": "text", "length": 30, "span_start": 4, "span_stop": 20}
    assert seen(**knobs, reading="The value is kept.").span == (4, 18)
    assert seen(**knobs, reading="The").span == (0, 0) and seen(**knobs, reading="T").alike == ()


def test_wide_cells_too() -> None:
    frame = Experiment(Config(length=12, size="large", span_start=60, span_stop=70)).frame()
    assert frame.span == (0, 0) and frame.alike == ()


def test_a_page_with_a_span_goes_on_when_its_sequence_is_shortened() -> None:
    app = AppTest.from_file("../../ui/shell.py", default_timeout=60).switch_page("../pages/lstm_gates.py")
    for name, value in {"length": "100", "hidden": "4", "span_start": "60", "span_stop": "70"}.items():
        app.query_params[name] = value
    app.run()
    assert "Where the state runs as over" in said(app)
    app.slider(key="lstm_gates.length").set_value(40).run()
    assert not app.exception and not app.error
    assert "brushed" not in said(app) and "runs as over" not in said(app)
    drive.step(app, "lstm_gates")
    look = drive.look(app, "lstm_gates")
    assert (look.status, look.step, look.message) == ("paused", 1, "")


def said(app: AppTest) -> str:
    """The words on the stage of the run that the page shows."""
    return words(drive.picture(app, "lstm_gates").stage or b"")
