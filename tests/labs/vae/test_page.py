"""The latent plane of the page vae, in a real browser: a code that is dragged, and what it is decoded to."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator
from visitor import Visitor, described, visit

from engine.labs.vae import Config, Experiment

SLUG = "vae"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def plane(visitor: Visitor) -> Locator:
    return visitor.panel("drag the red point")


def brightness(at: Locator) -> float:
    found = re.search(r"mean brightness (\S+?)\.$", described(at).replace("−", "-"))
    assert found is not None, described(at)
    return float(found[1])


def test_a_dragged_code_is_decoded_in_the_browser_and_then_exactly(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(SLUG, hidden="1", width="32")
        steps = visitor.play_to(60)
        at = plane(visitor)
        box = at.locator("canvas").bounding_box()
        assert box is not None
        x, y = box["x"] + 0.3 * box["width"], box["y"] + 0.35 * box["height"]
        visitor.page.mouse.move(x, y)
        visitor.page.mouse.down()
        visitor.page.mouse.move(x + 20, y + 10)
        visitor.until(lambda: "between four of the sheet" in described(at), "a picture while the code is dragged")
        between = brightness(at)
        visitor.page.mouse.up()
        visitor.until(
            lambda: "decoded exactly" in described(at), "the exact picture, with the pointer still on the code"
        )
        visitor.until(lambda: {"z1", "z2"} <= set(visitor.link), "the code in the link")
        z1, z2 = float(visitor.link["z1"]), float(visitor.link["z2"])

        experiment = Experiment(Config(hidden=1, width=32, z1=z1, z2=z2))
        for _ in range(steps):
            experiment.step()
        assert brightness(at) == pytest.approx(float(experiment.frame().exact.mean()), abs=0.003)
        assert between == pytest.approx(brightness(at), abs=0.05)
        assert visitor.button("Undo").is_enabled()


def test_a_picture_of_the_sheet_is_chosen_by_a_click(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(SLUG, hidden="1", width="32")
        visitor.play_to(40)
        before = described(plane(visitor))
        visitor.panel("What it decodes to").locator("canvas").click()
        visitor.until(
            lambda: "decoded exactly" in described(plane(visitor)) and described(plane(visitor)) != before, "its code"
        )
        visitor.until(lambda: "z1" in visitor.link, "the code in the link")
