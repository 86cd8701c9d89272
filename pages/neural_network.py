"""Neural network: what each neuron sees while a small network learns to colour the plane."""

from __future__ import annotations

from ui.inputs.points import CLASSES, points_input
from ui.inputs.table import table_input
from ui.page import lab_page
from ui.player import Player


def extra(player: Player) -> None:
    """What no knob describes: a pad to draw points on, and the upload of a table."""
    points_input(player, CLASSES)
    table_input(player)


lab_page("neural_network", extra=extra)
