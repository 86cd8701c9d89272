"""One moment of an experiment as a scene: what `engine.show` shows."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from types import ModuleType

import numpy as np

from engine.contract.experiment import Experiment
from engine.contract.view import Curves, View
from engine.scene.scene import Scene


def snapshot(experiment: Experiment, history: Sequence[Mapping[str, float]] = ()) -> Scene:
    """See `engine.show`."""
    view = _view(experiment)
    at = experiment.step_count
    scene: Scene = view.stage(View(experiment.frame(), experiment.config, _curves(history, at), at, at))
    return scene


def _curves(history: Sequence[Mapping[str, float]], last: int) -> Curves:
    """Metrics of consecutive steps, up to `last` if they do not say which, as steps (N,) and values (N,) by metric."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for step, row in enumerate(history, start=last - len(history) + 1):
        for name, value in row.items():
            if name != "step":
                steps, values = curves.setdefault(name, ([], []))
                steps.append(row.get("step", step))
                values.append(value)
    return {name: (np.array(steps), np.array(values, dtype=float)) for name, (steps, values) in curves.items()}


def _view(experiment: Experiment) -> ModuleType:
    """The module that draws an experiment: ``view.py`` beside its class, or beside one that it was made from."""
    for made in type(experiment).__mro__:
        package = made.__module__.rpartition(".")[0]
        if package.startswith("engine.labs.") and importlib.util.find_spec(f"{package}.view"):
            return importlib.import_module(f"{package}.view")
    raise TypeError(f"Only the experiment of a lab with a view.py can be shown, not a {type(experiment).__name__}.")
