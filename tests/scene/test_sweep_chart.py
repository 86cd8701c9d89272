"""Charts over width, and the slider below a scene: the data are drawn, and the server is asked for nothing."""

from __future__ import annotations

import json
import struct

import altair as alt
import numpy as np
import pytest
from playwright.sync_api import Browser
from visitor import visit

from engine.scene.scene import Scene
from ui import sweep_chart
from ui.sweep_chart import Line

X = np.array([1, 10, 100])
LINES = [Line("test", "test", X, X / 2, X / 4, X), Line("theory", "neutral", X, X / 3, measured=False)]


def test_rows_hold_lines_dots_band_ghosts_and_rules() -> None:
    rows = sweep_chart.sweep_rows(LINES, ghosts=[Line("test", "test", X, X * 2)], rules={"n": 10.0, "never": np.nan})
    count = rows.groupby("part").size().to_dict()
    assert count == {"line 0": 3, "line 1": 3, "name": 2, "dot": 3, "band 0": 3, "ghost 0": 3, "rule": 1}
    line = rows[rows.part == "line 0"]
    assert set(line.label) == {"test"}
    np.testing.assert_array_equal(line.value, X / 2)
    band = rows[rows.part == "band 0"]
    np.testing.assert_array_equal(band.value, X / 4)
    np.testing.assert_array_equal(band.top, X)
    assert dict(sweep_chart.sweep_rows([]).dtypes) == dict(rows.dtypes)


def test_what_is_below_the_floor_is_drawn_there_and_what_is_infinite_is_not() -> None:
    line = Line("test", "test", X, np.array([1e-20, np.inf, 5.0]))
    rows = sweep_chart.sweep_rows([line], floor=0.01)
    assert list(rows[rows.part == "line 0"].value) == [0.01, 5.0]


@pytest.mark.parametrize("log_y", [True, False])
@pytest.mark.parametrize("parts", [(), ("line 0",), ("band 0", "dot", "name", "ghost 0", "line 0", "line 1", "rule")])
def test_the_specification_is_valid_and_made_once(parts: tuple[str, ...], log_y: bool) -> None:
    def spec() -> dict[str, object]:
        return sweep_chart._sweep_spec((("test", "test"), ("theory", "neutral")), ghosts=("test",), title="t",
                                       x_title="width", y_title="error", log_y=log_y, dark=False, lecture=True,
                                       parts=parts)  # fmt: skip

    assert spec() is spec()
    assert "values" not in spec()["data"]  # type: ignore[operator]
    assert not any("data" in layer for layer in spec()["layer"])  # type: ignore[attr-defined]
    rows = sweep_chart.sweep_rows(LINES, rules={"n": 10.0}).to_dict("records")
    alt.Chart.from_dict(spec() | {"data": {"values": rows}})  # raises where the schema of Vega-Lite is broken


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
        slider = visitor.page.get_by_role("slider", name="Width")
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
        assert len(sent) == before > 0
