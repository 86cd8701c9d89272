"""The slider below a scene: what stands at each stop is drawn there, and the server is asked for nothing."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from playwright.sync_api import Browser
from visitor import visit

from engine.scene.scene import Scene


def header(scene: Scene) -> dict[str, object]:
    message = scene.to_bytes()
    (length,) = struct.unpack("<I", message[4:8])
    found: dict[str, object] = json.loads(message[8 : 8 + length])
    return found


def test_layers_know_their_stop_and_bands_must_be_finite() -> None:
    scene = Scene()
    panel = scene.panel("p", title="p", x_log=True)
    panel.band([0, 1], [0, 0], [1, 2], name="Spread")
    for k in range(2):
        with panel.stop(k):
            panel.path([[0, 0], [1, k]], name="Fit")
    panel.path([[0, 0], [1, 1]])
    scene.stops("Width", ["1", "10"], panel="p", at=[0, 1])
    found = header(scene)
    [[spec]] = found["rows"]  # type: ignore[misc]
    assert [layer.get("stop") for layer in spec["layers"]] == [None, 0, 1, None]  # type: ignore[index]
    assert spec["x_log"] and not spec["y_log"]  # type: ignore[index]
    assert found["stops"] == {"label": "Width", "texts": ["1", "10"], "panel": "p", "at": [0.0, 1.0]}
    with pytest.raises(ValueError, match="finite"):
        panel.band([0], [np.inf], [1])
    with pytest.raises(ValueError, match="2 stops and 1 places"):
        scene.stops("Width", ["1", "10"], at=[0])
    assert header(Scene())["stops"] is None


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_slider_shows_the_fit_at_another_width_without_the_server(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        sent: list[object] = []
        visitor.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
        visitor.open("double_descent")
        visitor.play_to(5)
        newest = visitor.pictures()
        slider = visitor.page.get_by_role("slider", name="Model looked at")
        last = int(slider.get_attribute("max") or 0)
        before = len(sent)
        slider.fill("1")
        visitor.until(lambda: visitor.pictures() != newest, "the fit at another width")
        assert (slider.get_attribute("aria-valuetext") or "").startswith("7 = 0.07 × threshold: test error")
        earlier = visitor.pictures()
        panel = visitor.canvases.first
        box = panel.bounding_box()
        assert box is not None
        panel.click(position={"x": box["width"] - 40, "y": box["height"] / 2})  # right of the newest width
        visitor.until(lambda: visitor.pictures() != earlier, "the fit at the newest width")
        assert int(slider.input_value()) == last
        at = (box["x"] + box["width"] - 40, box["y"] + box["height"] / 2)  # the curve itself is dragged
        visitor.page.mouse.move(*at)
        visitor.page.mouse.down()
        visitor.page.mouse.move(box["x"] + 80, at[1], steps=5)
        assert int(slider.input_value()) == 0
        visitor.page.mouse.move(*at, steps=5)
        visitor.page.mouse.up()
        assert int(slider.input_value()) == last
        assert len(sent) == before > 0
