"""The frame around every page: navigation and theme."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.errors import StreamlitAPIException

from engine.contract import registry
from engine.contract.card import Card
from ui import course, terms, theme
from ui.page import lab_page
from ui.plain import plain
from ui.press import carry_out
from ui.scene import loader

HOME = "home"
FOLDER = Path(__file__).resolve().parent.parent / "pages"
log = logging.getLogger(__name__)
_menu = st.components.v2.component(
    "playground_menu", html="<span></span>", js=loader("live/menu.js"), isolate_styles=True
)


def file(slug: str) -> Path:
    """The page of a lab, or the gallery."""
    return FOLDER / f"{slug}.py"


def labs() -> list[Card]:
    """The labs in the order of the navigation."""
    return [card for card in registry.cards()[0] if not _refused(card)]


def missing() -> list[str]:
    """A sentence for each lab whose card cannot be read, or makes no page."""
    found, wrong = registry.cards()
    return [*map(str, wrong), *filter(None, map(_refused, found))]


@cache
def _refused(card: Card) -> str:
    """Why there can be no page for a lab, or "": one that the navigation refuses would be missed on every page."""
    if card.slug == HOME:
        return f"No lab can be called {HOME}: that is the gallery."
    try:
        page(card)
    except StreamlitAPIException:
        return f"With the card of {card.slug} there is no page: its icon must be the name of a Material symbol."
    return ""


def picture(card: Card, mode: str) -> str:
    """The address of the picture of a lab in the gallery, "light" or "dark"; "" for a lab from outside."""
    place = f"assets/gallery/{card.slug}-{mode}.png"
    return place if (FOLDER.parent / place).exists() else ""


def notes(card: Card) -> Path | None:
    """The teacher's notes of a lab; None for one that has none."""
    file = registry.folder(card.slug) / "teaching.md"
    return file if file.exists() else None


def sheet(name: str) -> None:
    """Put one of our style sheets, for one page, into that page."""
    st.html(FOLDER.parent / "assets" / f"{name}.css")


def page(card: Card) -> st.Page:
    """Streamlit's own page object, for navigation and links; a lab from outside brings no file for it."""

    def generic() -> None:
        try:
            lab_page(card.slug)
        except Exception as error:  # somebody else's code: they should read what is wrong with it
            log.exception("The page of %s failed.", card.slug)
            said = (str(error) or type(error).__name__).rstrip(".")
            st.error(plain(f"The lab {card.slug} cannot be shown, because of an error in it: {said}."),
                     icon=":material/error:")  # fmt: skip

    where = file(card.slug) if file(card.slug).exists() else generic
    return st.Page(where, title=card.title, icon=f":material/{card.icon}:", url_path=card.slug)


def main() -> None:
    carry_out()
    theme.read_link()
    st.set_page_config(
        page_title="Deep-learning playground",
        page_icon=str(FOLDER.parent / "assets" / "favicon.svg"),
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    theme.apply()
    gallery = st.Page(file(HOME), title="Home", icon=":material/home:", url_path=HOME, default=True)
    groups: dict[str, list[st.Page]] = {"": [gallery]}
    known = st.session_state["shell.pages"] = {card.slug: page(card) for card in labs()}
    for card in course.in_order(labs()):
        groups.setdefault(card.group, []).append(known[card.slug])
    here = st.navigation(groups, position="top")
    if st.session_state.get("shell.page") != here.url_path:
        # Controls read the link again when a visitor arrives at a page, and only then.
        st.session_state["shell.page"] = here.url_path
        st.session_state["shell.visit"] = st.session_state.get("shell.visit", 0) + 1
    with st.container(key="terms"):  # what takes no room on a page
        terms.told()
        _menu(key="menu.mount")
    here.run()


if __name__ == "__main__":
    main()
