"""Curves: the bytes hold what was measured, and in a browser every number of them can be read."""

from __future__ import annotations

import csv
import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Locator, Page, expect
from scene_format import decode
from small_app import APP, answers
from visitor import wait_until

from engine.scene import palette
from engine.scene.curves import DASHES, POINTS, curves, dash_of, thinned
from engine.scene.ghosts import beside
from engine.scene.scene import Scene

ROOT = Path(__file__).resolve().parents[2]
SERIES = {"train": ("training loss", "train"), "test": ("test loss", "test")}


def history(length: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    steps = np.arange(length)
    return {"train": (steps, 1.0 / (steps + 1)), "test": (steps, 2.0 / (steps + 1))}


def sent(past: Any, **settings: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The panel in the header of a message, and all its arrays."""
    scene = Scene()
    curves(scene, "c", history=past, **({"series": SERIES, "title": "T", "y_title": "loss"} | settings))
    header, arrays = decode(scene.to_bytes())
    return header["rows"][0][0], arrays


# ------------------------------------------------------------------ what is sent


@given(st.integers(1, 5000))
def test_thinning_keeps_both_ends_the_order_and_the_limit(length: int) -> None:
    panel, arrays = sent(history(length))
    step, value = arrays[panel["series"][0]["xy"]]
    assert panel["series"][0]["name"] == "training loss"
    assert len(step) == min(length, POINTS) and np.all(np.diff(step) > 0)
    assert (step[0], step[-1]) == (0, length - 1)
    np.testing.assert_array_equal(value, (1.0 / (step.astype(float) + 1)).astype(np.float32))


@given(st.lists(st.floats(), min_size=1, max_size=900))
def test_the_first_and_the_last_number_stay_whatever_lies_between(values: list[float]) -> None:
    step, value = thinned(np.arange(len(values)), values)
    fine = np.flatnonzero(np.isfinite(values))
    assert len(step) <= POINTS
    assert (len(step) > 0) == (len(fine) > 0)
    if len(fine):
        assert (step[0], step[-1]) == (fine[0], fine[-1])
        assert np.isfinite(value[[0, -1]]).all()
    assert not np.isinf(value.astype(np.float32)).any()  # what float32 cannot hold is drawn at its edge
    for at, number in zip(step, value, strict=True):
        assert np.isfinite(number) == np.isfinite(values[int(at)])


def test_a_short_curve_travels_whole_with_its_gaps() -> None:
    values = np.array([np.nan, 1.0, np.nan, -2.0, np.inf, 0.5, np.nan])
    panel, arrays = sent({"train": (np.arange(7), values)})
    step, value = arrays[panel["series"][0]["xy"]]
    assert step.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(value, [1.0, np.nan, -2.0, np.nan, 0.5])
    assert arrays[panel["series"][1]["xy"]].shape == (2, 0)  # without points, but in the legend


@pytest.mark.parametrize("sign", [1, -1])
def test_the_axis_is_logarithmic_until_a_value_is_below_zero(sign: int) -> None:
    values = np.array([4.0, 0.0, 0.02 * sign])
    for log_y, kind in ((False, "linear"), (True, "log" if sign > 0 else "symlog")):
        assert sent({"train": (np.arange(3), values)}, log_y=log_y)[0]["scale"] == kind
    past = sent(history(3), log_y=True, ghosts=[{"train": (np.arange(3), values)}])[0]  # a compared run counts
    assert past["scale"] == ("log" if sign > 0 else "symlog")


@given(st.floats(-1e30, -1e-20), st.floats(0, 1e30))
def test_a_symmetric_axis_is_linear_up_to_a_power_of_ten_and_goes_at_most_five_decades_on(
    low: float, top: float
) -> None:
    panel, _ = sent({"train": (np.arange(2), np.array([low, top]))}, log_y=True)
    linear, largest = panel["linear"], max(-low, top)
    assert np.log10(linear) == pytest.approx(round(np.log10(linear)))
    assert linear <= largest and (linear >= largest / 1e5 or linear == pytest.approx(1e-30))


def test_the_band_lies_where_both_its_edges_have_points() -> None:
    past = history(4) | {"low": (np.array([0, 1, 3]), np.zeros(3)), "high": (np.array([1, 2, 3]), np.ones(3))}
    bands = {"test": ("low", "high"), "train": ("train", "test")}
    panel, arrays = sent(past, bands=bands)
    assert [band["of"] for band in panel["bands"]] == [1, 0]
    np.testing.assert_array_equal(arrays[panel["bands"][0]["xy"]], [[1, 3], [0, 0], [1, 1]])
    np.testing.assert_allclose(arrays[panel["bands"][1]["xy"]][1:], [1 / np.arange(1, 5), 2 / np.arange(1, 5)])
    assert [band["of"] for band in sent(history(4), bands=bands)[0]["bands"]] == [0]  # the other has no edges


def test_on_a_logarithmic_x_axis_stands_what_is_above_zero() -> None:
    x, y = np.array([0, 0.5, 10, 1000]), np.array([4.0, 3.0, 2.0, 1.0])
    past = {"train": (x, y), "test": (x[:1], y[:1]), "low": (x, y - 1), "high": (x, y + 1)}
    rules = {"peak": 20, "start": 0.0, "never": np.nan}
    for log_x, seen in ((True, slice(1, None)), (False, slice(None))):
        panel, arrays = sent(past, log_x=log_x, rules=rules, marker=0, bands={"train": ("low", "high")}, ghosts=[past])
        np.testing.assert_array_equal(arrays[panel["series"][0]["xy"]], [x[seen], y[seen]])
        np.testing.assert_array_equal(arrays[panel["ghosts"][0]["xy"]], [x[seen], y[seen]])
        np.testing.assert_array_equal(arrays[panel["bands"][0]["xy"]][0], x[seen])
        assert arrays[panel["series"][1]["xy"]].shape == (2, 0 if log_x else 1)
        assert panel["rules"] == [[20.0, "peak"]] + [[0.0, "start"]] * (not log_x)
        assert panel["marker"] == (None if log_x else 0)


def test_values_at_the_floor_travel_as_they_are() -> None:
    values = np.array([1e-20, -1.0, np.inf, 5.0])
    panel, arrays = sent({"train": (np.arange(4), values)}, log_y=True, floor=0.01, clip=True)
    assert (panel["scale"], panel["clip"], panel["floor"]) == ("log", True, 0.01)
    np.testing.assert_array_equal(arrays[panel["series"][0]["xy"]][1], np.array([1e-20, -1, np.nan, 5], np.float32))
    assert sent(history(3), clip=True)[0]["scale"] == "linear"


def test_a_calculated_curve_is_told_from_a_measured_one() -> None:
    panel, _ = sent(history(3), dots=True, calculated=["test"])
    assert panel["dots"] and [series["calculated"] for series in panel["series"]] == [False, True]
    assert not sent(history(3))[0]["dots"]


def test_runs_beside_a_sweep_bring_what_they_measured_and_leave_the_axis_as_it_is() -> None:
    scenes = [Scene(), Scene()]
    for scene, values in zip(scenes, ([1.0, 2.0], [-1.0, 3.0]), strict=True):
        curves(scene, "c", history={"train": ([1, 10], values), "test": ([1, 10], [1, 1])}, series=SERIES, title="T",
               y_title="loss", log_x=True, log_y=True, floor=0.1, clip=True, calculated=["test"])  # fmt: skip
    header, arrays = decode(beside(scenes[0], [("ridge 0.1", scenes[1])]).to_bytes())
    [[panel]] = header["rows"]
    assert [(ghost["of"], ghost["run"], ghost["called"]) for ghost in panel["ghosts"]] == [(0, 1, "ridge 0.1")]
    assert arrays[panel["ghosts"][0]["xy"]].tolist() == [[1, 10], [-1, 3]]
    assert panel["scale"] == "log"


def test_compared_runs_know_their_curve_and_the_marker_its_step() -> None:
    panel, arrays = sent(history(5), ghosts=[history(3), {"test": history(4)["test"]}], marker=np.int64(2))
    assert [(ghost["of"], ghost["run"]) for ghost in panel["ghosts"]] == [(0, 1), (1, 1), (1, 2)]
    assert [arrays[ghost["xy"]].shape[1] for ghost in panel["ghosts"]] == [3, 3, 4]
    assert panel["marker"] == 2 and sent(history(5))[0]["marker"] is None


def test_an_empty_history_is_a_panel_all_the_same() -> None:
    panel, arrays = sent({}, log_y=True)
    assert [series["name"] for series in panel["series"]] == ["training loss", "test loss"]
    assert all(array.size == 0 for array in arrays)


def test_a_dash_stands_for_a_name() -> None:
    pair = dash_of([("test", "test"), ("training", "train")])
    assert pair == dash_of([("training", "train"), ("test", "test")]) == {"test": (), "training": DASHES[1]}
    scene = Scene()
    plane = scene.panel("error", title="Error against width")
    for name, colour in (("Test", "test"), ("Training", "train")):
        plane.path(np.zeros((2, 2)), name=name, colour=colour)
    drawn = {layer["name"]: tuple(layer.get("dash", ())) for layer in scene.rows[0][0]["layers"]}
    assert drawn == {"Test": pair["test"], "Training": pair["training"]}  # on a plane too
    alone = dash_of([("training", "train")])
    assert alone["training"] == pair["training"]
    every = dash_of([(f"class {k}", f"class_{k}") for k in range(len(DASHES))])
    assert len(set(every.values())) == len(DASHES)
    assert set(dash_of([(token, token) for token in palette.colours()])) == set(palette.colours())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"series": {"train": ("loss", "train"), "test": ("loss", "test")}}, "a label of its own"),
        ({"series": {"train": ("loss", "red")}}, "no colour 'red'"),
        ({"bands": {"mean": ("low", "high")}}, "no curve 'mean'; there are train, test"),
        ({"calculated": ["theory"]}, "no curve 'theory'"),
        ({"log_y": True, "clip": True}, "at a floor above 0, not at 0.0"),
        ({"past": {"train": (np.arange(3), np.zeros(2))}}, r"steps of shape \(3,\) and values of shape \(2,\)"),
    ],
)
def test_what_does_not_fit_gives_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        sent(settings.pop("past", history(3)), **settings)


def test_every_kind_of_panel_is_known_on_both_sides() -> None:
    python = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "engine" / "scene").glob("*.py"))
    drawn = (ROOT / "assets" / "scene.js").read_text(encoding="utf-8")
    ours = set(re.findall(r'\b(?:add|extend)\(\s*"(\w+)", ', python))
    theirs = set(re.findall(r'"(\w+)"', re.search(r"const KINDS = \[(.*?)\]", drawn, re.DOTALL)[1]))  # type: ignore[index]
    assert "curves" in ours and ours == theirs


# ------------------------------------------------------------------ what is seen

SHELL = """
import numpy as np
import streamlit as st
from engine.scene.curves import curves
from engine.scene.scene import Scene
from engine.scene.ghosts import beside
from ui.scene import show

st.session_state.setdefault("runs", 0)
t = np.arange(1, 101)
GHOST = {"train": (t[:50], 3.0 / t[:50])}
SERIES = {"train": ("training, by hand", "train"), "test": ("test", "test")}


@st.fragment(run_every=0.1)
def live():
    st.session_state.runs += 1
    past = {"train": (t, 1.0 / t), "test": (t[9::10], 2.0 / t[9::10])}
    loss, other = Scene(height=300), Scene()
    curves(loss, "loss", history=past, series=SERIES, title="Loss", y_title="loss", log_y=True, marker=40)
    curves(other, "loss", history=GHOST, series=SERIES, title="Loss", y_title="loss", log_y=True)
    show(beside(loss, [("rate 0.5", other)]), key="loss")
    grown = t[: 2 + st.session_state.runs % 90]
    growing, empty = Scene(height=300), Scene(height=300)
    curves(growing, "growing", history={"test": (grown, 0.003 + 1e-4 * grown)}, series={"test": ("test", "test")},
           title="Growing", y_title="share")
    show(growing, key="growing")
    curves(empty, "empty", history={}, series=SERIES, title="Nothing yet", y_title="loss")
    show(empty, key="empty")
    st.text(f"runs {st.session_state.runs}")


live()
scene, x, every = Scene(height=300), np.array([1, 10, 100, 1000]), np.geomspace(2, 2000, 50)
curves(scene, "sweep", title="Sweep", x_title="width", y_title="error", log_x=True, log_y=True, floor=0.01,
       clip=True,
       history={"test": (x, 1e-9 + (x == 10)), "low": (x, x / 1e4), "high": (x, x), "theory": (every, 1 / every)},
       series={"test": ("test", "test"), "theory": ("theory", "class_3")}, bands={"test": ("low", "high")},
       rules={"parameters = samples": 90.0, "rank reaches n": 100.0, "what is far away on the right": 5000.0},
       dots=True, calculated=["theory"])
show(scene, key="sweep")
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running app that draws curves ten times a second."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(APP.format(assets=str(ROOT / "assets")), encoding="utf-8")
    (folder / "shell.py").write_text(SHELL, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    command += ["--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]
    command += ["--runner.postScriptGC=false"]  # as the playground itself: else ten runs a second fill a core
    server = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_until(lambda: answers(port), "the app to answer")
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(timeout=60)


def arrive(browser: Browser, address: str, **context: Any) -> Page:
    page = browser.new_context(**({"viewport": {"width": 1300, "height": 1100}} | context)).new_page()
    page.goto(address)
    page.get_by_role("img", name="Nothing yet").wait_for(timeout=90_000)
    return page


@pytest.fixture(scope="module")
def page(address: str, browser: Browser) -> Iterator[Page]:
    problems: list[str] = []
    page = arrive(browser, address, color_scheme="light")
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    page.context.close()
    assert problems == []


def loss(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Loss"))


def told(page: Page) -> tuple[str, dict[str, str]]:
    """The title and the rows of the tooltip; a space stands where a line must not break."""
    tip = page.locator(".tooltip:not([hidden])")
    tip.wait_for()
    names = [name.replace("\xa0", " ") for name in tip.locator("dt").all_inner_texts()]
    values = tip.locator("dd").all_inner_texts()
    return tip.locator("strong").inner_text(), dict(zip(names, values, strict=True))


def colours(canvas: Locator) -> set[str]:
    """Every colour on a canvas, as "#rrggbb"."""
    read = """(c) => [...new Set(new Uint32Array(
      c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer))].filter((p) => p >>> 24 === 255)"""
    return {f"#{p & 255:02x}{p >> 8 & 255:02x}{p >> 16 & 255:02x}" for p in canvas.evaluate(read)}


def frames(page: Page, count: int = 3) -> None:
    """Wait until the server has drawn a few more times."""

    def runs() -> int:
        return int(page.get_by_text(re.compile(r"^runs \d+$")).inner_text().split()[1])

    before = runs()
    wait_until(lambda: runs() >= before + count, "more frames")


@pytest.mark.browser
def test_hover_tells_every_value_at_the_nearest_step(page: Page) -> None:
    canvas = loss(page)
    box = canvas.bounding_box()
    assert box is not None
    for share in (0.3, 0.45, 0.8):
        canvas.hover(position={"x": box["width"] * share, "y": 40})
        page.wait_for_timeout(200)
        title, rows = told(page)
        step = int(title.removeprefix("step "))
        assert step == pytest.approx(100 * share, abs=6)
        assert rows.pop("training, by hand") == f"{1 / step:.4g}"
        known = {name: value for name, value in rows.items() if name.startswith("test")}
        ((name, value),) = known.items()  # measured at every tenth step only: it says where
        at = int(name.removeprefix("test, at ")) if name != "test" else step
        assert at % 10 == 0 and abs(at - step) <= 5
        assert value == f"{2 / at:.4g}"
        assert rows["rate 0.5"] == (f"{3 / step:.4g}" if step <= 50 else "–")
    page.mouse.move(2, 2)
    expect(page.locator(".tooltip:not([hidden])")).to_have_count(0)


@pytest.mark.browser
def test_keys_go_from_step_to_step_and_say_what_is_there(page: Page) -> None:
    canvas = loss(page)
    canvas.focus()
    for key, step in (("End", 100), ("ArrowLeft", 99), ("PageUp", 89), ("Home", 1), ("ArrowRight", 2)):
        canvas.press(key)
        page.wait_for_timeout(150)
        title, rows = told(page)
        assert (title, rows["training, by hand"]) == (f"step {step}", f"{1 / step:.4g}")
    frames(page)
    assert told(page)[0] == "step 2"  # new data do not move it
    expect(page.locator("section.curves .spoken").first).to_contain_text("step 2: training, by hand 0.5")
    canvas.press("Escape")
    expect(page.locator(".tooltip:not([hidden])")).to_have_count(0)


@pytest.mark.browser
def test_the_description_says_title_names_and_last_values(page: Page) -> None:
    canvas = loss(page)
    assert canvas.get_attribute("aria-label") == "Loss. Shown: training, by hand, test, rate 0.5."
    assert canvas.get_attribute("aria-description") == "step 100: training, by hand 0.01, test 0.02"
    assert page.get_by_role("img", name="Nothing yet").get_attribute("aria-description") == ""


@pytest.mark.browser
def test_the_legend_switches_a_curve_off_while_data_change(page: Page) -> None:
    canvas = page.get_by_role("img", name="Growing")
    entry = page.locator("section.curves", has_text="Growing").locator(".legend button")
    assert palette.colour("test") in colours(canvas)
    entry.focus()
    page.keyboard.press("Enter")
    expect(entry).to_have_attribute("aria-pressed", "false")
    wait_until(lambda: palette.colour("test") not in colours(canvas), "the curve to go")
    frames(page)
    assert palette.colour("test") not in colours(canvas)  # off it stays
    expect(entry).to_have_attribute("aria-pressed", "false")
    entry.click()
    wait_until(lambda: palette.colour("test") in colours(canvas), "the curve to come back")


@pytest.mark.browser
def test_the_table_holds_every_curve_as_it_was_sent(page: Page, tmp_path: Path) -> None:
    panel = page.locator("section.curves", has_text="rate 0.5")
    panel.hover()
    with page.expect_download() as coming:
        panel.get_by_role("button", name="CSV").click()
    assert coming.value.suggested_filename == "loss.csv"
    coming.value.save_as(tmp_path / "loss.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "loss.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == ["step", "training, by hand", "test", "training, by hand, rate 0.5"]
    t = np.arange(1, 101)
    assert [int(row["step"]) for row in rows] == t.tolist()
    np.testing.assert_array_equal(
        np.array([row["training, by hand"] for row in rows], np.float32), (1 / t).astype("f4")
    )
    assert [i + 1 for i, row in enumerate(rows) if row["test"]] == list(range(10, 101, 10))
    assert [row["training, by hand, rate 0.5"] != "" for row in rows] == [step <= 50 for step in t]
    with page.expect_download() as coming:
        panel.get_by_role("button", name="Save this picture").click()
    assert coming.value.suggested_filename == "loss.png"


@pytest.mark.browser
def test_a_sweep_stops_where_it_was_measured_and_its_table_knows_the_bands(page: Page, tmp_path: Path) -> None:
    canvas = page.get_by_role("img", name="Sweep")
    box = canvas.bounding_box()
    assert box is not None
    found = []
    for share in np.linspace(0.06, 0.95, 12):
        canvas.hover(position={"x": box["width"] * share, "y": 100})
        page.wait_for_timeout(150)
        title, rows = told(page)
        width = int(title.removeprefix("width ").replace(",", ""))
        assert rows["test"] == ("1" if width == 10 else "1.00e−9")  # what was measured, not where it is drawn
        at = next((name.removeprefix("theory, at ") for name in rows if name != "test"), "")
        assert width == 1 or 0.9 < float(at.replace(",", "")) / width < 1.1
        found.append(width)
    middle = np.log10(5000) * (np.linspace(0.06, 0.95, 12) * box["width"] - 50) / (box["width"] - 60)
    assert found == sorted(found) and set(found) == {1, 10, 100, 1000}
    np.testing.assert_allclose(np.log10(found), np.clip(middle, 0, 3), atol=0.6)  # the nearest as the axis goes
    page.mouse.move(2, 2)
    assert canvas.get_attribute("aria-description") == "width 1000: test 1.00e−9"
    canvas.focus()
    for key, width in (("End", "1,000"), ("ArrowLeft", "100"), ("Home", "1")):
        canvas.press(key)
        page.wait_for_timeout(150)
        assert told(page)[0] == f"width {width}"
    canvas.press("Escape")
    entry = page.locator("section.curves", has_text="Sweep").locator(".legend button", has_text="test")
    entry.click()  # without what was measured the pointer stops where the rest was calculated
    canvas.hover(position={"x": box["width"] * 0.5, "y": 100})
    wait_until(lambda: "theory" in told(page)[1], "what was calculated at the pointer")
    assert set(told(page)[1]) == {"theory"}
    entry.click()
    page.mouse.move(2, 2)
    panel = page.locator("section.curves", has_text="Sweep")
    with page.expect_download() as coming:
        panel.get_by_role("button", name="CSV").click()
    coming.value.save_as(tmp_path / "sweep.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "sweep.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == ["width", "test", "theory", "test, low", "test, high"]
    measured = [row for row in rows if row["test"]]
    assert [row["width"] for row in measured] == ["1", "10", "100", "1000"]
    assert [row["test, high"] for row in measured] == ["1", "10", "100", "1000"]
    assert len(rows) > 50


@pytest.mark.browser
def test_no_words_of_a_rule_stand_over_those_of_another(page: Page) -> None:
    module = page.evaluate(
        "() => performance.getEntriesByType('resource').map((e) => e.name).find((n) => /rules.js/.test(n))"
    )
    placed = page.evaluate(
        """async (address) => {
          const { arranged } = await import(address);
          const box = { x: 40, y: 10, w: 300, h: 120 }, measure = (rule, text) => text.length * 7;
          const layouts = [[100, 100, 100], [60, 200, 339], [335, 338], [40, 45, 50, 55, 60, 65, 70, 75, 80]];
          return layouts.map((at) => arranged(box, at.map((x) => ({ x, text: "parameters = samples" })), 17, measure));
        }""",
        module,
    )
    for words in placed:
        assert words
        for i, one in enumerate(words):
            assert one["left"] >= 40 and one["left"] + one["width"] <= 340 and 10 < one["top"] < 130 - 17
            assert one["left"] == one["rule"]["x"] + 6 or one["left"] + one["width"] == one["rule"]["x"] - 6
            for other in words[:i]:
                apart = one["left"] >= other["left"] + other["width"] or other["left"] >= one["left"] + one["width"]
                assert apart or abs(one["top"] - other["top"]) >= 17
    assert [len(words) for words in placed] == [3, 3, 2, 6]  # of nine at nearly one place six have room
    places = page.evaluate(
        """async (address) => {
          const { arranged } = await import(address);
          const box = { x: 40, y: 10, w: 300, h: 120 }, rules = [{ x: 60, text: "peak" }];
          const curves = [() => false, (left, top) => top < 40, () => true];
          return curves.map((covers) => arranged(box, rules, 17, () => 28, covers)[0].top);
        }""",
        module,
    )
    assert places == [14, 48, 14]  # on top; below a curve; where no place is free of one, on top again


@pytest.mark.browser
def test_on_a_phone_in_the_dark_nothing_sticks_out(address: str, browser: Browser) -> None:
    page = arrive(browser, address, viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True)
    try:
        canvas = loss(page)
        wait_until(lambda: palette.colour("test", dark=True) in colours(canvas), "the colours of the dark")
        assert palette.colour("test") not in colours(canvas)
        canvas.tap(position={"x": 200, "y": 60})
        page.wait_for_timeout(200)
        assert told(page)[0].startswith("step ")
        for part in (".legend button", ".tooltip:not([hidden])", "section.curves", "section.curves canvas"):
            for box in [each.bounding_box() for each in page.locator(part).all()]:
                assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390, part
        assert page.evaluate("() => document.scrollingElement.scrollWidth") <= 390
    finally:
        page.context.close()


@pytest.mark.browser
def test_text_grows_with_the_page_as_in_the_view_for_a_lecture_hall(address: str, browser: Browser) -> None:
    page = arrive(browser, address)
    try:
        entry = page.locator("section.curves .legend button").first
        size = "(e) => parseFloat(getComputedStyle(e).fontSize)"
        left = """(c) => { const {width, height, data} = c.getContext('2d').getImageData(0, 0, c.width, c.height / 2);
          return data.filter((v, i) => i % 4 === 3 && v).length / (width * height); }"""  # share that is drawn upon
        plain, drawn = entry.evaluate(size), loss(page).evaluate(left)
        page.add_style_tag(content="html { font-size: 21px; }")
        wait_until(lambda: entry.evaluate(size) == pytest.approx(plain * 21 / 16), "larger text")
        wait_until(lambda: loss(page).evaluate(left) != drawn, "larger numbers on the axes")
    finally:
        page.context.close()


@pytest.mark.browser
def test_no_frame_leaves_a_listener_or_an_element_behind(page: Page) -> None:
    inspector = page.context.new_cdp_session(page)
    inspector.send("Performance.enable")

    def counted() -> dict[str, float]:
        inspector.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in inspector.send("Performance.getMetrics")["metrics"]}
        return {name: found[name] for name in ("JSEventListeners", "Nodes")}

    frames(page, 5)
    before = counted()
    frames(page, 30)
    after = counted()
    for name, number in after.items():  # of thirty frames of three panels; Streamlit's own come and go by a few
        assert number <= before[name] + 25, name
