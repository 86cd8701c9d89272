"""The page that watches a run, in a real browser: a class looks on, and nobody runs a page for it."""

from __future__ import annotations

import json
import re
from urllib.error import HTTPError
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from visitor import PICTURES, visit
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from engine.live import protocol

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def run_of(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query)["run"][0]


def step(page: Page) -> int:
    said = page.get_by_role("status").inner_text()
    found = re.match(r"Step ([\d,]+)", said)
    assert found, said
    return int(found[1].replace(",", ""))


def drawn(page: Page) -> list[str]:
    found: list[str] = page.locator(".stage canvas").evaluate_all(PICTURES)
    return found


def watched_bases(page: Page) -> list[int | None]:
    """What each picture that comes to this page builds on."""
    bases: list[int | None] = []

    def came(payload: bytes | str) -> None:
        if isinstance(payload, bytes):
            bases.append(json.loads(payload[8 : 8 + int.from_bytes(payload[4:8], "little")])["base"])

    page.on("websocket", lambda socket: socket.on("framereceived", came))
    return bases


def test_others_watch_a_run_as_it_learns_and_see_it_rest(browser: Browser, server: str) -> None:
    with visit(browser, server) as lecturer:
        lecturer.open("gradient_descent")
        lecturer.play_to(3)
        lecturer.page.get_by_role("button", name="Link and export").click()
        address = lecturer.page.get_by_role("link", name="Watch it live").get_attribute("href")
        assert address == f"{server}/watch/{run_of(lecturer.page)}"
        lecturer.page.keyboard.press("Escape")
        problems: list[str] = []
        student = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        student.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        student.on("pageerror", lambda error: problems.append(str(error)))
        asked: list[str] = []
        student.on("request", lambda request: asked.append(urlsplit(request.url).path))
        bases = watched_bases(student)
        student.goto(address)
        expect(student.get_by_role("heading", level=1)).to_have_text("Why does the learning rate decide everything?")
        canvases = student.locator(".stage canvas")
        expect(canvases.first).to_be_visible()
        before, picture = step(student), canvases.first.screenshot()
        lecturer.page.get_by_role("button", name="Play").click()
        lecturer.until(lambda: step(student) > before + 5, "the student to see more steps")
        assert canvases.first.screenshot() != picture
        expect(student.locator(".curves canvas").first).to_be_visible()
        lecturer.page.get_by_role("button", name="Pause").click()
        expect(student.get_by_role("status")).to_contain_text("paused")
        lecturer.until(lambda: lecturer.step_number() == step(student),
                       "both to stand at the same step")  # fmt: skip
        late = student.context.new_page()
        late.goto(address)  # and gets whole what the other has put together
        lecturer.until(lambda: drawn(late) == drawn(student) != [], "the same picture")
        assert None in bases and len(set(bases)) > 1, bases
        late.close()
        assert student.evaluate("document.documentElement.scrollWidth") <= 390
        assert not any(path.startswith("/_stcore") for path in asked)  # no Streamlit for those who only look on
        assert problems == []
        student.context.close()


def test_a_tab_whose_network_fails_says_so_and_comes_back(browser: Browser, server: str) -> None:
    with visit(browser, server) as lecturer:
        lecturer.open("gradient_descent")
        lecturer.play_to(2)
        context = browser.new_context()
        student = context.new_page()
        sockets: list[WebSocketRoute] = []

        def between(socket: WebSocketRoute) -> None:
            socket.connect_to_server()
            sockets.append(socket)

        student.route_web_socket("**/live/*", between)
        student.goto(f"{server}/watch/{run_of(lecturer.page)}")
        expect(student.locator(".stage canvas").first).to_be_visible()
        before = step(student)
        sockets[0].close(code=1012)
        expect(student.get_by_role("status")).to_contain_text("comes back by itself")
        lecturer.page.get_by_role("button", name="Step", exact=True).click()
        lecturer.until(lambda: "Step" in student.get_by_role("status").inner_text() and step(student) > before,
                       "the student to be back")  # fmt: skip
        assert len(sockets) == 2
        context.close()


def test_a_run_that_is_not_here_is_a_page_with_a_sentence(browser: Browser, server: str) -> None:
    for name in ("A" * 16, "x", "<b>who"):
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{server}/watch/{quote(name, safe='')}", timeout=20)
        assert refused.value.code == 404, name
    page = browser.new_page()
    page.goto(f"{server}/watch/{'A' * 16}")
    expect(page.get_by_role("status")).to_contain_text("This run is not here any more.")
    page.close()


def test_a_socket_is_for_our_own_pages_and_for_runs_that_are_there(server: str) -> None:
    address = server.replace("http", "ws")
    for path, headers, code in (
        (f"/live/{'A' * 16}", {}, protocol.UNKNOWN),
        ("/live/short", {}, protocol.UNKNOWN),
        (f"/live/{'A' * 16}", {"Origin": "https://elsewhere.example"}, protocol.ORIGIN),
        (f"/live/{'A' * 16}", {"Origin": "null"}, protocol.ORIGIN),
        (f"/live/{'A' * 16}", {"Origin": server}, protocol.UNKNOWN),
    ):
        try:
            with connect(address + path, additional_headers=headers) as socket:
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        socket.recv(timeout=20)
                assert closed.value.rcvd is not None and closed.value.rcvd.code == code
        except InvalidStatus as refused:
            assert code in (protocol.UNKNOWN, protocol.ORIGIN) and refused.response.status_code >= 400
