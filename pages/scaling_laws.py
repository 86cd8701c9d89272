"""Scaling laws: ten sizes against compute, the floor that is known, and the law fitted to them."""

from __future__ import annotations

from ui.page import lab_page

lab_page("scaling_laws")
