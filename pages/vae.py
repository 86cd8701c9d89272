"""Variational autoencoder: the latent plane, what it decodes to, the code of one row, and a walk between classes."""

from __future__ import annotations

import random
from typing import Any

import streamlit as st

from ui.inputs.data_set import PICTURES, dataset_notice
from ui.inputs.picture import picture_input
from ui.link import settings
from ui.page import lab_page
from ui.player import Player
from ui.press import whole

SLUG = "vae"


def extra(player: Player) -> None:
    """The row that is encoded, and other random codes."""
    config: Any = settings(SLUG, type(player.wanted)).config
    chosen = st.session_state.get(f"{SLUG}.data", config.data)
    if chosen in PICTURES:
        dataset_notice(player)
        if config.data in PICTURES:
            picture_input(player)
    with st.container(horizontal=True, gap="small"):
        if config.data not in PICTURES:
            st.button("Another row", icon=":material/shuffle:", key=f"{SLUG}.other", on_click=whole(_other),
                      args=(player,))  # fmt: skip
        st.button("Draw other codes", icon=":material/casino:", key=f"{SLUG}.resample", on_click=whole(_redraw),
                  args=(player, config.draw))  # fmt: skip


def _other(player: Player) -> None:
    player.turn(example=random.randrange(500))


def _redraw(player: Player, before: int) -> None:
    player.turn(draw=(before + 1) % 10_000)


lab_page(SLUG, extra=extra)
