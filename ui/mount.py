"""The places on a lab's page that live past Streamlit: they show a run by its socket, and steer it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from engine import runs
from engine.runs.run import Run
from ui.scene import loader

_LOADER = loader("live/page.js")
_HTML = "<div class='live'></div>"
_mount = st.components.v2.component("playground_live", html=_HTML, js=_LOADER, isolate_styles=True)
# The step is text of the page itself, where whoever checks a page from outside reads it.
_STEP = ".live.step { min-height: 1.2em; font-weight: 600; line-height: normal; font-variant-numeric: tabular-nums; }"
_step = st.components.v2.component("playground_step", html=_HTML, css=_STEP, js=_LOADER, isolate_styles=False)
_take_home = st.components.v2.component(
    "playground_takehome", html=_HTML, js=loader("live/takehome.js"), isolate_styles=True
)


def place(
    part: str,
    run: Run,
    *,
    key: str,
    nudged: Callable[[], None] | None = None,
    back: Callable[[], None] | None = None,
    width: Any = "stretch",
    **data: Any,
) -> None:
    """A place that shows `part` of a run: "transport", "step", "timeline", "progress", "stage" or "curves".

    `nudged` is called, before the page is drawn again, when the run has come to rest or has other knobs; only the
    transport does that.  `back` is called when the browser has gone back or forward; only progress does that.  What
    else the part takes is told as `data`: see assets/live/page.js.
    """
    alive = runs.current().limits.pause_after / 3  # seconds between two signs of life
    told = {"part": part, "run": run.id, "key": run.key, "alive": alive, **data}
    mount = _step if part == "step" else _mount
    mount(key=key, data=told, on_nudge_change=nudged or _nothing, on_back_change=back or _nothing, width=width)


def take_home(run: Run, *, key: str) -> None:
    """A button that saves a run as one page of HTML, with how far that is: see assets/live/takehome.js."""
    _take_home(key=key, data={"run": run.id}, width="stretch")


def _nothing() -> None:
    """Streamlit returns a trigger only if it has a callback."""
