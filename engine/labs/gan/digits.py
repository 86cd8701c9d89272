"""What is seen of a GAN that forges digits: the real ones, the measures of the fakes, and what becomes of the noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.contract.device import generator
from engine.data import images
from engine.labs.gan.config import Config
from engine.labs.gan.frame import SPLITS, array
from engine.measures import class_scores, distances

MEASURED = 250  # fakes behind every measure: half of the test digits, so that the floor is measured alike
SHEET = 64  # fakes, and as many real digits, that are shown
FIRST = 8  # of these: their nearest real digits, and how they are pushed
WALK = 8  # pictures on the way from the first noise to the second
TILED = 4  # along each side of a pair's small map


class DigitEvaluator:
    """Keeps the digits, half of the test ones to measure against, and says how far fakes are from them."""

    features, measured, pushed, sheet = 64, MEASURED, FIRST, SHEET
    side = 0  # there is no surface over 64 pixels

    def __init__(self, *, seed: int, device: torch.device) -> None:
        digits = images.load("digits")
        self.known, real = (torch.from_numpy(x).flatten(1).to(device) * 2 - 1 for x in (digits.train_x, digits.test_x))
        self.labels = torch.from_numpy(digits.train_y).to(device)
        real = real[torch.randperm(len(real), generator=generator(seed, "judge")).to(device)]
        self.real, self.device = real[:MEASURED], device
        self.grid = real[:0]
        halves = generator(seed, "halves")
        energies = [distances.floor(distances.energy_distance, real.cpu(), halves) for _ in range(SPLITS)]
        self.floors = {
            "energy": float(np.mean(energies)),
            "nearest": float(class_scores.neighbours(real, self.known)[1].mean()),
        }

    def sample(self, count: int, stream: torch.Generator) -> Tensor:
        """`count` of the training digits, (count, 64)."""
        return self.known[torch.randint(len(self.known), (count,), generator=stream, device=self.device)]

    def measures(self, fakes: Tensor) -> dict[str, list[float]]:
        """Of each of S sets of fakes (S, MEASURED, 64): energy distance, mean distance to the nearest training digit,
        and classes covered, by the class of the nearest digit.  Waits for the GPU.
        """
        found: dict[str, list[float]] = {"energy": [], "nearest": [], "modes": []}
        for fake in fakes:
            place, distance = class_scores.neighbours(fake, self.known)
            found["energy"].append(distances.energy_distance(fake, self.real))
            found["nearest"].append(float(distance.mean()))
            found["modes"].append(float(class_scores.covered(self.labels[place], 10)))
        return found

    def lines(self, config: Config, z: Tensor) -> tuple[Tensor, int]:
        """Noise on the straight way from the first of `z` (N, noise_size) to the second, (WALK, noise_size)."""
        return torch.lerp(z[0], z[1], torch.linspace(0, 1, WALK, device=z.device)[:, None]), WALK

    def fields(self, fakes: Tensor, *, shown: int) -> dict[str, Any]:
        """What only a frame of digits has, from the fakes (S, MEASURED, 64) of all pairs."""
        place, _ = class_scores.neighbours(fakes[shown], self.known)
        share = torch.bincount(self.labels[place], minlength=10) / len(place)
        return {"nearest": array(self.known[place[:FIRST]]), "classes": array(share), "modes_total": 10,
                "seed_maps": array(tiled(fakes[:, : TILED**2]))}  # fmt: skip


def tiled(fakes: Tensor) -> Tensor:
    """Sixteen digits (S, 16, 64) as one picture, (S, 36, 36), with a pixel between them."""
    parts = F.pad(fakes.reshape(len(fakes), TILED, TILED, 8, 8), (0, 1, 0, 1), value=-1.0)
    return parts.transpose(2, 3).reshape(len(fakes), TILED * 9, TILED * 9)
