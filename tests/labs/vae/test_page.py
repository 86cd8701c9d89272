"""The latent plane of the page vae, in a real browser: a code that is dragged, and what it is decoded to."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Locator
from visitor import Visitor, described, part, visit

import engine
from engine.labs.vae import Config, Experiment

SLUG = "vae"
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def plane(visitor: Visitor) -> Locator:
    return visitor.panel("drag from one class")


def said(visitor: Visitor) -> tuple[float, float, str, float]:
    """Where the picture beside the plane is decoded, how, and its mean brightness."""
    visitor.page.evaluate(FRAMES)
    text = described(plane(visitor)).replace("−", "-")
    found = re.match(r"At (-?[\d.]+), (-?[\d.]+): (.+), mean brightness (-?[\d.]+)\. The strip leads ", text)
    assert found, text
    return float(found[1]), float(found[2]), found[3], float(found[4])


def between(sheet: np.ndarray, reach: float, x: float, y: float) -> float:
    """Mean brightness by bilinear interpolation between the four nearest pictures."""
    bright = sheet.clip(0, 1).mean(axis=(2, 3))
    c, r = ((v + reach) / (2 * reach) * (len(sheet) - 1) for v in (x, y))
    left, low = int(c), int(r)
    u, v = c - left, r - low
    rows = [(1 - u) * bright[row, left] + u * bright[row, left + 1] for row in (low, low + 1)]
    return float((1 - v) * rows[0] + v * rows[1])


@pytest.mark.browser
@pytest.mark.timeout(600)  # a busy machine is no failure
def test_a_code_is_decoded_in_the_browser_and_then_exactly(browser: Browser, server: str) -> None:
    experiment = Experiment(Config(hidden=1, width=32))
    with visit(browser, server) as visitor:
        visitor.open(SLUG, hidden="1", width="32")
        steps = visitor.play_to(60)
        list(engine.train(experiment, steps))
        frame = experiment.frame()
        at = plane(visitor).locator("canvas")
        at.scroll_into_view_if_needed()
        box = at.bounding_box()
        assert box is not None
        with part("the pointer is moved over the plane"):
            for across, up in ((0.3, 0.3), (0.42, 0.55), (0.25, 0.7)):
                visitor.page.mouse.move(box["x"] + across * box["width"], box["y"] + up * box["height"])
                x, y, how, mean = said(visitor)
                assert how == "between four of the sheet"
                assert mean == pytest.approx(between(frame.grid, frame.reach, x, y), abs=0.003)
        with part("the code is dragged"):
            began = said(visitor)[:2]
            assert "The strip leads from “4” to “9”." in described(plane(visitor))
            visitor.page.mouse.down()
            visitor.page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.4 * box["height"], steps=5)
            visitor.until(lambda: said(visitor)[2] == "decoded exactly", "the picture of a place on the way")
            held = said(visitor)
            visitor.page.mouse.up()
            assert said(visitor) == held
            visitor.until(lambda: said(visitor)[2] == "decoded exactly", "the picture, with the pointer on the code")
            visitor.until(lambda: {"z1", "z2"} <= set(visitor.link), "the code in the link")
            chosen, mean = [float(visitor.link[name]) for name in ("z1", "z2")], said(visitor)[3]
            with torch.no_grad():
                decoded = experiment.model.decode(torch.tensor([chosen]))
            assert mean == pytest.approx(float(decoded.clamp(0, 1).mean()), abs=0.003)
            assert held == (*chosen, "decoded exactly", mean)
            assert visitor.button("Undo").is_enabled() and visitor.step_number() == steps
        with part("the strip shows the way from where the drag began"):
            assert "from “4” to “9”" not in described(plane(visitor))
            told = re.search(
                r"along a line from (.+), (.+) to (.+), (.+)\.$", described(plane(visitor)).replace("−", "-")
            )
            assert told is not None and [float(told[3]), float(told[4])] == chosen
            assert (float(told[1]), float(told[2])) == pytest.approx(began, abs=0.002)
        with part("the pointer leaves the plane"):
            visitor.page.mouse.move(box["x"] + 0.97 * box["width"], box["y"] + 0.97 * box["height"])
            assert said(visitor) == (*chosen, "decoded exactly", mean)
        with part("an arrow key"):
            at.focus()
            visitor.page.keyboard.press("ArrowRight")
            visitor.until(lambda: float(visitor.link["z1"]) > chosen[0], "the code one step to the right in the link")
        with part("a click on the sheet"):
            visitor.settle()
            z1, before = visitor.link["z1"], described(plane(visitor))
            visitor.panel("All it decodes to").locator("canvas").click()
            visitor.until(
                lambda: said(visitor)[2] == "decoded exactly" and described(plane(visitor)) != before, "its code"
            )
            visitor.until(lambda: visitor.link["z1"] != z1, "its code in the link")
        assert visitor.notices() == [] and visitor.tracebacks() == 0
