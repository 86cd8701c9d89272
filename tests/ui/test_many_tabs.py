"""One browser with many tabs: a page says what to close, loses nothing, and goes on when there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import drive
import pytest
from drive import sound
from streamlit.testing.v1 import AppTest
from visitor import ROOT

import engine
from engine import runs

SLUG = "gradient_descent"
ANNA, BERT = "anna" * 6, "bert" * 6
CLOSE = "Close a comparison or another tab of the playground"


@pytest.fixture(autouse=True)
def _fresh_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    runs.stop()
    yield
    runs.stop()


def arrive(browser: str, slug: str = SLUG, **params: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page(f"../pages/{slug}.py")
    app.session_state["shell.owner"] = browser
    for name, text in params.items():
        app.query_params[name] = text
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return " ".join(each.value for each in (*app.warning, *app.error))


def test_a_tab_too_many_says_what_to_close_and_begins_when_that_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_RUNS_PER_OWNER", "2")
    config = engine.lab(SLUG).Config
    first, second = (runs.current().open(SLUG, config(seed=seed), ANNA) for seed in (1, 2))  # shown by other tabs
    third = arrive(ANNA, seed="3")
    assert drive.player(third, SLUG).on_stage is None and CLOSE in said(third)
    third.button(key=f"{SLUG}.again").click().run()
    assert not third.exception and CLOSE in said(third)
    second.leave()  # that tab is closed
    sound(third.button(key=f"{SLUG}.again").click().run())
    assert drive.player(third, SLUG).config.seed == 3 and CLOSE not in said(third)
    assert [first.report().status, second.report().status] == ["paused", "paused"]
    assert CLOSE not in said(arrive(BERT))  # somebody else at the same address


def test_a_comparison_too_many_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_RUNS_PER_OWNER", "2")
    app = sound(arrive(ANNA))
    sound(drive.step(app, SLUG, 3))
    sound(app.button(key=f"{SLUG}.keep").click().run())
    sound(drive.step(app, SLUG, 2))
    there = [each.id for each in drive.run_of(app, SLUG).group()]
    app.button(key=f"{SLUG}.keep").click().run()
    assert not app.exception and CLOSE in said(app)
    assert [each.id for each in drive.run_of(app, SLUG).group()] == there and len(there) == 2
    assert drive.look(app, SLUG).step == 2 and drive.player(app, SLUG).compared[0].look.last_step == 3
    sound(app.button(key=f"{SLUG}.drop.0").click().run())
    sound(app.button(key=f"{SLUG}.keep").click().run())


def test_whoever_walks_from_page_to_page_meets_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_RUNS_PER_OWNER", "1")
    app = sound(arrive(ANNA))
    sound(drive.step(app, SLUG, 3))
    left = drive.run_of(app, SLUG)
    sound(app.switch_page("../pages/moe_routing.py").run())
    assert drive.player(app, "moe_routing").on_stage is not None
    assert left.report().status == "paused" and left.report().last_step == 3  # put away, and not lost
    assert runs.current().stats()["runs"] == 1
