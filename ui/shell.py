"""The frame around every page: navigation, theme, and the one list of pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value

from ui import theme

FOLDER = Path(__file__).resolve().parent.parent / "pages"


@dataclass(frozen=True)
class PageEntry:
    """One line of the navigation.  The slug names the file in pages/, the lab in engine/labs/ and the URL."""

    slug: str
    title: str
    icon: str
    group: str
    question: str

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.slug}.py"

    @property
    def ready(self) -> bool:
        """A page is listed once its file exists."""
        return self.file.exists()

    def page(self) -> st.Page:
        """Streamlit's own page object, for navigation and links."""
        return st.Page(
            self.file, title=self.title, icon=f":material/{self.icon}:", url_path=self.slug, default=self.slug == "home"
        )


PAGES = (
    PageEntry("home", "Gallery", "grid_view", "", "Which question would you like to play with?"),
    PageEntry(
        "gradient_descent", "Gradient descent", "south_east", "Foundations",
        "Why does the learning rate decide everything?",
    ),
    PageEntry("neural_network", "Neural network", "hub", "Foundations", "What does each neuron see?"),
    PageEntry("cnn_filters", "CNN filters", "filter_center_focus", "Vision", "What does a convolution look for?"),
    PageEntry(
        "adversarial_examples", "Adversarial examples", "bolt", "Vision", "Why does a little noise fool it?",
    ),
    PageEntry("vae", "Variational autoencoder", "scatter_plot", "Generative", "What is between two digits?"),
    PageEntry("gan", "GAN", "compare", "Generative", "Can a forger and a detective learn together?"),
    PageEntry("diffusion", "Diffusion", "blur_on", "Generative", "How does noise become a picture?"),
    PageEntry(
        "generative_families", "Generative families", "balance", "Generative",
        "Four ways to learn a distribution: who pays what?",
    ),
    PageEntry("double_descent", "Double descent", "ssid_chart", "Phenomena", "Can a bigger model overfit less?"),
    PageEntry("attention_heads", "Attention heads", "visibility", "Sequences", "What does a head attend to?"),
    PageEntry("lstm_gates", "LSTM gates", "memory", "Sequences", "How does a network remember?"),
    PageEntry("moe_routing", "Mixture of experts", "alt_route", "Sequences", "Who learns what?"),
)  # fmt: skip


def labs() -> list[PageEntry]:
    """The pages that show a lab and whose file exists, in the order of the navigation."""
    return [entry for entry in PAGES if entry.slug != "home" and entry.ready]


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
    groups: dict[str, list[st.Page]] = {}
    for entry in PAGES:
        if entry.ready:
            groups.setdefault(entry.group, []).append(entry.page())
    page = st.navigation(groups, position="top")
    if st.session_state.get("shell.page") != page.url_path:
        # Controls read the link again when a visitor arrives at a page, and only then.
        st.session_state["shell.page"] = page.url_path
        st.session_state["shell.visit"] = st.session_state.get("shell.visit", 0) + 1
    page.run()


if __name__ == "__main__":
    main()
