"""More tabs and uploads than one browser may have: what a visitor sees of that."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from visitor import PATIENCE, serve, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_a_tab_too_many_is_a_sentence_until_another_one_is_closed(browser: Browser, tmp_path: Path) -> None:
    bounds = {"PLAYGROUND_PAGES_PER_OWNER": "2", "PLAYGROUND_UPLOADED_MB_PER_OWNER": "0.01", "PLAYGROUND_WORKERS": "1"}
    with serve(tmp_path / "log.txt", **bounds) as server, visit(browser, server.address) as visitor:
        visitor.open("lstm_gates", task="text")
        second, third = visitor.page.context.new_page(), visitor.page.context.new_page()
        second.goto(f"{server.address}/gan?seed=3")
        second.get_by_test_id("stHeading").first.wait_for(timeout=1000 * PATIENCE)
        third.goto(f"{server.address}/gan?seed=4")
        expect(third.get_by_role("heading", name="The playground is full")).to_be_visible()
        expect(third.get_by_text("Close some of its tabs, then reload this page.")).to_be_visible()
        visitor.step()  # those that are open notice nothing
        second.close()
        visitor.page.wait_for_timeout(500)
        third.reload()
        third.get_by_test_id("stHeading").first.wait_for(timeout=1000 * PATIENCE)
        third.close()

        visitor.page.get_by_role("button", name="Learn from your own text").click()
        field = visitor.page.locator("input[type=file]")
        field.set_input_files({"name": "own.txt", "mimeType": "text/plain", "buffer": b"to be or not to be " * 1000})
        expect(visitor.page.get_by_role("alert")).to_contain_text("429")  # Streamlit's words
        expect(visitor.page.get_by_text("The file was not uploaded. This browser has uploaded much")).to_be_visible()
        visitor.page.keyboard.press("Escape")
        visitor.step()
        assert visitor.tracebacks() == 0
        visitor.problems.clear()  # the browser's console tells of the answers 503 and 429
