"""Double descent: test error against width, from too narrow to absurdly wide."""

from __future__ import annotations

from typing import Any

from ui.page import lab_page


def unit(config: Any) -> str:
    """What one step is: a width with all its seeds, unless that takes longer than a slice of time."""
    if config.across == "epochs":
        return "Point"
    return "Width" if config.model != "network" and config.n <= 100 and config.seeds <= 5 else "Step"


lab_page("double_descent", unit=unit)
