"""What a lesson sets, for the tests of what it claims."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
import pytest

import engine
from engine.contract.facts import Facts
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


def fits_a_row_and_can_be_told(slug: str) -> None:
    """Titles of a lab's lessons are short enough for their row; each has answers, a moment, a place and knobs."""
    for each in lessons(slug):
        assert len(each.title) <= 28 and 3 <= len(each.answers) <= 4 and each.at is not None, each.slug
        assert each.point is not None and each.knobs and len(each.happened.split()) <= 170, each.slug


def recorded(
    experiment: Any, steps: int, stops: Collection[int | None]
) -> tuple[dict[str, np.ndarray], dict[int, Any]]:
    """The metrics of so many steps, and the frames at those of `stops`."""
    metrics, frames = [], {}
    for each in engine.train(experiment, steps):
        metrics.append(each)
        if experiment.step_count in stops:
            frames[experiment.step_count] = experiment.frame()
    return {name: np.array([found[name] for found in metrics]) for name in metrics[0]}, frames


def happens(
    chosen: Lesson, facts: Callable[..., dict[str, Any]], seed: int
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The facts of both runs of a lesson, of which what happened must be true, in two paragraphs.

    `facts(name, seed=, beside=)` are those of one of them; without a second run there are none of it.
    """
    here = facts(chosen.slug, seed=seed)
    there = None if chosen.beside is None else facts(chosen.slug, beside=True, seed=seed)
    assert chosen.holds(here, there), (here, there)
    assert chosen.said(here, there).count("\n\n") == 1
    return here, there


def otherwise(chosen: Lesson, here: Facts, there: Facts | None = None, *, never: str) -> str:
    """What is told of a run in which it did not happen: what it did (its fact `told`), and `never` those words."""
    assert not chosen.holds(here, there)
    said = chosen.said(here, there)
    assert never not in said and str(here["told"]) in said
    return said
