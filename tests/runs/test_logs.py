"""The log as lines of JSON: whatever happens, whoever says it, each line is one object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.runs import logs

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "import logging\nfrom engine.runs import logs\nlogs.begin('web')"


def written(code: str, form: str = "json") -> list[str]:
    """The lines that a process writes to standard error which does `code`."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PLAYGROUND_LOG": form}, capture_output=True,
        text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stdout == ""
    return done.stderr.splitlines()


def told(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written(f"{BEGIN}\n{code}")]


def test_a_line_says_when_how_bad_who_and_what() -> None:
    [line] = told("logging.getLogger('engine.runs').warning('%d of \"these\" are\\nlost', 3)")
    assert (line["level"], line["logger"], line["process"]) == ("WARNING", "engine.runs", "web")
    assert line["message"] == '3 of "these" are\nlost' and line["pid"] > 0
    assert line["time"].endswith("+00:00") and "exception" not in line


def test_what_is_below_the_level_is_left_out_as_in_the_text() -> None:
    assert [line["message"] for line in told("log = logging.getLogger('x')\nlog.info('no')\nlog.error('yes')")] == [
        "yes"
    ]


@pytest.mark.parametrize("code", [
    "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.getLogger('x').exception('a page failed')",
    "1 / 0",
    "import threading\nthread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()",
])  # fmt: skip
def test_a_traceback_is_within_its_line(code: str) -> None:
    [line] = told(code)
    assert line["exception"].startswith("Traceback") and line["exception"].endswith(
        "ZeroDivisionError: division by zero"
    )


def test_warnings_of_python_are_lines_too() -> None:
    [line] = told("import warnings\nwarnings.warn('soon gone', stacklevel=1)")
    assert line["logger"] == "py.warnings" and "soon gone" in line["message"]


def test_loggers_with_handlers_of_their_own_write_lines_before_and_after() -> None:
    """As Streamlit's do, which pass nothing on to the others."""
    code = """
def own(name):
    logger, handler = logging.getLogger(name), logging.StreamHandler()
    logger.propagate = False
    handler.setFormatter(logging.Formatter("%(asctime)s in its own form"))
    logger.addHandler(handler)
    return logger

before = own("before")
logs.begin("web")
before.error("one")
own("after").error("two")
"""
    assert [line["message"] for line in told(code)] == ["one", "two"]


def test_streamlit_and_its_loggers_write_lines() -> None:
    code = """
import streamlit as st
logs.begin("web")
logging.getLogger("streamlit").error("known")
st.get_option("server.port")
from streamlit.logger import get_logger
get_logger("streamlit.new").error("new")
"""
    assert [line["message"] for line in told(code)] == ["known", "new"]


def test_by_default_nothing_changes() -> None:
    code = f"{BEGIN.replace('logs.begin', 'assert not logs.begin')}\nlogging.getLogger('x').error('so it is')"
    assert written(code, "") == written(code, "text") == ["so it is"]


def test_a_form_that_there_is_not_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^PLAYGROUND_LOG='xml' is no form of the log: give text or json\.$"):
        logs.form({"PLAYGROUND_LOG": "xml"})
    assert logs.form({"PLAYGROUND_LOG": " JSON "}) == "json" and logs.form({}) == "text"
