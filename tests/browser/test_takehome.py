"""Taking a run home as one page, on the page of a lab."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from visitor import visit


@pytest.mark.browser
def test_a_run_is_taken_home_from_its_page_or_not_after_all(browser: Browser, server: str, tmp_path: Path) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gradient_descent", seed="5")
        step = visitor.play_to(60)
        visitor.button("Link and export").click()
        save, said = visitor.button("Save as one page"), visitor.page.locator(".takehome p")
        save.click()
        visitor.button("Cancel").click()
        visitor.until(lambda: said.inner_text() == "Cancelled.", "it to be cancelled")
        with visitor.page.expect_download() as coming:
            save.click()
        coming.value.save_as(tmp_path / "run.html")
        assert coming.value.suggested_filename == f"gradient_descent-seed5-step{step}.html"
        visitor.until(lambda: "is saved" in said.inner_text(), "it to be said that it is saved")
        assert f"{server}/gradient_descent?seed=5" in (tmp_path / "run.html").read_text(encoding="utf-8")
        assert visitor.step_number() == step, "the run itself stands where it stood"
