"""Drives the player of a page in an AppTest as its transport does in a browser: by the run, past Streamlit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from engine.runs.history import Look
from engine.runs.run import Run
from ui.player import Player

TRIGGERS = "$$STREAMLIT_INTERNAL_KEY_{}__events"  # by this name a component of Streamlit (1.67) sends its triggers
MOUNTS = ("playground_live", "playground_step")


def sound(app: AppTest) -> AppTest:
    """The page, in which nothing went wrong."""
    assert [e.message for e in app.exception] == [] and [e.value for e in app.error] == []
    return app


def player(app: AppTest, slug: str) -> Player:
    found: Player = app.session_state[f"{slug}.player"]
    return found


def run_of(app: AppTest, slug: str) -> Run:
    watched = player(app, slug).on_stage
    assert watched is not None
    return watched.run


def look(app: AppTest, slug: str) -> Look:
    """The run on stage as the page knows it."""
    watched = player(app, slug).on_stage
    assert watched is not None
    return watched.look


def picture(app: AppTest, slug: str) -> Look:
    """The run on stage as it is, with the picture of this moment."""
    return run_of(app, slug).peek()


def told(app: AppTest, part: str) -> list[dict[str, Any]]:
    """What each place that shows `part` of a run has been told."""
    return [each for each in _places(app).values() if each["part"] == part]


def _places(app: AppTest) -> dict[str, dict[str, Any]]:
    """What is told to each place past Streamlit, by the id that Streamlit gives it."""
    mounted = [element.proto for element in app.get("bidi_component")]
    return {proto.id: json.loads(proto.json) for proto in mounted if proto.component_name in MOUNTS}


# ---------------------------------------------------------------------- what the browser does


def nudge(app: AppTest) -> AppTest:
    """The transport says that the run has come to rest or has other knobs, and the page is drawn again."""
    return _tell(app, "transport", "nudge")


def back(app: AppTest, **params: str) -> AppTest:
    """The browser goes back or forward to an address with these parameters, and says so."""
    for name, text in params.items():
        app.query_params[name] = text
    return _tell(app, "progress", "back")


def pick(app: AppTest, **picked: Any) -> AppTest:
    """Something is picked in the picture under the tab Inside, which is the only one there."""
    [picture] = [each.proto.id for each in app.get("bidi_component") if each.proto.component_name == "scene"]
    return _fire(app, picture, "pick", {**picked, "id": f"{picked}"})


def _tell(app: AppTest, part: str, trigger: str) -> AppTest:
    [place] = [name for name, each in _places(app).items() if each["part"] == part]
    return _fire(app, place, trigger, {})


def _fire(app: AppTest, component: str, event: str, value: dict[str, Any]) -> AppTest:
    states = app.main.root.get_widget_states()
    said = json.dumps([{"event": event, "value": value}])
    states.widgets.append(WidgetState(id=TRIGGERS.format(component), json_trigger_value=said))
    return app._run(states)


def settle(app: AppTest, slug: str) -> AppTest:
    """Wait until the run and those beside it are at rest, which the transport then says."""
    here = player(app, slug)
    assert here.on_stage is not None
    end = time.monotonic() + 60
    for run in [each.run for each in (here.on_stage, *here.compared)]:
        while (found := run.peek(None)).active:
            assert time.monotonic() < end, f"still {found.status} at step {found.step}: {found.message}"
    return nudge(app)


def act(app: AppTest, slug: str, do: Callable[[Run], object]) -> AppTest:
    """Do something to the run on stage, and wait until it has been done."""
    do(run_of(app, slug))
    return settle(app, slug)


def step(app: AppTest, slug: str, n: int = 1) -> AppTest:
    return act(app, slug, lambda run: run.step(n))


def seek(app: AppTest, slug: str, to: int) -> AppTest:
    return act(app, slug, lambda run: run.seek(to))


def reset(app: AppTest, slug: str) -> AppTest:
    return act(app, slug, lambda run: run.reset())


def turn(app: AppTest, slug: str) -> AppTest:
    """Turn a live knob, a number, as far as it goes."""
    knobs = player(app, slug).config.knobs().values()
    knob = next(spec for spec in knobs if spec.live and spec.kind == "float")
    return act(app, slug, lambda run: run.update({knob.name: knob.high}))


def play(app: AppTest, slug: str) -> None:
    """Play; a run that is before the step that the transport was told as the end of a lesson stops there."""
    run, [transport] = run_of(app, slug), told(app, "transport")
    ends = transport["until"]
    stop = ends if ends is not None and run.report().last_step < ends else None
    run.pool.call("play", run.id, None, stop, key=run.key)
