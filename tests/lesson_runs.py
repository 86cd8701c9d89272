"""What a lesson sets, for the tests of what it claims."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest

import engine
from ui.lesson import Lesson, lessons


def first(quick: int, tried: Iterable[Any]) -> list[Any]:
    """Seeds to try a claim with: the first `quick` in continuous integration, the others in `make truths`.

    Bounds are set, and lessons written, with all of them; what a change breaks, it breaks for the first ones too.
    """
    return [
        pytest.param(*(seed if isinstance(seed, tuple) else (seed,)), marks=[pytest.mark.truths] * (n >= quick))
        for n, seed in enumerate(tried)
    ]


def lesson(slug: str, name: str) -> Lesson:
    return next(each for each in lessons(slug) if each.slug == name)


def config(slug: str, name: str, *, beside: bool = False, **knobs: Any) -> Any:
    """What the lesson sets, or its second run, with some knobs turned."""
    chosen, config_class = lesson(slug, name), engine.lab(slug).Config
    found = chosen.compared(config_class) if beside else chosen.config(config_class)
    assert found is not None, f"the lesson {name} has no second run"
    return dataclasses.replace(found, **knobs)
