"""Digits on the page gan, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from visitor import visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_settings_that_suit_digits_are_one_press_away(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gan", data="digits")
        visitor.button("Settings that suit digits").click()
        visitor.until(lambda: visitor.link.get("noise_size") == "16", "the settings in the link")
        assert visitor.link["generator_hidden"] == "128,128" and visitor.link["loss"] == "non_saturating"
        visitor.until(lambda: not visitor.button("Settings that suit digits").count(), "the button to go")
        before = visitor.pictures()
        assert len(before) == 6
        visitor.play_to(10)
        assert all(a != b for place, (a, b) in enumerate(zip(before, visitor.pictures(), strict=True)) if place != 1)
        assert visitor.notices() == []


def test_every_fake_is_framed_by_what_the_discriminator_says(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gan", data="digits", loss="non_saturating", noise_size="8", generator_hidden="16")
        at = visitor.panel("Fakes: ")
        shown = visitor.pictures(at.locator("canvas"))
        said = at.get_by_role("button", name="What the discriminator says")
        assert said.get_attribute("aria-pressed") == "true"
        said.click()
        visitor.until(lambda: visitor.pictures(at.locator("canvas")) != shown, "the frames to go")
        box = at.locator("canvas").bounding_box()
        assert box is not None
        visitor.page.mouse.move(box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2 + 20)
        visitor.until(
            lambda: "orange fake, blue real" in visitor.page.locator(".tooltip").first.inner_text(), "a number"
        )
