"""Home in a real browser: what it remembers, without a memory too, on a telephone, and with forty labs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from accessible import violations
from playwright.sync_api import Browser, expect
from visitor import serve, visit

from ui import shell

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # a busy machine is no failure
TELEPHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
RUN = {"id": "gan?seed=0", "run": "", "slug": "gan", "title": "GAN", "name": "<b>mine</b>", "link": "gan?seed=0&step=7",
       "step": 1234, "unit": "Round", "picture": "", "at": 0}  # fmt: skip
OTHER = {
    **RUN,
    "id": "vae?seed=1",
    "slug": "vae",
    "title": "Variational autoencoder",
    "link": "vae?seed=1",
    "name": "β 4",
}
# Words on a card that are wider than their place, and cards that are narrower than a picture needs.
CUT = """() => [...document.querySelectorAll('[class*=st-key-card_], .teaching')].flatMap((card) => [
  ...[card, ...card.querySelectorAll('p, h3')]
    .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent),
  ...(card.clientWidth < 130 ? [`${card.className} is ${card.clientWidth} px wide`] : []),
])"""
LOADED = "() => performance.getEntriesByType('resource').some((each) => each.name.includes('/live/menu.js'))"
DONE = {"neural_network/xor_without_hidden_layer": True, "neural_network/zero_weights": False, "</script>": True}
KEPT = f"""localStorage.setItem("playground.runs", {json.dumps(json.dumps([RUN, OTHER]))});
localStorage.setItem("playground.lessons", {json.dumps(json.dumps(DONE))});"""
FORGETFUL = (
    """Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } });"""
)


def test_what_this_browser_did_is_there_again(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        page = visitor.page
        page.goto(f"{server}/teach/gan")  # of the same origin, to put there what a browser would have kept
        page.evaluate(KEPT)
        page.goto(server)
        expect(page.locator(".st-key-card_neural_network")).to_contain_text("1 of 10 done")
        expect(page.locator(".st-key-begin")).to_contain_text("Go on: Linear layers · Neural network")
        runs = page.locator(".st-key-mine li")
        expect(runs).to_have_count(2)
        expect(runs.first).to_contain_text("Round 1,234 · <b>mine</b>")
        assert violations(page) == []
        page.get_by_role("button", name="Forget: Variational").click()
        expect(runs).to_have_count(1)
        page.get_by_role("button", name="Rename").click()
        page.keyboard.type("my eight heaps")
        page.keyboard.press("Enter")
        expect(runs).to_contain_text("my eight heaps")
        page.reload()
        expect(runs).to_contain_text("my eight heaps")
        runs.get_by_role("link").click()
        visitor.slug = "gan"
        visitor.arrive()
        assert visitor.step_number() == 7


def test_a_browser_that_keeps_nothing_has_a_home_too(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.page.add_init_script(FORGETFUL)
        visitor.page.goto(server)
        expect(visitor.page.locator(".st-key-begin a")).to_contain_text("Start the course")
        for door in ("I teach", "Show me everything", "I learn"):
            visitor.page.get_by_role("radio", name=door).click()
            visitor.settle()
            assert visitor.tracebacks() == 0 and violations(visitor.page) == [], door
        visitor.page.get_by_role("searchbox", name="Search").press_sequentially("over the edge")
        visitor.page.get_by_role("link", name="Over the edge").click()
        visitor.slug = "gradient_descent"
        visitor.arrive()
        assert visitor.link["lesson"] == "over_the_edge"


def test_a_wrong_address_leads_to_a_page_of_ours(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        page = visitor.page
        page.goto(f"{server}/diffusoin")
        expect(page.get_by_role("heading")).to_contain_text("There is no page “diffusoin” here")
        assert page.get_by_role("dialog").count() == 0 and violations(page) == []
        page.get_by_role("link", name="Diffusion").click()
        visitor.slug = "diffusion"
        visitor.arrive()
        visitor.problems = [
            each for each in visitor.problems if "/diffusoin" not in each
        ]  # which is not found, and says so


def test_notes_can_be_printed_in_light_and_dark(browser: Browser, server: str) -> None:
    for colours in ("light", "dark"):
        with visit(browser, server, color_scheme=colours) as visitor:
            visitor.page.goto(f"{server}/teach/neural_network")
            assert violations(visitor.page) == []
            visitor.page.emulate_media(media="print")
            ink, paper = visitor.page.evaluate(
                "['color', 'backgroundColor'].map((what) => getComputedStyle(document.body)[what])"
            )
            assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
            expect(visitor.page.get_by_role("link", name="open the lab")).to_be_hidden()


def test_on_a_telephone_the_menu_closes_when_a_page_was_chosen(browser: Browser, server: str) -> None:
    with visit(browser, server, **TELEPHONE) as visitor:
        page = visitor.page
        page.goto(server)
        page.wait_for_function(LOADED)
        visitor.settle()
        page.get_by_role("button", name="Expand sidebar").click()
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Gradient descent").click()
        visitor.slug = "gradient_descent"
        visitor.arrive()
        expect(page.get_by_test_id("stSidebarNav")).not_to_be_in_viewport()


@pytest.mark.slow
def test_forty_labs_have_room(browser: Browser, tmp_path: Path) -> None:
    """At a desk and on a telephone no card is cut, and the navigation stays one row."""
    mine, groups = tmp_path / "labs", ["Language", "Practice", "Deciding", "Science", *{c.group for c in shell.labs()}]
    for number in range(40 - len(shell.labs())):
        folder = mine / f"invented_{number}"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("", encoding="utf-8")
        card = {"title": f"An invented lab {number}", "icon": "science", "group": groups[number % len(groups)],
                "question": "What is there to be seen when nothing was built?"}  # fmt: skip
        lines = [f"{name} = {json.dumps(text)}" for name, text in card.items()]
        (folder / "card.toml").write_text("\n".join([*lines, f"lecture = {number % 15}"]), encoding="utf-8")
    with serve(tmp_path / "log.txt", PLAYGROUND_LABS=str(mine), PLAYGROUND_WORKERS="1") as own:
        for size in ({"width": 1440, "height": 900}, {"width": 1280, "height": 720}, {"width": 390, "height": 844}):
            with visit(browser, own.address, viewport=size) as visitor:
                for door in ("learn", "all", "teach"):
                    visitor.page.goto(f"{own.address}/?door={door}")
                    visitor.page.locator(".st-key-gallery .picture").nth(39).wait_for()
                    visitor.settle()
                    assert visitor.overflow() == 0, (size, door)
                    assert visitor.page.evaluate(CUT) == [], (size, door)
                header = visitor.page.get_by_test_id("stHeader").bounding_box()
                assert header and header["height"] <= 64
