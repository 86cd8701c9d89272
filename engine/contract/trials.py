"""A lab tried out: made, trained for a few steps, and looked at."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from engine.contract import registry
from engine.contract.view import View


def made(slug: str, **knobs: Any) -> tuple[ModuleType, Any]:
    """The lab, and its experiment with these knobs."""
    lab = registry.lab(slug)
    return lab, lab.Experiment(lab.Config(**knobs))


def train(experiment: Any, steps: int, *, look: int = 0) -> list[dict[str, float]]:
    """Metrics of up to `steps` steps, with `look` frames drawn after each."""
    found: list[dict[str, float]] = []
    while len(found) < steps and not experiment.done:
        found.append(experiment.step())
        for _ in range(look):
            experiment.frame()
    return found


def moments(experiment: Any, steps: int, *, beside: bool = False) -> Iterator[View]:
    """What a view gets to draw before the first of `steps` steps and after each."""
    history: dict[str, list[float]] = {}
    for number in range(steps + 1):
        for metrics in train(experiment, 1) if number else ():
            history = {name: [*history.get(name, []), value] for name, value in metrics.items()}
        curves = {name: (np.arange(1, len(values) + 1), np.asarray(values)) for name, values in history.items()}
        step = experiment.step_count
        yield View(experiment.frame(), experiment.config, curves, step, step, beside)
