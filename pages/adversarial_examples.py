"""Adversarial examples: a small change of a picture, two networks that see it, and how far each holds out."""

from __future__ import annotations

from ui.inputs.data_set import dataset_notice
from ui.inputs.network import network_input
from ui.inputs.picture import picture_input
from ui.page import lab_page
from ui.player import Player


def extra(player: Player) -> None:
    """The picture that is attacked, and a network from a file."""
    dataset_notice(player)
    picture_input(player)
    network_input(player)


lab_page("adversarial_examples", extra=extra)
