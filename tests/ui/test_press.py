"""Callbacks of buttons, while Streamlit wants to run something else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from streamlit.testing.v1 import AppTest
from visitor import ROOT, serve, wait_until

# Each press adds its letter to `done`; before that it touches the session often, and then waits, as for a worker.
LETTERS = "abcdefghij"
PAGE = """
import time
import streamlit as st
from ui import press

press.carry_out()
done = st.session_state.setdefault("done", [])
heard = st.session_state.setdefault("heard", [])
began = st.session_state.setdefault("began", [])

def pressed(letter, carry):
    heard.append(letter)
    carry(letter)

def add(letter):
    began.append(letter)
    for _ in range(10):
        {meanwhile}
        st.session_state["done"]
    time.sleep(0.02)
    done.append(letter)

with st.container(horizontal=True):
    for letter in {letters!r}:
        st.button(letter, key=letter, on_click=pressed, args=(letter, press.whole(add)))
for name in ("heard", "began", "done"):
    st.text(f"{{name}} {{''.join(st.session_state[name])}}")
"""

QUICKLY = """async ([letters, gap]) => {
  for (const letter of letters) {
    document.querySelector(`.st-key-${letter} button`).click();
    await new Promise((done) => setTimeout(done, gap));
  }
}"""
APP = """
import os
import streamlit as st

os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
app = st.App("shell.py")
"""


def done_and_begun(app: AppTest) -> tuple[Any, Any]:
    return app.session_state["done"], app.session_state["began"]


def test_a_callback_that_was_broken_off_is_carried_through_in_the_next_run() -> None:
    app = AppTest.from_string(PAGE.format(letters=LETTERS, meanwhile="st.rerun() if len(began) == 1 else None")).run()
    app.button("a").click().run()
    assert done_and_begun(app) == (["a"], ["a", "a"]) and not app.exception
    app.button("b").click().run()
    assert done_and_begun(app) == (["a", "b"], ["a", "a", "b"])


def test_what_was_asked_for_first_is_done_first() -> None:
    app = AppTest.from_string(PAGE.format(letters=LETTERS, meanwhile="st.rerun() if len(began) < 4 else None")).run()
    app.button("c").click()
    app.button("a").click().run()
    order = app.session_state["began"][0]
    assert app.session_state["done"] == [order, {"a": "c", "c": "a"}[order]]


def test_a_callback_that_nobody_disturbs_runs_once_and_says_what_is_wrong_once() -> None:
    app = AppTest.from_string(PAGE.format(letters=LETTERS, meanwhile="1 / (letter != 'b')")).run()
    app.button("a").click().run()
    assert done_and_begun(app) == (["a"], ["a"]) and not app.exception
    app.button("b").click().run()
    assert len(app.exception) == 1
    app.run().button("c").click().run()
    assert done_and_begun(app) == (["a", "c"], ["a", "b", "c"]) and not app.exception


@pytest.mark.browser
def test_of_presses_that_follow_each_other_quickly_none_is_lost_and_none_counts_twice(
    browser: Browser, tmp_path: Path
) -> None:
    """As fast as a browser can send them, on one core; some break off those before.

    What Streamlit (1.67) lets go before it calls us is not ours to keep: a press that is followed by another one while
    the thread is only starting that is to answer it.
    """
    (tmp_path / "shell.py").write_text(PAGE.format(letters=LETTERS, meanwhile="time.sleep(0.005)"), encoding="utf-8")
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    shutil.copytree(ROOT / ".streamlit", tmp_path / ".streamlit")
    with serve(tmp_path / "log.txt", folder=tmp_path, app=tmp_path / "app.py", PYTHONPATH=str(ROOT)) as server:
        page = browser.new_page()
        page.goto(server.address)
        page.get_by_role("button", name=LETTERS[-1], exact=True).wait_for()
        for gap in (0, 2, 5, 10, 20, 50):
            page.evaluate(QUICKLY, [LETTERS, gap])

        def read(name: str) -> str:
            return page.get_by_text(re.compile(f"^{name} ")).inner_text().removeprefix(f"{name} ")

        def at_rest() -> bool:
            before = read("heard")
            page.wait_for_timeout(1_000)
            return read("heard") == before and len(read("done")) >= len(before)

        wait_until(at_rest, "the last one")
        heard, began, done = read("heard"), read("began"), read("done")
        page.close()
    assert done == heard and set(heard) == set(LETTERS)
    assert len(began) > len(done), "none was broken off"
