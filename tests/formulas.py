"""Whether the formulas on a page are drawn, whole, and nothing of them is left as it was written."""

from __future__ import annotations

import re

from playwright.sync_api import Locator
from visitor import ROOT, Visitor

# What is written on the tab, without the formulas that were drawn.
UNDRAWN = """(text) => {
  const copy = text.cloneNode(true);
  copy.querySelectorAll('.katex').forEach((formula) => formula.remove());
  return copy.textContent;
}"""
# Displayed formulas that are higher than their place, which hides what rises above it, and those that cannot scroll.
CUT = """(text) => [...text.querySelectorAll('.katex-display')].filter((formula) => {
  const wide = formula.scrollWidth > formula.clientWidth, style = getComputedStyle(formula);
  return formula.scrollHeight > formula.clientHeight || (wide && style.overflowX !== 'auto');
}).map((formula) => formula.querySelector('annotation').textContent)"""
# Formulas in a sentence or a table that end beyond the window, unless what they stand in scrolls and fades out there.
BEYOND = """(text) => [...text.querySelectorAll('.katex')].filter((formula) => {
  if (formula.closest('.katex-display') || formula.getBoundingClientRect().right <= innerWidth) return false;
  const table = formula.closest('table');
  if (!table || table.getBoundingClientRect().right > innerWidth) return true;
  const style = getComputedStyle(table);
  const faded = style.maskImage.includes('gradient') && style.getPropertyValue('--more') !== '0px';
  return style.overflowX !== 'auto' || !faded;
}).map((formula) => formula.querySelector('annotation').textContent)"""


def open_mathematics(visitor: Visitor) -> Locator:
    """Open the tab, and return its text once every formula of the lab's ``maths.md`` is drawn."""
    given = (ROOT / "engine" / "labs" / visitor.slug / "maths.md").read_text(encoding="utf-8")
    displayed = len(re.findall(r"^\$\$$", given, re.MULTILINE)) // 2
    visitor.key("tab").get_by_text("Mathematics", exact=True).click()
    text = visitor.page.get_by_test_id("stMarkdownContainer").filter(has_text="Where to read on")
    visitor.until(lambda: text.locator(".katex-display").count() == displayed, f"{displayed} displayed formulas")
    return text


def left_as_written(text: Locator) -> str:
    """What is on the tab instead of a formula: an error, or LaTeX; else ``""``."""
    undrawn: str = text.evaluate(UNDRAWN)
    wrong = text.locator(".katex-error").all_inner_texts()
    return " ".join(wrong) or (undrawn if "$" in undrawn or re.search(r"\\[a-zA-Z,;]|[_^]\{", undrawn) else "")


def not_whole(text: Locator) -> list[str]:
    """The formulas that do not fit their place, and cannot be scrolled to."""
    found: list[str] = [*text.evaluate(CUT), *text.evaluate(BEYOND)]
    return found
