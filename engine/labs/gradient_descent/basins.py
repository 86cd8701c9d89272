"""Where descent ends, for a whole grid of starts at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.contract.device import generator
from engine.labs.gradient_descent.surfaces import Surface

FAR = 1e3  # a point further from an axis than this has diverged
NEAR = 0.25  # a point this close to a minimum has arrived


def off(points: Tensor, surface: Surface) -> Tensor:
    """Which of `points` (..., 2) are out of the race: beyond `FAR`, or off the map of a surface that falls for ever."""
    if surface.bounded:
        return ~(points.abs() <= FAR).all(-1)  # written so that NaN counts
    left, right, bottom, top = surface.extent
    x, y = points.unbind(-1)
    return ~((x >= left) & (x <= right) & (y >= bottom) & (y <= top))


class Basins:
    """A `starts` by `starts` grid of points over the map, moved together by one elementwise optimiser.

    `optimiser` makes it from a list of parameters.  Each point has noise of its own.  `like` gives device and dtype.
    """

    def __init__(
        self, surface: Surface, *, starts: int, optimiser: Callable[[list[Tensor]], Optimizer], seed: int, like: Tensor
    ) -> None:
        left, right, bottom, top = surface.extent
        rows = torch.linspace(bottom, top, starts, dtype=like.dtype)
        columns = torch.linspace(left, right, starts, dtype=like.dtype)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        self.surface, self.starts = surface, starts
        self.points = nn.Parameter(
            torch.stack([x, y], -1).reshape(-1, 2).to(like.device)
        )  # (S*S, 2), rows from the bottom
        self.stopped = torch.zeros(len(self.points), dtype=torch.bool, device=like.device)
        self.optimiser = optimiser([self.points])
        self._noise = generator(seed, "basins")

    def step(self, loss: Callable[[Tensor], Tensor], *, noise: float) -> None:
        """Move every point that has not stopped."""
        before = self.points.detach().clone()
        tilt = noise * torch.randn(before.shape, generator=self._noise, dtype=before.dtype).to(before.device)
        self.optimiser.zero_grad()
        torch.autograd.backward((loss(self.points) + (self.points * tilt).sum(-1)).sum())
        self.optimiser.step()
        with torch.no_grad():
            self.stopped |= off(self.points, self.surface)
            self.points.copy_(torch.where(self.stopped[:, None], before, self.points))

    def ended(self) -> np.ndarray:
        """Index of the surface's end that each start has come to; -1 on its way, -2 diverged.  (S, S) int16."""
        points = self.points.detach()
        distance, nearest = torch.cdist(points, points.new_tensor(self.surface.ends)).min(1)
        if self.surface.bounded:
            ended = torch.where(distance < NEAR, nearest, -1).masked_fill(self.stopped, -2)
        else:
            ended = torch.where(self.stopped, nearest, -1)  # the valley through which it left the map
        return ended.reshape(self.starts, self.starts).cpu().numpy().astype(np.int16)

    def places(self, *, every: int) -> np.ndarray:
        """Where the starts are now, (P, P, 2) float64: those of one row and one column in `every`."""
        points = self.points.detach().reshape(self.starts, self.starts, 2)[::every, ::every]
        return points.cpu().double().numpy().copy()

    def state_dict(self) -> dict[str, Any]:
        return {
            "points": self.points.detach(),
            "stopped": self.stopped,
            "optimiser": self.optimiser.state_dict(),
            "noise": self._noise.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        with torch.no_grad():
            self.points.copy_(state["points"])
        self.stopped = state["stopped"].to(self.points.device, copy=True)
        self.optimiser.load_state_dict(state["optimiser"])
        self._noise.set_state(state["noise"])
