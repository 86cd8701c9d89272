"""Scenes: the bytes that Python sends decode to what was drawn, and colours can be told apart."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eyes import SIGHT, contrast, lab, linear
from scene_format import decode
from small_app import APP, answers
from visitor import wait_until

from engine.scene import palette
from engine.scene.scene import Column, Scene

ROOT = Path(__file__).resolve().parents[2]
BACKGROUNDS = {False: "#ffffff", True: "#0e1117"}  # Streamlit's own, light and dark
WORDS = ("text", "grid")  # not marks that carry a meaning by their colour


def one_layer(layer: str, *args: Any, **settings: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
    scene = Scene()
    getattr(scene.panel("p", title="P", x=(-1, 1), y=(-1, 1)), layer)(*args, **settings)
    header, arrays = decode(scene.to_bytes())
    return header["rows"][0][0]["layers"][0], arrays


@pytest.mark.parametrize("dark", BACKGROUNDS)
@pytest.mark.parametrize("token", [t for t in palette.colours() if t not in WORDS])
def test_every_colour_stands_out_from_the_background(token, dark):
    assert contrast(palette.colour(token, dark), BACKGROUNDS[dark]) >= 3


def test_text_has_the_contrast_of_text():
    for dark, background in BACKGROUNDS.items():
        assert contrast(palette.colour("text", dark), background) >= 7


@pytest.mark.parametrize("vision", ["normal", "protanopia", "deuteranopia"])
@pytest.mark.parametrize("dark", BACKGROUNDS)
@pytest.mark.parametrize("name", ["loss", "sequential", "ink"])
def test_sequential_maps_are_perceptually_even(name, dark, vision):
    lightness = [lab(SIGHT[vision] @ linear(stop))[0] for stop in palette.colour_map(name, dark)]
    steps = np.diff(lightness)
    assert np.all(steps > 0) or np.all(steps < 0)
    assert np.abs(steps).max() < 2.2 * np.abs(steps).min()


@pytest.mark.parametrize("dark", BACKGROUNDS)
def test_the_diverging_map_goes_from_orange_over_neutral_to_blue(dark):
    stops = [lab(linear(stop)) for stop in palette.colour_map("diverging", dark)]
    assert stops[0][2] > 20 and stops[-1][2] < -20  # b*: yellow to blue
    assert np.hypot(*stops[len(stops) // 2][1:]) < 3
    lightness = np.array([stop[0] for stop in stops])
    assert np.allclose(lightness, lightness[::-1], atol=5)


def test_an_unknown_colour_names_its_neighbour():
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        palette.colour("adams")


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 5.0), (1e-6, 2e-6)])
def test_a_heatmap_comes_back_within_half_a_step(low, high):
    values = np.random.default_rng(0).uniform(low, high, (17, 23))
    layer, arrays = one_layer("heatmap", values, low=low, high=high)
    back = layer["low"] + arrays[layer["values"]] / 254 * (layer["high"] - layer["low"])
    assert np.abs(back - values).max() <= 0.502 * (high - low) / 254
    assert layer["extent"] == [-1, 1, -1, 1]


def test_an_exact_heatmap_is_float32_and_so_is_one_with_contours_that_reaches_too_far():
    values = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    for factor, settings in ((1, {"exact": True}), (1, {"exact": True, "levels": 3}), (40, {"levels": [0.0]})):
        layer, arrays = one_layer("heatmap", factor * values, **settings)
        assert np.array_equal(arrays[layer["values"]], factor * values) and "scale" not in layer
    values[0, 0] = np.inf
    layer, arrays = one_layer("heatmap", values, levels=[0.0], low=-1, high=1)
    assert np.array_equal(arrays[layer["values"]], values)


@pytest.mark.parametrize(
    "low, high, decimals", [(0, 1, 4), (-1.6, 1.6, 4), (-16, 16, 3), (1000, 1000.5, 4), (0.5, 0.5, 4)]
)
def test_a_heatmap_with_contours_shows_the_digits_that_it_has(low, high, decimals):
    values = np.random.default_rng(1).uniform(low, high, size=(60, 60)).astype(np.float32)
    values[3, 3] = np.nan
    layer, arrays = one_layer("heatmap", values, levels=[0.5])
    stored, (first, step, shown) = arrays[layer["values"]], layer["scale"]
    assert shown == decimals and stored.dtype == np.uint16 and stored[3, 3] == 65535
    known = stored != 65535
    assert known.sum() == values.size - 1
    for back, value in zip(first + (stored[known] + 0.5) * step, values[known], strict=True):
        assert f"{back:.{shown}f}" == f"{value:.{shown}f}"
        assert abs(back - value) <= max(high - low, 1e-6) / 65000


def test_what_is_not_finite_is_marked_or_clipped():
    layer, arrays = one_layer("heatmap", [[np.nan, np.inf], [-np.inf, 0.5]], low=0, high=1)
    assert arrays[layer["values"]].tolist() == [[255, 254], [0, 127]]
    layer, arrays = one_layer("heatmap", np.full((3, 3), np.nan))
    assert np.all(arrays[layer["values"]] == 255)
    layer, arrays = one_layer("heatmap", np.zeros((3, 3)))  # low = high: the middle of the map
    assert np.all(arrays[layer["values"]] == 127)


def test_a_logarithmic_heatmap_is_sent_as_its_logarithm():
    layer, arrays = one_layer("heatmap", [[1.0, 10.0], [100.0, 1000.0]], log=True, levels=[10])
    assert np.allclose(arrays[layer["values"]], [[0, 1], [2, 3]])
    assert np.allclose([layer["low"], layer["high"], *layer["levels"]], [0, 3, 1])
    with pytest.raises(ValueError, match="above zero"):
        one_layer("heatmap", [[0.0, 1.0]], log=True)


def test_classes_keep_their_number_and_confidence():
    layer, arrays = one_layer("classes", [[0, 1], [2, np.nan]], [[0.0, 0.5], [1.0, 1.0]])
    assert arrays[layer["values"]].tolist() == [[0, 1], [2, 255]]
    assert arrays[layer["confidence"]].tolist() == [[0, 127], [254, 254]]


def test_points_paths_arrows_and_lines_come_back():
    xy = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    layer, arrays = one_layer("points", xy, [0, 1, 2, 0, 1, 2], names=("a", "b", "c"), pickable=True)
    assert np.array_equal(arrays[layer["xy"]], xy)
    assert arrays[layer["group"]].tolist() == [0, 1, 2, 0, 1, 2]
    layer, arrays = one_layer("path", xy, colour="adam")
    assert np.array_equal(arrays[layer["xy"]], xy)
    layer, arrays = one_layer("arrows", xy, 2 * xy, colour="gradient")
    assert np.array_equal(arrays[layer["uv"]], 2 * xy)
    layer, arrays = one_layer("lines", [xy[:2], xy[2:]])
    assert (layer["ends"], arrays[layer["xy"]].shape) == ([2, 6], (6, 2))
    layer, arrays = one_layer("lines", np.zeros((3, 4, 2)))
    assert layer["ends"] == [4, 8, 12]
    for name in ("points", "path", "lines"):
        layer, arrays = one_layer(name, np.zeros((0, 2)))
        assert arrays[layer["xy"]].shape == (0, 2)


def test_a_text_stands_beside_its_point_or_right_on_it():
    scene = Scene()
    panel = scene.panel("p", title="")
    panel.text(0.5, 0.25, "beside")
    panel.text(0.5, 0.25, "on it", centred=True)
    panel.text(np.nan, 0.25, "nowhere")
    beside, on_it = decode(scene.to_bytes())[0]["rows"][0][0]["layers"]
    assert (beside["x"], beside["y"], beside["text"], beside["mark"]) == (0.5, 0.25, "beside", True)
    assert "centred" not in beside and on_it["centred"] and not on_it["mark"]


def test_a_graph_keeps_every_weight_in_its_place():
    weights = [np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]]), np.array([[7.0], [0.5], [np.nan]])]
    scene = Scene()
    columns = [Column(["x", "y"]), Column(["1", "2", "3"], heat=np.zeros((3, 4, 4)), bias=[1, 2, 3]), Column(["out"])]
    scene.graph("g", title="G", columns=columns, weights=weights)
    header, arrays = decode(scene.to_bytes())
    graph = header["rows"][0][0]
    source, target, sent = (arrays[graph[name]] for name in ("source", "target", "weights"))
    starts = [0, 2, 5]  # nodes are numbered through all columns
    for s, t, w in zip(source, target, sent, strict=True):
        layer = 0 if s < 2 else 1
        assert w == weights[layer][s - starts[layer], t - starts[layer + 1]]
    assert np.all(np.diff(np.abs(sent)) >= 0) and len(sent) == 8
    assert graph["note"] == "1 of 9 weights are not finite."
    assert arrays[graph["columns"][1]["values"]].shape == (3, 4, 4)


def test_a_large_graph_sends_its_strongest_weights_only():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(64, 64)) for _ in range(7)]
    scene = Scene()
    scene.graph("g", title="G", columns=[Column([str(i) for i in range(64)])] * 8, weights=weights)
    header, arrays = decode(scene.to_bytes())
    graph = header["rows"][0][0]
    strength = np.sort(np.abs(np.concatenate([w.ravel() for w in weights]).astype(np.float32)))
    assert np.array_equal(np.abs(arrays[graph["weights"]]), strength[-2000:])
    assert graph["note"] == "2,000 strongest of 28,672 weights shown."


def test_a_sheet_of_images_has_bounds_for_each():
    images = np.stack([np.full((2, 3), 1.0), np.full((2, 3), 5.0)])
    scene = Scene()
    scene.heat_grid("g", title="G", images=images, captions=["a", "b"], low=0, high=[1, 10])
    header, arrays = decode(scene.to_bytes())
    grid = header["rows"][0][0]
    assert arrays[grid["values"]][:, 0, 0].tolist() == [254, 127]


def test_frames_say_something_of_each_image():
    scene = Scene()
    scene.heat_grid("g", title="G", images=np.zeros((3, 2, 2)), frames=[-1, 0, 1], frames_name="score",
                    frames_range=(-1, 1))  # fmt: skip
    header, arrays = decode(scene.to_bytes())
    frames = header["rows"][0][0]["frames"]
    assert arrays[frames["values"]].tolist() == [0, 127, 254]
    assert (frames["name"], frames["low"], frames["high"]) == ("score", -1, 1)
    with pytest.raises(ValueError, match="3 images but frames of shape"):
        scene.heat_grid("h", title="H", images=np.zeros((3, 2, 2)), frames=[1, 2])


def test_panels_stand_in_rows_and_have_their_own_keys():
    scene = Scene(height=300)
    scene.panel("a", title="A")
    scene.row()
    scene.row()
    scene.panel("b", title="B", weight=2)
    header, _ = decode(scene.to_bytes())
    assert [[panel["key"] for panel in row] for row in header["rows"]] == [["a"], ["b"]]
    assert header["height"] == 300
    with pytest.raises(ValueError, match="two panels with the key 'a'"):
        scene.panel("a", title="A")


@pytest.mark.parametrize(
    ("layer", "args", "settings", "sentence"),
    [
        ("heatmap", ([1.0, 2.0],), {}, r"array \(H, W\)"),
        ("heatmap", (np.zeros((2, 2)),), {"low": np.nan, "high": 1}, "must be finite"),
        ("heatmap", (np.zeros((2, 2)),), {"palette": "jet"}, "no colour map 'jet'"),
        ("heatmap", (np.zeros((2, 2)),), {"extent": (0, 0, 0, 1)}, "two different finite numbers"),
        ("classes", ([[0, 300]],), {}, "from 0 to 254"),
        ("classes", ([[0, 1]], [[1.0]]), {}, "confidence has shape"),
        ("points", (np.zeros((3, 3)),), {}, r"array \(N, 2\)"),
        ("points", (np.zeros((3, 2)), [0, 1]), {}, "3 points but 2 group"),
        ("points", (np.zeros((3, 2)),), {"shape": "star"}, "no shape 'star'"),
        ("path", (np.zeros((3, 2)),), {"colour": "blue-ish"}, "no colour 'blue-ish'"),
        ("arrows", (np.zeros((3, 2)), np.zeros((2, 2))), {}, "3 arrows but 2 directions"),
    ],
)
def test_bad_input_gives_a_sentence(layer, args, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        one_layer(layer, *args, **settings)


def test_a_graph_whose_parts_do_not_fit_says_so():
    columns = [Column(["a"]), Column(["b", "c"])]
    for weights, sentence in (([], "need 1 matrices"), ([np.zeros((2, 1))], "have shape")):
        with pytest.raises(ValueError, match=sentence):
            Scene().graph("g", title="G", columns=columns, weights=weights)
    with pytest.raises(ValueError, match="takes heatmaps"):
        Scene().graph("g", title="G", columns=[Column(["a"], heat=np.zeros((2, 3, 3)))], weights=[])


SHELL = """
import json

import numpy as np
import streamlit as st
from engine.scene.scene import Column, Scene
from ui.scene import show


def page():
    st.session_state.setdefault("picks", [])
    st.session_state.setdefault("runs", 0)

    @st.fragment(run_every=0.05)
    def live():
        st.session_state.runs += 1
        grid = np.linspace(-1, 1, 81)
        scene = Scene(height=420)
        plane = scene.panel("plane", title="A ramp", x=(-1, 1), y=(-1, 1), x_label="x", y_label="y", pick="plane")
        plane.heatmap(grid[None, :] + 10 * grid[:, None], low=-11, high=11, palette="diverging", name="Height")
        plane.path([[-0.9, -0.9], [-0.8, -0.9 + 0.001 * (st.session_state.runs % 9)]], colour="adam", name="Adam")
        columns = [Column(["in"]), Column(["out"], heat=np.zeros((1, 8, 8)))]
        scene.graph("graph", title="A weight", columns=columns, weights=[[[2.5]]], editable=True)
        pick = show(scene, key="scene")
        if pick:
            st.session_state.picks.append(pick)
        with st.container(key="out"):
            st.text(json.dumps({"runs": st.session_state.runs, "picks": st.session_state.picks}))

    live()


home = st.Page(lambda: st.text("home"), title="Home", default=True)
st.navigation([home, st.Page(page, url_path="deep", title="Deep")]).run()
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running app whose page /deep shows a scene."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(APP.format(assets=str(ROOT / "assets")), encoding="utf-8")
    (folder / "shell.py").write_text(SHELL, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    command += ["--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--runner.postScriptGC=false"]
    server = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_until(lambda: answers(port), "the app to answer")
        yield f"http://127.0.0.1:{port}/deep"
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.fixture(scope="module")
def page(address, browser):
    """The page in a real browser.  At the end: no error in its console, and everything it asked of /assets came."""
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1300, "height": 900}, color_scheme="light")
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("response", lambda r: problems.append(r.url) if "/assets/" in r.url and not r.ok else None)
    page.goto(address)
    page.wait_for_selector("[role=img]", timeout=90_000)
    wait_until(lambda: state(page)["runs"] > 5, "the first frames")
    yield page
    page.close()
    # Streamlit itself asks for its own health below a deep link first, is refused, and then asks in the right place.
    assert [text for text in problems if "404" not in text] == []


TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def state(page: Any) -> dict[str, Any]:
    text = page.locator(".st-key-out").inner_text()
    return dict(json.loads(text)) if text else {"runs": 0, "picks": []}


def tooltip(page: Any) -> dict[str, str]:
    page.wait_for_selector(".tooltip:not([hidden])")
    return dict(
        zip(page.locator(".tooltip dt").all_inner_texts(), page.locator(".tooltip dd").all_inner_texts(), strict=True)
    )


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def pixel(canvas: Any, x: float, y: float) -> np.ndarray:
    """The red, green and blue (3,) of a canvas at a place in CSS pixels."""
    read = "(c, [x, y]) => [...c.getContext('2d').getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data]"
    return np.array(canvas.evaluate(read, [x, y])[:3])


def centre(canvas: Any) -> tuple[float, float]:
    box = canvas.bounding_box()
    return box["width"] / 2, box["height"] / 2


@pytest.mark.browser
def test_hover_tells_the_value_and_the_pixel_has_its_colour(page):
    canvas = page.get_by_role("img", name="A ramp")
    x, y = centre(canvas)
    for dx, dy in ((60, -70), (-50, 50), (70, 60)):
        before = pixel(canvas, x + dx + 6, y + dy + 6)
        canvas.hover(position={"x": x + dx, "y": y + dy})
        page.evaluate(TWO_FRAMES)  # the tooltip follows in the next animation frame
        said = {name: number(value) for name, value in tooltip(page).items()}
        assert said["Height"] == pytest.approx(said["x"] + 10 * said["y"], abs=0.2)  # half a cell, and half a step
        assert (said["x"] > 0, said["y"] > 0) == (dx > 0, dy < 0)
        stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in palette.colour_map("diverging")])
        at = (said["Height"] + 11) / 22 * (len(stops) - 1)
        expected = [np.interp(at, range(len(stops)), stops[:, channel]) for channel in range(3)]
        assert np.abs(before - expected).max() < 14


@pytest.mark.browser
def test_a_click_arrives_once_while_frames_go_on(page):
    canvas = page.get_by_role("img", name="A ramp")
    x, y = centre(canvas)
    canvas.hover(position={"x": x + 30, "y": y + 30})
    page.evaluate(TWO_FRAMES)
    said = tooltip(page)
    count = len(state(page)["picks"])
    canvas.click(position={"x": x + 30, "y": y + 30})
    wait_until(lambda: len(state(page)["picks"]) > count, "the pick")
    runs = state(page)["runs"]
    wait_until(lambda: state(page)["runs"] > runs + 15, "more frames")
    picks = state(page)["picks"]
    assert len(picks) == count + 1
    assert (picks[-1]["panel"], picks[-1]["kind"]) == ("plane", "plane")
    assert picks[-1]["x"] == pytest.approx(number(said["x"]), abs=1e-3)
    assert picks[-1]["y"] == pytest.approx(number(said["y"]), abs=1e-3)


@pytest.mark.browser
def test_every_click_arrives(page):
    canvas = page.get_by_role("img", name="A ramp")
    x, y = centre(canvas)
    count = len(state(page)["picks"])
    for i in range(10):
        canvas.click(position={"x": x + 12 * i, "y": y})
        page.wait_for_timeout(120)
    wait_until(lambda: len(state(page)["picks"]) >= count + 10, "ten picks")
    found = [pick["x"] for pick in state(page)["picks"][count:]]
    assert len(found) == 10 and np.all(np.diff(found) > 0)


@pytest.mark.browser
def test_a_weight_can_be_edited(page):
    canvas = page.get_by_role("img", name="A weight")
    x, y = centre(canvas)
    canvas.click(position={"x": x, "y": y})
    page.keyboard.press("Control+a")
    page.keyboard.type("-0.75")
    page.keyboard.press("Enter")
    pick = wait_until(lambda: next((p for p in state(page)["picks"] if "value" in p), None), "the new weight")
    expected = {"panel": "graph", "kind": "edge", "layer": 0, "source": 0, "target": 0, "weight": 2.5, "value": -0.75}
    assert pick == expected


@pytest.mark.browser
def test_the_canvas_is_never_mounted_again_and_a_layer_can_be_hidden(page):
    canvas = page.get_by_role("img", name="A ramp")
    page.mouse.move(5, 5)
    x, y = centre(canvas)
    canvas.evaluate("c => (c.mine = true)")
    coloured = pixel(canvas, x + 80, y - 80)
    page.get_by_role("button", name="Height").click()
    wait_until(lambda: not np.array_equal(pixel(canvas, x + 80, y - 80), coloured), "the layer to go")
    runs = state(page)["runs"]
    wait_until(lambda: state(page)["runs"] > runs + 5, "more frames")
    assert not np.array_equal(pixel(canvas, x + 80, y - 80), coloured)  # hidden it stays
    page.get_by_role("button", name="Height").click()
    wait_until(lambda: np.array_equal(pixel(canvas, x + 80, y - 80), coloured), "the layer to come back")
    assert canvas.evaluate("c => c.mine && c.isConnected")


@pytest.mark.browser
def test_keys_zoom_and_tab_leaves(page):
    canvas = page.get_by_role("img", name="A ramp")
    page.mouse.move(5, 5)
    canvas.focus()
    reset = page.get_by_role("button", name="Show everything again")
    assert reset.count() == 0
    page.keyboard.press("+")
    reset.wait_for()
    page.keyboard.press("0")
    reset.wait_for(state="detached")
    page.keyboard.press("Tab")
    assert not canvas.evaluate("c => c.getRootNode().activeElement === c")
