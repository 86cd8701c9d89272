"""The frame around every page: navigation and theme."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value

from engine.contract import registry
from engine.contract.card import Card
from ui import theme
from ui.page import lab_page

FOLDER = Path(__file__).resolve().parent.parent / "pages"


def file(slug: str) -> Path:
    """The page of a lab, or the gallery."""
    return FOLDER / f"{slug}.py"


def labs() -> list[Card]:
    """The labs in the order of the navigation."""
    return registry.cards()[0]


def missing() -> list[str]:
    """A sentence for each lab whose card cannot be read."""
    return [str(error) for error in registry.cards()[1]]


def picture(card: Card, mode: str) -> str:
    """The address of the picture of a lab in the gallery, "light" or "dark"; "" for a lab from outside."""
    place = f"assets/gallery/{card.slug}-{mode}.png"
    return place if (FOLDER.parent / place).exists() else ""


def page(card: Card) -> st.Page:
    """Streamlit's own page object, for navigation and links; a lab from outside brings no file for it."""

    def generic() -> None:
        lab_page(card.slug)

    where = file(card.slug) if file(card.slug).exists() else generic
    return st.Page(where, title=card.title, icon=f":material/{card.icon}:", url_path=card.slug)


def from_the_top() -> None:
    """Draw at the top of the page from here on.

    A page that is asked for in the last moment of a fragment's run is run by the same thread, where Streamlit (1.67)
    still has the place of that fragment: the whole page would be drawn into its own stage.
    """
    context_dg_stack.set(get_default_dg_stack_value())


def main() -> None:
    from_the_top()
    theme.read_link()
    st.set_page_config(
        page_title="Deep-learning playground",
        page_icon=str(FOLDER.parent / "assets" / "favicon.svg"),
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    theme.apply()
    gallery = st.Page(file("home"), title="Gallery", icon=":material/grid_view:", url_path="home", default=True)
    groups: dict[str, list[st.Page]] = {"": [gallery]}
    for card in labs():
        groups.setdefault(card.group, []).append(page(card))
    here = st.navigation(groups, position="top")
    if st.session_state.get("shell.page") != here.url_path:
        # Controls read the link again when a visitor arrives at a page, and only then.
        st.session_state["shell.page"] = here.url_path
        st.session_state["shell.visit"] = st.session_state.get("shell.visit", 0) + 1
    here.run()


if __name__ == "__main__":
    main()
