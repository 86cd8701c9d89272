"""Mixture of experts: a router and its experts learn together, beside two dense networks."""

from __future__ import annotations

from ui.controls import says
from ui.inputs.text import text_input
from ui.page import lab_page
from ui.player import Player

SLUG = "moe_routing"


def extra(player: Player) -> None:
    """A text of the visitor's own."""
    if says(SLUG, type(player.wanted), "data") == "text":
        text_input(player)


lab_page(SLUG, extra=extra)
