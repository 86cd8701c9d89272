"""Measures between clouds of points against trusted libraries and closed forms, and the clouds themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import ot
import pytest
import scipy.linalg
import scipy.spatial.distance
import scipy.stats
import torch
from sklearn.metrics.pairwise import rbf_kernel

from engine.contract.device import generator
from engine.data import point_clouds
from engine.measures import distances

SQUARE = (-1.0, 1.0, -1.0, 1.0)


def cloud(stream: str, count: int = 400, d: int = 2, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    return scale * torch.randn(count, d, generator=generator(0, stream)) + shift


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.0, 0.7), (2.5, -0.3)])
def test_energy_distance_is_scipys_on_a_line_however_it_lies(scale: float, shift: float) -> None:
    a, b = cloud("a", d=1), cloud("b", 300, d=1, scale=scale, shift=shift)
    expected = scipy.stats.energy_distance(a[:, 0].numpy(), b[:, 0].numpy()) ** 2
    assert distances.energy_distance(a, b) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    direction = torch.tensor([[0.6, 0.8]])  # of length one
    assert distances.energy_distance(a @ direction, b @ direction) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_energy_distance_is_the_mean_over_pairs_in_the_plane() -> None:
    a, b = cloud("a").numpy(), cloud("b", 250, scale=1.5, shift=0.4).numpy()
    across, within = scipy.spatial.distance.cdist(a, b).mean(), scipy.spatial.distance.cdist
    expected = 2 * across - within(a, a).mean() - within(b, b).mean()
    assert distances.energy_distance(*map(torch.from_numpy, (a, b))) == pytest.approx(expected, rel=1e-4)


def test_mmd_is_unbiased_and_has_scikit_learns_kernel() -> None:
    a, b, h = cloud("a", 60), cloud("b", 80, shift=0.5), (0.3, 1.0)

    def kernel(x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        return sum(rbf_kernel(x.double(), y.double(), gamma=1 / (2 * v * v)) for v in h) / len(h)

    k_aa, k_bb = kernel(a, a), kernel(b, b)
    expected = (k_aa.sum() - 60) / (60 * 59) + (k_bb.sum() - 80) / (80 * 79) - 2 * kernel(a, b).mean()
    assert distances.mmd(a, b, h) == pytest.approx(expected, abs=1e-5)


def test_mmd_of_equal_distributions_is_zero_within_three_standard_errors() -> None:
    found = [distances.mmd(cloud(f"a{i}", 100), cloud(f"b{i}", 100), (0.5, 1.0)) for i in range(60)]
    assert abs(np.mean(found)) < 3 * np.std(found, ddof=1) / math.sqrt(len(found))
    assert min(found) < 0  # unbiased, so on both sides
    assert distances.mmd(cloud("a"), cloud("b", shift=0.5)) > 0.02


@pytest.mark.parametrize("d", [1, 2, 10])
def test_frechet_distance_is_the_bures_wasserstein_distance_of_pot(d: int) -> None:
    mix = torch.randn(d, d, generator=generator(1, "mix"))
    a, b = cloud("a", d=d) @ mix, cloud("b", 300, d=d, scale=1.7, shift=0.4)
    means = [points.double().mean(0).numpy() for points in (a, b)]
    covariances = [np.atleast_2d(np.cov(points.double().T.numpy())) for points in (a, b)]
    found = distances.frechet_distance(a, b)
    assert found == pytest.approx(ot.gaussian.bures_wasserstein_distance(*means, *covariances) ** 2, rel=1e-6)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    gap = ((means[0] - means[1]) ** 2).sum()
    assert found == pytest.approx(gap + np.trace(covariances[0] + covariances[1] - 2 * root), rel=1e-6)


def test_js_divergence_is_scipys_on_counts_and_ln_2_for_disjoint_clouds() -> None:
    a, b = cloud("a", scale=0.3), cloud("b", scale=0.3, shift=0.2)
    edges = np.linspace(-1, 1, 11)
    p, q = (np.histogram2d(*points.clamp(-1 + 1e-6, 1 - 1e-6).T.numpy(), bins=[edges, edges])[0] for points in (a, b))
    expected = scipy.spatial.distance.jensenshannon(p.ravel(), q.ravel()) ** 2
    assert distances.js_divergence(a, b, SQUARE, 10) == pytest.approx(expected, abs=1e-9)
    left, right = (cloud("a", scale=0.05, shift=s) for s in (-0.6, 0.6))
    assert distances.js_divergence(left, right, SQUARE, 10) == pytest.approx(math.log(2), abs=1e-12)
    assert distances.js_divergence(a, a, SQUARE, 10) == 0


def test_energy_distance_of_many_numbers_is_that_of_few_turned_round() -> None:
    """A plane laid into 64 dimensions keeps all distances."""
    a, b = cloud("a"), cloud("b", 300, shift=0.3)
    turned = torch.linalg.qr(cloud("turn", 64, d=64)).Q[:2]
    assert distances.energy_distance(a @ turned, b @ turned) == pytest.approx(distances.energy_distance(a, b), rel=1e-4)
    assert distances.energy_distance(a @ turned, a @ turned) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("measure", [distances.energy_distance, distances.mmd, distances.frechet_distance])
def test_measures_order_clouds_by_how_far_they_are(measure: Any) -> None:
    a = cloud("a")
    near, middle, far = (measure(a, cloud("b", shift=s)) for s in (0.0, 0.5, 1.5))
    assert abs(near) < middle < far
    same = distances.floor(measure, cloud("real", 800), generator(0, "halves"))
    assert abs(same) < middle / 3


def test_the_floor_of_energy_distance_is_what_theory_says() -> None:
    """For N points of one distribution on both sides the mean of the V-statistic is 2 E|x - x'| / N."""
    found = [
        distances.floor(distances.energy_distance, cloud(f"r{i}", 200), generator(i, "halves")) for i in range(100)
    ]  # fmt: skip
    expected = 2 * math.sqrt(math.pi) / 100  # E|x - x'| = sqrt(pi) for a standard normal in the plane
    assert np.mean(found) == pytest.approx(expected, abs=3 * np.std(found) / 10)


def test_a_mode_counts_from_one_percent_within_three_sigma() -> None:
    centres, sigma = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 0.1
    at_first = torch.zeros(98, 2)
    assert distances.modes_covered(at_first, centres, sigma) == 1
    one = torch.cat([at_first, torch.tensor([[1.29, 0.0], [0.0, 1.31]])])  # the last is 3.1 sigma away
    assert distances.modes_covered(one, centres, sigma) == 2
    assert distances.modes_covered(torch.cat([one, torch.zeros(100, 2)]), centres, sigma) == 1  # now 0.5 %
    assert distances.modes_covered(torch.full((10, 2), torch.nan), centres, sigma) == 0
    real = point_clouds.sample("ring", 2000, generator(0, "ring"))
    middles = point_clouds.centres("ring")
    assert middles is not None and distances.modes_covered(real, middles, point_clouds.SIGMA) == 8


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="compared"):
        distances.energy_distance(torch.zeros(3, 2), torch.zeros(3, 1))
    with pytest.raises(ValueError, match="two points"):
        distances.mmd(torch.zeros(1, 2), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="halves"):
        distances.floor(distances.mmd, torch.zeros(3, 2), generator(0, "halves"))


# ---------------------------------------------------------------- the clouds


@pytest.mark.parametrize("name", [name for name in point_clouds.SHAPES if name != "drawn"])
def test_a_cloud_fits_its_frame_and_follows_its_seed(name: str) -> None:
    points = point_clouds.sample(name, 4000, generator(0, "cloud"))
    assert points.shape == (4000, 2) and points.dtype == torch.float32
    assert points.abs().max() < 1.15 and points.abs().max() > 0.7
    assert torch.equal(points, point_clouds.sample(name, 4000, generator(0, "cloud")))
    assert not torch.equal(points, point_clouds.sample(name, 4000, generator(1, "cloud")))


def test_gaussians_have_their_sigma_and_equal_shares() -> None:
    for name, count in (("ring", 8), ("grid", 25)):
        middles = point_clouds.centres(name)
        assert middles is not None and middles.shape == (count, 2)
        points = point_clouds.sample(name, 20_000, generator(0, "cloud"))
        distance, nearest = torch.cdist(points, middles).min(1)
        assert float(distance.square().mean() / 2) == pytest.approx(point_clouds.SIGMA**2, rel=0.05)
        shares = torch.bincount(nearest, minlength=count) / len(points)
        assert float((shares - 1 / count).abs().max()) < 4 * math.sqrt(1 / count / 20_000)
    assert point_clouds.centres("moons") is None


def test_the_checkerboard_leaves_every_other_square_empty() -> None:
    cell = (point_clouds.sample("checkerboard", 4000, generator(0, "cloud")) / 0.45 + 2).floor()
    assert set((cell.sum(1) % 2).tolist()) == {0.0}
    assert len({tuple(c) for c in cell.tolist()}) == 8


def test_drawn_points_come_back_from_a_link_and_are_blurred() -> None:
    xy = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    text = point_clouds.pack(xy)
    assert np.abs(point_clouds.unpack(text) - xy).max() < 1e-4
    points = point_clouds.sample("drawn", 5000, generator(0, "cloud"), text)
    distance = torch.cdist(points, torch.from_numpy(xy).float()).min(1).values
    assert 0 < float(distance.max()) < 6 * point_clouds.BLUR


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (np.zeros((9, 2)), "at least 10"), (np.zeros((20, 2)), "one place"), (np.full((20, 2), 1.1), "outside"),
        (np.full((20, 2), np.nan), "outside"), (np.random.default_rng(0).uniform(-1, 1, (501, 2)), "at most 500"),
    ],
)  # fmt: skip
def test_points_that_cannot_be_learned_get_a_sentence(points: np.ndarray, said: str) -> None:
    with pytest.raises(point_clouds.CloudError, match=said) as caught:
        point_clouds.pack(points)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("text", ["", "!!", "AAAA"])
def test_a_damaged_link_gets_a_sentence(text: str) -> None:
    with pytest.raises(point_clouds.CloudError):
        point_clouds.sample("drawn", 10, generator(0, "cloud"), text)


def test_an_unknown_cloud_is_named() -> None:
    with pytest.raises(point_clouds.CloudError, match="there are ring, grid"):
        point_clouds.sample("cow", 10, generator(0, "cloud"))
