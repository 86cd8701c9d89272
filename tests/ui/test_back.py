"""Back and Forward, and messages that are older than the address that they meet."""

from __future__ import annotations

from collections.abc import Iterator

import drive
import pytest
from playwright.sync_api import Browser
from streamlit.testing.v1 import AppTest
from visitor import ROOT, visit

from engine import runs

SLUG = "gradient_descent"
SEEDS = ("3", "5", "8")


@pytest.fixture(autouse=True)
def pool() -> Iterator[None]:
    runs.start("inline")
    yield
    runs.stop()


def arrive() -> AppTest:
    """A page on which the seed has been turned twice since its visitor came by a link."""
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page(f"../pages/{SLUG}.py")
    for number in range(8):  # no group of knobs is folded away
        app.session_state[f"{SLUG}.group.{number}"] = True
    app.query_params["seed"] = SEEDS[0]
    drive.sound(app.run())
    for seed in SEEDS[1:]:
        drive.sound(app.number_input(key=f"{SLUG}.seed").set_value(int(seed)).run())
    assert app.query_params["seed"] in (SEEDS[-1], [SEEDS[-1]])
    return app


def test_an_address_that_is_merely_old_turns_nothing_back() -> None:
    app = arrive()
    app.query_params["seed"] = SEEDS[0]
    drive.sound(app.run())
    assert app.number_input(key=f"{SLUG}.seed").value == int(SEEDS[-1])


def test_an_address_that_the_browser_has_gone_back_to_counts() -> None:
    app = arrive()
    for seed in (SEEDS[0], SEEDS[1], SEEDS[0], SEEDS[-1]):
        app.query_params["seed"] = seed
        drive.sound(app.run())  # the address alone, which comes first, says nothing, and is left as it is
        assert app.query_params["seed"] in (seed, [seed])
        drive.sound(drive.back(app, seed=seed))
        assert app.number_input(key=f"{SLUG}.seed").value == int(seed)
        assert app.query_params["seed"] in (seed, [seed])
    app.query_params["seed"] = SEEDS[0]
    drive.sound(app.run())
    assert app.number_input(key=f"{SLUG}.seed").value == int(SEEDS[-1])


def test_a_row_of_lessons_that_is_older_than_the_address_chooses_nothing() -> None:
    app = arrive()
    key = f"{SLUG}.lesson"
    for lesson in ("ravine", "saddle"):
        drive.sound(app.button_group(key=key).set_value(lesson).run())
        assert app.query_params["lesson"] in (lesson, [lesson])
    drive.sound(drive.back(app, lesson="ravine", condition="100.0", angle="30.0"))
    assert app.session_state[key] == "ravine"
    drive.sound(app.button_group(key=key).set_value("saddle").run())  # a message that was on its way
    assert app.session_state[key] == "ravine"


@pytest.mark.browser
def test_back_and_forward_bring_the_knobs_of_their_address(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(SLUG, seed=SEEDS[0])
        assert "seed" in visitor.link
        box = visitor.key("seed").get_by_role("spinbutton")
        if not box.is_visible():
            visitor.page.get_by_text("Run", exact=True).click()
        for seed in SEEDS[1:]:
            box.fill(seed)
            box.press("Enter")
            visitor.until(lambda seed=seed: visitor.link.get("seed") == seed, f"seed {seed} in the address")
        for go, place in (("back", 1), ("back", 0), ("forward", 1), ("forward", 2), ("back", 1)):
            (visitor.page.go_back if go == "back" else visitor.page.go_forward)()
            visitor.until(lambda place=place: box.input_value() == SEEDS[place], f"seed {SEEDS[place]}, after {go}")
            visitor.settle()
            assert visitor.link["seed"] == SEEDS[place]
        assert visitor.problems == [] and visitor.tracebacks() == 0
