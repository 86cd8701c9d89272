"""The Mathematics tab: every formula is written so that it is drawn as one.

Streamlit's Markdown takes what stands behind an opening ``$$`` for the name of a fence: the first line of a formula is
lost, and unless a line begins with ``$$`` all that follows becomes part of it.  ``$$x$$`` in one line is drawn small,
as if it stood in a sentence.  So ``$$`` stands alone on its line, which can be checked without a browser.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from visitor import ROOT

import engine
from ui import shell

SLUGS = [entry.slug for entry in shell.labs()]


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
