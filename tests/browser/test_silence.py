"""Nothing that a visitor does is met with silence: what is the matter, and what to do, stands where they look."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect
from visitor import Visitor, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # a busy machine is no failure
SIZES = {
    "a desk": {"viewport": {"width": 1440, "height": 900}},
    "a telephone": {"viewport": {"width": 390, "height": 844}},
}
DIVERGES = {"data": "regression_plane", "activation": "linear", "learning_rate": "10", "optimiser": "gradient_descent"}
each_size = pytest.mark.parametrize("wishes", SIZES.values(), ids=SIZES)


def notice(visitor: Visitor) -> Locator:
    """What is said of the run below the timeline."""
    return visitor.page.locator(".live.progress .notice")


def below_play(visitor: Visitor, said: Locator) -> float:
    """Pixels between Play and a sentence, which must be in sight, with most of its lines.

    On a telephone Play lies at the bottom of the window all the time: there it is enough that it hides nothing.
    """
    expect(said).to_be_in_viewport(ratio=0.75)
    play, box = visitor.page.locator("button.play").bounding_box(), said.bounding_box()
    assert play is not None and box is not None
    if on_a_telephone(visitor):
        assert box["y"] + 0.75 * box["height"] <= play["y"]
        return 0
    return box["y"] - play["y"] - play["height"]


def on_a_telephone(visitor: Visitor) -> bool:
    return visitor.page.viewport_size is not None and visitor.page.viewport_size["width"] < 640


class Line:
    """The sockets of a page's runs, and what cuts them."""

    def __init__(self, page: Page) -> None:
        self.cut = False
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/live/*", self._pass)

    def _pass(self, socket: WebSocketRoute) -> None:
        if self.cut:
            socket.close(code=4000)
            return
        up = socket.connect_to_server()
        socket.on_message(up.send)
        up.on_message(socket.send)
        self.sockets.append(socket)

    def lose(self) -> None:
        self.cut = True
        for socket in self.sockets:
            socket.close(code=4000)


@each_size
def test_a_lost_connection_is_told_wherever_one_looks(browser: Browser, server: str, wishes: dict[str, Any]) -> None:
    with visit(browser, server, **wishes) as visitor:
        line = Line(visitor.page)
        visitor.open("gradient_descent")
        line.lose()
        said = notice(visitor)
        expect(said).to_contain_text("connection is lost")
        expect(said).to_contain_text("comes back by itself")
        below_play(visitor, said)
        visitor.page.get_by_test_id("stMain").evaluate("(main) => main.scrollTo(0, main.scrollHeight)")
        if not on_a_telephone(visitor):
            expect(visitor.page.locator("button.play")).not_to_be_in_viewport()
        expect(said).to_be_in_viewport(ratio=0.9)
        line.cut = False
        expect(said).to_contain_text("Back again.")


@each_size
def test_play_at_the_end_says_what_is_left_to_do(browser: Browser, server: str, wishes: dict[str, Any]) -> None:
    with visit(browser, server, **wishes) as visitor:
        visitor.open("double_descent")
        visitor.page.locator("button.play").click()
        visitor.until(lambda: "finished" in visitor.step_text(), "the end of the run")
        visitor.settle()
        visitor.button("Play").click()
        expect(notice(visitor)).to_contain_text("The run is finished: there is nothing left to train.")
        expect(notice(visitor)).to_contain_text("Drag the timeline back, or reset.")
        assert 0 <= below_play(visitor, notice(visitor)) < 250


@each_size
def test_play_after_a_divergence_says_what_helps(browser: Browser, server: str, wishes: dict[str, Any]) -> None:
    with visit(browser, server, **wishes) as visitor:
        visitor.open("neural_network", **DIVERGES)
        visitor.page.locator("button.play").click()
        visitor.until(lambda: "diverged" in visitor.step_text(), "the run to diverge")
        expect(notice(visitor)).to_contain_text("A smaller learning rate usually helps")
        visitor.settle()
        visitor.button("Play").click()
        expect(notice(visitor)).to_contain_text("The run goes no further")
        expect(notice(visitor)).to_contain_text("Turn a knob at an earlier moment, or reset.")
        assert 0 <= below_play(visitor, notice(visitor)) < 250


@each_size
def test_a_branch_with_nothing_turned_says_what_to_turn(browser: Browser, server: str, wishes: dict[str, Any]) -> None:
    with visit(browser, server, **wishes) as visitor:
        visitor.open("gradient_descent")
        visitor.play_to(6)
        visitor.seek(2)
        visitor.button("Branch from here").click()
        said = visitor.page.get_by_test_id("stAlert").filter(has_text="With nothing turned")
        said.wait_for()
        expect(said).to_contain_text("Turn a knob marked ●")
        assert 0 <= below_play(visitor, said) < 350
        assert visitor.page.get_by_text("Compared:").count() == 0


@each_size
@pytest.mark.parametrize("data", ["Drawn", "CSV"])
def test_data_that_are_missing_are_asked_for_beside_play(
    browser: Browser, server: str, wishes: dict[str, Any], data: str
) -> None:
    asked = {"Drawn": "draw", "CSV": "table"}[data]
    with visit(browser, server, **wishes) as visitor:
        visitor.open("neural_network")
        if on_a_telephone(visitor):
            visitor.page.get_by_role("button", name="Knobs").click()
        visitor.open_groups("data")
        visitor.key("data").get_by_role("combobox").click()
        visitor.page.keyboard.press("ArrowUp")  # on a telephone the end of the list is out of sight
        visitor.page.get_by_role("option", name=data, exact=True).click()
        said = visitor.page.get_by_test_id("stAlert").filter(has_text="Still to be given")
        said.wait_for()
        expect(said).to_contain_text(asked)
        expect(said).to_contain_text("Until then Play trains with what the run had before.")
        visitor.settle()
        (said if on_a_telephone(visitor) else visitor.page.locator("button.play")).scroll_into_view_if_needed()
        assert 0 <= below_play(visitor, said) < 250


@each_size
def test_a_bad_link_is_one_box_below_the_player(browser: Browser, server: str, wishes: dict[str, Any]) -> None:
    bad = {"learning_rate": "x", "noise": "7", "nobody": "1", "run": "AAAAAAAAAAAA", "step": "many"}
    with visit(browser, server, **wishes) as visitor:
        visitor.open("neural_network", **bad)
        box = visitor.page.get_by_test_id("stAlert")
        expect(box).to_have_count(1)
        lines = visitor.notices()
        assert len(lines) == len(bad)
        for name, value in bad.items():
            assert any((value in line and name in line) or "run in this address" in line for line in lines), name
        assert 0 <= below_play(visitor, box) < 250


def test_a_dead_run_says_so_on_each_page(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gan", run="AAAAAAAAAAAA")
        [said] = visitor.notices()
        assert "is not here any more" in said and "new one" in said
        visitor.page.goto(f"{server}/watch/AAAAAAAAAAAA")
        expect(visitor.page.get_by_role("status")).to_contain_text("Ask whoever sent you the address for a new one.")
        visitor.problems.clear()  # the browser tells that this page is answered with 404
