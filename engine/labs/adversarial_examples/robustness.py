"""Accuracy against eps, measured piece by piece: how many test pictures two networks still get right under attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.contract.device import generator
from engine.labs.adversarial_examples.attacks import attack
from engine.labs.adversarial_examples.tally import ATTACKS, PICTURES, shares

__all__ = ["ATTACKS", "INF_RADII", "PICTURES", "Curves", "Piece", "Settings", "radii", "shares"]

INF_RADII = (0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3)


def radii(norm: str, side: int) -> tuple[float, ...]:
    """Where the curve is measured.  A Euclidean ball of side/2 times the radius is about as hard, at these sizes."""
    return INF_RADII if norm == "inf" else tuple(round(eps * side / 2, 4) for eps in INF_RADII)


class Piece(NamedTuple):
    """What is measured in one step: some pictures, one network (0 or 1), one attack, one place on the axis of eps."""

    radius: int
    network: int
    attack: int
    first: int
    end: int


@dataclass(frozen=True)
class Settings:
    """How the attacks are made: the norm, and the steps of PGD with their length as a share of eps."""

    norm: str
    steps: int
    step_size: float
    seed: int


class Curves:
    """Counts (2 networks, attacks, radii) that grow with every `measure`, the smallest radius first.

    `pictures` maps an attack to how many pictures go into one piece, so that no piece takes long.
    """

    def __init__(self, x: Tensor, y: Tensor, settings: Settings, pictures: Mapping[str, int]) -> None:
        self.x, self.y, self.settings = x[:PICTURES], y[:PICTURES], settings  # (N, 1, side, side), (N,)
        self.radii = radii(settings.norm, x.shape[-1])
        self.pieces = self._pieces(pictures)
        self.place = 0
        shape = (2, len(ATTACKS), len(self.radii))
        self.right, self.asked = np.zeros(shape, np.int64), np.zeros(shape, np.int64)

    def _pieces(self, pictures: Mapping[str, int]) -> list[Piece]:
        found = []
        for radius in range(len(self.radii)):
            for kind, name in enumerate(ATTACKS if radius else ATTACKS[:1]):
                for network in range(2):
                    for first in range(0, len(self.x), pictures[name]):
                        end = min(first + pictures[name], len(self.x))
                        found.append(Piece(radius, network, kind, first, end))
        return found

    @property
    def done(self) -> bool:
        return self.place >= len(self.pieces)

    def measure(self, networks: Sequence[torch.nn.Module]) -> None:
        """Attack the pictures of the next piece and count the right answers.  Waits for the GPU."""
        piece, s = self.pieces[self.place], self.settings
        x, y = self.x[piece.first : piece.end], self.y[piece.first : piece.end]
        judge, eps, name = networks[piece.network], self.radii[piece.radius], ATTACKS[piece.attack]
        if eps:
            source = networks[1 - piece.network] if name == "transfer" else judge
            x = attack(
                "pgd" if name == "transfer" else name, source, x, y, eps=eps, steps=s.steps, norm=s.norm,
                step_size=s.step_size * eps, generator=generator(s.seed, f"measure/{self.place}", x.device),
            )  # fmt: skip
        with torch.no_grad():
            right = int((judge(x).argmax(1) == y).sum())
        kinds = slice(None) if not eps else piece.attack  # without a radius every attack is none
        self.right[piece.network, kinds, piece.radius] += right
        self.asked[piece.network, kinds, piece.radius] += piece.end - piece.first
        self.place += 1

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place, "right": self.right.copy(), "asked": self.asked.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.place, self.right, self.asked = state["place"], state["right"].copy(), state["asked"].copy()
