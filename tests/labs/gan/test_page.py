"""Digits on the page gan, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from visitor import described, part, visit

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


WATCHED = """(canvas) => {
  window.looks = new Set();
  const look = () => (looks.add(canvas.toDataURL()), requestAnimationFrame(look));
  requestAnimationFrame(look);
}"""


def test_who_learns_is_turned_in_the_picture_and_the_loop_moves_where_motion_is_welcome(
    browser: Browser, server: str
) -> None:
    for motion in ("no-preference", "reduce"):
        with visit(browser, server, reduced_motion=motion) as visitor:
            visitor.open("gan", batch_size="16")
            press = visitor.page.get_by_role("button", name="Step D", exact=True)
            at = visitor.page.locator("section.panel", has=press)  # its title is another at each step
            press.click()
            visitor.until(lambda: visitor.link.get("train") == "discriminator", "the knob to be turned")
            visitor.until(lambda: visitor.step_number() == 1, "one step of the discriminator")
            canvas = at.locator("canvas")
            before = described(at)
            visitor.settle()
            canvas.evaluate(WATCHED)
            steps = 9  # losses are measured at every eighth
            for _ in range(steps):
                visitor.step()
            assert described(at) != before
            assert "Only the discriminator learns" in visitor.page.locator(".say").first.inner_text()
            looks = visitor.page.evaluate("looks.size")
            assert looks > 3 * steps if motion == "no-preference" else looks <= steps + 3
