"""A tab that sleeps past its lease, and tabs whose server is started again: each says a sentence, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from visitor import Server, serve, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
SLUG = "gradient_descent"
PAUSE, DROP = 3.0, 9.0  # seconds: without a sign of life a run is paused, and then closed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    leases = {"PLAYGROUND_PAUSE_AFTER": str(PAUSE), "PLAYGROUND_DROP_AFTER": str(DROP)}
    with serve(tmp_path_factory.mktemp("absent") / "log.txt", PLAYGROUND_WORKERS="1", **leases) as there:
        yield there


class Sleep:
    """Lets the sockets of a page say and hear nothing while it sleeps, as a tab that its browser has frozen."""

    def __init__(self, page: Page) -> None:
        self.asleep = False
        self.held: list[Callable[[], None]] = []
        self.over = 0  # sockets that the server has closed meanwhile
        page.route_web_socket("**/live/*", self._between)

    def _between(self, socket: WebSocketRoute) -> None:
        up = socket.connect_to_server()

        def closed(code: int | None, reason: str | None) -> None:
            self.over += 1
            self._pass(lambda: socket.close(code=code, reason=reason))

        socket.on_message(lambda said: None if self.asleep else up.send(said))
        up.on_message(lambda told: self._pass(lambda: socket.send(told)))
        up.on_close(closed)

    def _pass(self, act: Callable[[], None]) -> None:
        if self.asleep:
            self.held.append(act)
        else:
            act()

    def wake(self) -> None:
        self.asleep = False
        while self.held:
            self.held.pop(0)()


@pytest.mark.truths
def test_a_tab_that_slept_past_its_lease_says_so_and_goes_on(browser: Browser, server: Server) -> None:
    with visit(browser, server.address) as visitor:
        sleep = Sleep(visitor.page)
        visitor.open(SLUG, seed="3")
        visitor.speed("30 steps/s")
        visitor.play()
        visitor.until(lambda: visitor.step_number() > 5, "some steps")
        sleep.asleep = True
        visitor.page.wait_for_timeout(1000 * (PAUSE + 2.5))
        sleep.wake()
        paused = visitor.page.get_by_text("Paused because nobody was watching")
        paused.wait_for()
        visitor.button("Play").wait_for()
        stood = visitor.step_number()
        visitor.play()
        visitor.until(lambda: visitor.step_number() > stood, "the run to go on")
        expect(paused).to_have_count(0)

        sleep.asleep = True
        visitor.until(lambda: sleep.over, "the run to be put away")
        sleep.wake()
        visitor.page.get_by_text("put away because nobody watched it").wait_for()
        assert len(visitor.notices()) == 1 and visitor.tracebacks() == 0
        visitor.button("Reset").click()
        visitor.canvases.first.wait_for()
        visitor.until(lambda: visitor.step_number() == 0, "a new run")
        assert visitor.link["seed"] == "3"
        visitor.step()


def test_open_tabs_come_back_when_their_server_was_started_again(browser: Browser, server: Server) -> None:
    with browser.new_context() as context, visit(browser, server.address) as visitor:
        visitor.open(SLUG, seed="3")
        visitor.open_groups()
        rate = visitor.turn("lr_gradient_descent")
        visitor.settle()
        visitor.play()
        before = visitor.link["run"]
        watch, slide = context.new_page(), context.new_page()
        watch.goto(f"{server.address}/watch/{before}")
        expect(watch.locator(".stage canvas").first).to_be_visible()
        slide.goto(f"{server.address}/embed/{SLUG}?panel=map&seed=3")
        slide.get_by_role("button", name="Play", exact=True).click()
        expect(slide.locator(".panel canvas").first).to_be_visible()
        loaded: list[str] = []
        for page in (visitor.page, watch, slide):
            page.on("load", lambda page: loaded.append(page.url))

        server.stop()
        expect(visitor.page.locator(".live .notice").first).to_contain_text("comes back by itself")
        for page in (watch, slide):
            expect(page.get_by_role("status")).to_contain_text("comes back by itself")
        visitor.page.locator(".stDialog").wait_for(state="attached")  # Streamlit says it too, over all that is there
        assert not visitor.page.locator(".stDialog").is_visible()
        server.start()

        visitor.until(lambda: visitor.link["run"] != before, "a new run")
        visitor.canvases.first.wait_for()
        visitor.until(lambda: visitor.step_number() == 0, "its beginning")
        (notice,) = visitor.notices()
        assert "not here any more. This is a new one" in notice
        assert visitor.key("lr_gradient_descent").get_by_role("slider").get_attribute("aria-valuetext") == rate
        assert visitor.link["seed"] == "3"
        visitor.step()
        expect(watch.get_by_role("status")).to_contain_text("Ask whoever sent you the address for a new one.")
        expect(slide.get_by_role("status")).to_contain_text("Play begins another one.")
        slide.get_by_role("button", name="Play", exact=True).click()
        expect(slide.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        expect(slide.locator(".counter")).to_contain_text("a second")
        assert loaded == []  # nobody had to load a page anew
        visitor.problems.clear()  # meanwhile the browser told of a server that was not there
