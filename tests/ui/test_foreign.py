"""A page that is opened by the address of a run: one's own goes on, somebody else's is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import drive
import pytest
from drive import sound
from streamlit.testing.v1 import AppTest
from visitor import ROOT

from engine import runs
from engine.contract.lesson import lessons
from engine.runs.history import Look
from engine.runs.run import Run
from ui.player import Player

SLUG = "gradient_descent"
ANNA, BERT = "anna" * 6, "bert" * 6


@pytest.fixture(autouse=True)
def _fresh_server() -> Iterator[None]:
    runs.stop()
    yield
    runs.stop()


def arrive(browser: str, slug: str = SLUG, **params: str) -> AppTest:
    """A tab of a browser at a page; "" is one that takes no cookies."""
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page(f"../pages/{slug}.py")
    if browser:
        app.session_state["shell.owner"] = browser
    for name, text in params.items():
        app.query_params[name] = text
    return sound(app.run())


def press(app: AppTest, button: str) -> AppTest:
    return sound(app.button(key=f"{SLUG}.{button}").click().run())


def step(app: AppTest, n: int = 1) -> AppTest:
    return sound(drive.step(app, SLUG, n))


def player(app: AppTest) -> Player:
    return drive.player(app, SLUG)


def run_of(app: AppTest) -> Run:
    return drive.run_of(app, SLUG)


def look(app: AppTest) -> Look:
    return drive.look(app, SLUG)


def keys(app: AppTest) -> set[str | None]:
    return {button.key for button in app.button}


def named(app: AppTest) -> str:
    """The run in the address: a list as long as no page has written it."""
    name = app.query_params["run"]
    return str(name[0] if isinstance(name, list) else name)


def losses(run: Run) -> dict[str, list[float]]:
    return {name: values.tolist() for name, (_, values) in run.peek().curves.items()}


@pytest.fixture
def annas() -> AppTest:
    """Anna's page, where she has turned a knob and made three steps."""
    app = arrive(ANNA, seed="3")
    return step(app, 3)


def test_somebody_elses_address_begins_nothing_and_offers_three_ways(annas: AppTest) -> None:
    before, places = losses(run_of(annas)), runs.current().stats()["runs"]
    app = arrive(BERT, run=run_of(annas).id, seed="3", learning_rate="0.5")
    assert keys(app) & {f"{SLUG}.take_over", f"{SLUG}.begin_own"} == {f"{SLUG}.take_over", f"{SLUG}.begin_own"}
    assert [link.proto.url for link in app.get("link_button")] == [f"watch/{run_of(annas).id}"]
    assert player(app).on_stage is None and runs.current().stats()["runs"] == places
    assert not any(app.get(kind) for kind in ("slider", "select_slider", "selectbox", "toggle"))  # no knob to turn
    app.run()
    annas.run()
    assert (look(annas).step, losses(run_of(annas))) == (3, before)
    assert named(app) == run_of(annas).id


def test_a_copy_goes_on_from_there_and_the_other_run_stays_as_it_is(annas: AppTest) -> None:
    theirs = run_of(annas)
    app = arrive(BERT, run=theirs.id, lesson=lessons(SLUG)[0].slug, step="9", at="2")
    press(app, "take_over")
    mine = run_of(app)
    assert mine.id != theirs.id and named(app) == mine.id
    assert "lesson" not in app.query_params and "step" not in app.query_params
    assert (look(app).status, look(app).step, player(app).config.seed) == ("paused", 3, 3)
    assert f"{SLUG}.take_over" not in keys(app) and losses(mine) == losses(theirs)
    step(app)
    assert look(app).step == 4 and theirs.peek().step == 3
    sound(drive.reset(app, SLUG))
    step(annas)
    assert (look(app).step, look(annas).step) == (0, 4)
    again = arrive(BERT, run=mine.id)  # a reload, or another tab
    assert run_of(again).id == mine.id
    step(again)
    assert run_of(app).peek().step == 1


def test_who_would_rather_begin_gets_a_run_with_the_settings_of_the_address(annas: AppTest) -> None:
    app = arrive(BERT, run=run_of(annas).id, seed="5", step="4")
    press(app, "begin_own")
    drive.settle(app, SLUG)
    assert run_of(app).id != run_of(annas).id and player(app).config.seed == 5
    assert look(app).step == 4 and look(annas).step == 3 and [w.value for w in app.warning] == []


def test_two_tabs_of_one_browser_steer_one_run(annas: AppTest) -> None:
    tab = arrive(ANNA, run=run_of(annas).id, seed="3")
    assert run_of(tab).id == run_of(annas).id and look(tab).step == 3 and [w.value for w in tab.warning] == []
    step(tab)
    step(annas)
    tab.run()
    assert look(tab).step == look(annas).step == 5


def test_without_a_cookie_a_reload_is_somebody_else() -> None:
    app = arrive("")
    step(app)
    again = arrive("", run=run_of(app).id)
    assert player(again).on_stage is None and f"{SLUG}.take_over" in keys(again)
    step(app)
    assert look(app).step == 2


@pytest.mark.parametrize("params", [{"run": "nobodyknows"}, {"run": "<b>"}])
def test_a_dead_address_begins_anew_and_says_so(params: dict[str, str]) -> None:
    app = arrive(BERT, seed="3", **params)
    assert player(app).config.seed == 3 and look(app).step == 0
    assert [w.value for w in app.warning] == [
        "The run in this address is not here any more. This is a new one, with the settings that the address names."
    ]
    app.run()
    step(app)
    assert named(app) == run_of(app).id


def test_a_run_of_another_page_is_none_of_this_one(annas: AppTest) -> None:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page("../pages/moe_routing.py")
    app.session_state["shell.owner"] = ANNA
    app.query_params["run"] = run_of(annas).id
    sound(app.run())
    assert len(app.warning) == 1
    other = app.session_state["moe_routing.player"].on_stage
    assert other is not None and other.run.slug == "moe_routing" and other.run.id != run_of(annas).id


def test_what_is_kept_and_branched_off_belongs_to_the_same_browser(annas: AppTest) -> None:
    drive.turn(drive.seek(annas, SLUG, 1), SLUG)
    press(annas, "branch")
    press(annas, "keep")
    others = [watched.run for watched in player(annas).compared]
    assert len(others) == 2
    for run in [run_of(annas), *others]:
        assert runs.current().mine(run.id, ANNA) is not None and runs.current().mine(run.id, BERT) is None
    press(annas, "swap.0")
    step(annas)


def test_a_copy_that_cannot_be_made_is_said_and_can_be_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_RUNS_PER_WORKER", "2")
    monkeypatch.setenv("PLAYGROUND_WAITING", "1")
    annas = arrive(ANNA)
    step(annas)
    others = [runs.current().open(SLUG, player(annas).config) for _ in range(2)]
    app = arrive(BERT, run=run_of(annas).id)
    app.button(key=f"{SLUG}.take_over").click().run()
    assert not app.exception and "The playground is full" in app.error[0].value and player(app).on_stage is None
    for run in others:
        run.close()
    press(app, "take_over")
    assert look(app).step == 1


def test_a_page_that_is_left_and_come_back_to_without_the_address_begins_its_own(annas: AppTest) -> None:
    app = arrive(BERT, run=run_of(annas).id)
    del app.query_params["run"]
    sound(app.run())
    assert run_of(app).id != run_of(annas).id
