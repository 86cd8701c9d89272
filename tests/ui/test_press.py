"""Callbacks of buttons, while Streamlit wants to run something else."""

from __future__ import annotations

import pytest
from streamlit.runtime.scriptrunner import RerunData, RerunException

from ui.press import whole


def test_a_callback_that_was_broken_off_is_carried_through_and_the_other_run_still_follows() -> None:
    began: list[str] = []
    done: list[str] = []
    asked = RerunException(RerunData(query_string="the other run"))

    def act(lesson: str) -> None:
        began.append(lesson)
        if len(began) == 1:
            raise asked
        done.append(lesson)

    with pytest.raises(RerunException) as raised:
        whole(act)("chosen")
    assert raised.value is asked
    assert (began, done) == (["chosen", "chosen"], ["chosen"])


def test_a_callback_that_nobody_disturbs_runs_once_and_says_what_is_wrong() -> None:
    done: list[int] = []
    whole(done.append)(3)
    assert done == [3]
    with pytest.raises(ZeroDivisionError):
        whole(lambda: 1 / 0)()
