"""What makes a flow a flow: it can be undone, its Jacobian is what it says, and its density is one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.contract.device import generator
from engine.data import point_clouds
from engine.nets.autoencoders import Stack
from engine.nets.flow import STRETCH, Coupling, Flow


def bent(layers: int = 6, seeds: range = range(2)) -> Flow:
    """A flow that is not the identity: its last matrices, zero at the start, are drawn."""
    flow = Flow(layers=layers, width=16, seeds=seeds).double().requires_grad_(False)
    chance = generator(0, "bent")
    for stack in [part for part in flow.modules() if isinstance(part, Stack)]:
        stack.weights[-1].copy_(torch.randn(stack.weights[-1].shape, generator=chance) * 0.1)
    return flow


def points(count: int, seeds: int = 2) -> Tensor:
    return torch.randn(seeds, count, 2, generator=generator(1, "points"), dtype=torch.float64)


def test_it_begins_as_the_identity() -> None:
    x, log_det = Flow(layers=4, width=8, seeds=[0]).double()(points(50, 1))
    assert torch.equal(x, points(50, 1)) and not log_det.any()


def test_the_way_back_is_exact() -> None:
    flow, z = bent(), points(400)
    x, forth = flow(z)
    again, back = flow.inverse(x)
    assert (x - z).abs().max() > 0.3  # it does something
    assert torch.allclose(again, z, atol=1e-10) and torch.allclose(forth, -back, atol=1e-10)
    z_too, _ = flow.inverse(z)
    assert torch.allclose(flow(z_too)[0], z, atol=1e-10)


@pytest.mark.parametrize("way", ["forward", "inverse"])
def test_log_det_is_that_of_the_jacobian_by_autograd(way: str) -> None:
    flow = bent(seeds=range(1))
    for x in points(6, 1)[0]:
        jacobian = torch.autograd.functional.jacobian(lambda at: getattr(flow, way)(at[None, None])[0][0, 0], x)
        assert jacobian.shape == (2, 2)
        _, log_det = getattr(flow, way)(x[None, None])
        assert float(log_det) == pytest.approx(float(torch.linalg.slogdet(jacobian).logabsdet), abs=1e-9)


def test_one_coupling_is_dinhs_equation_and_leaves_what_it_reads() -> None:
    layer = bent().layers[0]
    assert isinstance(layer, Coupling) and layer.moved == 0
    z = points(30)
    x, log_det = layer(z)
    s, t = layer.network(z[..., 1:]).chunk(2, -1)
    s = STRETCH * (s / STRETCH).tanh()
    assert torch.equal(x[..., 1], z[..., 1])
    assert torch.allclose(x[..., :1], z[..., :1] * s.exp() + t) and torch.allclose(log_det, s[..., 0])


def test_both_coordinates_are_moved() -> None:
    moved = [layer.moved for layer in Flow(layers=5, width=8, seeds=[0]).couplings]
    assert moved == [0, 1, 0, 1, 0]


def test_the_density_is_one_all_together() -> None:
    flow, reach, cells = bent(3), 12.0, 500
    side = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells * 2 * reach - reach
    grid = torch.cartesian_prod(side, side).expand(2, -1, -1)
    total = flow.log_density(grid).exp().sum(1) * (2 * reach / cells) ** 2
    assert torch.allclose(total, torch.ones(2, dtype=torch.float64), atol=2e-3)


def test_the_density_is_that_of_the_samples() -> None:
    """Shares of samples in boxes against the integral of the density over them."""
    flow = bent(seeds=range(1))
    x = flow(points(200_000, 1))[0][0]
    for left, bottom in ((-1.0, -0.5), (0.0, 0.0), (0.4, -1.2)):
        side = (torch.arange(60, dtype=torch.float64) + 0.5) / 60 * 0.8
        grid = torch.cartesian_prod(left + side, bottom + side)[None]
        mass = float(flow.log_density(grid).exp().sum() * (0.8 / 60) ** 2)
        inside = (x >= torch.tensor([left, bottom])) & (x < torch.tensor([left + 0.8, bottom + 0.8]))
        assert float(inside.all(1).double().mean()) == pytest.approx(mass, abs=4 * math.sqrt(mass / 200_000))


def test_trained_on_a_gaussian_its_likelihood_is_minus_the_entropy() -> None:
    """Closed form: a Gaussian in the plane has the entropy log(2 pi e) + log det(C) / 2, and nothing can score more."""
    mix, shift = torch.tensor([[0.5, 0.0], [0.4, 0.3]]), torch.tensor([0.3, -0.2])
    entropy = math.log(2 * math.pi * math.e) + math.log(0.5 * 0.3)
    flow = Flow(layers=4, width=16, seeds=range(3))
    optimiser = torch.optim.Adam(flow.parameters(), 5e-3, fused=True)

    def draw(count: int, name: str) -> Tensor:
        noise = torch.randn(3, count, 2, generator=generator(0, name))
        return noise @ mix.T + shift

    for step in range(600):
        for group in optimiser.param_groups:
            group["lr"] = 5e-3 * (1 - step / 600)
        loss = -flow.log_density(draw(256, f"batch/{step}")).mean(1).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    x = draw(20_000, "held out")
    with torch.no_grad():
        found = flow.log_density(x).double()
    truth = torch.distributions.MultivariateNormal(shift, mix @ mix.T).log_prob(x).double()
    gap = (truth - found).mean(1)  # the Kullback-Leibler divergence: never negative, but for chance
    assert (gap > -1e-3).all() and (gap < 0.02).all()
    assert torch.allclose(found.mean(1), torch.full((3,), -entropy, dtype=torch.float64), atol=0.03)


def test_a_flow_in_a_stack_is_the_flow_of_a_run_of_its_own() -> None:
    stack, alone = Flow(layers=3, width=8, seeds=range(4, 7)), Flow(layers=3, width=8, seeds=[5])
    for many, one in zip(stack.parameters(), alone.parameters(), strict=True):
        assert torch.equal(many[1:2], one)


def test_noise_and_points_of_the_ring_are_told_apart_by_the_true_density() -> None:
    """`log_density` against torch's own mixture."""
    from engine.labs.generative_families.frame import log_density

    middles = point_clouds.centres("grid")
    assert middles is not None
    parts = torch.distributions.Independent(torch.distributions.Normal(middles, point_clouds.SIGMA), 1)
    truth = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(torch.ones(25)), parts)
    x = point_clouds.sample("grid", 500, generator(0, "points"))
    assert torch.allclose(log_density(x, middles), truth.log_prob(x), atol=1e-4)
