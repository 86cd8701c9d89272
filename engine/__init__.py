"""The playground's engine: labs and the benches that run them.  No Streamlit in here.

>>> import engine
>>> lab = engine.lab("gradient_descent")
>>> experiment = lab.Experiment(lab.Config(seed=1), "cpu")
>>> for metrics in engine.train(experiment, 100): ...

A script agrees with the pages, the command line and exported files to the digit if it says ``torch.set_num_threads(1)``
first, as they do: see `Experiment`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import engine.labs as _labs
from engine.lab import Config, ConfigError, Experiment, knob

__all__ = ["Config", "ConfigError", "Experiment", "knob", "lab", "labs", "train"]


def labs() -> tuple[str, ...]:
    """The slugs of all labs, sorted.  Imports none of them."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(_labs.__path__)))


def lab(slug: str) -> ModuleType:
    """The module of one lab, with its `Config`, `Frame` and `Experiment`.  Raises `KeyError` for an unknown slug."""
    if slug not in labs():
        raise KeyError(f"There is no lab '{slug}'; the labs are {', '.join(labs())}.")
    return importlib.import_module(f"engine.labs.{slug}")


def train(experiment: Experiment, steps: int) -> Iterator[dict[str, float]]:
    """Step `experiment` up to `steps` times, or until it is done, yielding each step's metrics."""
    for _ in range(steps):
        if experiment.done:
            return
        yield experiment.step()
