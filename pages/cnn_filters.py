"""CNN filters: one kernel at work, all maps while they are learned, and which pixels count."""

from __future__ import annotations

import streamlit as st

from engine.data import shelf
from engine.runs.pool import PoolError
from ui import shell
from ui.inputs.network import network_input
from ui.inputs.picture import dataset_notice, picture_input
from ui.page import lab_page
from ui.plain import plain
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
        _take_along(player)


def _take_along(player: Player) -> None:
    entry = next((entry for entry in shell.labs() if entry.slug == ATTACK), None)
    if entry is None or player.on_stage is None:
        return
    if st.button("Take this network to adversarial examples", icon=":material/bolt:", key=f"{SLUG}.take_along"):
        try:
            key = shelf.keep(player.on_stage.run.weights())
        except (PoolError, shelf.ShelfError) as error:
            st.warning(plain(str(error)))
            return
        st.switch_page(shell.page(entry), query_params={"model": "taken", "network": key})


lab_page(SLUG, extra=extra)
