"""Attention heads: all of them while they learn, one taken apart, and what each is worth."""

from __future__ import annotations

import streamlit as st

from ui.inputs.network import network_input
from ui.inputs.text import text_input
from ui.page import lab_page
from ui.player import Player
from ui.press import whole

SLUG = "attention_heads"


def extra(player: Player) -> None:
    """Heads to switch off, and the text to learn from."""
    config = player.wanted
    known = {(layer + 1) * 10 + head + 1: f"{layer + 1}.{head + 1}"
             for layer in range(config.layers) for head in range(config.heads)}  # fmt: skip
    key = f"{SLUG}.off.pills"
    st.session_state[key] = [head for head in config.off if head in known]

    def switch() -> None:
        player.turn(off=tuple(sorted(st.session_state[key])))

    st.pills("Switch heads off", list(known), format_func=known.__getitem__, selection_mode="multi", key=key,
             on_change=whole(switch), help="Only where you look: training goes on with all heads.")  # fmt: skip
    if config.task == "text":
        text_input(player)
    if config.network:
        with st.popover("Networks", icon=":material/swap_horiz:", key=f"{SLUG}.networks"):
            network_input(player)


lab_page(SLUG, extra=extra)
