"""What a visitor's own browser remembers, on the home page: its runs, and the lessons that are done."""

from __future__ import annotations

import re

import streamlit as st

from ui.scene import loader

KEY = "home.mine"
DONE = "home.done"
NAME = re.compile(r"[a-z][a-z0-9_]*/[\w-]{1,80}")
MOST = 1000
_mount = st.components.v2.component(
    "playground_mine", html="<div class='mine'></div>", js=loader("live/mine.js"), isolate_styles=False
)


def place() -> None:
    """A place that shows the runs of this browser; the page is drawn again when its lessons are others than thought.

    It is empty, and takes no room, in a browser that has kept nothing or may keep nothing.
    """
    st.session_state[DONE] = told(_mount(key=KEY, data={"done": done()}, on_done_change=_take).get("done"))


def done() -> list[str]:
    """The lessons that are done, as `ui.course.name` calls them, as far as the browser has said."""
    return list(st.session_state.get(DONE, []))


def told(said: object) -> list[str]:
    """What a browser says is done: whoever steers it may say anything."""
    names = said if isinstance(said, list) else []
    return [name for name in names[:MOST] if isinstance(name, str) and NAME.fullmatch(name)]


def _take() -> None:
    """Before the page is drawn again: all of it shows what is done, also what stands above the place."""
    st.session_state[DONE] = told(dict(st.session_state.get(KEY) or {}).get("done"))
