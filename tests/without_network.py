"""A browser without network, for pages that must need none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Browser, Page

LOCAL = ("file:", "data:", "blob:", "about:")


@contextlib.contextmanager
def without_network(browser: Browser, *, height: int) -> Iterator[Page]:
    """A page, 1200 wide, which counts every word of complaint and every request as a failure."""
    context = browser.new_context(viewport={"width": 1200, "height": height}, color_scheme="light", offline=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(LOCAL) else wrong.append(request.url))
    yield page
    context.close()
    assert wrong == []
