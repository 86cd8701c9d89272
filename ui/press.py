"""Callbacks that are carried to their end, whatever the page is asked for meanwhile."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import Any

import streamlit as st

ASKED = "shell.asked"  # what has been asked for and is not done to its end, the oldest first


def whole(act: Callable[..., Any]) -> Callable[..., None]:
    """`act` as a callback that is carried through.

    When the browser asks for another run meanwhile, Streamlit ends a callback wherever it touches the session, and
    does not call it again.  So what is asked for is noted first, and stays so until it is done: what was broken off
    is begun again before the next thing that is asked for, or else by `carry_out` at the beginning of the next run.
    What `act` does must not depend on how often it was begun, so it reads from the session before it changes anything
    else.  An error ends it, and is raised once.
    """
    asked: deque[Callable[[], Any]] = st.session_state.setdefault(ASKED, deque())

    @functools.wraps(act)
    def press(*args: Any) -> None:
        asked.append(functools.partial(act, *args))
        _carry_out(asked)

    return press


def carry_out() -> None:
    """Do what was asked for and broken off.  To be called before anything is drawn."""
    _carry_out(st.session_state.get(ASKED, deque()))


def _carry_out(asked: deque[Callable[[], Any]]) -> None:
    while asked:
        try:
            asked[0]()
        except Exception:
            asked.popleft()
            raise
        asked.popleft()
