"""No private API of Streamlit is used: what its documentation names is there in the next version too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = ("streamlit", "streamlit.errors", "streamlit.testing.v1")  # modules from which names may be taken
FOLDERS = ("engine", "ui", "pages")
SHIPPED = [ROOT / "app.py", *(file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")))]
BESIDE = [file for folder in ("tests", "benchmarks") for file in sorted((ROOT / folder).rglob("*.py"))]

# What tests and benchmarks look at behind the curtain, where Streamlit gives no other way.
BEHIND = {
    ("tests/drive.py", "streamlit.proto.WidgetStates_pb2.WidgetState"),  # AppTest cannot fire a component's trigger
    ("benchmarks/clients.py", "streamlit.proto.BackMsg_pb2.BackMsg"),  # a class of clients without a browser speaks its
    ("benchmarks/clients.py", "streamlit.proto.ForwardMsg_pb2.ForwardMsg"),  # protocol: there is no other client
    ("tests/deploy/test_nginx.py", "streamlit.proto.BackMsg_pb2.BackMsg"),  # and nginx has to let it through
    ("tests/deploy/test_nginx.py", "streamlit.proto.ForwardMsg_pb2.ForwardMsg"),
    ("benchmarks/tab.py", "streamlit.proto.BackMsg_pb2.BackMsg"),  # and so does each guest of a soak
    ("benchmarks/tab.py", "streamlit.proto.ForwardMsg_pb2.ForwardMsg"),
    ("tests/cases/test_link_steps.py",  # the length at which it drops an address: ours must stay below
     "streamlit.runtime.state.query_params.CLIENT_STATE_QUERY_STRING_MAX_LENGTH"),
}  # fmt: skip


def private(source: str) -> Iterator[str]:
    """What `source` takes of Streamlit that is not public: modules that it imports from, and attributes with a `_`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if of_streamlit(each.name) and each.name not in PUBLIC)
        elif isinstance(node, ast.ImportFrom) and of_streamlit(node.module or ""):
            names = [f"{node.module}.{each.name}" for each in node.names]
            yield from (name for name in names if node.module not in PUBLIC or (module(name) and name not in PUBLIC))
        elif isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr):
            written = ast.unparse(node)
            if written.partition(".")[0] in ("st", "streamlit"):
                yield written


def of_streamlit(name: str) -> bool:
    return name.partition(".")[0] == "streamlit"


def module(name: str) -> bool:
    """Whether `name` is a module of Streamlit, and not something that a module offers."""
    place = Path(st.__file__).parent.joinpath(*name.split(".")[1:])
    return place.is_dir() or place.with_suffix(".py").exists()


def test_what_is_private_is_found() -> None:
    source = """
import streamlit as st
import streamlit.web.cli
from streamlit import config, cache_data
from streamlit.errors import StreamlitAPIException
from streamlit.testing.v1 import AppTest
from streamlit.runtime.scriptrunner import get_script_run_ctx
st.session_state._state
st.session_state.public
"""
    assert sorted(private(source)) == [
        "st.session_state._state",
        "streamlit.config",
        "streamlit.runtime.scriptrunner.get_script_run_ctx",
        "streamlit.web.cli",
    ]


@pytest.mark.parametrize("files", [SHIPPED, BESIDE], ids=["what we ship", "tests and benchmarks"])
def test_nothing_private_of_streamlit_is_used(files: list[Path]) -> None:
    found = {
        (file.relative_to(ROOT).as_posix(), name)
        for file in files
        for name in private(file.read_text(encoding="utf-8"))
    }
    assert found == (BEHIND if files is BESIDE else set())


def test_our_scripts_in_the_browser_know_none_of_its_elements() -> None:
    """Its classes `st-key-…`, which name our own keys, and the variables of its theme are documented."""
    inside = re.compile(r"data-testid|st-emotion|[\"'`. ]st[A-Z]\w+[\"'`. ]")
    files = [*(ROOT / "assets").rglob("*.js"), *(ROOT / "ui").rglob("*.py")]
    assert files and [str(file) for file in files if inside.search(file.read_text(encoding="utf-8"))] == []
