"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.gradient_descent.basins import Basins, off
from engine.labs.gradient_descent.config import BATCH, Config
from engine.labs.gradient_descent.frame import Frame, frame
from engine.labs.gradient_descent.surfaces import SURFACES, Surface, diabetes_data, find, mean_squared_error
from engine.nets import optim
from engine.nets.optimiser_names import WITH_MOMENTUM

__all__ = ["SURFACES", "Config", "Experiment", "Frame"]

MAX_STEPS = 5_000
WITH_DECAY = ("adamw", "lamb", "lion", "muon")


class Racers(nn.Module):
    """One point in the plane for each optimiser.  Called, it gives the loss at each, (R,)."""

    def __init__(self, surface: Surface, start: Tensor, names: tuple[str, ...]) -> None:
        super().__init__()
        self.surface = surface
        self.points = nn.ParameterDict()
        for name in names:
            # Muon wants a matrix: the weights of a linear layer with two inputs and one output.
            self.points[name] = nn.Parameter(start.reshape((1, 2) if name == "muon" else (2,)).clone())

    def stacked(self) -> Tensor:
        """All points, (R, 2)."""
        return torch.stack([point.reshape(2) for point in self.points.values()])

    def forward(self) -> Tensor:
        values: Tensor = self.surface(self.stacked())
        return values


class Experiment:
    """A race.  ``model`` holds a point for each optimiser; a step moves all of them by the same noisy loss."""

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device = config, torch.device(device)
        self.step_count = 0
        self.surface = find(config.surface, condition=config.condition, angle=config.angle)
        dtype = torch.float32 if self.device.type == "mps" else torch.float64  # mps has no float64
        self.ends = torch.tensor(self.surface.ends, dtype=dtype, device=self.device)  # (M, 2)
        start = torch.tensor([config.start_x, config.start_y], dtype=dtype, device=self.device)
        self.model = Racers(self.surface, start, config.optimisers)
        self.optimisers = {name: optim.make(name, [point], 0.0) for name, point in self.model.points.items()}
        self.diverged: set[str] = set()
        self.left: set[str] = set()
        self.path = torch.zeros(MAX_STEPS + 1, len(config.optimisers), 2, dtype=torch.float64)
        self.path[0] = start.cpu()
        self._noise = generator(config.seed, "noise")
        self._batches = generator(config.seed, "batches")
        self.basins = None
        if config.basins:
            self.basins = Basins(
                self.surface, starts=config.side, seed=config.seed, like=start,
                optimiser=lambda points: optim.make(config.basins_by, points, 0.0),
            )  # fmt: skip
        self._tune()

    def _tune(self) -> None:
        """Give every optimiser the live knobs."""
        optimisers = list(self.optimisers.items())
        if self.basins:
            optimisers.append((self.config.basins_by, self.basins.optimiser))
        for name, optimiser in optimisers:
            group = optimiser.param_groups[0]
            group["lr"] = getattr(self.config, f"lr_{name}")
            if name in WITH_MOMENTUM:
                group["momentum"] = self.config.momentum
            if name in WITH_DECAY:
                group["weight_decay"] = self.config.weight_decay
            if name == "sam":
                group["rho"] = self.config.rho

    def update(self, config: Config) -> None:
        """Take other live knobs.  Who had diverged goes on from its last point if its own learning rate is turned."""
        self.config.require_live(config)
        self.diverged -= {name for name in self.diverged if f"lr_{name}" in self.config.changed(config)}
        self.config = config
        self._tune()

    @property
    def done(self) -> bool:
        stopped = len(self.diverged | self.left) == len(self.optimisers)
        return self.step_count >= MAX_STEPS or (stopped and bool(self.left))

    def _batch_loss(self) -> Callable[[Tensor], Tensor]:
        """The loss on the next batch of patients; for the other surfaces, and a full batch, the surface itself."""
        size = BATCH[self.config.batch]
        if self.config.surface != "diabetes" or size is None:
            return self.surface
        features, targets = diabetes_data(self.ends.dtype, str(self.device))
        rows = torch.randint(len(targets), (size,), generator=self._batches).to(self.device)
        return lambda xy: mean_squared_error(xy, features[rows], targets[rows])

    def step(self) -> dict[str, float]:
        """One step of every racer that is still in the race.

        Returns ``loss.<optimiser>`` after the step, without noise, and ``distance.<optimiser>`` to the nearest minimum
        if the surface has any.  When all have diverged, every loss is infinite.  After `MAX_STEPS` nobody moves.
        """
        if self.step_count >= MAX_STEPS:
            return self._metrics()
        batch_loss = self._batch_loss()
        tilt = self.config.noise * torch.randn(2, generator=self._noise, dtype=self.ends.dtype).to(self.device)
        self.step_count += 1
        for name in self.optimisers:
            if name not in self.diverged and name not in self.left:
                # A tilted surface is one whose gradient has the tilt added to it.
                self._move(name, lambda xy: batch_loss(xy) + xy @ tilt)
        if self.basins:
            self.basins.step(batch_loss, noise=self.config.noise)
        self.path[self.step_count] = self.model.stacked().detach().cpu()
        return self._metrics()

    def _move(self, name: str, loss: Callable[[Tensor], Tensor]) -> None:
        point, optimiser = self.model.points[name], self.optimisers[name]
        before = point.detach().clone()

        def closure() -> float:
            optimiser.zero_grad()
            value = loss(point).sum()  # of one number; Muon's point is a matrix with one row
            torch.autograd.backward(value)
            return value.item()

        optimiser.step(closure)
        if not off(point.detach(), self.surface).any():
            return
        with torch.no_grad():
            (self.left if not self.surface.bounded else self.diverged).add(name)
            point.copy_(before)

    def _metrics(self) -> dict[str, float]:
        if len(self.diverged) == len(self.optimisers):
            return {f"loss.{name}": math.inf for name in self.optimisers}
        points = self.model.stacked().detach()
        losses = self.surface(points).tolist()  # the GPU must finish here
        distances = torch.cdist(points, self.ends).min(1).values.tolist()
        metrics = {}
        for name, loss, distance in zip(self.optimisers, losses, distances, strict=True):
            if name in self.diverged or name in self.left:
                continue
            metrics[f"loss.{name}"] = loss
            if self.surface.bounded:
                metrics[f"distance.{name}"] = distance
        return metrics

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing, and waits for the GPU."""
        return frame(
            config=self.config, surface=self.surface, points=self.model.stacked().detach(),
            path=self.path[: self.step_count + 1], diverged=self.diverged, left=self.left, optimisers=self.optimisers,
            basins=self.basins,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        state = {
            "step_count": self.step_count,
            "model": self.model.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "diverged": sorted(self.diverged),
            "left": sorted(self.left),
            "path": self.path[: self.step_count + 1].clone(),
            "noise": self._noise.get_state(),
            "batches": self._batches.get_state(),
            "basins": self.basins.state_dict() if self.basins else None,
        }
        return copied(state)  # later steps change the tensors in place

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step_count = state["step_count"]
        self.model.load_state_dict(state["model"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.diverged, self.left = set(state["diverged"]), set(state["left"])
        self.path[: self.step_count + 1] = state["path"]
        self._noise.set_state(state["noise"])
        self._batches.set_state(state["batches"])
        if self.basins:
            self.basins.load_state_dict(state["basins"])
        self._tune()
