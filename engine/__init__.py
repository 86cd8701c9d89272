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
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import engine.labs  # noqa: F401 -- before the function of the same name: importing a package later would hide it
from engine import former
from engine.contract.knobs import Config, ConfigError, knob
from engine.contract.registry import lab, labs

if TYPE_CHECKING:
    from engine.contract.experiment import Experiment
    from engine.scene.scene import Scene

__all__ = ["Config", "ConfigError", "Experiment", "knob", "lab", "labs", "show", "train"]

sys.meta_path.append(former.Names())
sys.modules["engine.lab"] = former.Split("lab", "contract.knobs")  # found here it does not hide the function `lab`


def train(experiment: Experiment, steps: int) -> Iterator[dict[str, float]]:
    """Step `experiment` up to `steps` times, or until it is done, yielding each step's metrics."""
    for _ in range(steps):
        if experiment.done:
            return
        yield experiment.step()


def show(experiment: Experiment, *, history: Sequence[Mapping[str, float]] = ()) -> Scene:
    """The stage of this moment, as its page draws it: a `Scene`, which is seen if it is the last line of a cell.

    `history` are the metrics of the steps up to here, a mapping for each step, for panels that draw the way.  A picture
    stands still; in a loop it is drawn again in its place, and without a notebook it is saved:

    >>> shown = IPython.display.display(engine.show(experiment), display_id=True)
    >>> for metrics in engine.train(experiment, 100):
    ...     shown.update(engine.show(experiment))
    >>> engine.show(experiment).save("picture.html")

    Raises TypeError for what is not the experiment of a lab with a ``view.py``.
    """
    from engine.snapshot import snapshot  # whoever only wants knobs does not wait for what draws

    return snapshot(experiment, history)


def __getattr__(name: str) -> Any:
    if name == "Experiment":  # whoever only wants knobs does not wait for torch
        return importlib.import_module("engine.contract.experiment").Experiment
    if name in former.MODULES:
        return importlib.import_module(f"engine.{name}")
    raise AttributeError(f"module 'engine' has no attribute '{name}'")
