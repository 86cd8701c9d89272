"""Translation: attention finds the word that belongs to each word."""

from __future__ import annotations

from ui.page import lab_page

lab_page("translation")
