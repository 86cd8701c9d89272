"""What a lab's experiment is: one step at a time, with a state that can be saved and restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn


@runtime_checkable
class Experiment(Protocol):
    """One run of one lab, on one device.

    The same config, seed and device give the same metrics to the last bit, however often somebody looks, if torch
    computes with the same number of threads on the same kind of machine: sums that are shared out among threads are
    added up in another order.  The workers, ``python -m engine run`` and exported files take one thread, and so agree
    with each other; a script of your own does with ``torch.set_num_threads(1)``, once, before it makes an Experiment.

    A lab may also have ``edit(change)``, which takes a mapping of plain values and changes the state by hand (a weight,
    say), and ``about()``, a mapping of str to str that is written into the file when the model is downloaded.
    """

    config: Any
    step_count: int
    model: nn.Module

    def __init__(self, config: Any, device: torch.device | str = "cpu") -> None: ...

    @property
    def done(self) -> bool:
        """True when there is nothing left to do."""
        ...

    def step(self) -> dict[str, float]:
        """Do one unit of training and return its metrics.  A metric that is not finite means: diverged."""
        ...

    def frame(self) -> Any:
        """What a page draws: a frozen dataclass of NumPy arrays and numbers.  Changes nothing."""
        ...

    def update(self, config: Any) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that `step` reads and writes: weights, optimiser, generators, step count."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly from where `state` was taken, also in another process."""
        ...
