"""What axe-core finds on pages in all their postures: nothing of ours.

The journeys of test_every_page.py look at the page of every lab.  What holds for all of them, light and dark, on a
telephone, before a run and after it, is looked at here: on a lab of the plane, and on one that takes tables.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from accessible import violations
from playwright.sync_api import Browser, expect
from visitor import Visitor, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # a busy machine is no failure
SLUG = "gradient_descent"
TELEPHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
FOCUS = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const { outlineStyle, outlineWidth, boxShadow, borderColor } = getComputedStyle(at);
  return [at.localName, at.className, outlineStyle !== 'none' && parseFloat(outlineWidth) > 0 || boxShadow !== 'none'];
}"""


@contextlib.contextmanager
def looking(browser: Browser, server: str, **wishes: Any) -> Iterator[tuple[Visitor, Callable[[str], None]]]:
    """A visitor, and a function that looks at the page in the posture it is given; all is told at the end."""
    wrong: list[str] = []
    with visit(browser, server, **wishes) as visitor:

        def look(posture: str) -> None:
            # What Streamlit is about to draw anew it may show pale.
            visitor.page.locator("[data-stale=true]").first.wait_for(state="detached")
            wrong.extend(f"{posture}: {each}" for each in violations(visitor.page))

        yield visitor, look
    assert wrong == [], "\n".join(wrong)


def choose(visitor: Visitor, data: str) -> None:
    box = visitor.key("data").get_by_role("combobox")
    box.scroll_into_view_if_needed()
    visitor.still()  # a list that opens while the page scrolls is closed again
    box.click()
    visitor.page.get_by_role("option", name=data, exact=True).click()
    visitor.settle()


def tab(visitor: Visitor, name: str) -> None:
    visitor.key("tab").get_by_text(name, exact=True).click()
    visitor.settle()


def test_a_page_in_all_its_postures(browser: Browser, server: str) -> None:
    with looking(browser, server) as (visitor, look):
        visitor.open(SLUG)
        look("before Play")
        visitor.key("lesson").get_by_role("radio").or_(visitor.key("lesson").get_by_role("button")).first.click()
        visitor.until(lambda: "lesson" in visitor.link, "the lesson in the link")
        visitor.settle()
        visitor.open_groups()
        look("a lesson, and every group of knobs")
        visitor.play()
        look("running")
        expect(visitor.key("outcome")).to_be_visible(timeout=120_000)
        visitor.settle()
        look("a lesson at its end")
        expect(visitor.page.locator(".live.progress > .spoken")).to_contain_text("What happened and why stands above")


def test_a_page_in_the_dark_with_two_runs_and_each_tab(browser: Browser, server: str) -> None:
    with looking(browser, server, color_scheme="dark") as (visitor, look):
        visitor.open(SLUG)
        visitor.play_to(8)
        visitor.button("Keep for comparison").click()
        visitor.page.get_by_text("Compared:").wait_for()
        visitor.step()
        visitor.step()
        visitor.seek(1)
        visitor.share()
        look("an earlier moment, two runs side by side, Link and export open")
        visitor.page.keyboard.press("Escape")
        for name in ("Inside", "Source", "Mathematics"):
            tab(visitor, name)
            look(name)
        visitor.page.goto(f"{server}/watch/{visitor.link['run']}")
        visitor.page.locator(".curves canvas").first.wait_for()
        look("/watch")


def test_a_page_on_a_telephone_and_in_a_lecture_hall(browser: Browser, server: str) -> None:
    with looking(browser, server, **TELEPHONE) as (visitor, look):
        visitor.open(SLUG)
        visitor.step()
        look("a telephone")
    with looking(browser, server) as (visitor, look):
        visitor.open(SLUG, view="lecture")
        look("a lecture hall")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_pages_where_something_is_brought(browser: Browser, server: str, colours: str) -> None:
    with looking(browser, server, color_scheme=colours) as (visitor, look):
        visitor.open("neural_network")
        choose(visitor, "CSV")
        visitor.page.get_by_test_id("stFileUploader").wait_for()
        look("an upload")
        if colours == "light":
            tab(visitor, "Inside")
            look("Inside")
        choose(visitor, "Drawn")
        visitor.key("pad").get_by_role("img").wait_for()
        look("a pad")


def test_the_pages_without_a_run(browser: Browser, server: str) -> None:
    with looking(browser, server) as (visitor, look):
        visitor.open("", drawn=False)
        visitor.page.locator("img.picture").last.wait_for()
        look("the gallery")
        visitor.page.goto(f"{server}/embed/{SLUG}")
        visitor.page.get_by_role("button", name="Play", exact=True).click()
        visitor.page.locator(".panel canvas").first.wait_for()
        look("/embed")


def test_whoever_goes_by_keys_sees_where_they_are(browser: Browser, server: str) -> None:
    """And has a few stops to the picture: what belongs together is one, and the arrows go on in it."""
    with visit(browser, server) as visitor:
        visitor.open("", drawn=False)
        card = visitor.page.locator(f".st-key-card_{SLUG}")
        card.get_by_role("link").focus()
        visitor.page.keyboard.press("Shift+Tab")
        visitor.page.keyboard.press("Tab")
        assert card.evaluate("(e) => parseFloat(getComputedStyle(e).outlineWidth)") >= 2

        visitor.open(SLUG)
        visitor.page.get_by_label("Speed").focus()
        passed = []
        while not passed or passed[-1][0] != "canvas":
            visitor.page.keyboard.press("Tab")
            passed.append(visitor.page.evaluate(FOCUS))
            assert len(passed) < 12, passed
        assert all(seen for *_, seen in passed), passed
        assert len(passed) <= 5, passed  # New seed, timeline, tools, legend, picture

        visitor.page.keyboard.press("Shift+Tab")
        entries = visitor.page.locator("section.panel .legend").first.get_by_role("button")
        expect(entries.first).to_be_focused()
        visitor.page.keyboard.press("End")
        expect(entries.last).to_be_focused()
        visitor.page.keyboard.press("ArrowRight")
        expect(entries.first).to_be_focused()
        visitor.page.keyboard.press("ArrowRight")
        visitor.page.keyboard.press("Space")
        expect(entries.nth(1)).to_have_attribute("aria-pressed", "false")
        assert visitor.step_number() == 0  # Home, End and Space were for the legend
