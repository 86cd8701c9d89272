"""What is seen of a GAN: the frame that a page draws, and for points of the plane the real ones and all measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contract.device import generator
from engine.data import point_clouds
from engine.labs.gan.config import EXTENT, STAGES, Config
from engine.labs.gan.cost import MEASURED
from engine.measures import distances

COUNTED = (-1.2, 1.2, -1.2, 1.2)  # where points are counted for the Jensen-Shannon divergence
CELLS, SEED_SIDE, ARROWS, TRAIL = 12, 28, 40, 600
SIDES = {"standard": 56, "large": 28}  # cells along the surface: a large network is asked at fewer places
ALONG = {"standard": 41, "large": 21}  # points of each line of the noise
BANDWIDTHS = (0.05, 0.1, 0.2, 0.4, 0.8)  # of the MMD
FEWER = 120  # points of each side behind the MMD, which looks at every pair five times
SPLITS = 4  # of the real points, behind every floor
MEASURES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "energy": distances.energy_distance,
    "mmd": lambda a, b: distances.mmd(a[:FEWER], b[:FEWER], BANDWIDTHS),
    "frechet": distances.frechet_distance,
    "js": lambda a, b: distances.js_divergence(a, b, COUNTED, CELLS),
}

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """One pair of networks, and a small map of every other.  What is forged are points of the plane (d = 2), or digits
    of 8 x 8 pixels from -1 to 1 (d = 64); what makes no sense for the one or the other is empty.
    """

    real: Array  # (N, d) those that the fakes are measured against
    fake: Array  # (N, d), always from the same noise
    surface: Array  # (side, side), as `SIDES` has it: what the discriminator says on the plane; row 0 is the lowest y
    surface_range: tuple[float, float]  # of what `said` makes of the logits
    probability: bool  # the discriminator says D(x), the probability of being real; else a score
    said: Array  # (2, N): what the discriminator says of the real points, then of the fakes, as on the surface
    verdicts: Array  # (2, M): logits D(x) of all that is measured, real, then fake
    arrows_at: Array  # (A, d): the first fakes
    arrows: Array  # (A, d): where the generator's loss pushes them
    lines: Array  # (L, T, d): a grid of the noise as the generator folds it, or a straight way through the noise
    centres: Array  # (K, 2), or (0, 2)
    nearest: Array  # (A, d): the real digits most like the first fakes
    classes: Array  # (10,) share of the fakes that look like each digit
    stages: tuple[str, ...]  # titles of one round, in order
    stage: int  # the one that was done last, -1 before the first
    batch_real: Array  # (B, d), the batch of this round in slow motion, else empty
    batch_fake: Array
    measures: dict[str, float]
    floors: dict[str, float]  # the same measures between two halves of the real points
    modes: int  # covered; -1 if the data have none
    modes_total: int
    seed_maps: Array  # (S, H, W): counts of fakes on the plane, row 0 the lowest y; or sixteen digits, row 0 on top
    seed_covered: NDArray[np.bool_]  # (S, K): which modes each pair covers; (S, 0) without modes, and of digits
    of_pairs: dict[str, tuple[float, ...]]  # each measure of every pair, as long as S
    shown: int
    trail: Array  # (T, 2): theta and psi of the Dirac-GAN, oldest first
    rounds: int

    @property
    def digits(self) -> bool:
        return len(self.classes) > 0


def frame(
    config: Config, evaluator: Any, *, shown: int, stage: int, rounds: int, trail: Tensor,
    measures: Mapping[str, list[float]], fakes: Tensor, lines: Tensor, logits: Tensor, push: Tensor,
    batch_real: Tensor, batch_fake: Tensor,
) -> Frame:  # fmt: skip
    """The frame of the pair `shown`, with what `evaluator`, the one for these data, knows.  Waits for the GPU.

    `measures` holds a number for each of the S pairs, `fakes` (S, M, d) what they forge from noise that stays the same.
    Of the shown pair: `lines` (L, T, d), `push` (A, d) on its first fakes, and `logits` of the evaluator's grid, then
    of its real points, then of the fakes (G + 2 M,).
    """
    plan, slow, mine, side = config.plan(), config.slow_motion, fakes[shown], evaluator.side
    on_grid, on_points = logits[: side * side].cpu(), logits[side * side :].reshape(2, evaluator.measured).cpu()
    say, say_range = verdict(config.loss, on_points)
    covered, none = measures["modes"][shown] if "modes" in measures else -1, mine[:0]
    fields: dict[str, Any] = {
        "centres": np.zeros((0, 2), np.float32), "nearest": array(none), "classes": np.zeros(0, np.float32),
        "seed_covered": np.zeros((len(fakes), 0), bool), **evaluator.fields(fakes, shown=shown),
    }  # fmt: skip
    return Frame(
        real=array(evaluator.real[: evaluator.sheet]), fake=array(mine[: evaluator.sheet]),
        surface=array(say(on_grid).reshape(side, side)), surface_range=say_range,
        probability=config.loss in ("non_saturating", "saturating"), said=array(say(on_points[:, : evaluator.sheet])),
        verdicts=array(on_points), arrows_at=array(mine[: len(push)]), arrows=array(push), lines=array(lines),
        stages=tuple(STAGES[s] for s in plan), stage=stage,
        batch_real=array(batch_real if slow and batch_real.numel() else none),
        batch_fake=array(batch_fake if slow and batch_fake.numel() else none),
        measures={name: values[shown] for name, values in measures.items()}, floors=evaluator.floors,
        modes=int(covered) if np.isfinite(covered) else 0,
        of_pairs={name: tuple(values) for name, values in measures.items()}, shown=shown, trail=array(trail),
        rounds=rounds, **fields,
    )  # fmt: skip


def verdict(loss: str, logits: Tensor) -> tuple[Callable[[Tensor], Tensor], tuple[float, float]]:
    """How logits are shown, and between which bounds: as a probability, or as a score around their mean.

    `logits` (2, M) are those of real points and fakes.
    """
    if loss in ("non_saturating", "saturating"):
        return torch.sigmoid, (0.0, 1.0)
    if loss == "least_squares":
        return lambda d: d.clamp(0, 1), (0.0, 1.0)
    middle = logits.mean()
    reach = (logits - middle).abs().max().clamp(min=1e-6)  # Wasserstein: only differences mean something
    return lambda d: ((d - middle) / reach).clamp(-1, 1), (-1.0, 1.0)


def array(tensor: Tensor) -> Array:
    """A copy.  Waits for the GPU."""
    found: Array = tensor.detach().cpu().numpy().astype(np.float32)
    return found


class PlaneEvaluator:
    """Keeps real points of the plane that no training sees, and says how far fakes are from them."""

    features, measured, pushed, sheet = 2, MEASURED, ARROWS, MEASURED

    def __init__(self, data: str, drawn: str, *, size: str, seed: int, device: torch.device) -> None:
        self.side, self.along = SIDES[size], ALONG[size]
        self.data, self.drawn, self.device = data, drawn, device
        stream = generator(seed, "judge", device)
        real = self.sample(2 * MEASURED, stream)
        self.real = real[:MEASURED]
        self.centres = point_clouds.centres(data) if data != "dirac" else None
        halves = generator(seed, "halves")
        self.floors = {
            name: float(np.mean([abs(distances.floor(measure, real.cpu(), halves)) for _ in range(SPLITS)]))
            for name, measure in MEASURES.items()
        }
        left, right, bottom, top = EXTENT
        upwards, rightwards = torch.linspace(bottom, top, self.side), torch.linspace(left, right, self.side)
        y, x = torch.meshgrid(upwards, rightwards, indexing="ij")
        self.grid = torch.stack([x, y], -1).reshape(-1, 2).to(device)

    def sample(self, count: int, stream: torch.Generator) -> Tensor:
        """`count` real points, (count, 2).  The Dirac-GAN's is always at 0."""
        if self.data == "dirac":
            return torch.zeros(count, 2, device=self.device)
        return point_clouds.sample(self.data, count, stream, self.drawn)

    def measures(self, fakes: Tensor) -> dict[str, list[float]]:
        """Of each of S sets of fakes (S, MEASURED, 2).  Waits for the GPU; not finite where the fakes are not."""
        fakes, real = fakes.cpu(), self.real.cpu()
        fine = [bool(torch.isfinite(fake).all()) for fake in fakes]
        found = {
            name: [measure(fake, real) if ok else float("nan") for fake, ok in zip(fakes, fine, strict=True)]
            for name, measure in MEASURES.items()
        }
        if self.centres is not None:
            found["modes"] = [
                float(distances.modes_covered(fake, self.centres, point_clouds.SIGMA)) if ok else float("nan")
                for fake, ok in zip(fakes, fine, strict=True)
            ]
        return found

    def lines(self, config: Config, z: Tensor) -> tuple[Tensor, int]:
        """Noise along the lines of a square grid, (L * T, noise_size), and T; beyond two dimensions it is zero."""
        reach, count, points = (2.2 if config.noise == "gaussian" else 1.0), 13, self.along
        along = torch.linspace(-reach, reach, points)
        if config.noise_size == 1:
            return along[:, None].to(self.device), points
        across = torch.linspace(-reach, reach, count)
        first = torch.stack(torch.meshgrid(across, along, indexing="ij"), -1)  # (count, points, 2)
        grid = torch.cat([first, first.flip(-1)]).reshape(-1, 2)
        return torch.cat([grid, torch.zeros(len(grid), config.noise_size - 2)], 1).to(self.device), points

    def fields(self, fakes: Tensor, *, shown: int) -> dict[str, Any]:
        """What only a frame of points on the plane has, from the fakes (S, MEASURED, 2) of all pairs."""
        centres = torch.zeros(0, 2) if self.centres is None else self.centres
        covered = [distances.covered_modes(fake, centres, point_clouds.SIGMA) for fake in fakes.cpu()]
        return {"centres": array(centres), "modes_total": len(centres), "seed_maps": self._maps(fakes.cpu()),
                "seed_covered": torch.stack(covered).numpy()}  # fmt: skip

    def _maps(self, fakes: Tensor) -> Array:
        """Counts of each pair's fakes on a coarse grid, (S, SEED_SIDE, SEED_SIDE); what lies outside is left out."""
        left, right, bottom, top = EXTENT
        cell = (fakes - torch.tensor([left, bottom])) / torch.tensor([right - left, top - bottom]) * SEED_SIDE
        inside = ((cell >= 0) & (cell < SEED_SIDE)).all(-1)
        place = cell.nan_to_num(0).clamp(0, SEED_SIDE - 1).long()
        flat = place[..., 1] * SEED_SIDE + place[..., 0]
        counts = [torch.bincount(f[i], minlength=SEED_SIDE**2) for f, i in zip(flat, inside, strict=True)]
        return array(torch.stack(counts).reshape(-1, SEED_SIDE, SEED_SIDE))
