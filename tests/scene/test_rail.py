"""Knobs that stand in a picture: what is sent of them, and how they feel under the hand."""

from __future__ import annotations

import base64
import math
import re
from typing import Any

import numpy as np
import pytest
from plain_page import PlainPage
from playwright.sync_api import Browser
from scene_format import decode
from visitor import visit

from engine.contract import check
from engine.labs.gradient_descent.config import Config
from engine.scene.scene import Column, Scene

# A scene that may be steered: what it sends is kept, and answered when the test says so.
STEERED = """async (data) => {
  const { mount } = await import("./assets/scene.js");
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  let place = document.querySelector("#steered");
  if (!place) {
    window.sent = [];
    place = Object.assign(document.createElement("div"), { id: "steered", innerHTML: "<div class='scene'></div>" });
    document.querySelector("main").append(place);
  }
  const setTriggerValue = (_, pick) => {
    sent.push(pick);
    return new Promise((answer) => (window.answer = answer));
  };
  mount({ parentElement: place, data: bytes, setTriggerValue, holds: true });
}"""


def rail(value: float = 0.05, **more: Any) -> Scene:
    scene = Scene(height=300)
    panel = scene.panel("map", title="Map")
    panel.rail("rate", value, **{"low": 0.001, "high": 1.0, "log": True, "label": "Learning rate",
                                 "marks": [(0.2, "2/L"), (0.21, "close"), (9.0, "beyond")], **more})  # fmt: skip
    return scene


def steer(plain: PlainPage, scene: Scene) -> None:
    plain.page.evaluate(STEERED, base64.b64encode(scene.to_bytes()).decode("ascii"))


def test_every_kind_of_panel_can_have_a_rail_and_buttons() -> None:
    scene = rail()
    graph = scene.graph("net", title="Net", columns=[Column(["a"]), Column(["b"])], weights=[[[1.0]]])
    drawing = np.array([[0, 1], [2, 0]])
    graph.rail("width", 4, low=1, high=9, label="Neurons")
    graph.buttons([("−", {"layers": "4"}), ("spiral", {"data": "spiral"}, drawing)], label="Layers", chosen=1)
    scene.heat_grid("sheet", title="Sheet", images=np.zeros((1, 2, 2))).buttons([("ε 0.1", {"epsilon": "0.1"})])
    header, arrays = decode(scene.to_bytes())
    plane, net, sheet = header["rows"][0]
    assert plane["rail"] == {"knob": "rate", "value": 0.05, "low": 0.001, "high": 1.0, "log": True, "whole": False,
                             "label": "Learning rate", "marks": [[0.2, "2/L"], [0.21, "close"]]}  # fmt: skip
    assert net["rail"]["whole"] and net["buttons"][0]["chosen"] == 1
    assert [choice["knobs"] for choice in net["buttons"][0]["choices"]] == [{"layers": "4"}, {"data": "spiral"}]
    assert np.array_equal(arrays[net["buttons"][0]["choices"][1]["image"]], drawing)
    assert sheet["buttons"] == [{"label": "Knobs", "chosen": None,
                                 "choices": [{"text": "ε 0.1", "knobs": {"epsilon": "0.1"}}]}]  # fmt: skip


@pytest.mark.parametrize("wrong", [{"low": 1.0}, {"high": np.inf}, {"low": -1.0}, {"label": ""}, {"value": np.nan}])
def test_a_rail_that_cannot_be_drawn_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="rail"):
        rail(**wrong)


@pytest.mark.parametrize("wrong", [[("", {"a": "1"})], [("a", {})], [("a", {"a": "1"}, np.full((2, 2), 11))]])
def test_a_button_that_says_or_does_nothing_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="button"):
        Scene().panel("p", title="P").buttons(wrong)


def test_the_contract_looks_at_the_knobs_that_a_picture_turns() -> None:
    scene = Scene()
    panel = scene.panel("map", title="Map")
    panel.rail("lr_adam", 0.1, low=0.001, high=99.0, log=True, label="Rate")
    panel.buttons([("spiral", {"surface": "spiral"}), ("turned", {"angle": "30"}), ("none", {"angel": "30"})])
    found = list(check._turning(scene, Config()))
    assert [re.search(r"(\w+) = '(\S+)'", said).groups() for said in found] == [  # type: ignore[union-attr]
        ("surface", "spiral"), ("angel", "30"), ("lr_adam", "99.0"),
    ]  # fmt: skip


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_rail_keeps_to_the_hand_and_is_told_to_who_cannot_see_it(plain: PlainPage) -> None:
    plain.clear()
    plain.draw({"only looked at": rail()})
    assert plain.page.get_by_role("slider").is_disabled()  # nobody would hear it
    plain.clear()
    steer(plain, rail())
    slider, said = plain.page.get_by_role("slider"), plain.page.locator(".rail .value")
    assert slider.get_attribute("aria-label") == "Learning rate; marked: 2/L at 0.2, close at 0.21"
    assert said.inner_text() == slider.get_attribute("aria-valuetext") == "0.05"
    assert plain.page.locator(".marks .nameless").all_inner_texts() == ["close"]  # it would lie on its neighbour
    box = slider.bounding_box()
    assert box is not None and box["height"] >= 24
    at = lambda share: (box["x"] + 10 + share * (box["width"] - 20), box["y"] + 12)  # noqa: E731
    plain.page.mouse.move(*at(np.log(50) / np.log(1000)))
    plain.page.mouse.down()
    plain.page.mouse.move(*at(2.5 / 3))
    steer(plain, rail(0.05))  # pictures of before come in meanwhile
    held = said.inner_text()
    assert float(held) == pytest.approx(10**-0.5, rel=0.03)
    plain.page.mouse.up()
    steer(plain, rail(0.05))
    assert said.inner_text() == held  # not yet answered
    sent = plain.page.evaluate("sent")
    assert [pick.get("held", False) for pick in sent] == [True] * (len(sent) - 1) + [False] and len(sent) > 1
    assert sent[-1]["kind"] == "turn" and sent[-1]["knobs"] == {"rate": held} and sent[-1]["panel"] == "map"
    plain.page.evaluate("answer(null)")
    steer(plain, rail(0.3))
    assert said.inner_text() == "0.3"  # what the run says
    plain.page.evaluate("sent.length = 0")
    slider.focus()
    for _ in range(3):
        plain.page.keyboard.down("ArrowRight")  # as a key that is held down
    plain.page.keyboard.up("ArrowRight")
    sent = plain.page.evaluate("sent")
    assert [pick.get("held", False) for pick in sent] == [True] * 3 + [False]
    assert 0.3 < float(sent[-1]["knobs"]["rate"]) < 0.36
    plain.page.evaluate("answer('It is refused.')")
    plain.page.wait_for_function("document.querySelector('.rail .value').textContent === '0.3'")
    assert plain.problems == []


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_buttons_turn_knobs_and_show_which_is_in_force(plain: PlainPage) -> None:
    plain.clear()
    scene = Scene(height=300)
    drawing = np.array([[0, 1], [2, 0]])
    scene.panel("map", title="Map").buttons(
        [("moons", {"data": "moons"}, drawing), ("2", {"layers": "8,8"})], label="Data", chosen=0
    )
    steer(plain, scene)
    group = plain.page.get_by_role("toolbar", name="Data")
    assert group.get_by_role("button", name="moons").get_attribute("aria-pressed") == "true"
    group.get_by_role("button", name="2").click()
    [pick] = plain.page.evaluate("sent.splice(0)")
    assert (pick["kind"], pick["panel"], pick["knobs"]) == ("turn", "map", {"layers": "8,8"}) and "held" not in pick


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_learning_rate_is_dragged_on_the_stage_while_the_run_goes_on(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gradient_descent", seed="1")
        visitor.play()
        slider = visitor.page.locator(".rail").get_by_role("slider")
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box is not None
        before = slider.get_attribute("aria-valuetext")
        visitor.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 12)
        visitor.page.mouse.down()
        for share in (0.55, 0.6, 0.65, 0.7):
            visitor.page.mouse.move(box["x"] + share * box["width"], box["y"] + 12)
            step = visitor.step_number()
            visitor.until(lambda step=step: visitor.step_number() > step, "the run to go on")
        held = slider.get_attribute("aria-valuetext")
        visitor.page.mouse.up()
        assert held != before
        visitor.until(lambda: visitor.link.get("lr_gradient_descent") == held, "the page to hear of it")
        visitor.pause()
        assert slider.get_attribute("aria-valuetext") == held
        assert visitor.key("timeline").locator(".marks i").count() == 1


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_large_numbers_stand_beside_a_picture_as_they_are_and_never_all_too_soon(plain: PlainPage) -> None:
    scene = Scene(height=400)
    panel = scene.panel("table", title="Table")
    panel.meters([("right of those shown", 1.0, "negative"), ("right of the new", 0.9999, "positive"),
                  ("of none", math.nan, "neutral")])  # fmt: skip
    with pytest.raises(ValueError, match="meter"):
        panel.meters([("more than all", 1.01, "positive")])
    plain.clear()
    plain.draw({"numbers": scene})
    assert plain.page.locator(".meters strong").all_inner_texts() == ["100 %", "99 %", "–"]
    assert plain.page.locator(".meters p").nth(1).inner_text().endswith("right of the new")
    for width, beside in ((1400, True), (390, False)):  # above the picture where it is narrow
        plain.page.set_viewport_size({"width": width, "height": 900})
        boxes = [plain.page.locator(name).bounding_box() for name in (".meters", "section.panel canvas")]
        assert boxes[0] and boxes[1]
        assert (boxes[0]["x"] > boxes[1]["x"] + boxes[1]["width"]) is beside
        assert (boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]) is not beside
    assert plain.problems == []
