"""LSTM gates: a recurrent cell at work on a sequence, and how far back each of three cells can learn."""

from __future__ import annotations

import streamlit as st

from ui.inputs.text import text_input
from ui.link import settings
from ui.page import lab_page
from ui.player import Player

SLUG = "lstm_gates"


def extra(player: Player) -> None:
    """The visitor's own text."""
    here = settings(SLUG, type(player.wanted))  # a link or a lesson may have changed what the widgets still show
    if (here.config.task if here.stale else st.session_state.get(f"{SLUG}.task", here.config.task)) == "text":
        text_input(player)


lab_page(SLUG, extra=extra)
