"""What both experiments share: how a step ends, knobs that change while it trains, and the whole state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from engine.contract.states import copied
from engine.labs.language_model.config import EVERY, Config
from engine.labs.language_model.frame import Frame


class Learner(ABC):
    """A model that an optimiser moves step by step, and that is judged at every tenth."""

    done = False
    config: Config
    step_count: int
    model: nn.Module
    optimiser: torch.optim.Optimizer
    found: dict[str, float]  # what the last look at it said
    clip: float | None = None  # what the gradient's length is cut to

    @property
    @abstractmethod
    def rate(self) -> float:
        """The optimiser's, now."""

    @abstractmethod
    def step(self) -> dict[str, float]:
        """Learn from one batch; the metrics."""

    @abstractmethod
    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""

    @abstractmethod
    def _judge(self) -> dict[str, float]:
        """How good it is now."""

    def _learn(self, loss: Tensor) -> float:
        """One step down the slope of `loss`, which is given back.  Waits for the GPU."""
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        self.optimiser.step()
        self.step_count += 1
        if self.step_count % EVERY == 0:
            self.found = self._judge()
        return float(loss.detach())

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config

    def state_dict(self) -> dict[str, Any]:
        """Weights, the optimiser's averages, the last look, and the step, from which the batches follow."""
        return {
            "step_count": self.step_count, "found": dict(self.found),
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "optimiser": copied(self.optimiser.state_dict()["state"]),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.found = state["step_count"], dict(state["found"])
        self.model.load_state_dict(state["model"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})
