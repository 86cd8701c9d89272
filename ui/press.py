"""A press of a button that counts once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from streamlit.runtime.scriptrunner import get_script_run_ctx


def once(act: Callable[..., Any]) -> Callable[..., None]:
    """`act` as the callback of a button that stands outside every fragment.

    When a fragment's timer fires while a press is on its way, the browser sends the press with both messages, and
    Streamlit calls back for both.  Only the run of the whole page, which always comes, is answered.
    """

    @functools.wraps(act)
    def press(*args: Any) -> None:
        context = get_script_run_ctx()
        if context is None or not context.fragment_ids_this_run:
            act(*args)

    return press
