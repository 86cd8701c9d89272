"""Callbacks that are carried to their end, whatever the page is asked for meanwhile."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from streamlit.runtime.scriptrunner import RerunException


def whole(act: Callable[..., Any]) -> Callable[..., None]:
    """`act` as a callback that is carried through.

    When the browser asks for another run meanwhile, Streamlit ends a callback wherever it touches the session, and
    does not call it again.  Then `act` is called again: what it does must not depend on how often it was begun, so it
    reads from the session before it changes anything else.
    """

    @functools.wraps(act)
    def press(*args: Any) -> None:
        asked: RerunException | None = None
        while True:
            try:
                act(*args)
                break
            except RerunException as error:
                asked = error
        if asked is not None:
            raise asked

    return press
