"""Alignment: all sentences of a toy language, and what a reward makes of them."""

from __future__ import annotations

from ui.page import lab_page

lab_page("alignment")
