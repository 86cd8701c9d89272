"""What is seen of a GAN that forges digits: the real ones, the measures of the fakes, and what becomes of the noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.contract.device import generator
from engine.data import images
from engine.labs.gan.frame import SPLITS, Frame, array, frame
from engine.measures import class_scores, distances

MEASURED = 250  # fakes behind every measure: half of the test digits, so that the floor is measured alike
SHEET = 64  # fakes, and as many real digits, that are shown
FIRST = 8  # of these: their nearest real digits, and how they are pushed
WALK = 8  # pictures on the way from the first noise to the second
TILED = 4  # along each side of a pair's small map


class Judge:
    """Keeps the digits, half of the test ones to measure against, and says how far fakes are from them."""

    features, measured, pushed = 64, MEASURED, FIRST

    def __init__(self, *, seed: int, device: torch.device) -> None:
        digits = images.load("digits")
        self.known, real = (torch.from_numpy(x).flatten(1).to(device) * 2 - 1 for x in (digits.train_x, digits.test_x))
        self.labels = torch.from_numpy(digits.train_y).to(device)
        real = real[torch.randperm(len(real), generator=generator(seed, "judge")).to(device)]
        self.real, self.device = real[:MEASURED], device
        self.grid = real[:0]  # there is no surface over 64 pixels
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
        and classes covered, as the nearest digit judges.  Waits for the GPU.
        """
        found: dict[str, list[float]] = {"energy": [], "nearest": [], "modes": []}
        for fake in fakes:
            place, distance = class_scores.neighbours(fake, self.known)
            found["energy"].append(distances.energy_distance(fake, self.real))
            found["nearest"].append(float(distance.mean()))
            found["modes"].append(float(class_scores.covered(self.labels[place], 10)))
        return found

    def lines(self, config: Any, z: Tensor) -> tuple[Tensor, int]:
        """Noise on the straight way from the first of `z` (N, noise_size) to the second, (WALK, noise_size)."""
        return torch.lerp(z[0], z[1], torch.linspace(0, 1, WALK, device=z.device)[:, None]), WALK

    def draw(
        self, experiment: Any, *, fakes: Tensor, lines: Tensor, logits: Tensor, push: Tensor, batch_real: Tensor,
        batch_fake: Tensor,
    ) -> Frame:  # fmt: skip
        """The frame.  `fakes` (S, MEASURED, 64); of the shown pair `lines` (1, WALK, 64), `push` (FIRST, 64), and
        `logits` of the real digits, then of the fakes (2 MEASURED,).  Waits for the GPU.
        """
        mine = fakes[experiment.shown]
        place, _ = class_scores.neighbours(mine, self.known)
        share = torch.bincount(self.labels[place], minlength=10) / len(place)
        return frame(
            experiment, self, fakes=mine, logits=logits.reshape(2, MEASURED).cpu(), push=push, batch_real=batch_real,
            batch_fake=batch_fake, count=SHEET, lines=array(lines), nearest=array(self.known[place[:FIRST]]),
            classes=array(share), modes_total=10, seed_maps=array(tiled(fakes[:, : TILED**2])),
        )  # fmt: skip


def tiled(fakes: Tensor) -> Tensor:
    """Sixteen digits (S, 16, 64) as one picture, (S, 36, 36), with a pixel between them."""
    parts = F.pad(fakes.reshape(len(fakes), TILED, TILED, 8, 8), (0, 1, 0, 1), value=-1.0)
    return parts.transpose(2, 3).reshape(len(fakes), TILED * 9, TILED * 9)
