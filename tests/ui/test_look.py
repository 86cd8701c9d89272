"""A knob that only looks acts at once, on an earlier moment too, and leaves no mark on the timeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest
from visitor import ROOT

from engine import runs

SLUG = "cnn_filters"


@pytest.fixture(autouse=True)
def _no_run_is_left() -> Iterator[None]:
    yield
    runs.stop()


def test_an_earlier_moment_is_looked_at_in_another_way_at_once() -> None:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    app.switch_page(f"../pages/{SLUG}.py")
    app.run()
    for _ in range(3):
        app.button(key=f"{SLUG}.step_once").click().run()
    player = app.session_state[f"{SLUG}.player"]
    player.seek(1)
    app.run()
    app.button(key=f"{SLUG}.next").click().run()
    look = player.on_stage.look
    assert (look.step, look.last_step, look.changed_at) == (1, 3, ())
    assert look.config.example == player.config.example == player.wanted.example == 1
    assert not app.exception and not app.error


def test_looking_at_a_moment_before_a_live_knob_was_turned_turns_nothing() -> None:
    """The press that comes right after the drag, before the page has taken over the knobs of that moment."""
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    app.switch_page(f"../pages/{SLUG}.py")
    app.run()
    for _ in range(2):
        app.button(key=f"{SLUG}.step_once").click().run()
    player = app.session_state[f"{SLUG}.player"]
    first = player.config.learning_rate
    player.on_stage.run.update(dataclasses.replace(player.config, learning_rate=0.01))
    app.run()
    app.button(key=f"{SLUG}.step_once").click().run()
    player.seek(1)
    app.button(key=f"{SLUG}.next").click().run()
    look = player.on_stage.look
    assert (look.step, look.last_step, look.changed_at) == (1, 3, (2,))
    assert (look.config.learning_rate, look.config.example) == (first, 1)
    assert not app.exception and not app.error


def test_what_is_looked_at_is_looked_at_beside_too() -> None:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    app.switch_page(f"../pages/{SLUG}.py")
    app.query_params["compare"] = '[["seed=5&example=3",1]]'
    app.run()
    app.button(key=f"{SLUG}.next").click().run()
    player = app.session_state[f"{SLUG}.player"]
    [other] = player.compared
    other.peek()
    assert (player.config.example, other.look.config.example, other.look.config.seed) == (1, 1, 5)
    assert other.look.changed_at == () and not app.exception
