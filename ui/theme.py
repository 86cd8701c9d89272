"""How this visitor sees the app: light or dark, at a desk or in a lecture hall, with which knobs hidden."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

CSS = Path(__file__).parent.parent / "assets" / "theme.css"


def dark() -> bool:
    """True if the visitor's theme is dark."""
    return st.context.theme.type == "dark"


def lecture() -> bool:
    """True in the view for a lecture hall: large type, sidebar closed."""
    return bool(st.session_state.get("shell.lecture", False))


def hidden_knobs() -> frozenset[str]:
    """Names of the knobs that the link asked to hide (`?hide=seed,noise`)."""
    names: frozenset[str] = st.session_state.get("shell.hide", frozenset())
    return names


def read_link() -> None:
    """Take `view` and `hide` from the link and keep them for the session: Streamlit drops them at a page change."""
    if "view" in st.query_params:
        st.session_state["shell.lecture"] = st.query_params["view"] == "lecture"
    if "hide" in st.query_params:
        names = st.query_params["hide"].split(",")
        st.session_state["shell.hide"] = frozenset(name.strip() for name in names if name.strip())


def present(there: bool) -> None:
    """Go to the view for a lecture hall, or leave it; the address says so too."""
    st.session_state["shell.lecture"] = there
    if there:
        st.query_params["view"] = "lecture"
    else:
        st.query_params.pop("view", None)


def apply() -> None:
    """Put the app's own style sheet, and that of the lecture view, into the page: one place, so that nothing moves."""
    sheets = [CSS, CSS.with_name("lecture.css")] if lecture() else [CSS]
    st.html("<style>" + "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets) + "</style>")
