"""Digits on the page gan, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from visitor import part, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_digits_one_press_away_and_what_the_discriminator_says_of_every_fake(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gan", data="digits")
        with part("settings that suit digits"):
            visitor.button("Settings that suit digits").click()
            visitor.until(lambda: visitor.link.get("noise_size") == "16", "the settings in the link")
            assert visitor.link["generator_hidden"] == "128,128" and visitor.link["loss"] == "non_saturating"
            visitor.until(lambda: not visitor.button("Settings that suit digits").count(), "the button to go")
            before = visitor.pictures()
            assert len(before) == 6
            visitor.play_to(10)
            after = visitor.pictures()
            assert all(a != b for place, (a, b) in enumerate(zip(before, after, strict=True)) if place != 1)
        with part("a frame for every fake"):
            at = visitor.panel("Fakes: ")
            shown = visitor.pictures(at.locator("canvas"))
            said = at.get_by_role("button", name="What the discriminator says")
            assert said.get_attribute("aria-pressed") == "true"
            said.click()
            visitor.until(lambda: visitor.pictures(at.locator("canvas")) != shown, "the frames to go")
        with part("a number for every fake"):
            box = at.locator("canvas").bounding_box()
            assert box is not None
            visitor.page.mouse.move(box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2 + 20)
            tip = visitor.page.locator(".tooltip").first
            visitor.until(lambda: "orange fake, blue real" in tip.inner_text(), "a number")
        assert visitor.notices() == []
