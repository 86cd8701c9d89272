"""A knob that only looks acts at once, on an earlier moment too, and leaves no mark on the timeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import drive
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
    drive.seek(drive.step(app, SLUG, 3), SLUG, 1)
    app.button(key=f"{SLUG}.next").click().run()
    player, look = drive.player(app, SLUG), drive.look(app, SLUG)
    assert (look.step, look.last_step, look.changed_at) == (1, 3, ())
    assert look.config.example == player.config.example == player.wanted.example == 1
    assert not app.exception and not app.error


def test_looking_at_a_moment_before_a_live_knob_was_turned_turns_nothing() -> None:
    """The press that comes right after the drag, before the page has taken over the knobs of that moment."""
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    app.switch_page(f"../pages/{SLUG}.py")
    app.run()
    player, run = drive.player(drive.step(app, SLUG, 2), SLUG), drive.run_of(app, SLUG)
    first = player.config.learning_rate
    run.update(dataclasses.replace(player.config, learning_rate=0.01))
    app.run()
    drive.step(app, SLUG)
    run.seek(1)
    app.button(key=f"{SLUG}.next").click().run()
    drive.settle(app, SLUG)
    look = drive.look(app, SLUG)
    assert (look.step, look.last_step, look.changed_at) == (1, 3, (2,))
    assert (look.config.learning_rate, look.config.example) == (first, 1)
    assert not app.exception and not app.error


def test_what_is_looked_at_is_looked_at_beside_too() -> None:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    app.switch_page(f"../pages/{SLUG}.py")
    app.query_params["compare"] = '[["seed=5&example=3",1]]'
    app.run()
    app.button(key=f"{SLUG}.next").click().run()
    player = drive.player(drive.settle(app, SLUG), SLUG)
    [other] = player.compared
    assert (player.config.example, other.look.config.example, other.look.config.seed) == (1, 1, 5)
    assert other.look.changed_at == () and not app.exception
