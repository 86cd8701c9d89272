"""Language model: the same line of writing gets better while it learns from your text."""

from __future__ import annotations

import streamlit as st

from ui.inputs.network import take_along
from ui.inputs.text import text_input
from ui.page import lab_page
from ui.player import Player
from ui.press import whole

SLUG = "language_model"
HEADS = "attention_heads"


def extra(player: Player) -> None:
    """The text to learn from, what it goes on from, and the sentence that is cut; the made world has none of them."""
    if player.wanted.objective == "neighbours":
        st.caption("It learns from 20,000 sentences of a made world of 117 words. Click a word to make it c.")
        return
    text_input(player)
    _line(player, "prompt", "It goes on from", "The commonest first word of a sentence")
    _line(player, "sentence", "Your sentence, cut into tokens", "A sentence that it never trains on")
    knobs = player.wanted.elsewhere
    if knobs is not None:
        take_along(player, HEADS, "Take this model along: see its heads", knobs)


def _line(player: Player, knob: str, label: str, empty: str) -> None:
    """One line for a knob that holds text; `empty` is what stands for nothing."""
    key, spec = f"{SLUG}.{knob}.line", player.wanted.knobs()[knob]
    st.session_state[key] = getattr(player.wanted, knob)

    def turn() -> None:
        player.turn(**{knob: st.session_state[key]})

    st.text_input(label, key=key, max_chars=spec.length[1], placeholder=empty, on_change=whole(turn), help=spec.help)


lab_page(SLUG, extra=extra)
