"""How far one cloud of points is from another: measures for models that make samples.

Each takes two sets of points, torch in and a plain number out, and is zero, or zero on average, if both come from the
same distribution.  No number of this kind means anything alone: `floor` says what two halves of the real data score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)  # bandwidths of `mmd`, as multiples of the median distance
RADIUS = 3.0  # a sample belongs to a mode within so many sigma
SHARE = 0.01  # of all samples: fewer do not cover a mode


def energy_distance(a: Tensor, b: Tensor) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| for `a` (N, d) and `b` (M, d): the squared form, a V-statistic.

    As a V-statistic (pairs of a point with itself count) it is never negative, and zero only for equal clouds; for N
    points of one distribution on each side it is about 2 E|x - x'| / N on average.  Szekely and Rizzo, "Energy
    statistics", 2013.
    """
    _require(a, b)
    how = "donot_use_mm_for_euclid_dist"
    if a.shape[1] > 8:  # as a product of matrices ten times faster, and in float64 as exact
        a, b, how = a.double(), b.double(), "use_mm_for_euclid_dist"
    across, within_a, within_b = (torch.cdist(p, q, compute_mode=how).mean() for p, q in ((a, b), (a, a), (b, b)))
    return float(2 * across - within_a - within_b)


def mmd(a: Tensor, b: Tensor, bandwidths: Sequence[float] | None = None) -> float:
    """Squared maximum mean discrepancy of `a` (N, d) and `b` (M, d), unbiased, so it may be a little below zero.

    The kernel is the mean of exp(-|x - y|^2 / (2 h^2)) over the `bandwidths` h, in the units of the points; left out,
    they are `SCALES` times the median distance of all points.  Gretton et al., "A kernel two-sample test", JMLR 2012.
    """
    _require(a, b)
    if len(a) < 2 or len(b) < 2:
        raise ValueError("An unbiased MMD needs at least two points on each side.")
    squared = torch.cdist(both := torch.cat([a, b]), both, compute_mode="donot_use_mm_for_euclid_dist").square()
    if bandwidths is None:
        pairs = squared[torch.triu(torch.ones_like(squared, dtype=torch.bool), diagonal=1)]
        median = math.sqrt(max(float(pairs.median()), 1e-12))
        bandwidths = [scale * median for scale in SCALES]
    kernel = sum((torch.exp(squared / (-2 * h * h)) for h in bandwidths), torch.zeros_like(squared)) / len(bandwidths)
    n, m = len(a), len(b)
    within_a = (kernel[:n, :n].sum() - n) / (n * (n - 1))  # k(x, x) = 1 does not count
    within_b = (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return float(within_a + within_b - 2 * kernel[:n, n:].mean())


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)): Gaussians with the means and covariances of `a` and `b`.

    The squared 2-Wasserstein distance of these Gaussians, and nothing of what makes the clouds other than Gaussian is
    seen.  Computed in float64.  Heusel et al., "GANs trained by a two time-scale update rule", 2017 (FID).
    """
    _require(a, b)
    if len(a) < 2 or len(b) < 2:
        raise ValueError("A covariance needs at least two points on each side.")
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    gap = (a.mean(0) - b.mean(0)).square().sum()
    cov_a, cov_b = (torch.cov(points.T).reshape(points.shape[1], -1) for points in (a, b))
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T  # C_a^(1/2)
    overlap = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return max(0.0, float(gap + cov_a.trace() + cov_b.trace() - 2 * overlap))


def covered_modes(samples: Tensor, centres: Tensor, sigma: float) -> Tensor:
    """Which of the `centres` (K, 2) have at least 1 % of the `samples` (N, 2) within three `sigma`, bool (K,).

    A sample counts for its nearest centre only.  Samples that are not finite count for none.
    """
    samples = samples[torch.isfinite(samples).all(1)] if len(samples) else samples
    if not len(samples) or not len(centres):
        return torch.zeros(len(centres), dtype=torch.bool, device=centres.device)
    distance, nearest = torch.cdist(samples, centres).min(dim=1)  # (N,)
    counts = torch.bincount(nearest[distance <= RADIUS * sigma], minlength=len(centres))
    return counts >= SHARE * len(samples)


def modes_covered(samples: Tensor, centres: Tensor, sigma: float) -> int:
    """How many `covered_modes` there are."""
    return int(covered_modes(samples, centres, sigma).sum())


def js_divergence(a: Tensor, b: Tensor, extent: tuple[float, float, float, float], cells: int) -> float:
    """Jensen-Shannon divergence, in nats, of `a` (N, 2) and `b` (M, 2) counted on a grid of `cells` x `cells`.

    `extent` is (left, right, bottom, top); what lies outside is counted in the cells at the edge.  0 for equal counts,
    ln 2 = 0.693 if no cell has points of both.  Lin 1991.
    """
    _require(a, b)
    p, q = (_shares(points, extent, cells) for points in (a, b))
    middle = (p + q) / 2
    return max(0.0, float(sum((torch.special.xlogy(s, s) - torch.special.xlogy(s, middle)).sum() for s in (p, q)) / 2))


def _shares(points: Tensor, extent: tuple[float, float, float, float], cells: int) -> Tensor:
    """The share of `points` in each cell, (cells * cells,) float64."""
    left, right, bottom, top = extent
    x = ((points[:, 0] - left) / (right - left) * cells).floor().clamp(0, cells - 1).long()
    y = ((points[:, 1] - bottom) / (top - bottom) * cells).floor().clamp(0, cells - 1).long()
    return torch.bincount(y * cells + x, minlength=cells * cells).double() / len(points)


def floor(measure: Callable[[Tensor, Tensor], float], real: Tensor, generator: torch.Generator) -> float:
    """What `measure` finds between two halves of `real` (N, d), split at random: no model need do better."""
    if len(real) < 4:
        raise ValueError(f"{len(real)} points cannot be split into two halves of at least two.")
    order = torch.randperm(len(real), generator=generator, device=generator.device).to(real.device)
    half = len(real) // 2
    return measure(real[order[:half]], real[order[half : 2 * half]])


def _require(a: Tensor, b: Tensor) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):
        raise ValueError(f"Two sets of points (N, d) and (M, d) are compared, not {tuple(a.shape)}, {tuple(b.shape)}.")
