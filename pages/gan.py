"""GAN: real points, or digits, and fakes, what the discriminator makes of them, and how far it has come."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ui.controls import says
from ui.inputs.points import points_input
from ui.link import settings
from ui.page import lab_page
from ui.player import Player
from ui.press import whole

SLUG = "gan"
FOR_DIGITS = {"loss": "non_saturating", "critic_steps": 1, "noise_size": 16, "generator_hidden": (128, 128),
              "discriminator_hidden": (128, 128), "generator_rate": 0.0004, "discriminator_rate": 0.0004, "beta1": 0.5,
              "batch_size": 64}  # fmt: skip


def extra(player: Player) -> None:
    """What some data need: a pad, or larger networks.  And slow motion brings its own pace when it is switched."""
    slow = bool(st.session_state.get(f"{SLUG}.slow_motion", player.wanted.slow_motion))
    if slow != st.session_state.get(f"{SLUG}.slowed", False):
        st.session_state[f"{SLUG}.slowed"] = slow
        player.set_speed("1 step/s" if slow else "full speed")
    points_input(player)
    config: Any = settings(SLUG, type(player.wanted)).config
    wanting = any(getattr(config, name) != value for name, value in FOR_DIGITS.items())
    in_lesson = settings(SLUG, type(player.wanted)).lesson
    if says(SLUG, type(player.wanted), "data") == "digits" and wanting and not in_lesson:
        st.caption("64 pixels want more noise and wider networks than points of the plane.")
        st.button("Settings that suit digits", icon=":material/tune:", key=f"{SLUG}.suit", on_click=whole(_suit),
                  args=(player,))  # fmt: skip


def _suit(player: Player) -> None:
    player.turn(**FOR_DIGITS)


def unit(config: Any) -> str:
    return "Stage" if config.slow_motion else "Round"


lab_page(SLUG, extra=extra, unit=unit)
