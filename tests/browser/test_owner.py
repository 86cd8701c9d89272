"""Whose run it is, in two real browsers: a copied address disturbs nobody."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from visitor import Visitor, visit

import engine
from engine.runs import export
from engine.runs.inline import InlinePool

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SLUG = "gradient_descent"


def metrics(visitor: Visitor, file: Path) -> str:
    """What the visitor takes home as CSV."""
    visitor.settle()
    visitor.button("Link and export").click()
    text = visitor.download("Metrics", file).read_text(encoding="utf-8")
    visitor.page.keyboard.press("Escape")
    return text


def undisturbed(steps: int) -> str:
    """The same of a run that nobody else knew of."""
    pool = InlinePool()
    run = pool.open(SLUG, engine.lab(SLUG).Config(seed=3))
    run.step(steps)
    while run.peek(None).active:
        pass
    text = export.table(run.peek(-1).curves)
    pool.close()
    return text


def test_a_copied_address_disturbs_nobody_and_its_visitor_takes_over_a_copy(
    browser: Browser, server: str, tmp_path: Path
) -> None:
    with visit(browser, server) as first, visit(browser, server) as other:
        first.open(SLUG, seed="3")
        first.speed("30 steps/s")
        first.play()
        first.until(lambda: first.step_number() >= 20, "step 20")
        address = first.page.url

        other.slug = SLUG
        other.page.goto(address)
        other.button("Take over a copy").wait_for()
        assert other.page.get_by_role("slider").count() == 0 and other.canvases.count() == 0
        watch = other.page.get_by_role("link", name="Watch it live").get_attribute("href")
        assert watch == f"{server}/watch/{first.link['run']}"

        other.button("Take over a copy").click()
        other.canvases.first.wait_for()
        taken = other.step_number()
        assert taken >= 20 and other.link["run"] != first.link["run"] and other.link["seed"] == "3"
        assert "paused" in other.step_text()
        other.seek(7)  # its past came with it
        other.reset()
        other.open_groups()
        assert other.turn("lr_gradient_descent") and other.notices() == []
        other.step()

        first.until(lambda: first.step_number() > taken + 5, "the first visitor's run to go on")
        first.pause()
        steps = first.step_number()
        assert first.notices() == []
        assert metrics(first, tmp_path / "metrics.csv") == undisturbed(steps)

        first.reload()
        assert first.step_number() == steps and not first.button("Take over a copy").count()
        other.reload()
        assert other.step_number() == 1 and not other.button("Take over a copy").count()


def test_two_tabs_of_one_browser_steer_one_run(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(SLUG)
        (cookie,) = [each for each in visitor.page.context.cookies() if each["name"] == "playground"]
        assert re.fullmatch(r"[A-Za-z0-9_-]{12,64}", cookie["value"])
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
        assert 364 < (cookie["expires"] - time.time()) / 86_400 <= 366
        visitor.step()
        tab = Visitor(visitor.page.context.new_page(), server)
        tab.follow(visitor.page.url)
        assert tab.link["run"] == visitor.link["run"] and tab.step_number() == 1
        tab.step()
        visitor.step()
        assert visitor.step_number() == 3
        assert [c["value"] for c in tab.page.context.cookies() if c["name"] == "playground"] == [cookie["value"]]
        assert tab.problems == []
