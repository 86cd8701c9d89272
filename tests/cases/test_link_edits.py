"""An edit in a link was checked when the run got there: the run failed, and only Reset brought it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import drive
import pytest
from drive import sound
from streamlit.testing.v1 import AppTest

import engine
from engine import runs
from engine.contract.knobs import Config
from engine.runs.history import Intervention, Look
from engine.runs.inline import InlinePool
from engine.runs.limits import Limits
from engine.runs.run import Run

NETWORK = engine.lab("neural_network").Config
GOOD = {"layer": 1, "source": 0, "target": 2, "value": 1.5}
DEEP = "[" * 700 + "]" * 700
BAD = {  # as JSON, since some of it is no number that Python would write
    "not a number": '{"layer":0,"source":0,"target":0,"value":NaN}',
    "infinite": '{"layer":0,"source":0,"target":0,"value":1e400}',
    "too large": '{"layer":0,"source":0,"target":0,"value":-100.5}',
    "of 4,000 digits": '{"layer":0,"source":0,"target":0,"value":' + "9" * 4_000 + "}",
    "a word": '{"layer":0,"source":0,"target":0,"value":"٣"}',
    "true": '{"layer":0,"source":0,"target":0,"value":true}',
    "nothing": '{"layer":0,"source":0,"target":0,"value":null}',
    "nested": '{"layer":0,"source":0,"target":0,"value":' + DEEP + "}",
    "layer 99": '{"layer":99,"source":0,"target":0,"value":1}',
    "layer true": '{"layer":true,"source":0,"target":0,"value":1}',
    "layer 0.0": '{"layer":0.0,"source":0,"target":0,"value":1}',
    "a neuron too far": '{"layer":0,"source":0,"target":64,"value":1}',
    "before the first": '{"layer":0,"source":-2,"target":0,"value":1}',
    "empty": "{}",
    "no mapping": "7",
    "names of nothing": '{"__class__":"x"}',
}


@pytest.fixture(autouse=True)
def _no_run_is_left() -> Iterator[None]:
    yield
    runs.stop()


def arrive(slug: str, **params: str) -> AppTest:
    runs.stop()
    app = AppTest.from_file("../../ui/shell.py", default_timeout=60).switch_page(f"../pages/{slug}.py")
    for name, text in params.items():
        app.query_params[name] = text
    return sound(app.run())


def at_rest(run: Run) -> Look:
    look = run.peek()
    while look.active:
        look = run.peek()
    return look


def retold(changes: list[tuple[int, Any]], step: int = 6, config: Config | None = None) -> tuple[str, Look]:
    """What the run says to a story with these changes, and how it then stands."""
    home = InlinePool()
    run = home.open("neural_network", config or NETWORK())
    said = run.retell([Intervention(at, change) for at, change in changes], step)
    return said, at_rest(run)


@pytest.mark.parametrize("edit", BAD.values(), ids=BAD)
def test_a_page_says_which_edit_is_left_out_and_its_run_stands(edit: str) -> None:
    did = f'[[2,{{"learning_rate":"0.1"}}],[3,{{"edit":{edit}}}],[4,{{"edit":{json.dumps(GOOD)}}}]]'
    app = arrive("neural_network", step="5", seed="7", did=did)
    [said] = [warning.value for warning in app.warning]
    assert said.startswith("In the link, the change by hand at step 3 is left out: ")
    assert said.endswith(".") and ".." not in said and len(said) < 250
    watched = app.session_state["neural_network.player"].on_stage
    sound(drive.settle(app, "neural_network"))
    assert (watched.look.status, watched.look.step) == ("paused", 5)
    assert watched.look.config == NETWORK(seed=7, learning_rate=0.1)
    assert watched.look.changed_at == (2, 4)
    assert [warning.value for warning in app.warning] == [said], "it stays until something is turned"
    sound(drive.step(app, "neural_network"))
    assert watched.look.step == 6


@pytest.mark.parametrize("slug", ["gradient_descent", "double_descent"])
def test_a_lab_without_edits_leaves_them_out_and_keeps_the_rest(slug: str) -> None:
    app = arrive(slug, step="4", seed="7", did=f'[[2,{{"edit":{json.dumps(GOOD)}}}]]')
    [said] = [warning.value for warning in app.warning]
    assert said.startswith("In the link, the change by hand at step 2 is left out: edit = ")
    assert said.endswith("this lab has nothing that can be set by hand.")
    look = at_rest(app.session_state[f"{slug}.player"].on_stage.run)
    assert (look.status, look.step, look.config.seed) == ("paused", 4, 7)


def test_the_run_is_the_one_without_the_edit_to_the_digit() -> None:
    bad = {**GOOD, "layer": 99}
    calm = NETWORK(learning_rate=0.01)
    said, look = retold([(1, GOOD), (2, bad), (3, calm), (4, {**GOOD, "value": float("nan")})])
    nothing, wanted = retold([(1, GOOD), (3, calm)])
    assert nothing == "" and said.startswith("2 changes by hand are left out; the first, at step 2: layer = 99 is not")
    assert (
        (look.step, look.config, look.changed_at)
        == (6, calm, (1, 3))
        == (wanted.step, wanted.config, wanted.changed_at)
    )
    assert look.stage == wanted.stage
    assert {name: values.tolist() for name, (_, values) in look.curves.items()} == {
        name: values.tolist() for name, (_, values) in wanted.curves.items()
    }


def test_trying_an_edit_leaves_no_trace_in_the_run() -> None:
    """Accepted edits are tried at the beginning as well, and must be there only from their own step on."""
    _, look = retold([(5, {**GOOD, "value": 77.0})], step=4)
    _, wanted = retold([], step=4)
    assert look.stage == wanted.stage


def test_what_fits_depends_on_the_settings_of_the_link() -> None:
    edit = {"layer": 0, "source": 0, "target": 11, "value": 1.0}
    assert "target = 11" in retold([(1, edit)], config=NETWORK(hidden=(4,)))[0]
    assert retold([(1, edit)], config=NETWORK(hidden=(12,)))[0] == ""


def test_a_run_beside_leaves_its_edit_out_too() -> None:
    told = f'did=[[2,{{"edit":{BAD["layer 99"]}}}]]&seed=5&step=3'
    app = arrive("neural_network", step="4", compare=json.dumps([[told, 0]]))
    [said] = [warning.value for warning in app.warning]
    assert said.startswith(
        "In the link, for a run beside this one, the change by hand at step 2 is left out: layer = 99"
    )
    here = app.session_state["neural_network.player"]
    looks = [at_rest(watched.run) for watched in (here.on_stage, *here.compared)]
    assert [(look.status, look.step, look.config.seed) for look in looks] == [("paused", 4, 0), ("paused", 3, 5)]


def test_a_run_that_waited_for_a_place_says_it_when_it_has_one() -> None:
    home = InlinePool(Limits(runs_per_worker=1, waiting=1))
    first, second = home.open("neural_network", NETWORK()), home.open("neural_network", NETWORK(seed=2))
    assert second.retell([Intervention(1, {**GOOD, "layer": 99})], 3) == ""
    assert second.peek().status == "waiting"
    first.close()
    look = at_rest(second)
    assert (look.status, look.step) == ("paused", 3)
    assert look.message.startswith("In the link, the change by hand at step 1 is left out: layer = 99 is not accepted")
    second.step()
    assert at_rest(second).message == ""
