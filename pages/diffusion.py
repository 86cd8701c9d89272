"""Diffusion: particles, or digits, that find their way out of noise while a network learns the way."""

from __future__ import annotations

from ui.inputs.points import points_input
from ui.page import lab_page

lab_page("diffusion", extra=points_input)
