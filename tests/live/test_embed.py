"""A lab on somebody else's slides, in a real browser: an iframe on a page of another origin."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, WebSocket, WebSocketRoute, expect
from slides import slides
from visitor import wait_until

from engine.live import protocol

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SLIM = 300_000  # bytes until the first picture
PICTURE = "(canvas) => canvas.toDataURL()"  # a screenshot would let go of what the mouse holds


def counted(frame: FrameLocator) -> tuple[int, int]:
    """The step on screen, and the last one."""
    said = frame.locator(".counter").inner_text()
    found = re.match(r"Step ([\d,]+)(?: of ([\d,]+))?", said)
    assert found, said
    step = int(found[1].replace(",", ""))
    return step, int(found[2].replace(",", "")) if found[2] else step


def heard(page: Page) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What will be said on sockets: to the server, and to the browser in words."""
    said: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda text: said.append(json.loads(text)))
        socket.on("framereceived", lambda data: told.append(json.loads(data)) if isinstance(data, str) else None)

    page.on("websocket", listen)
    return said, told


def test_a_lab_is_played_rewound_and_turned_on_somebody_elses_slide(browser: Browser, server: str) -> None:
    address = f"{server}/embed/gradient_descent?panel=map&amp;seed=3"
    with slides(f'<iframe src="{address}" width="600" height="400" title="A lab"></iframe>') as there:
        page = browser.new_page(viewport={"width": 800, "height": 600})
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        sizes: list[tuple[str, int]] = []
        page.on("requestfinished", lambda request: sizes.append((request.url, request.sizes()["responseBodySize"])))
        said, told = heard(page)
        page.goto(there)
        frame = page.frame_locator("iframe")
        expect(frame.locator(".still img")).to_be_visible()
        expect(frame.get_by_role("slider", name="Timeline")).to_be_disabled()
        assert not said and not any(url.endswith("/runs") for url, _ in sizes)  # no run before the first Play

        frame.get_by_role("button", name="Play", exact=True).click()
        expect(frame.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        expect(frame.locator(".panel canvas")).to_have_count(1)  # the one panel that was asked for
        assert sum(size for url, size in sizes if url.startswith(server)) < SLIM, sizes
        canvas = frame.locator(".panel canvas")
        wait_until(lambda: page.wait_for_timeout(20) or counted(frame)[0] > 20, "some steps")
        frame.get_by_role("button", name="Pause", exact=True).click()
        expect(frame.get_by_role("button", name="Play", exact=True)).to_be_visible()
        expect(frame.locator(".counter")).to_contain_text("paused")
        late, last = canvas.evaluate(PICTURE), counted(frame)[1]

        timeline = frame.get_by_role("slider", name="Timeline")
        box = timeline.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] - 9, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2, steps=8)
        wait_until(lambda: page.wait_for_timeout(20) or counted(frame)[0] < last, "an earlier picture while it is held")
        wait_until(lambda: page.wait_for_timeout(20) or canvas.evaluate(PICTURE) != late, "it to be drawn")
        page.mouse.up()
        wanted = int(timeline.input_value())
        expect(frame.locator(".counter")).to_have_text(f"Step {wanted} of {last} · looking back")
        seeks = [(each["value"], each.get("rough", False)) for each in said if each.get("verb") == "seek"]
        assert seeks[-1] == (wanted, False) and any(rough for _, rough in seeks)
        timeline.press("ArrowLeft")
        expect(frame.locator(".counter")).to_have_text(f"Step {wanted - 1} of {last} · looking back")

        knob = frame.get_by_role("slider", name="Steepest / flattest curvature L/m")
        knob.press("ArrowRight")
        wait_until(lambda: page.wait_for_timeout(20) or
                   next((s for s in told if s.get("config", {}).get("condition") == "30.0"), None),
                   "a status that has the knob")  # fmt: skip
        expect(knob).to_have_attribute("aria-valuetext", "30")
        expect(frame.locator(".counter")).to_contain_text("Step 0")
        assert all(each["config"]["seed"] == "3" for each in told if "config" in each)
        knob.press("s")  # a key in the frame, and not in a box
        expect(frame.locator(".counter")).to_contain_text("Step 0")
        frame.get_by_role("button", name="Step", exact=True).click()
        expect(frame.locator(".counter")).to_contain_text("Step 1 ")
        frame.get_by_role("button", name="Step", exact=True).press("s")
        expect(frame.locator(".counter")).to_contain_text("Step 2 ")
        frame.locator(".panel canvas").click()
        wait_until(lambda: page.wait_for_timeout(20) or [s for s in said if s["type"] == "pick"], "a pick to be sent")
        assert problems == []
        page.close()


def test_a_page_from_elsewhere_opens_no_run_and_no_socket(browser: Browser, server: str) -> None:
    with slides("<h1>Elsewhere</h1>") as there:
        page = browser.new_page()
        page.goto(there)
        code = page.evaluate(
            """(address) => new Promise((done) => (new WebSocket(address).onclose = ({ code }) => done(code)))""",
            f"{server.replace('http', 'ws')}/live/{'A' * 16}",
        )
        assert code == protocol.ORIGIN
        with page.expect_response(f"{server}/runs") as answered:
            page.evaluate(
                """(address) => fetch(address, { method: "POST", mode: "no-cors", body: '{"slug": "gan"}' })
                  .then(() => null, () => null)""",
                f"{server}/runs",
            )
        assert answered.value.status == 403
        page.close()


def test_what_was_asked_while_the_connection_was_lost_is_done_once_it_is_back(browser: Browser, server: str) -> None:
    page = browser.new_page(viewport={"width": 600, "height": 400})
    sockets: list[WebSocketRoute] = []
    asked: list[str] = []

    def between(socket: WebSocketRoute) -> None:
        up = socket.connect_to_server()
        sockets.append(socket)

        def pass_on(text: str | bytes) -> None:
            message = json.loads(text)
            if message.get("verb") == "step":
                asked.append(message["id"])
                if len(asked) == 1:  # the first one is lost with its connection
                    socket.close(code=1012)
                    return
            up.send(text)

        socket.on_message(pass_on)

    page.route_web_socket("**/live/*", between)
    page.goto(f"{server}/embed/gradient_descent?panel=map")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".panel canvas").first).to_be_visible()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".counter")).to_contain_text("paused")
    stood = page.locator(".counter").inner_text()
    page.get_by_role("button", name="Step", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("comes back by itself")
    expect(page.get_by_role("status")).to_contain_text("Back again.")
    number = int(re.sub(r"\D", "", stood)) + 1
    expect(page.locator(".counter")).to_have_text(f"Step {number:,} · paused")
    assert len(sockets) == 2 and len(asked) == 2 and len(set(asked)) == 1
    page.close()


@pytest.mark.parametrize("size", [(600, 400), (390, 844), (1440, 900)])
def test_it_fits_its_frame_and_can_be_used_without_a_mouse(
    browser: Browser, server: str, size: tuple[int, int]
) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(f"{server}/embed/gan")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(page.locator(".panel canvas").first).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator(".counter")).to_contain_text("paused")
    wide, high = page.evaluate(
        "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    )
    assert (wide, high) == (0, 0)
    for name in ("Play", "Step", "Reset"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None and box["height"] >= 32 and box["y"] + box["height"] <= size[1]
    page.keyboard.press("Home")
    expect(page.locator(".counter")).to_contain_text("Round 0")
    page.close()


@pytest.mark.parametrize(("slug", "beside"), [("grokking", ".meters"), ("gradient_descent", ".rail .value")])
def test_in_little_height_numbers_stand_beside_and_the_picture_has_the_rest(
    browser: Browser, server: str, slug: str, beside: str
) -> None:
    page = browser.new_page(viewport={"width": 600, "height": 400})
    page.goto(f"{server}/embed/{slug}")
    page.get_by_role("button", name="Play", exact=True).click()
    page.locator(".panel canvas").wait_for()
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    told, picture = (page.locator(place).first.bounding_box() for place in (beside, ".panel canvas"))
    assert told is not None and picture is not None and picture["height"] >= 130, picture
    if slug == "grokking":
        assert told["x"] >= picture["x"] + picture["width"], (told, picture)
    else:  # name, rail and value are one line
        rail = page.locator(".rail input").bounding_box()
        assert rail is not None and told["x"] >= rail["x"] + rail["width"] and abs(told["y"] - rail["y"]) < 12
    page.close()
