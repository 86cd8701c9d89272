"""Generative families: four ways to learn the same points, at the same time, judged by the same measures."""

from __future__ import annotations

from ui.inputs.points import points_input
from ui.page import lab_page

lab_page("generative_families", extra=points_input)
