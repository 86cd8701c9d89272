"""Grokking: a table that is known by heart first, and understood later."""

from __future__ import annotations

from ui.page import lab_page

lab_page("grokking")
