"""The glossary: a sentence for each term of the course, in assets/glossary.json.

The browser tells of a term wherever the pointer rests on one (assets/live/terms.js); a page lists its own.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import streamlit as st

from ui.scene import loader

GLOSSARY = Path(__file__).resolve().parent.parent / "assets" / "glossary.json"
_mount = st.components.v2.component(
    "playground_terms", html="<span></span>", js=loader("live/terms.js"), isolate_styles=True
)


def told() -> None:
    """Let every page tell of the terms on it."""
    _mount(key="terms.mount")


@cache
def glossary() -> dict[str, str]:
    """What each term means, by the term."""
    return {term: entry["says"] for term, entry in _entries().items()}


def terms(text: str) -> list[str]:
    """The terms in a text, in the order of the alphabet."""
    names = {name.casefold(): term for term, entry in _entries().items() for name in (term, *entry.get("also", ()))}
    found = {names[" ".join(match[0].casefold().split())] for match in _any().finditer(text)}
    return sorted(found, key=str.casefold)


@cache
def _entries() -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = json.loads(GLOSSARY.read_text(encoding="utf-8"))
    return entries


@cache
def _any() -> re.Pattern[str]:
    """One of the names, the longer before the shorter, and not within a word."""
    names = sorted({name for term, entry in _entries().items() for name in (term, *entry.get("also", ()))}, key=len)
    inner = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in reversed(names))
    return re.compile(rf"(?<![\w-])(?:{inner})(?![\w-])", re.IGNORECASE)
