"""What there is to see of an autoencoder: its latent plane, what the plane decodes to, and the codes of one row.

Rows are shown as tiles: a picture as it is (28 x 28 pixels are halved in the sheet), wines as thirteen stripes.  Points
of the plane are shown where they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.contract.device import generator
from engine.data import images
from engine.labs.vae.config import Config
from engine.labs.vae.rows import DataSet, load
from engine.nets.autoencoders import Autoencoders

GRID = 12  # decoded codes along each side of the plane
REACHES = (3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)  # half sides that the plane may have
STRAY = 1.5  # times as far out as 99 of 100 codes: what lies further is not waited for
DRAWS = 5  # codes drawn from the posterior of the row that is looked at
SAMPLES = 8  # decoded codes from the prior
WALK = 9  # pictures on the way from class to class
COMPARED = 4000  # training rows, at most, among which the nearest is looked for
LINES = 15  # lines of the plane, each way, when they are shown where they are decoded to

Array = NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """One moment.  Tiles are (H, W) with row 0 on top; H is 0 for points of the plane.

    The plane shows the latent dimensions `axes`, from -`reach` to `reach`; the others are 0.  `grid` (GRID, GRID, H, W)
    is decoded from evenly spaced codes, row 0 from the lowest and column 0 from the leftmost.
    """

    step: int
    classes: tuple[str, ...]
    low: float  # bounds of the numbers in a tile
    high: float
    axes: tuple[int, int]
    reach: float
    codes: Array  # (N, 2) of test rows
    labels: Array  # (N,)
    grid: Array
    at: tuple[float, float]  # the code that was asked for
    exact: Array  # (H, W) decoded from it
    row: Array  # (H, W) the row that is looked at
    label: int  # its class, or -1
    mean: Array  # (2,) of its posterior
    deviation: Array  # (2,); 0 if a code is a point
    rebuilt: Array  # (H, W) decoded from the posterior's mean
    drawn: Array  # (DRAWS, H, W) decoded from codes drawn from it
    samples: Array  # (SAMPLES, H, W) decoded from codes drawn from the prior
    ends: tuple[int, int]  # classes that the walk leads from and to
    walk: Array  # (2, 2) codes of its ends
    walked: Array  # (WALK, H, W) decoded on the way
    mixed: Array  # (WALK, H, W) the same two rows, mixed number by number
    walk_gaps: Array  # (WALK,) distance of each from the nearest training row
    mixed_gaps: Array  # (WALK,)
    test_gap: float  # mean distance of a test row from it
    kl: Array  # (D,) of the test rows, in nats
    scatter: Array  # (D,) standard deviation of their codes
    by_seed: Array  # (2, S): -log p(x|z) and KL of the test rows
    price: float
    variance: float  # of the Gaussian p(x|z)
    points: Array  # (N, 2) test rows, (0, 2) unless they are points of the plane
    found: Array  # (N, 2) what becomes of them
    mesh: Array  # (2 LINES, T, 2) lines of the latent plane, decoded
    place: Array  # (2, 2) the row that is looked at and what the code that was asked for is decoded to


def neighbours(codes: Tensor, labels: Array) -> float:
    """Share of codes (N, D) whose nearest other code has the same class, of `labels` (N,).  Waits for the GPU."""
    gaps = torch.cdist(codes, codes).fill_diagonal_(torch.inf)
    return float((labels[gaps.argmin(1).cpu().numpy()] == labels).mean())


def holes(prior: Tensor, mu: Tensor, log_var: Tensor) -> float:
    """Share of codes `prior` (M, D), drawn from N(0, 1), where all clouds together are less than a tenth as dense.

    The clouds are N(mu, exp(log_var)), (N, D) each: what the decoder has learned from.  Waits for the GPU.
    """
    clouds = -0.5 * (log_var + (prior[:, None] - mu).square() / log_var.exp()).sum(-1)  # (M, N), less a constant
    there = clouds.logsumexp(1) - math.log(len(mu))
    due = -0.5 * prior.square().sum(-1)
    return float((there < due + math.log(0.1)).float().mean())


def reach(codes: Array) -> float:
    """Half a side of a square that shows all codes (N, 2), but for few that lie much further out than the others."""
    if not np.isfinite(codes).all():
        return REACHES[0]
    far = min(float(np.abs(codes).max()), STRAY * float(np.quantile(np.abs(codes), 0.99)))
    return next((r for r in REACHES if r >= 1.05 * far), REACHES[-1])


@torch.no_grad()
def frame(
    config: Config, model: Autoencoders, observed: DataSet, *, x_test: Tensor, step: int, by_seed: Tensor,
    price: float,
) -> Frame:  # fmt: skip
    """What `model` makes of the test rows `x_test` (N, F) of `observed`.  Waits for the GPU.

    `by_seed` (2, S) and `price` are fields of the frame.
    """
    device, D = x_test.device, config.latent
    axes = axes_of(config.across, config.up, D)
    plane = len(observed.shape) == 1 and observed.features == 2
    mu, log_var = model.encode(x_test)
    codes = flat(mu, axes)
    far = reach(codes)
    row, label = shown_row(config, observed, x_test)
    mean, log_variance = model.encode(row)
    deviation = (log_variance / 2).exp() if model.cloudy else torch.zeros_like(mean)
    noise = torch.randn(DRAWS, D, generator=generator(config.seed, f"posterior/{config.draw}")).to(device)
    prior = torch.randn(SAMPLES, D, generator=generator(config.seed, f"prior/{config.draw}")).to(device)
    ends = tuple(min(end, len(observed.classes) - 1) for end in (config.start, config.end))
    typical = [nearest(mu, observed.test_y, end) for end in ends]
    along = torch.linspace(0, 1, WALK, device=device)[:, None]
    walk = torch.lerp(mu[typical[0]], mu[typical[1]], along)
    mixed = torch.lerp(x_test[typical[0]], x_test[typical[1]], along)
    asked = spread(torch.tensor([[config.z1, config.z2]]), axes, D).to(device)
    side = torch.linspace(-far, far, GRID)
    lattice = spread(torch.cartesian_prod(side, side).flip(1), axes, D).to(device)  # x runs fastest
    lines = spread(mesh(far), axes, D).to(device) if plane else lattice[:0]

    parts = (lattice, asked, mean, mean + deviation * noise, prior, walk, lines, mu if plane else mu[:0])
    out = torch.cat([model.decode(torch.cat(parts)), row, mixed])
    sheet, exact, rebuilt, drawn, samples, walked, meshed, found, given, mix = torch.split(
        out, [*map(len, parts), 1, WALK]
    )

    def tiles(rows: Tensor) -> Array:
        return array(tile(rows, observed.shape))

    sheets = tile(sheet, observed.shape)
    if sheets.shape[-1] == 28:
        sheets = F.avg_pool2d(sheets, 2)
    pictures = config.data in images.DATASETS
    return Frame(
        step=step, classes=observed.classes, low=0.0 if pictures else -2.0,
        high=1.0 if pictures else 2.0, axes=axes, reach=far, codes=codes, labels=observed.test_y,
        grid=array(sheets).reshape(GRID, GRID, *sheets.shape[1:]), at=(config.z1, config.z2), exact=tiles(exact)[0],
        row=tiles(given)[0], label=label, mean=flat(mean, axes)[0], deviation=flat(deviation, axes)[0],
        rebuilt=tiles(rebuilt)[0], drawn=tiles(drawn), samples=tiles(samples), ends=(ends[0], ends[1]),
        walk=flat(walk[[0, -1]], axes), walked=tiles(walked), mixed=tiles(mix),
        walk_gaps=gaps(walked, observed), mixed_gaps=gaps(mix, observed), test_gap=usual_gap(config.data),
        kl=array(0.5 * (mu.square() + log_var.exp() - log_var - 1).mean(0)), scatter=array(mu.std(0)),
        by_seed=array(by_seed), price=price, variance=model.variance,
        points=observed.test_x if plane else np.zeros((0, 2), np.float32), found=array(found).reshape(-1, 2),
        mesh=array(meshed).reshape(2 * LINES if plane else 0, -1, 2) if plane else np.zeros((0, 2, 2), np.float32),
        place=array(torch.cat([given, exact])) if plane else np.zeros((0, 2), np.float32),
    )  # fmt: skip


def axes_of(across: int, up: int, D: int) -> tuple[int, int]:
    """The two of D latent dimensions, counted from 0, that span the plane; `across` and `up` count from 1.

    The knobs may be left from a longer code: they are clipped, and two that were different stay so if D allows it.
    """
    first, second = min(across, D), min(up, D)
    if first == second and across != up and D > 1:
        first, second = (D - 1, D) if across < up else (D, D - 1)
    return first - 1, second - 1


def shown_row(config: Config, observed: DataSet, x_test: Tensor) -> tuple[Tensor, int]:
    """The row (1, F) that is encoded, and its class, -1 if nobody knows it."""
    if config.picture and config.data in images.DATASETS:
        given = images.unpack(config.picture, images.side(config.data)).reshape(1, -1)
        return torch.from_numpy(np.array(given, np.float32)).to(x_test.device), -1
    place = config.example % len(observed.test_x)
    return x_test[place : place + 1], int(observed.test_y[place])


def nearest(codes: Tensor, labels: Array, wanted: int) -> int:
    """Place of the row of the class `wanted` whose code, of codes (N, D), is nearest to the middle of its class."""
    places = np.flatnonzero(labels == wanted)
    mine = codes[torch.from_numpy(places).to(codes.device)]
    return int(places[int((mine - mine.median(0).values).square().sum(1).argmin())])


def gaps(rows: Tensor, observed: DataSet) -> Array:
    """Distance of each of `rows` (N, F) from the nearest training row, (N,)."""
    return array(torch.cdist(rows.cpu(), torch.from_numpy(observed.train_x[:COMPARED])).min(1).values)


@cache
def usual_gap(data: str) -> float:
    """How far a test row is from the nearest training row, in the mean."""
    return float(gaps(torch.from_numpy(load(data).test_x), load(data)).mean())


def flat(codes: Tensor, axes: tuple[int, int]) -> Array:
    """Codes (N, D) on the plane, (N, 2); with one latent dimension they lie on a line."""
    if codes.shape[1] == 1:
        return array(F.pad(codes, (0, 1)))
    return array(codes[:, list(axes)])


def spread(places: Tensor, axes: tuple[int, int], D: int) -> Tensor:
    """Codes (N, D) that lie at `places` (N, 2) of the plane."""
    codes = torch.zeros(len(places), D)
    codes[:, axes[1]] = places[:, 1]
    codes[:, axes[0]] = places[:, 0]  # the only one that counts if both are the same
    return codes


def mesh(far: float) -> Tensor:
    """Points of `LINES` lines each way over the plane, (2 LINES T, 2)."""
    at, along = torch.linspace(-far, far, LINES), torch.linspace(-far, far, 2 * LINES)
    upright = torch.cartesian_prod(at, along)
    return torch.cat([upright, upright.flip(1)])


def tile(rows: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Rows (N, F) as tiles (N, H, W): numbers that are no picture become stripes, points of the plane nothing."""
    if len(shape) == 2:
        return rows.view(-1, *shape)
    if shape == (2,):
        return rows.new_zeros(len(rows), 0, 0)
    return rows[:, None, :].expand(-1, shape[0], -1)


def array(tensor: Tensor) -> Array:
    """Waits for the GPU."""
    found: Array = tensor.detach().to("cpu", torch.float32).numpy().copy()
    return found
