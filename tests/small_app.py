"""A Streamlit app of a few lines with the assets and sockets, for tests of one part of a page in a real browser."""

from __future__ import annotations

import socket

APP = """
import streamlit as st
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from ui import live

app = st.App("shell.py", routes=[Mount("/assets", StaticFiles(directory={assets!r})), live.socket("")])
"""


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
