"""State spaces: step sizes that open at what must be kept, beside a layer that cannot choose."""

from __future__ import annotations

from ui.page import lab_page

lab_page("state_space")
