"""Samples on their way from noise, one step of a sampler at a time, with the moments that are kept to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from engine.nets.sampling import Denoise, Walk

STOPS = 25  # moments of a trajectory that are kept


class Trajectory:
    """A `walk` (N, d) that is filmed: `path` (R, N, d) at `times` (R,), from 1, which is noise, down to 0.

    `time_of` turns what the walk's route counts in into a time from 0 to 1.
    """

    def __init__(self, walk: Walk, time_of: Callable[[float], float]) -> None:
        self.walk, self.time_of = walk, time_of
        self.kept, self.times = [walk.x], [1.0]
        self.length = torch.zeros(len(walk.x), device=walk.x.device)  # of the way, (N,)

    def advance(self, denoise: Denoise, generator: torch.Generator) -> None:
        """Take one step, as `Walk.advance`."""
        walk, before = self.walk, self.walk.x
        walk.advance(denoise, generator)
        self.length = self.length + (walk.x - before).norm(dim=1)
        steps = len(walk.route.times)
        if walk.done or walk.at * (STOPS - 1) // steps > (walk.at - 1) * (STOPS - 1) // steps:
            self.kept.append(walk.x)
            self.times.append(0.0 if walk.done else self.time_of(walk.route.times[walk.at]))

    @property
    def path(self) -> Tensor:
        return torch.stack(self.kept)

    @property
    def straightness(self) -> float:
        """Mean of the distance from start to here over the length of the way: 1 for straight ways."""
        direct = (self.walk.x - self.kept[0]).norm(dim=1)
        return float((direct / self.length.clamp(min=1e-9)).mean())

    def state_dict(self) -> dict[str, Any]:
        return {"x": self.walk.x.clone(), "at": self.walk.at, "kept": [x.clone() for x in self.kept],
                "times": list(self.times), "length": self.length.clone()}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        device = self.walk.x.device
        self.walk.x, self.walk.at = state["x"].to(device).clone(), state["at"]
        self.kept, self.times = [x.to(device).clone() for x in state["kept"]], list(state["times"])
        self.length = state["length"].to(device).clone()
