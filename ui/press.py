"""Callbacks that count once, and to the end, while a fragment redraws all the time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from streamlit.runtime.scriptrunner import RerunException, get_script_run_ctx


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


def once(act: Callable[..., Any]) -> Callable[..., None]:
    """`act` as the callback of a button that stands outside every fragment, carried through like `whole`.

    When a fragment's timer fires while a press is on its way, the browser sends the press with both messages, and
    Streamlit calls back for both.  Only the run of the whole page, which always comes, is answered.
    """
    carried = whole(act)

    @functools.wraps(act)
    def press(*args: Any) -> None:
        context = get_script_run_ctx()
        if context is None or not context.fragment_ids_this_run:
            carried(*args)

    return press
