"""What a lesson sets, for the tests of what it claims."""

from __future__ import annotations

import dataclasses
from typing import Any

import engine
from ui.lesson import Lesson, lessons


def lesson(slug: str, name: str) -> Lesson:
    return next(each for each in lessons(slug) if each.slug == name)


def config(slug: str, name: str, *, beside: bool = False, **knobs: Any) -> Any:
    """What the lesson sets, or its second run, with some knobs turned."""
    chosen, config_class = lesson(slug, name), engine.lab(slug).Config
    found = chosen.compared(config_class) if beside else chosen.config(config_class)
    assert found is not None, f"the lesson {name} has no second run"
    return dataclasses.replace(found, **knobs)
