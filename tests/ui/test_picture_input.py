"""The controls for the picture and the network of a lab, on a page that has little else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import drive
import numpy as np
import pytest
import sklearn.datasets
import streamlit as st
from PIL import Image
from playwright.sync_api import Browser, Locator
from scene_format import decode
from small_app import APP, answers
from streamlit.testing.v1 import AppTest
from visitor import Visitor, part, visit, wait_until
from written_digits import WRITTEN, encoded, paper, served

import engine
from engine import runs
from engine.data import images, openml, shelf
from engine.runs.inline import InlinePool
from engine.scene.scene import Scene
from ui.player import Player

ROOT = Path(__file__).resolve().parents[2]
SLUG = "cnn_filters"
PAGE = """
from ui.inputs.network import network_input
from ui.page import lab_page
from ui.inputs.data_set import dataset_notice
from ui.inputs.picture import picture_input


def extra(player):
    dataset_notice(player)
    picture_input(player)
    network_input(player)


def page():
    lab_page("cnn_filters", extra=extra, hidden=("example", "picture"))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder, and at the end no run."""
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    images.load.cache_clear()
    yield tmp_path
    runs.stop()
    images.load.cache_clear()


def arrive(**params: str) -> AppTest:
    """The page with the digits of 8 x 8."""
    app = AppTest.from_string(f"{PAGE}\n\npage()", default_timeout=60)
    for name, text in ({"data": "digits"} | params).items():
        app.query_params[name] = text
    return sound(app.run())


def sound(app: AppTest) -> AppTest:
    assert [e.message for e in app.exception] == []
    return app


def press(app: AppTest, button: str) -> AppTest:
    return sound(app.button(key=f"{SLUG}.{button}").click().run())


def choose(app: AppTest, widget: str, option: str) -> AppTest:
    if widget == "data":  # more choices than stand side by side
        return sound(app.selectbox(key=f"{SLUG}.{widget}").set_value(option).run())
    return sound(app.button_group(key=f"{SLUG}.{widget}").set_value(option).run())


def upload(app: AppTest, widget: str, data: bytes) -> AppTest:
    name = "it.safetensors" if widget == "network_file" else "it.png"  # whatever it holds
    app.file_uploader(key=f"{SLUG}.{widget}").set_value((name, data, "application/octet-stream"))
    return sound(app.run())


def player(app: AppTest) -> Player:
    found: Player = app.session_state[f"{SLUG}.player"]
    return found


def seen(app: AppTest) -> np.ndarray:
    """The picture that the network looks at."""
    watched, pool = player(app).on_stage, runs.current()
    assert watched is not None and isinstance(pool, InlinePool)
    return np.asarray(pool._bench.runs[watched.run.id].experiment.frame().picture)


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption)


def notices(app: AppTest) -> list[str]:
    """Every sentence in a coloured box, but for the hint that stands where curves will be."""
    said = [alert.value for kind in ("info", "warning", "error") for alert in app.get(kind)]
    return [sentence for sentence in said if not sentence.startswith("Press Play: ")]


def coming(app: AppTest) -> list[str]:
    """What each line says at first that tells how far a data set has come."""
    lines = [each.proto for each in app.get("bidi_component")]
    return [json.loads(line.json)["said"] for line in lines if line.component_name == "playground_fetching"]


def later(app: AppTest, true: Callable[[], Any], what: str) -> None:
    """Run the page again and again until `true()` is true."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, f"waited for {what}; the page says {notices(app)}"
        time.sleep(0.2)
        sound(app.run())


def test_the_test_pictures_can_be_leafed_through(folder: Path) -> None:
    app, given = arrive(), images.load("digits").test_x[:, 0]
    assert np.allclose(seen(app), given[0]) and "Test picture 1 of 500" in captions(app)
    press(app, "next")
    assert np.allclose(seen(app), given[1]) and app.query_params["example"] == "1"
    press(press(app, "previous"), "previous")
    assert np.allclose(seen(app), given[499]) and "Test picture 500 of 500" in captions(app)
    press(app, "random")
    assert player(app).config.example != 499
    assert np.allclose(seen(app), given[player(app).config.example])


def test_a_picture_in_the_link_is_looked_at_and_left_for_a_test_picture(folder: Path) -> None:
    drawn = images.rasterise(WRITTEN[5], 8)
    app = arrive(picture=images.pack(drawn), example="7")
    assert np.allclose(seen(app), drawn, atol=1 / 255) and app.session_state[f"{SLUG}.input"] == "Draw"
    choose(app, "input", "Test picture")
    assert np.allclose(seen(app), images.load("digits").test_x[7, 0]) and "picture" not in app.query_params


def test_an_uploaded_picture_is_looked_at_and_a_bad_one_gets_a_sentence(folder: Path) -> None:
    app = choose(arrive(), "input", "Upload")
    assert "Nothing is uploaded yet" in captions(app)
    upload(app, "picture_file", encoded(paper(3)))
    expected, notes = images.read_upload(encoded(paper(3)), 8)
    assert np.allclose(seen(app), expected, atol=1 / 255)
    assert notes and all(note in captions(app) for note in notes)
    upload(app, "picture_file", b"<svg/>")
    [said] = notices(app)
    assert said == ("The file is no PNG, JPEG or WebP picture, whatever its name says; save it as one of these. "
                    "It goes on looking at the picture it has.")  # fmt: skip
    assert np.allclose(seen(app), expected, atol=1 / 255)
    press(app, "defaults")
    assert np.allclose(seen(app), images.load("digits_28").test_x[0, 0])  # although the uploader still holds a file


def test_an_uploaded_picture_is_not_lost_if_the_run_of_the_page_is_cut(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, turn, cuts = choose(arrive(), "input", "Upload"), Player.turn, []

    def cut_once(player: Player, **knobs: Any) -> None:  # as Streamlit does when the browser asks for another run
        if not cuts:
            cuts.append(knobs)
            st.rerun()
        turn(player, **knobs)

    monkeypatch.setattr(Player, "turn", cut_once)
    upload(app, "picture_file", encoded(paper(3)))
    assert len(cuts) == 1
    assert np.allclose(seen(app), images.read_upload(encoded(paper(3)), 8)[0], atol=1 / 255)


def test_a_picture_is_read_once_whether_it_is_good_or_bad(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = choose(arrive(), "input", "Upload")
    for data in (encoded(paper(3)), b"<svg/>"):
        upload(app, "picture_file", data)
        held = app.session_state[f"{SLUG}.picture_read"]
        sound(drive.step(choose(choose(app, "input", "Draw"), "input", "Upload"), SLUG))
        assert app.session_state[f"{SLUG}.picture_read"] is held


def test_a_network_from_a_file_is_gone_on_from_and_a_bad_one_gets_a_sentence(folder: Path) -> None:
    config = engine.lab(SLUG).Config(data="digits", channels=(4, 4), seed=3)
    run = runs.current().open(SLUG, config)
    run.step(3)
    run.peek()
    data = run.weights()
    app = arrive()
    upload(app, "network_file", data)
    assert notices(app) == [] and "a network from the page cnn filters, trained on digits" in captions(app)
    network = player(app).config.network
    assert shelf.fetch(network) == data and app.query_params["network"] == network
    watched = player(app).on_stage
    assert watched is not None and watched.run.weights()[-400:] == data[-400:]  # the weights, behind the header
    upload(app, "network_file", data[:-3])
    assert notices(app) == [
        "The file is damaged or cut off; download the network again. The page keeps the network it has."
    ]
    assert player(app).config.network == network
    press(app, "without_network")
    assert player(app).config.network == "" and "network" not in app.query_params


def test_a_network_of_another_lab_does_not_fit_and_says_so(folder: Path) -> None:
    run = runs.current().open("neural_network", engine.lab("neural_network").Config())
    app = upload(arrive(), "network_file", run.weights())
    [said] = notices(app)
    assert (
        said[0].isupper() and said.endswith("The page keeps the network it has.") and player(app).config.network == ""
    )


# ---------------------------------------------------------------- data on demand


def test_until_a_data_set_is_fetched_the_run_keeps_the_digits(folder: Path) -> None:
    app = choose(arrive(), "data", "mnist")
    [said] = notices(app)
    assert said.startswith("Still to be given: MNIST is not on this server yet; fetch it")
    assert "from openml.org" in captions(app)
    assert player(app).config.data == "digits" and app.error.values == []
    press(app, "stay")
    assert app.session_state[f"{SLUG}.data"] == "digits" and notices(app) == []


def test_offline_is_one_sentence_and_the_knob_goes_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    app = press(choose(arrive(), "data", "mnist"), "fetch")
    assert app.error or [said.startswith("Fetching MNIST") for said in coming(app)] == [True]
    later(app, lambda: app.error, "the sentence")
    [said] = app.error.values
    assert "OpenML cannot be reached from this server" in said and said.endswith("The page stays with the data it has.")
    assert app.session_state[f"{SLUG}.data"] == "digits" and player(app).config.data == "digits"
    assert sound(app.run()).error.values == []


def test_when_a_data_set_has_come_the_run_takes_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = arrive(picture=images.pack(images.rasterise(WRITTEN[5], 8)))
    choose(app, "data", "mnist")
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", served())
    openml.fetch("mnist", folder / "images" / "mnist")  # by another visitor
    sound(app.run())
    assert player(app).config.data == "mnist" and notices(app) == []
    assert np.allclose(seen(app), images.load("mnist").test_x[0, 0])  # the picture of 8 x 8 is left out


def test_a_link_to_a_set_that_is_not_there_opens_with_the_digits_and_says_so(folder: Path) -> None:
    app = arrive(data="fashion_mnist", example="3")
    [said] = notices(app)
    assert "is not on this server yet" in said and "Using digits_28 instead." in said
    assert np.allclose(seen(app), images.load("digits_28").test_x[3, 0])


# ---------------------------------------------------------------- the pad, in a browser


def test_a_pad_is_sent_with_its_strokes_and_the_picture() -> None:
    scene, picture = Scene(), images.rasterise(WRITTEN[4], 8)
    pen = {"title": "P", "revision": 7, "caption": ["seen"]}
    scene.pen("pad", strokes=[np.array(stroke) for stroke in WRITTEN[4]], picture=picture, **pen)
    header, arrays = decode(scene.to_bytes())
    sent = header["rows"][0][0]
    assert [len(stroke) for stroke in sent["strokes"]] == [3, 2] and sent["strokes"][0][1] == [0.25, 0.4]
    assert sent["revision"] == 7 and np.allclose(arrays[sent["values"]][0] / 254, picture, atol=1 / 254)
    with pytest.raises(ValueError, match=r"one picture \(H, W\)"):
        scene.pen("other", strokes=[], picture=picture[None], **pen)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running app whose page has these controls, for which no data set has been fetched."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(APP.format(assets=str(ROOT / "assets")), encoding="utf-8")
    home = 'st.Page(lambda: st.text("home"), title="Home", default=True)'
    pages = f'import streamlit as st\n\nst.navigation([{home}, st.Page(page, url_path="{SLUG}", title="Page")]).run()\n'
    (folder / "shell.py").write_text(PAGE + pages, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    command += ["--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--runner.fastReruns=false"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PLAYGROUND_DATA": str(folder / "data")}
    server = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        wait_until(lambda: answers(port), "the app to answer")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=60)


AFTER_A_FRAME = "(c) => new Promise((done) => requestAnimationFrame(() => done(c.toDataURL())))"


def pad(visitor: Visitor) -> Locator:
    visitor.page.get_by_text("Draw", exact=True).click()
    canvas = visitor.page.get_by_role("img", name="Draw here")
    canvas.wait_for()
    visitor.settle()
    canvas.scroll_into_view_if_needed()
    return canvas


def places(canvas: Locator, stroke: Any) -> list[tuple[float, float]]:
    """Where on the screen the points of a stroke on the pad are."""
    box = canvas.bounding_box()
    assert box is not None
    side = min(box["height"] - 2, (box["width"] - 14) * 0.67) - 10
    return [(box["x"] + 8 + x * side, box["y"] + 6 + (1 - y) * side) for x, y in stroke]


def write(visitor: Visitor, canvas: Locator, digit: int) -> None:
    mouse = visitor.page.mouse
    for stroke in WRITTEN[digit]:
        first, *rest = places(canvas, stroke)
        mouse.move(*first)
        mouse.down()
        for place in rest:
            mouse.move(*place, steps=3)
        mouse.up()


def drawn(visitor: Visitor, side: int = 8) -> np.ndarray:
    """The picture in the address bar."""
    return images.unpack(visitor.link["picture"], side)


def close(picture: np.ndarray, digit: int) -> bool:
    return bool(np.abs(picture - images.rasterise(WRITTEN[digit], len(picture))).mean() < 0.06)


@pytest.mark.browser
def test_a_picture_is_drawn_stroke_by_stroke_and_another_one_uploaded(browser: Browser, address: str) -> None:
    with visit(browser, address) as visitor:
        visitor.open(SLUG, data="digits")
        canvas, stage = pad(visitor), visitor.pictures()
        with part("a stroke is seen while it is drawn"):
            empty = visitor.pictures(canvas)
            [(x, y)] = places(canvas, [(0.5, 0.5)])
            visitor.page.mouse.move(x, y)
            before = canvas.evaluate(AFTER_A_FRAME)
            visitor.page.mouse.down()
            visitor.page.mouse.move(x + 30, y + 30, steps=4)
            assert canvas.evaluate(AFTER_A_FRAME) != before and "picture" not in visitor.link  # nothing was sent yet
            visitor.page.mouse.up()
            visitor.until(lambda: "picture" in visitor.link, "the drawing in the link")
            visitor.settle()
        with part("the pad can be cleared"):
            visitor.key("clear").get_by_role("button").click()
            visitor.until(lambda: "picture" not in visitor.link, "no drawing in the link")
            visitor.until(lambda: visitor.pictures(canvas) == empty, "the pad to be empty")
            visitor.until(lambda: visitor.pictures() == stage, "the stage as it was")
            visitor.settle()
        with part("a digit is looked at"):
            write(visitor, canvas, 4)  # two strokes, one soon after the other
            visitor.until(lambda: "picture" in visitor.link and close(drawn(visitor), 4), "the drawing in the link")
            visitor.until(lambda: visitor.pictures() != stage, "the stage to show it")
            visitor.settle()
        with part("another pen, and a stroke less"):
            whole = drawn(visitor)
            visitor.key("pen").get_by_text("Thick", exact=True).click()
            visitor.until(lambda: drawn(visitor).sum() > whole.sum(), "a thicker line")
            visitor.settle()
            visitor.button("Undo stroke").click()
            visitor.until(lambda: drawn(visitor).sum() < whole.sum() or not close(drawn(visitor), 4), "a stroke less")
            visitor.settle()
        with part("a file"):
            visitor.page.get_by_text("Upload", exact=True).first.click()
            files = visitor.key("picture_file").locator("input[type=file]")
            photograph = encoded(Image.fromarray(np.asarray(paper(2))), "JPEG")
            wanted = images.read_upload(photograph, 8)[0]
            files.set_input_files({"name": "two.jpg", "mimeType": "image/jpeg", "buffer": photograph})
            visitor.until(lambda: np.allclose(drawn(visitor), wanted, atol=1 / 255), "the picture in the link")
        assert visitor.tracebacks() == 0


@pytest.mark.browser
def test_a_finger_draws_on_a_phone_and_the_page_does_not_scroll(browser: Browser, address: str) -> None:
    phone = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
    with visit(browser, address, **phone) as visitor:
        visitor.open(SLUG, data="digits")
        canvas = pad(visitor)
        top = canvas.bounding_box()
        session = visitor.page.context.new_cdp_session(visitor.page)
        for stroke in WRITTEN[7]:
            for kind, place in zip(["touchStart", *["touchMove"] * 20], places(canvas, stroke), strict=False):
                session.send("Input.dispatchTouchEvent",
                             {"type": kind, "touchPoints": [{"x": place[0], "y": place[1]}]})  # fmt: skip
            session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        visitor.until(lambda: "picture" in visitor.link and close(drawn(visitor), 7), "the drawing in the link")
        visitor.settle()
        assert canvas.bounding_box() == top and visitor.overflow() == 0
