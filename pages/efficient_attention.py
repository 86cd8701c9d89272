"""Efficient attention: who looks where for what share of the work, and how many pairs are recalled."""

from __future__ import annotations

from ui.page import lab_page

lab_page("efficient_attention")
