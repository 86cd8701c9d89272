"""What a visitor does with a table of their own: it counts once, and can be read in another way."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from visitor import ROOT

from engine import runs
from engine.data import plane
from ui.inputs import table
from ui.plain import plain

ROWS = [(i * 7 % 11, i * 5 % 13, "ab"[i % 2]) for i in range(30)]
TABLE = "\n".join(["x,y,kind", *(f"{x},{y},{kind}" for x, y, kind in ROWS)]).encode()
OTHER = "\n".join(["x,y,kind", *(f"{y},{x * x},{kind}" for x, y, kind in ROWS)]).encode()


@pytest.fixture(autouse=True)
def _no_run_is_left():
    runs.stop()
    yield
    runs.stop()


def page() -> AppTest:
    app = (
        AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
        .switch_page("../pages/neural_network.py")
        .run()
    )
    return app.selectbox(key="neural_network.data").select("csv").run()


def upload(app: AppTest, table: bytes) -> None:
    [uploader] = [each for each in app.file_uploader if str(each.key).startswith("neural_network.file")]
    uploader.set_value(("table.csv", table, "text/csv")).run()
    assert not app.exception


def config(app: AppTest) -> Any:
    return app.session_state["neural_network.player"].wanted


def packed(table: bytes, **how: Any) -> str:
    read = plane.read_csv(table, plane.Reading(**how))
    return plane.encode_points(read.xy, read.labels)


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def turn(app: AppTest, name: str, value: Any) -> None:
    app.session_state["neural_network.reading"] = True  # the controls are unfolded
    app.run().selectbox(key=f"neural_network.table_{name}").set_value(value).run()
    assert not app.exception


def test_a_table_is_taken_and_says_how_it_was_read() -> None:
    app = page()
    upload(app, TABLE)
    assert config(app).data == "csv" and config(app).points == packed(TABLE)
    assert "Read as: commas, decimal points, names in the first line, last column kind is the class" in captions(app)


def test_a_table_is_parsed_once_and_not_at_each_click() -> None:
    app = page()
    upload(app, TABLE)
    held = app.session_state["neural_network.table"]
    app.toggle(key="neural_network.discretise").set_value(True).run()
    assert app.session_state["neural_network.table"] is held
    upload(app, OTHER)
    assert app.session_state["neural_network.table"] is not held


def test_undo_and_other_points_win_against_the_table_in_the_uploader() -> None:
    app = page()
    upload(app, TABLE)
    upload(app, OTHER)
    assert config(app).points == packed(OTHER)
    app.button(key="neural_network.undo").click().run()
    for _ in range(2):
        app.run()
        assert config(app).points == packed(TABLE)
    assert "The table is not in use" in captions(app) and "Read as" not in captions(app)
    app.button(key="neural_network.use_table").click().run()
    assert config(app).points == packed(OTHER) and "Read as" in captions(app)


def test_a_table_is_still_there_when_its_uploader_comes_back() -> None:
    app = page()
    upload(app, TABLE)
    app.button(key="neural_network.undo").click().run()
    assert config(app).data != "csv" and not app.file_uploader
    app.selectbox(key="neural_network.data").select("csv").run()
    assert config(app).points != packed(TABLE) and "The table is not in use" in captions(app)
    app.button(key="neural_network.use_table").click().run()
    assert config(app).points == packed(TABLE) and "Read as" in captions(app)
    turn(app, "header", False)
    assert config(app).points == packed(TABLE, header=False)
    upload(app, OTHER)
    assert config(app).points == packed(OTHER)


def test_a_file_that_is_removed_takes_its_notes_along_and_leaves_its_points() -> None:
    app = page()
    upload(app, TABLE)
    app.file_uploader(key="neural_network.file").set_value(None).run()
    assert not app.exception and "neural_network.table" not in app.session_state
    assert config(app).points == packed(TABLE) and "Read as" not in captions(app)


def test_an_uploader_that_comes_back_empty_takes_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its browser may still send what it held before it went, and then the server calls it changed: to nothing."""
    session = {"lab.file": None, "lab.table": "held"}
    monkeypatch.setattr(table.st, "session_state", session)
    now = time.monotonic()
    for seen, back, kept in ((False, -math.inf, True), (None, now, True), (True, now, True), (True, now - 60, False)):
        session |= {"lab.file_seen": seen, "lab.file_back": back}
        table._taken_away("lab", "lab.file")
        assert ("lab.table" in session) == kept


def test_what_is_no_table_gets_a_sentence_and_undo_nothing_to_do() -> None:
    app = page()
    upload(app, TABLE)
    upload(app, b"nothing\n")
    assert [error.value for error in app.error if "keeps the data it has" in error.value]
    assert config(app).points == packed(TABLE)


def test_a_table_with_its_class_first_is_refused_and_then_read_as_the_visitor_says() -> None:
    raw = "\n".join(["kind,x,y", *(f"{kind},{x},{y}" for x, y, kind in ROWS)]).encode()
    app = page()
    upload(app, raw)
    assert app.error
    turn(app, "class_column", 0)
    assert not app.error and config(app).points == packed(raw, class_column=0)
    turn(app, "class_column", "")
    assert app.error and config(app).points == packed(raw, class_column=0)


@pytest.mark.parametrize(
    ("name", "value"), [("separator", ";"), ("decimal", ","), ("header", False), ("row_numbers", False)]
)
def test_every_control_reads_the_same_file_again(name: str, value: Any) -> None:
    rows = [f"{i}; {x}{'.125' * (i % 2)} ;{y};{kind}" for i, (x, y, kind) in enumerate(ROWS)]
    raw = "\n".join(["n;2020;2021;2022", *rows]).encode()
    app = page()
    upload(app, raw)
    assert config(app).points == packed(raw)
    turn(app, name, value)
    held = app.session_state["neural_network.table"]
    assert held.how[name] == value
    try:
        assert config(app).points == packed(raw, **{name: value})
    except plane.DataError as error:
        assert any(str(error) in said.value for said in app.error)
    upload(app, TABLE)  # and a new file is read as found
    assert config(app).points == packed(TABLE) and app.selectbox(key=f"neural_network.table_{name}").value == ""


def test_a_first_column_that_counts_the_rows_can_be_brought_back() -> None:
    raw = "\n".join(["Obs,x,y,kind", *(f"{i},{x},{y},{kind}" for i, (x, y, kind) in enumerate(ROWS, 1))]).encode()
    app = page()
    upload(app, raw)
    assert config(app).points == packed(TABLE) and "Obs counts the rows" in captions(app)
    turn(app, "row_numbers", False)
    assert config(app).points == packed(raw, row_numbers=False) != packed(TABLE)
    assert "Obs and x were standardised" in captions(app)


def test_names_in_a_file_are_not_read_as_markdown() -> None:
    raw = TABLE.replace(b"x,", b"![x](https://example.org/x.png),", 1)
    app = page()
    upload(app, raw)
    assert "![x]" not in captions(app) and plain("![x]") in captions(app)
