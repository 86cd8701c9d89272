"""What happens to a run when its lab misbehaves?  A lab for the tests: least squares that can be told to go wrong."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.contract.device import generator
from engine.contract.knobs import Config as AnyConfig
from engine.contract.knobs import ConfigError, knob
from engine.contract.reading import ReadError


@dataclass(frozen=True)
class Config(AnyConfig):
    fault: str = knob(
        "none",
        choices=(
            "none",
            "raise",
            "nan",
            "hang",
            "die",
            "slow",
            "work",
            "swell",
            "refuse",
            "frame",
            "begin",
            "state",
            "answer",
            "end",
        ),
    )
    at: int = knob(5, low=1, high=1_000_000, help="The step at which the fault shows.")
    rate: float = knob(0.1, low=1e-6, high=10.0, log=True, live=True)
    width: int = knob(3, low=1, high=100)
    seen: int = knob(0, low=0, high=9, look=True)


@dataclass(frozen=True)
class Frame:
    weights: np.ndarray
    step: int
    seen: int


class Odd(Exception):
    """It can be pickled, but not read again."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"odd are {first} and {second}")


class Experiment:
    @property
    def done(self) -> bool:
        return self.config.fault == "end" and self.step_count >= self.config.at

    def __init__(self, config: Config, device: Any = "cpu") -> None:
        if config.fault == "refuse":
            raise ConfigError("fault", "refuse", "this lab refuses it")
        if config.fault == "begin":
            raise Odd(1, 3)
        self.config, self.step_count, self.device = config, 0, device
        self.random = generator(config.seed, "steps")
        self.model = nn.Linear(config.width, 1, bias=False)
        nn.init.normal_(self.model.weight, generator=generator(config.seed, "weights"))
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.rate)

    def step(self) -> dict[str, float]:
        if self.step_count + 1 >= self.config.at:
            if self.config.fault == "raise":
                raise RuntimeError("the dog ate it")
            if self.config.fault == "hang":
                time.sleep(3600)
            if self.config.fault == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.config.fault == "slow":
                time.sleep(0.2)
            if self.config.fault == "work":
                worked = time.thread_time()
                while time.thread_time() < worked + 0.3:
                    pass
            if self.config.fault == "swell":
                self.kept = [*getattr(self, "kept", []), torch.ones(25_000_000)]  # 100 MB more with each step
        x = torch.randn(8, self.config.width, generator=self.random)
        loss = ((self.model(x) - x.sum(1, keepdim=True)) ** 2).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step_count += 1
        nan = self.config.fault == "nan" and self.step_count >= self.config.at
        return {"loss": float("nan") if nan else loss.item()}

    def frame(self) -> Frame:
        if self.config.fault == "frame":
            raise RuntimeError("nothing to see")
        return Frame(self.model.weight.detach().numpy().copy(), self.step_count, self.config.seen)

    def update(self, config: Config) -> None:
        self.config.require_live(config)
        self.config = config
        self.optimiser.param_groups[0]["lr"] = config.rate

    def edit(self, change: dict[str, Any]) -> None:
        with torch.no_grad():
            self.model.weight[0, int(change["index"])] = float(change["value"])

    def state_dict(self) -> dict[str, Any]:
        if self.config.fault == "state" and self.step_count >= self.config.at:
            raise Odd(5, 7)
        return {
            "model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(),
            "random": self.random.get_state(), "step_count": self.step_count,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.random.set_state(state["random"])
        self.step_count = state["step_count"]


def misread(data: bytes, *, how: str = "length") -> Any:
    """A reader for `Pool.read`: how many bytes there are, or what a file may do to whoever reads it."""
    if how == "refuse":
        raise ReadError(f"{len(data)} bytes are too few.")
    if how == "raise":
        raise IndexError("nobody thought of this file")
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        time.sleep(3600)
    if how == "swell":
        return len(bytes(100_000_000_000))
    return {"length": len(data), "array": np.frombuffer(data[:4], dtype=np.uint8), "process": os.getpid()}
