"""How good samples are that were drawn in few steps, measured a little at a time while a network learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.contract.device import generator
from engine.labs.diffusion.config import COUNTS
from engine.measures import distances
from engine.nets.sampling import Denoise, Route, Walk


class FewSteps:
    """A table (methods, counts) of the energy distance between samples and `real` (N, d).

    `methods` are samplers of `nets.sampling`, and `route(steps)` are the noise levels of each.  One call of `advance`
    takes one step of one of them, with as many samples as there are real points; every place is measured again and
    again, always from the same starting points, so that differences come from the sampler and from the network.
    `calls` says how often each place asks the network.  Before it is measured, a place holds -1.  `clipped` is the
    share of the samples' numbers at ±`clip`: where it is near one, the distance is that of the bounds and says nothing
    of the network.
    """

    def __init__(
        self, methods: Sequence[str], route: Callable[[int], Route], *, real: Tensor, clip: float, seed: int
    ) -> None:
        self.methods, self.route, self.real, self.clip, self.seed = tuple(methods), route, real, clip, seed
        self.values = torch.full((len(self.methods), len(COUNTS)), -1.0)
        self.clipped = torch.zeros(len(self.methods), len(COUNTS))
        self.calls = [[Walk(real, route(count), method=name).calls for count in COUNTS] for name in self.methods]
        self.turn = 0  # of the table, count by count
        self.walk = self._begin()

    def _place(self) -> tuple[int, int]:
        turn = self.turn % self.values.numel()
        return turn % len(self.methods), turn // len(self.methods)

    def _begin(self) -> Walk:
        method, count = self._place()
        device = self.real.device
        start = torch.randn(self.real.shape, generator=generator(self.seed, "few/start", device), device=device)
        return Walk(start, self.route(COUNTS[count]), method=self.methods[method], clip=self.clip)

    def advance(self, denoise: Denoise) -> None:
        """Take one step, and measure if it was the last.  Waits for the GPU then."""
        self.walk.advance(denoise, generator(self.seed, f"few/{self.turn}/{self.walk.at}", self.real.device))
        if self.walk.done:
            self.values[self._place()] = distances.energy_distance(self.walk.x, self.real)
            self.clipped[self._place()] = (self.walk.x.abs() >= self.clip).float().mean()
            self.turn += 1
            self.walk = self._begin()

    def state_dict(self) -> dict[str, Any]:
        return {"values": self.values.clone(), "clipped": self.clipped.clone(), "turn": self.turn,
                "x": self.walk.x.clone(), "at": self.walk.at}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.values, self.clipped, self.turn = state["values"].clone(), state["clipped"].clone(), state["turn"]
        self.walk = self._begin()
        self.walk.x, self.walk.at = state["x"].to(self.real.device).clone(), state["at"]
