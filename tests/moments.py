"""A moment of a run as a lab's view takes it, for the tests of what is drawn of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.contract.view import View


def moment(experiment: Any, steps: int) -> View:
    """What there is to draw of `experiment` once it has made `steps` steps, with the metrics of each."""
    history: dict[str, list[float]] = {}
    for _ in range(steps):
        for name, value in experiment.step().items():
            history.setdefault(name, []).append(value)
    curves = {name: (np.arange(1, len(values) + 1), np.array(values)) for name, values in history.items()}
    return View(experiment.frame(), experiment.config, curves, steps, steps)
