"""A page in a browser, as the benchmarks visit it: opened afresh, played, left at rest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

PROBE = Path(__file__).with_name("probe.js").read_text(encoding="utf-8")
SCREEN = {"width": 1440, "height": 900}


def chromium() -> str:
    """The path of a Chromium or Chrome; the names are those that the Makefile looks for."""
    for name in (
        os.environ.get("CHROMIUM", ""),
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ):
        path = shutil.which(name)
        if path:
            return path
    raise SystemExit("There is no Chromium or Chrome: install one, or set CHROMIUM to its path.")


@contextmanager
def visit(browser: Browser, url: str) -> Iterator[Page]:
    """A page that a new visitor opens, with nothing cached, ready to be played."""
    context = browser.new_context(viewport=SCREEN)
    context.add_init_script(PROBE)
    page = context.new_page()
    try:
        page.goto(url, wait_until="domcontentloaded")
        until_ready(page)
        page.wait_for_timeout(2_000)
        yield page
        if playing(page):  # or it would train on for a while, in the next one's time
            with suppress(PlaywrightTimeout):  # the run may have ended by itself just now
                page.get_by_text("Pause", exact=True).first.click(timeout=2_000)
            page.wait_for_timeout(1_000)
    finally:
        context.close()


def until_ready(page: Page) -> None:
    try:
        page.locator(".live.step").first.wait_for(timeout=60_000)
    except PlaywrightTimeout:
        raise RuntimeError(f"{page.url} showed no step counter within a minute; it says: {_said(page)}") from None


class Presses:
    """How many buttons were pressed, and how many presses had to be repeated because nothing came of them."""

    def __init__(self) -> None:
        self.all = self.lost = 0

    def __call__(self, page: Page, button: str, *, until: str) -> None:
        """Press `button` until the page meets the condition `until` (JavaScript)."""
        for _ in range(5):
            self.all += 1
            try:
                page.get_by_text(button, exact=True).first.click(timeout=5_000)
                page.wait_for_function(until, timeout=5_000)
                return
            except PlaywrightTimeout:
                self.lost += 1
        raise RuntimeError(f"{button} was pressed five times and nothing came of it; the page says: {_said(page)}")

    def play(self, page: Page) -> None:
        self(page, "Play", until="probe.step() > 0")

    def reset(self, page: Page) -> None:
        """Back to step 0, and still."""
        self(page, "Reset", until="probe.step() === 0")
        page.wait_for_timeout(1_000)
        if playing(page):  # the page offers Pause although the run is at rest
            self.lost += 1
            self(page, "Pause", until="true")
            page.wait_for_timeout(1_000)


def _said(page: Page) -> str:
    return " ".join(page.locator("body").inner_text().split())[:300]


def playing(page: Page) -> bool:
    return page.get_by_text("Pause", exact=True).count() > 0
