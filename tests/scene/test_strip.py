"""A whole network in one strip: what is sent is what was given, it is entered by a click, and drawn for on its pad."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser
from scene_format import decode
from visitor import visit

from engine.contract.view import View
from engine.labs.cnn_filters import Config, Experiment
from engine.labs.cnn_filters.view import stage
from engine.scene.scene import Scene
from engine.scene.strip import Stage, network_strip

SLUG = "cnn_filters"


def strip(**changes: Any) -> Scene:
    """A scene with a strip of one layer of three maps for a picture of 4 x 4."""
    given: dict[str, Any] = {
        "picture": np.eye(4), "stages": [Stage(np.arange(48.0).reshape(3, 4, 4), 0, "one", "4 × 4")],
        "kernels": np.array([[[-2.0]], [[0.0]], [[1.0]]]), "chosen": (0, 1), "probabilities": (0.25, 0.75),
        "classes": ("no", "yes"),
    }  # fmt: skip
    scene = Scene()
    network_strip(scene, "s", title="S", **(given | changes))
    return scene


def test_what_is_sent_decodes_to_what_was_given() -> None:
    header, arrays = decode(strip().to_bytes())
    [[sent]] = header["rows"]
    assert sent["answer"] == 1 and sent["chosen"] == [0, 1] and sent["drawn"] is False
    [layer] = sent["stages"]
    maps = arrays[layer["values"]]
    assert maps.shape == (3, 4, 4) and (maps[0, 0, 0], maps[-1, -1, -1]) == (0, 254)  # one scale for the layer
    assert arrays[sent["kernels"]["values"]].ravel().tolist() == [0, 127, 191]  # zero is in the middle of the colours
    [[bare]] = decode(strip(kernels=()).to_bytes())[0]["rows"]
    assert bare["kernels"] == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"probabilities": (1.0,)}, "2 classes and 1"), ({"stages": [Stage(np.eye(3), 0, "", "")]}, "has maps")],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        strip(**changes)


def test_a_deep_network_has_one_map_a_layer_in_its_strip() -> None:
    for depth, counts in ((2, [8, 16]), (4, [8, 8, 8, 8]), (30, [1] * 30)):
        experiment = Experiment(Config(data="digits", start="scratch", depth=depth))
        frame = experiment.frame()
        panel = stage(View(frame, experiment.config)).rows[0][0]
        assert [len(maps) for maps in frame.strip] == counts and len(panel["stages"]) == depth


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_digit_is_drawn_and_read_and_a_map_is_entered_and_left(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(SLUG)
        visitor.settle()
        canvas = visitor.page.get_by_role("img", name=re.compile("^The whole network"))
        box = canvas.bounding_box()
        assert box is not None
        x, y = box["x"] + 0.09 * box["width"], box["y"] + 0.58 * box["height"]  # on the pad
        visitor.page.mouse.move(x, y)
        visitor.page.mouse.down()
        visitor.page.mouse.move(x, y + 0.25 * box["height"], steps=5)
        visitor.page.mouse.up()
        visitor.until(
            lambda: "“1”" in (canvas.get_attribute("aria-label") or ""), "an upright stroke to be read as a 1"
        )
        visitor.until(lambda: visitor.link.get("picture"), "the drawing in the link")
        visitor.page.get_by_role("toolbar", name="Picture").get_by_role("button", name="Clear").click()
        visitor.until(lambda: "“9”" in (canvas.get_attribute("aria-label") or ""), "the first test picture, a 9")
        canvas.focus()
        for key in ("ArrowRight", "ArrowRight", "Enter"):
            canvas.press(key)
        slide = visitor.page.get_by_role("img", name=re.compile("^From kernel"))
        visitor.until(lambda: "kernel 2 of layer 1" in (slide.get_attribute("aria-label") or ""), "its second map")
        visitor.until(lambda: visitor.link.get("entered") == "1", "the kernel in the link")
        visitor.button("Whole network").click()
        canvas.wait_for()
        assert visitor.notices() == []
