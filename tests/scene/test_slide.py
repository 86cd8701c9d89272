"""The sliding kernel: what is sent decodes to what was given, and every number that the browser writes is the lab's."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from plain_page import PlainPage
from playwright.sync_api import Browser, Locator
from scene_format import decode
from visitor import Visitor, visit

from engine.contract.view import View
from engine.labs.cnn_filters import Config, Experiment
from engine.labs.cnn_filters.view import stage
from engine.scene.scene import Scene
from engine.scene.slide import sliding_kernel

SLUG = "cnn_filters"


def drawn(**changes: Any) -> Scene:
    """A scene with a kernel of 2 x 2 on two maps of 4 x 5, with stride 1, padding 1 and dilation 2."""
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(4, 5)).astype(np.float32) for _ in range(4)]
    given: dict[str, Any] = {
        "picture": rng.random((8, 8)), "inputs": rng.random((2, 4, 5)), "kernel": rng.normal(size=(2, 2, 2)),
        "bias": 0.25, "window": (1, 1, 2), "maps": maps, "towards": maps[3], "probabilities": [0.1, 0.9],
        "classes": ["a", "b"], "field": (5, 2, -1), "source": 1, "truth": 0,
    }  # fmt: skip
    scene = Scene()
    sliding_kernel(scene, "s", title="S", **(given | changes))
    return scene


def test_a_kernel_and_its_maps_come_back() -> None:
    header, arrays = decode(drawn().to_bytes())
    panel = header["rows"][0][0]
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(4, 5)).astype(np.float32) for _ in range(4)]
    for name, expected in zip(("sums", "normed", "active", "pooled"), maps, strict=True):
        assert np.array_equal(arrays[panel[name]], expected)
    assert (panel["stride"], panel["padding"], panel["dilation"], panel["bias"]) == (1, 1, 2, 0.25)
    assert (panel["sees"], panel["jump"], panel["start"], panel["answer"], panel["truth"]) == (5, 2, -1, 1, 0)
    assert panel["deep"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kernel": np.zeros((3, 2, 2))}, "slides over maps"),
        ({"kernel": np.zeros((2, 2, 3))}, "slides over maps"),
        ({"window": (2, 1, 2)}, r"finds \(2, 3\) places"),
        ({"probabilities": [1.0]}, "2 classes and 1 probabilities"),
        ({"towards": np.zeros((2, 2))}, r"\(2, 2\) slopes"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        drawn(**changes)


# ------------------------------------------------------------------ in a browser


def slide(at: Visitor | PlainPage) -> Locator:
    return at.page.get_by_role("img", name=re.compile("^From kernel"))


def said(at: Visitor | PlainPage) -> tuple[int, int, dict[str, float]]:
    """Row and column from 0, and the numbers by what stands before them."""
    at.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    text = (slide(at).get_attribute("aria-description") or "").replace("−", "-")
    place = re.match(r"Row (\d+), column (\d+): ", text)
    assert place, text
    words = re.findall(r"(.+?) (-?[\d.]+(?:e-?\d+)?)(?: |$)", text[place.end() :])
    return int(place[1]) - 1, int(place[2]) - 1, {word: float(number) for word, number in words}


def close(a: float, b: float) -> bool:
    """Equal as far as two decimals, or one digit of a very small number, can tell."""
    return abs(a - b) <= max(0.0051, 0.5 * abs(b) if abs(b) < 0.005 else 0)


INSIDE = {"data": "digits", "start": "scratch", "channels": "16,32", "entered": "1"}  # small maps, one kernel at work
KNOBS = [
    {},
    {"layer": "2", "channel": "5", "source": "3", "pooling": "average"},
    {"kernel": "4", "stride": "2", "padding": "3", "dilation": "2", "channels": "3", "pooling": "none", "layer": "1"},
    {"channels": "4", "depth": "3", "layer": "3", "norm": "group", "residual": "1"},
]


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.parametrize("knobs", KNOBS, ids=["first layer", "second layer", "stretched", "normed and skipped"])
def test_every_number_on_the_way_is_that_of_the_network(plain: PlainPage, knobs: dict[str, str]) -> None:
    experiment = Experiment(Config.from_params(INSIDE | knobs))
    frame = experiment.frame()
    side = len(frame.sums)
    pool = round(side / len(frame.pooled))
    plain.clear()
    plain.draw({"the stage": stage(View(frame, experiment.config))})
    slide(plain).focus()
    seen = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp"):
        slide(plain).press(key)
        row, column, numbers = said(plain)
        seen.add((row, column))
        patch = frame.sums[row, column] - frame.bias
        products = next(v for word, v in numbers.items() if "product" in word)
        others = next((v for word, v in numbers.items() if "other map" in word), 0.0)
        assert products + others == pytest.approx(patch, abs=0.011)
        assert close(numbers["= sum"], frame.sums[row, column])
        assert close(numbers["→ relu"], frame.active[row, column])
        if "norm" in knobs:
            assert close(numbers["→ group norm, skip"], frame.normed[row, column])
        at = (row // pool, column // pool)
        if max(at) < len(frame.pooled):
            [slope] = [v for word, v in numbers.items() if word.startswith("→ ×")]
            assert close(slope, frame.towards[at])
            assert close(numbers[f"= for “{frame.answer}”"], frame.towards[at] * frame.pooled[at])
    assert len(seen) >= 4 and plain.problems == []


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_it_slides_by_itself_follows_the_pointer_and_is_held_through_live_frames(browser: Browser, server: str) -> None:
    frame = Experiment(Config.from_params(INSIDE)).frame()
    with visit(browser, server, reduced_motion="no-preference") as visitor:
        sent: list[Any] = []
        visitor.page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(data)))
        visitor.open(SLUG, **INSIDE)
        visitor.settle()
        before = said(visitor)
        visitor.until(lambda: said(visitor)[:2] != before[:2], "the kernel to slide")
        canvas = slide(visitor)
        canvas.evaluate("(c) => (c.mine = true)")
        del sent[:]
        places = []
        for x in (30, 60, 90, 120, 150):
            canvas.hover(position={"x": x, "y": 100})
            row, column, numbers = said(visitor)
            places.append((row, column))
            assert close(numbers["= sum"], frame.sums[row, column])
        assert len({row for row, _ in places}) == 1
        assert [column for _, column in places] == sorted({column for _, column in places})
        assert sent == []  # no word to the server

        canvas.click(position={"x": 90, "y": 100})
        held = said(visitor)
        visitor.page.mouse.move(2, 2)
        visitor.play_to(20)
        assert said(visitor)[:2] == held[:2] and said(visitor)[2] != held[2]
        assert canvas.evaluate("(c) => c.mine && c.isConnected")
        canvas.click(position={"x": 90, "y": 100})
        visitor.page.mouse.move(2, 2)
        visitor.until(lambda: said(visitor)[:2] != held[:2], "the kernel to slide on")


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_click_on_a_map_brings_its_kernel(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(SLUG, **INSIDE)
        maps = visitor.page.get_by_role("img", name="What each finds: click one")
        box = maps.bounding_box()
        assert box is not None
        maps.click(position={"x": box["width"] / 2 + 25, "y": box["height"] / 2 + 25})
        chosen = int(visitor.until(lambda: visitor.link.get("channel"), "a kernel in the link"))
        said = f"kernel {chosen + 1} of layer 1"
        visitor.until(lambda: said in (slide(visitor).get_attribute("aria-label") or ""), said)
        assert visitor.notices() == []
