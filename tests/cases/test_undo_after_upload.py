"""Undo and Back lost against a table that still lay in the uploader: it was put in force again at once.

And where Undo took the uploader away, Back brought the points without their notes, and no way to use them again.
"""

from __future__ import annotations

import random

import pytest
from playwright.sync_api import Browser
from visitor import visit


def table(shift: int) -> bytes:
    rng = random.Random(shift)
    rows = [f"{rng.gauss(shift * (i % 2), 1):.2f},{rng.gauss(2 * (i % 2), 1):.2f},{'uv'[i % 2]}" for i in range(60)]
    return "\n".join(["x,y,kind", *rows]).encode()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(600)  # a busy machine is no failure
def test_after_two_tables_undo_and_back_bring_the_first_one_and_it_stays(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("neural_network")
        visitor.key("data").get_by_role("combobox").click()
        visitor.page.get_by_role("option", name="CSV", exact=True).click()
        seen: list[str] = []
        for shift in (3, -3):
            file = {"name": f"{shift}.csv", "mimeType": "text/csv", "buffer": table(shift)}
            visitor.page.locator("input[type=file]").set_input_files(file)
            visitor.until(lambda: visitor.link.get("points", "") not in ("", *seen), "the table in the link")
            seen.append(visitor.link["points"])
        for back in (lambda: visitor.button("Undo").click(), visitor.page.go_back):
            back()
            visitor.until(lambda: visitor.link["points"] == seen[0], "the first table")
            visitor.page.get_by_text("The table is not in use").wait_for()
            visitor.step()
            assert visitor.link["points"] == seen[0]
            visitor.button("Use the table").click()
            visitor.until(lambda: visitor.link["points"] == seen[1], "the second table")
            visitor.page.get_by_text("Read as: commas").wait_for()
        assert visitor.problems == [] and visitor.tracebacks() == 0


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_back_after_undo_brings_the_table_with_its_notes(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("neural_network")
        visitor.key("data").get_by_role("combobox").click()
        visitor.page.get_by_role("option", name="CSV", exact=True).click()
        file = {"name": "a.csv", "mimeType": "text/csv", "buffer": table(3)}
        visitor.page.locator("input[type=file]").set_input_files(file)
        visitor.until(lambda: visitor.link.get("points", "") != "", "the table in the link")
        points = visitor.link["points"]
        visitor.page.get_by_text("Read as: commas").wait_for()
        visitor.button("Undo").click()
        visitor.until(lambda: visitor.link.get("data") != "csv", "the data before")
        visitor.page.locator("input[type=file]").wait_for(state="detached")
        visitor.page.go_back()
        visitor.until(lambda: visitor.link.get("points") == points, "the table")
        visitor.page.get_by_text("Read as: commas").wait_for()
        visitor.page.get_by_text("Read it in another way").wait_for()
        assert visitor.problems == [] and visitor.tracebacks() == 0
