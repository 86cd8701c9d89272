"""The table below the stage holds what the lesson speaks of: also the share of strays."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Browser
from visitor import visit

from engine.labs.generative_families import Config, Experiment
from engine.measures.distances import RADIUS

ROWS = "(table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"


@pytest.mark.browser
@pytest.mark.timeout(600)  # a busy machine is no failure
def test_the_table_tells_strays_of_every_family_and_of_real_points(browser: Browser, server: str) -> None:
    chosen = {"families": "vae,diffusion", "objective": "flow", "sampling_steps": "1"}
    measured = Experiment(Config.from_params(chosen)).frame().measured["strays"]
    expected = [np.exp(-(RADIUS**2) / 2), *(np.mean(measured[name]) for name in ("vae", "diffusion"))]
    with visit(browser, server) as visitor:
        visitor.open("generative_families", **chosen)
        head, *rows = visitor.page.locator("table").first.evaluate(ROWS)
        column = head.index("strays")
        assert [row[column] for row in rows] == [f"{100 * share:.1f}\N{NO-BREAK SPACE}%" for share in expected]
        assert len(rows) == 3 and visitor.overflow() == 0
        visitor.open("generative_families", families="vae", data="spiral")
        head, *rows = visitor.page.locator("table").first.evaluate(ROWS)
        assert {row[head.index("strays")] for row in rows} == {"–"}  # it has no heaps
        assert not re.search(r"\bnan\b", visitor.said())
