"""What a visitor does with a text of their own, and what the scene is given of a cell."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from visitor import ROOT

from engine import runs
from engine.data import shelf
from engine.data.text import MIN_LENGTH
from engine.scene.cell import recurrent_cell
from engine.scene.scene import Scene
from ui.inputs import text
from ui.player import Player


@pytest.fixture(autouse=True)
def _no_run_is_left(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    runs.stop()
    yield
    runs.stop()


def page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page("../pages/lstm_gates.py")
    app.query_params["task"] = "text"
    return app.run()


def wanted(app: AppTest) -> Any:
    return app.session_state["lstm_gates.player"].wanted


def test_a_typed_text_is_learned_left_again_and_a_short_one_gets_a_sentence() -> None:
    app = page()
    assert any("documentation of Python" in caption.value for caption in app.caption)
    app.text_area(key="lstm_gates.text_typed").set_value("too short")
    app.button(key="lstm_gates.text_use").click().run()
    assert [e.value for e in app.error] == [
        "The text has 9 characters; give at least 200. The page keeps the text it has."
    ]
    assert wanted(app).text_key == ""

    text = "To be, or not to be, that is the question. " * 6
    app.text_area(key="lstm_gates.text_typed").set_value(text)
    app.button(key="lstm_gates.text_use").click().run()
    assert not app.exception and not app.error
    assert shelf.fetch(wanted(app).text_key).decode() == text
    assert any("In use: 258 characters" in caption.value for caption in app.caption)

    app.button(key="lstm_gates.text_without").click().run()
    assert wanted(app).text_key == "" and not app.exception


def test_the_shortest_text_is_that_of_its_reader() -> None:
    assert text.SHORTEST == MIN_LENGTH


def test_an_uploaded_text_is_not_lost_if_the_run_of_the_page_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    app, turn, cuts = page(), Player.turn, []

    def cut_once(player: Player, **knobs: Any) -> None:  # as Streamlit does when the browser asks for another run
        if not cuts:
            cuts.append(knobs)
            st.rerun()
        turn(player, **knobs)

    monkeypatch.setattr(Player, "turn", cut_once)
    data = b"A text that is long enough to be learned from. " * 6
    app.file_uploader(key="lstm_gates.text_file").set_value(("own.txt", data, "text/plain")).run()
    assert len(cuts) == 1 and not app.exception
    assert shelf.fetch(wanted(app).text_key) == data


def test_what_cannot_be_read_gets_a_sentence_and_not_a_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    app = page()
    monkeypatch.setitem(runs.current().readers, "text", "engine.data.readers:nobody")
    app.file_uploader(key="lstm_gates.text_file").set_value(("own.txt", b"x" * 300, "text/plain")).run()
    said = "This could not be read; it may be damaged. Save it again, and bring that. The page keeps the text it has."
    assert [error.value for error in app.error] == [said]
    monkeypatch.undo()
    app.run()
    assert [error.value for error in app.error] == [said] and wanted(app).text_key == ""


def test_a_text_to_read_comes_under_the_cursor() -> None:
    app = page()
    app.text_area(key="lstm_gates.reading").set_value("Read me.").run()
    assert wanted(app).reading == "Read me." and not app.exception


def header(scene: Scene) -> Any:
    data = scene.to_bytes()
    (size,) = struct.unpack("<I", data[4:8])
    return json.loads(data[8 : 8 + size])


def cell(steps: int = 5, **changes: Any) -> dict[str, Any]:
    gates = {name: np.full((steps, 3), 2.0) for name in ("r", "z", "n", "u", "h")}
    tokens = ["✓.50", ".25", "(", "␣", "x"][:steps]
    sums = {"from_input": np.zeros((3, steps, 3)), "from_state": np.zeros((3, steps, 3)), "bias": np.zeros((3, 3))}
    given = {
        "title": "A cell",
        "cell": "gru",
        "tokens": tokens,
        "said": tokens,
        "wanted": [],
        "asked": 4,
        "gates": gates,
    }
    return {**given, **sums, **changes}


def test_a_cell_is_sent_with_short_tokens_and_the_reach_of_each_gate() -> None:
    scene = Scene()
    recurrent_cell(scene, "cell", **cell(), span=(1, 3))
    spec = header(scene)["rows"][0][0]
    assert spec["short"] == ["✓", "", "(", "␣", "x"] and spec["names"] == ["r", "z", "n", "u", "h"]
    assert spec["reach"] == [2.0] * 5 and spec["span"] == [1, 3] and spec["units"] == 3
    shapes = [shape for _, _, shape in header(scene)["arrays"]]
    assert shapes == [[5, 5, 3], [3, 5, 3], [3, 5, 3], [3, 3]]


@pytest.mark.parametrize("changes", [{"tokens": ["a"]}, {"from_input": np.zeros((3, 4, 3))}])
def test_a_cell_whose_numbers_do_not_fit_its_tokens_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="need gates"):
        recurrent_cell(Scene(), "cell", **cell(**changes))
