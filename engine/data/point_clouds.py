"""Distributions on the plane to be learned by a model that makes samples, within about [-1, 1]^2."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from engine.data.cloud_shapes import CLASSES, FEWEST, SHAPES, TITLES, CloudError, pack, require, unpack

__all__ = [
    "BLUR", "CLASSES", "FEWEST", "RADIUS", "SHAPES", "SIGMA", "SPACING", "TITLES", "CloudError", "centres", "classes",
    "pack", "require", "sample", "unpack",
]  # fmt: skip

SIGMA = 0.04  # standard deviation of one Gaussian of "ring" and "grid"
RADIUS, SPACING = 0.8, 0.4  # of the ring, and between neighbours of the grid
BLUR = 0.03  # standard deviation of the noise on moons, spiral, rings and drawn points


def sample(name: str, count: int, generator: torch.Generator, drawn: str = "") -> Tensor:
    """`count` points of the distribution called `name`, one of `SHAPES`: (count, 2) float32, where the generator is.

    "drawn" takes the points packed in `drawn` (see `pack`), each equally often on average, and moves every sample by
    Gaussian noise of standard deviation `BLUR`, so that a model cannot learn the points by heart.  Raises `CloudError`
    for a name that is not there, and for drawn points that cannot be used.
    """
    device = generator.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, device=device)

    def normal(sigma: float) -> Tensor:
        return sigma * torch.randn(count, 2, generator=generator, device=device)

    def whole(below: int) -> Tensor:
        return torch.randint(below, (count,), generator=generator, device=device)

    middles = centres(name)
    if middles is not None:
        return middles.to(device)[whole(len(middles))] + normal(SIGMA)
    if name == "moons":  # two half circles that reach into each other
        angle, upper = uniform(0, math.pi), whole(2) == 0
        x = torch.where(upper, angle.cos() - 0.5, 0.5 - angle.cos())
        y = torch.where(upper, angle.sin() - 0.25, 0.25 - angle.sin())
        return 0.6 * torch.stack([x, y], 1) + normal(BLUR)
    if name == "spiral":  # one and a half turns, as dense inside as outside
        turn = 3 * math.pi * uniform(0.01, 1).sqrt()
        radius = 0.9 * turn / (3 * math.pi)
        return torch.stack([radius * turn.cos(), radius * turn.sin()], 1) + normal(BLUR)
    if name == "rings":
        angle, radius = uniform(0, 2 * math.pi), torch.where(whole(3) == 0, 0.4, 0.85)
        return torch.stack([radius * angle.cos(), radius * angle.sin()], 1) + normal(BLUR)
    if name == "checkerboard":  # eight of sixteen squares with sides of 0.45
        column, row = whole(4), 2 * whole(2)
        row = row + column % 2
        corner = torch.stack([column, row], 1).float()
        return 0.45 * (corner - 2 + torch.stack([uniform(0, 1), uniform(0, 1)], 1))
    if name == "drawn":
        points = torch.from_numpy(unpack(drawn)).to(device)
        return points[whole(len(points))] + normal(BLUR)
    raise CloudError(f"There are no points called '{name}'; there are {', '.join(SHAPES)}.")


def centres(name: str) -> Tensor | None:
    """The middles of the Gaussians of "ring" (8, 2) and "grid" (25, 2); None for what has none."""
    if name == "ring":
        angle = torch.arange(8) * (math.pi / 4)
        return RADIUS * torch.stack([angle.cos(), angle.sin()], 1)
    if name == "grid":
        return SPACING * torch.tensor(list(itertools.product(range(-2, 3), repeat=2)), dtype=torch.float32)
    return None


def classes(name: str, points: Tensor) -> Tensor | None:
    """To which part of the distribution `name` each of `points` (N, 2) belongs, (N,); None for what has no parts.

    The parts are those of `CLASSES`: the nearest Gaussian, the upper or lower moon, the inner or outer ring, a square.
    """
    middles = centres(name)
    if middles is not None:
        nearest: Tensor = torch.cdist(points, middles.to(points)).argmin(dim=1)
        return nearest
    if name == "moons":
        middle = points.new_tensor([[0.3, 0.15]])  # of the lower moon, which is the upper one turned round
        lower: Tensor = _half_circle(points + middle) > _half_circle(middle - points)
        return lower.long()
    if name == "rings":
        outer: Tensor = points.norm(dim=1) > 0.625
        return outer.long()
    if name == "checkerboard":
        cell = (points / 0.45 + 2).floor().clamp(0, 3).long()
        return 2 * cell[:, 0] + cell[:, 1] // 2
    return None


def _half_circle(points: Tensor) -> Tensor:
    """Distance of `points` (N, 2) to the upper half of the circle of radius 0.6 around 0: (N,)."""
    ends = points.new_tensor([[-0.6, 0.0], [0.6, 0.0]])
    above = (points.norm(dim=1) - 0.6).abs()
    return torch.where(points[:, 1] >= 0, above, torch.cdist(points, ends).min(dim=1).values)
