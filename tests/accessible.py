"""What axe-core finds wrong with a page, but for what is Streamlit's own markup."""

from __future__ import annotations

from typing import NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Beside what axe looks at anyway: who steers by voice says what is written on a button.
OPTIONS = {"resultTypes": ["violations"], "rules": {"label-content-name-mismatch": {"enabled": True}}}
AT_REST = """() => Promise.race([new Promise((done) => setTimeout(done, 1000)), Promise.allSettled(
  document.getAnimations().filter((each) => each.playState === "running").map((each) => each.finished))])"""
_axe = Axe()


class Foreign(NamedTuple):
    """Markup of Streamlit's (1.67) that breaks a rule, and that no option of its widgets changes."""

    rule: str
    selector: str
    why: str


FOREIGN = (
    Foreign(
        "presentation-role-conflict", "[data-testid=stFileUploaderDropzone]",
        "role=presentation on a section that has a name of its own; the button in it is what is pressed",
    ),
    Foreign(
        "list", "[data-testid=stSidebarNavItems]",
        "on a telephone the groups of the navigation stand in its list as they are, without an item around each",
    ),
    Foreign("listitem", "[data-testid=stSidebarNavItems] > div > li, [data-testid=stSidebarNavItems] li", "the same"),
)  # fmt: skip


def violations(page: Page) -> list[str]:
    """A line for each element that breaks a rule: the rule, where it is, and why."""
    page.mouse.move(0, 0)  # what shows while the pointer is over it, and fades, is on its way and no colour yet
    page.evaluate(AT_REST)
    found = []
    for violation in _axe.run(page, options=OPTIONS).response["violations"]:
        for node in violation["nodes"]:
            [*roots, target] = node["target"]
            if isinstance(target, str) and not roots and any(_is(page, target, f, violation["id"]) for f in FOREIGN):
                continue
            found.append(f"{violation['id']} at {node['target']}: {node['html'][:200]} ({node['failureSummary']})")
    return found


def _is(page: Page, target: str, foreign: Foreign, rule: str) -> bool:
    return rule == foreign.rule and bool(
        page.locator(target).first.evaluate("(element, selector) => element.matches(selector)", foreign.selector)
    )
