"""CNN filters: one kernel at work, all maps while they are learned, and which pixels count."""

from __future__ import annotations

import streamlit as st

from ui.inputs.data_set import dataset_notice
from ui.inputs.network import network_input, take_along
from ui.inputs.picture import picture_input
from ui.page import lab_page
from ui.player import Player

SLUG = "cnn_filters"
ATTACK = "adversarial_examples"


def extra(player: Player) -> None:
    """The picture to look at, and networks that come and go."""
    dataset_notice(player)
    picture_input(player)
    with st.popover("Networks", icon=":material/swap_horiz:", key=f"{SLUG}.networks"):
        network_input(player)
        if player.wanted.network:
            st.caption("Blocks, size, depth, kernel and norm are those of this network; the knobs for them do nothing.")
        take_along(player, ATTACK, "Take this network to adversarial examples")


lab_page(SLUG, extra=extra)
