"""The Mathematics tab: every formula is drawn as one, whole, on a desk and on a phone.

Streamlit's Markdown takes what stands behind an opening ``$$`` for the name of a fence: the first line of a formula is
lost, and unless a line begins with ``$$`` all that follows becomes part of it.  ``$$x$$`` in one line is drawn small,
as if it stood in a sentence.  So ``$$`` stands alone on its line, which can be checked without a browser.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from visitor import ROOT, visit

import engine
from ui import shell

SLUGS = [entry.slug for entry in shell.labs()]
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


def faults(markdown: str) -> list[str]:
    """A line for everything that Streamlit would not draw as a formula, or not as the one that is meant."""
    found, inside, between = [], False, ""
    for number, line in enumerate(markdown.splitlines(), start=1):
        if line.strip() == "$$":
            inside = not inside
        elif "$$" in line:
            found.append(f"line {number}: $$ does not stand alone: {line}")
        elif inside and not line.strip():
            found.append(f"line {number}: an empty line within a formula")
        if not inside:
            between += line + "\n"
    if inside:
        found.append("a formula has no end")
    for paragraph in between.replace("$$", "").split("\n\n"):
        if paragraph.replace(r"\$", "").count("$") % 2:
            found.append(f"a formula in a sentence has no end: {paragraph}")
    return found


@pytest.mark.parametrize(
    "markdown",
    [
        "so that\n\n$$a = b,\n\\qquad c = d$$\n\nand on",
        "$$a = b\n$$",
        "$$\na = b$$",
        "| $$a | b$$ |",
        "$$a = b$$",
        "$$\na = b\n\nc = d\n$$",
        "$$\na = b",
        "with $a = b, and so on",
    ],
)
def test_what_would_not_be_drawn_is_found(markdown: str) -> None:
    assert faults(markdown)


def test_what_is_drawn_is_no_fault() -> None:
    assert faults("with $a$ and $b$\n\n$$\na = b,\n\\qquad c = d\n$$\n\nor $c$, for \\$3") == []


def strings(value: Any) -> Iterator[str]:
    """Every text in what a TOML file holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def written(file: Path) -> Iterator[str]:
    """The texts in a file that may come onto a page."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".toml":
        yield from strings(tomllib.loads(text))
    elif file.suffix == ".py":  # of an f-string, the parts between its braces
        yield from (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)
                    and isinstance(node.value, str) and "$$" in node.value)  # fmt: skip
    else:
        yield text


@pytest.mark.parametrize(
    "place", ["engine/labs/*/maths.md", "engine/labs/*/lessons.toml", "pages/*.py", "ui/*.py", "engine/**/*.py"]
)
def test_every_formula_on_a_page_can_be_drawn(place: str) -> None:
    files = sorted(ROOT.glob(place))
    assert files, f"{place} names no file, so this test would check nothing"
    assert [f"{file.name}: {fault}" for file in files for text in written(file) for fault in faults(text)] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_every_help_text_can_be_drawn(slug: str) -> None:
    for name, knob in engine.lab(slug).Config.knobs().items():
        assert faults(knob.help) == [], name


@pytest.mark.browser
@pytest.mark.timeout(600)  # a busy machine is no failure
@pytest.mark.parametrize("slug", SLUGS)
def test_the_tab_shows_formulas_and_no_latex(browser: Browser, server: str, slug: str) -> None:
    given = (ROOT / "engine" / "labs" / slug / "maths.md").read_text(encoding="utf-8")
    displayed = len(re.findall(r"^\$\$$", given, re.MULTILINE)) // 2
    with visit(browser, server) as visitor:
        visitor.open(slug)
        visitor.key("tab").get_by_text("Mathematics", exact=True).click()
        text = visitor.page.get_by_test_id("stMarkdownContainer").filter(has_text="Where to read on")
        visitor.until(lambda: text.locator(".katex-display").count() == displayed, f"{displayed} displayed formulas")
        assert text.locator(".katex-error").count() == 0
        undrawn = text.evaluate(UNDRAWN)
        assert "$" not in undrawn and not re.search(r"\\[a-zA-Z,;]|[_^]\{", undrawn), undrawn
        for width in (1440, 390):
            visitor.page.set_viewport_size({"width": width, "height": 900})
            visitor.settle()
            assert text.evaluate(CUT) == [] and text.evaluate(BEYOND) == [] and visitor.overflow() == 0
