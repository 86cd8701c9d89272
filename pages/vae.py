"""Variational autoencoder: the latent plane, what it decodes to, the code of one row, and a walk between classes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import streamlit as st

from ui.inputs.data_set import dataset_notice
from ui.inputs.picture import picture_input
from ui.link import settings
from ui.page import View, lab_page, views
from ui.player import Player
from ui.press import once
from ui.scene import coming, show

SLUG = "vae"
drawn = views(SLUG)


def stage(view: View) -> None:
    """A pick is answered in the picture that is drawn now: a code that is dragged waits for it."""
    pick = coming(view.key)
    turn = drawn.answer(_moment(view), pick) if pick else None
    if turn:
        view.player.turn_at_once(**turn.knobs)
        if view.key == f"{SLUG}.stage" and view.player.on_stage and view.player.on_stage.look.frame is not None:
            view = replace(view, look=view.player.on_stage.look)
    if show(drawn.stage(_moment(view)), key=view.key):
        st.rerun(scope="app")


def _moment(view: View) -> Any:
    """What is seen now, as the lab's view takes it."""
    look, beside = view.look, view.player.compared and st.session_state.get(f"{SLUG}.side_by_side", True)
    return drawn.View(look.frame, look.config, view.curves, look.step, look.last_step, bool(beside))


# ---------------------------------------------------------------------- beside the stage


def extra(player: Player) -> None:
    """The row that is encoded, and other random codes."""
    config: Any = settings(SLUG, type(player.wanted)).config
    chosen = st.session_state.get(f"{SLUG}.data", config.data)
    if chosen in drawn.PICTURES:
        dataset_notice(player)
        if config.data in drawn.PICTURES:
            picture_input(player)
    with st.container(horizontal=True, gap="small"):
        if config.data not in drawn.PICTURES:
            st.button("Another row", icon=":material/shuffle:", key=f"{SLUG}.other", on_click=once(_other),
                      args=(player,))  # fmt: skip
        st.button("Draw other codes", icon=":material/casino:", key=f"{SLUG}.resample", on_click=once(_redraw),
                  args=(player, config.draw))  # fmt: skip


def _other(player: Player) -> None:
    player.turn(example=random.randrange(500))


def _redraw(player: Player, before: int) -> None:
    player.turn(draw=(before + 1) % 10_000)


lab_page(SLUG, stage=stage, extra=extra)
