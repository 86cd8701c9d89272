"""The four postures of a lab's page: what of it is seen before anything is scrolled, and what can be read."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect
from visitor import Visitor, part, visit

from engine.contract import registry
from engine.contract.lesson import lessons
from ui import shell

CARDS = {card.slug: card for card in shell.labs()}
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
DESKS = [(1440, 900), (1280, 720)]
BAND = 150  # pixels that question, lessons and player take at a desk
# Where in the window the parts of a page lie that a new visitor must see.
SEEN = """() => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
  const box = (e) => {
    const { top, bottom, left, right } = e.getBoundingClientRect();
    return { top, bottom, left, right };
  };
  const panels = all(document.querySelector('.st-key-stages')).filter((e) => e.matches('section.panel'));
  const bar = document.querySelector('.st-key-steered').parentElement;
  return { window: [innerWidth, innerHeight], above: box(document.querySelector('.st-key-above')),
           panels: panels.map((e) => ({ ...box(e), words: e.matches('.text') })),
           bar: box(bar), fixed: getComputedStyle(bar).position === 'fixed' };
}"""


def size(width: int, height: int) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": height}}


def seen(visitor: Visitor) -> dict[str, Any]:
    """Where the parts of the page are, when the pictures no longer change."""
    visitor.page.evaluate("document.fonts.ready")
    visitor.still()
    found: dict[str, Any] = visitor.page.evaluate(SEEN)
    return found


def bottom(place: Locator) -> float:
    box = place.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.slow
@pytest.mark.parametrize("slug", list(CARDS))
def test_the_hero_is_seen_whole_in_every_posture(browser: Browser, server: str, slug: str) -> None:
    """At a desk, in a lesson, on a phone, in a lecture hall: one page that is made larger and smaller."""
    with visit(browser, server, folded=True, **size(*DESKS[0])) as visitor:
        visitor.open(slug)
        for desk in DESKS:
            at_a_desk(visitor, desk, f"{slug} at {desk}")
        with part("on a phone"):
            on_a_phone(visitor)
        with part("on a phone that lies on its side"):
            on_its_side(visitor)
        visitor.page.set_viewport_size(size(*DESKS[0])["viewport"])
        longest = max(lessons(slug), key=lambda each: len(each.predict) + sum(map(len, each.answers)))
        visitor.key("lesson").get_by_text(longest.title, exact=True).click()
        visitor.key("asked").wait_for()
        visitor.settle()
        for desk in DESKS:
            at_a_desk(visitor, desk, f"{slug} at {desk}, in a lesson")
        with part("in a lecture hall"):
            in_a_lecture_hall(visitor)


def at_a_desk(visitor: Visitor, desk: tuple[int, int], where: str) -> None:
    visitor.page.set_viewport_size(size(*desk)["viewport"])
    at_first(visitor, where)
    knobs = visitor.page.locator(".st-key-lesson_knobs, .st-key-try").first
    assert bottom(knobs) <= desk[1], f"{where}: the knobs of the question"


def on_a_phone(visitor: Visitor) -> None:
    """The picture comes first, and stays while a knob is turned."""
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    found = seen(visitor)
    [panel] = found["panels"]
    assert found["fixed"] and found["bar"]["bottom"] <= 844 and found["bar"]["bottom"] - found["bar"]["top"] <= 110
    assert panel["top"] <= 330 and panel["bottom"] <= found["bar"]["top"] + 1, panel
    assert visitor.overflow() == 0
    expect(visitor.page.locator(".st-key-try")).to_be_hidden()
    visitor.page.get_by_role("button", name="Knobs").click()
    sheet = visitor.page.locator(".st-key-knobs")
    expect(sheet).to_be_visible()
    box = sheet.bounding_box()
    assert box is not None and box["y"] >= 844 * 0.5, "the sheet lies over the lower half"
    assert box["y"] - panel["top"] >= 0.5 * (panel["bottom"] - panel["top"]), "and the picture is seen above it"
    visitor.page.get_by_role("button", name="Knobs").click()
    expect(sheet).to_be_hidden()


def on_its_side(visitor: Visitor) -> None:
    """The picture fills what the player leaves, and head and question leave it room by scrolling away."""
    visitor.page.set_viewport_size({"width": 844, "height": 390})
    first = seen(visitor)
    assert first["fixed"] and first["bar"]["bottom"] <= 390 and visitor.overflow() == 0
    assert first["panels"][0]["top"] <= 0.55 * 390
    visitor.page.locator(".st-key-stages").evaluate("(stage) => stage.scrollIntoView()")
    found = seen(visitor)
    for panel in found["panels"]:
        assert panel["top"] >= -1 and panel["bottom"] <= found["bar"]["top"], panel
        assert panel["bottom"] - panel["top"] >= 0.6 * 390, panel


def in_a_lecture_hall(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1024, "height": 768})
    visitor.page.keyboard.press("f")
    visitor.button("Leave").wait_for()
    visitor.settle()
    for panel in ahead(seen(visitor)):
        assert panel["bottom"] <= 768 and panel["right"] <= 1024, panel
        assert panel["words"] or panel["bottom"] - panel["top"] >= 330, panel


def ahead(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels that are seen first: one or two, or as many tables, with a picture below each."""
    panels: list[dict[str, Any]] = found["panels"]
    first = [panel for panel in panels if panel["words"]] or panels
    assert 1 <= len(first) <= 2 and len(panels) <= 2 * len(first)
    return first


def at_first(visitor: Visitor, where: str) -> None:
    found = seen(visitor)
    band = found["above"]["bottom"] - found["above"]["top"]
    assert band <= BAND, f"{where}: question, lessons and player take {band:.0f} pixels"
    for panel in ahead(found):
        assert panel["bottom"] <= found["window"][1], f"{where}: {panel}"
        assert panel["words"] or panel["bottom"] - panel["top"] >= 280, f"{where}: {panel}"


def test_in_a_lecture_hall_the_hero_fills_the_window_and_keys_do_the_rest(browser: Browser, server: str) -> None:
    width, height = 1280, 720
    with visit(browser, server, folded=True, **size(width, height)) as visitor:
        visitor.open(next(iter(CARDS)))
        desk = seen(visitor)["panels"][0]
        type_at_desk = title_height(visitor)
        visitor.page.keyboard.press("f")
        visitor.button("Leave").wait_for()
        assert visitor.link["view"] == "lecture"
        visitor.settle()
        [panel] = seen(visitor)["panels"]
        assert panel["bottom"] <= height and panel["right"] <= width
        area = (panel["bottom"] - panel["top"]) * (panel["right"] - panel["left"])
        assert area >= 0.6 * width * height
        assert area > (desk["bottom"] - desk["top"]) * (desk["right"] - desk["left"])
        assert 1.45 <= title_height(visitor) / type_at_desk <= 2.05  # with all that is written on the canvas: `zoom`
        expect(visitor.page.get_by_role("heading", level=2)).to_be_visible()
        visitor.page.mouse.move(width / 2, height / 2)  # a bar, while the pointer moves
        visitor.play()
        visitor.page.keyboard.press(".")
        assert visitor.page.evaluate("getComputedStyle(document.documentElement, '::after').position") == "fixed"
        visitor.page.keyboard.press("x")
        assert not visitor.page.evaluate("document.documentElement.classList.contains('blank')")
        visitor.page.keyboard.press("k")
        expect(visitor.page.locator(".st-key-try")).to_be_visible()
        visitor.page.keyboard.press("Escape")
        expect(visitor.page.locator(".st-key-try")).to_be_hidden()
        visitor.page.keyboard.press("Escape")
        visitor.button("Present").wait_for()
        assert "view" not in visitor.link


def title_height(visitor: Visitor) -> float:
    """Pixels of the letters in the title of the first panel, as they are seen."""
    size: float = visitor.page.locator("section.panel h3").first.evaluate(
        "(title) => parseFloat(getComputedStyle(title).fontSize) * (title.currentCSSZoom ?? 1)"
    )
    return size


def test_tools_of_a_panel_come_when_they_are_wanted_and_leave_its_title_the_width(
    browser: Browser, server: str
) -> None:
    with visit(browser, server, folded=True, **size(1280, 720)) as visitor:
        visitor.open("moe_routing")
        panel = visitor.page.locator("section.panel").first
        tools, png = panel.get_by_role("toolbar", name="Tools"), panel.get_by_role("button", name="PNG")
        visitor.page.mouse.move(2, 2)
        expect(tools).to_have_css("opacity", "0")
        title, header = panel.locator("h3").bounding_box(), panel.locator("header").bounding_box()
        assert title is not None and header is not None and title["width"] == header["width"]
        panel.locator("canvas").hover()
        expect(tools).to_have_css("opacity", "1")
        visitor.page.mouse.move(2, 2)
        expect(tools).to_have_css("opacity", "0")
        png.focus()
        expect(tools).to_have_css("opacity", "1")
        above = tools.bounding_box()
        assert above is not None and above["y"] + above["height"] <= title["y"] + 2, (
            "and nothing of the title is hidden"
        )


def test_a_tab_that_is_held_while_its_numbers_run_opens(browser: Browser, server: str) -> None:
    with visit(browser, server, folded=True, **size(1280, 720)) as visitor:
        visitor.open("moe_routing")
        visitor.speed("full speed")
        tab = visitor.page.get_by_role("group", name="More pictures").get_by_role("button").first
        visitor.play()
        visitor.page.wait_for_function("(tab) => /\\d/.test(tab.textContent)", arg=tab.element_handle())
        tab.hover()
        visitor.page.mouse.down()
        before = tab.inner_text()
        visitor.until(lambda: tab.inner_text() != before, "other numbers in its title")
        visitor.page.mouse.up()
        expect(tab).to_have_attribute("aria-expanded", "true")
        visitor.pause()


def test_pictures_that_are_folded_open_and_stay_open(browser: Browser, server: str) -> None:
    slug = next(slug for slug, card in CARDS.items() if card.hero and registry.draws(slug, "inside"))
    with visit(browser, server, folded=True) as visitor:
        visitor.open(slug)
        few = visitor.canvases.count()
        tabs = visitor.page.get_by_role("group", name="More pictures").get_by_role("button")
        assert tabs.count() >= 1
        tabs.first.click()
        expect(tabs.first).to_have_attribute("aria-expanded", "true")
        panels = visitor.page.locator(".st-key-stages section.panel")
        more = panels.count()
        assert more > 0 and visitor.canvases.count() >= few
        visitor.reload()
        expect(panels).to_have_count(more)
        expect(tabs.first).to_have_attribute("aria-expanded", "true")


def test_lessons_that_are_done_are_ticked_and_remembered(browser: Browser, server: str) -> None:
    slug, known = next((slug, lessons(slug)) for slug in CARDS if lessons(slug))
    with visit(browser, server) as visitor:
        visitor.open(slug, lesson=known[0].slug)
        ticks = "() => JSON.parse(localStorage.getItem('playground.lessons') ?? '{}')"
        assert visitor.page.evaluate(ticks) == {}
        visitor.button("Do not ask, show me").click()
        visitor.key("outcome").wait_for(timeout=120_000)
        visitor.until(lambda: visitor.page.evaluate(ticks) == {f"{slug}/{known[0].slug}": True}, "the tick")
        mark = f"getComputedStyle(document.querySelector('.st-key-{slug}-lesson button'), '::before').content"
        visitor.until(lambda: "✓" in visitor.page.evaluate(mark), "the tick to be seen")
        visitor.reload()
        visitor.until(lambda: "✓" in visitor.page.evaluate(mark), "the tick after a reload")


def test_why_it_happened_stands_in_its_frame_and_on_nothing_else(browser: Browser, server: str) -> None:
    slug, known = next((slug, lessons(slug)) for slug in CARDS if lessons(slug))
    bottom = "(e) => e.getBoundingClientRect().bottom"
    with visit(browser, server) as visitor:
        visitor.open(slug, lesson=known[0].slug)
        visitor.button("Do not ask, show me").click()
        visitor.key("outcome").wait_for(timeout=120_000)
        visitor.settle()
        visitor.page.get_by_role("button", name="Why?").click()
        question = visitor.key("why").get_by_text("The question was")
        question.wait_for()
        visitor.settle()
        frame = visitor.key("asked").evaluate(bottom)
        assert question.evaluate(bottom) <= frame
        assert frame <= visitor.button("Step").evaluate("(e) => e.getBoundingClientRect().top")
