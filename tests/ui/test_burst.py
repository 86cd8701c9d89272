"""Pictures in bursts: many in one run of the fragment for a browser that keeps pace, one by one for another."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from playwright.sync_api import Browser, WebSocket
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.visitor import visit
from ui.burst import LONGEST
from ui.player import FASTEST

pytestmark = pytest.mark.browser


@dataclasses.dataclass
class Received:
    """What the server has sent: how many pictures in each run so far, and how often the browser is to ask again."""

    pictures: list[int] = dataclasses.field(default_factory=list)
    timer: float = 0.0  # seconds

    def listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._take)

    def _take(self, sent: Any) -> None:
        message = ForwardMsg.FromString(sent)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.pictures.append(0)
        elif kind == "auto_rerun" and message.auto_rerun.interval < 0.5:  # not that of the curves
            self.timer = message.auto_rerun.interval
        elif kind == "delta" and message.delta.new_element.bidi_component.component_name.endswith("scene"):
            self.pictures[-1] += 1


def test_one_run_draws_many_pictures_into_the_same_canvas(browser: Browser, server: str) -> None:
    received = Received()
    with visit(browser, server) as visitor:
        visitor.page.on("websocket", received.listen)
        visitor.open("moe_routing")
        visitor.canvases.first.evaluate("(canvas) => (canvas.first = true)")
        visitor.play()
        visitor.until(lambda: max(received.pictures) >= 4, "four pictures in one run")
        assert visitor.canvases.first.evaluate("(canvas) => canvas.first") is True
        assert received.timer > FASTEST
        visitor.pause()
        still = visitor.step_number()
        visitor.page.wait_for_timeout(500)
        assert visitor.step_number() == still


def test_a_browser_that_lags_asks_for_each_picture(browser: Browser, server: str) -> None:
    received = Received()
    with visit(browser, server) as visitor:
        visitor.page.on("websocket", received.listen)
        visitor.open("moe_routing")
        visitor.play()
        visitor.until(lambda: received.timer > LONGEST / 2, "long bursts")
        devtools = visitor.page.context.new_cdp_session(visitor.page)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 14})  # at 20 it takes half a minute to ask
        visitor.until(lambda: received.timer == pytest.approx(FASTEST), "a timer for each picture")
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        visitor.until(lambda: received.timer > FASTEST, "a burst again")
        visitor.pause()


def test_the_timeline_can_be_dragged_while_it_trains(browser: Browser, server: str) -> None:
    """In the middle of a burst, which reads what was dragged for every picture, but goes there once."""
    with visit(browser, server) as visitor:
        visitor.open("moe_routing")
        visitor.play()
        visitor.until(lambda: visitor.step_number() >= 60, "step 60")
        visitor.seek(20)
        assert "looking back" in visitor.step_text()
        visitor.button("Play").click()
        visitor.until(lambda: visitor.step_number() > 40, "the run going on from there")
        visitor.pause()
