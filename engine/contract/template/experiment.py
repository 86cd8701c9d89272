"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from engine.contract.device import generator

from .config import Config
from .frame import Frame, frame


class Experiment:
    """One step is one step of gradient descent on all points."""

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.step_count = config, 0
        dice = generator(config.seed, "points")
        x = 2 * torch.rand(config.points, generator=dice) - 1
        y = 0.8 * x - 0.3 + config.noise * torch.randn(config.points, generator=dice)
        self.x, self.y = x.to(device), y.to(device)  # (N,)
        self.model = nn.Linear(1, 1).to(device)
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator(config.seed, "line")))
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=config.learning_rate)
        self.best = best_line(x, y)

    def step(self) -> dict[str, float]:
        loss = (self.model(self.x[:, None])[:, 0] - self.y).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step_count += 1
        return {"loss": loss.item()}

    def frame(self) -> Frame:
        slope, height = self.model.weight.detach(), self.model.bias.detach()
        return frame(self.x, self.y, slope=slope, height=height, best=self.best)

    def update(self, config: Config) -> None:
        self.config.require_live(config)
        self.config = config
        self.optimiser.param_groups[0]["lr"] = config.learning_rate

    def state_dict(self) -> dict[str, Any]:
        return {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step_count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.optimiser.param_groups[0]["lr"] = self.config.learning_rate
        self.step_count = state["step"]


def best_line(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Slope and height at 0 (2,) of the line with the smallest mean squared error: the normal equations."""
    solution: torch.Tensor = torch.linalg.lstsq(torch.stack([x, torch.ones_like(x)], 1), y[:, None]).solution[:, 0]
    return solution
