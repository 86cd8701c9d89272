"""Attributions against their own definitions, written out here, and what they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator
from engine.measures import attribution
from engine.nets.convnet import Architecture, ConvNet

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURES = [
    Architecture(side=8, classes=10),
    Architecture(side=8, classes=4, channels=(6,), kernel=5, padding=2, pooling="average", norm="group"),
    Architecture(side=12, classes=3, channels=(4, 8), depth=7, residual=True, pooling="none", norm="batch"),
]


def network(architecture: Architecture, seed: int = 0) -> ConvNet:
    """A network whose batch norms have seen something, so that they do something."""
    model = ConvNet(architecture, generator(seed, "weights"))
    model(torch.rand(64, 1, architecture.side, architecture.side, generator=generator(seed, "warm")))
    return model.eval()


def pictures(architecture: Architecture, count: int = 3) -> Tensor:
    return torch.rand(count, 1, architecture.side, architecture.side, generator=generator(1, "pictures"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_saliency_is_the_size_of_the_gradient(architecture: Architecture) -> None:
    model, x = network(architecture), pictures(architecture)
    for moved in (0, 1):
        leaf = x.clone().requires_grad_()
        model(leaf)[:, moved].sum().backward()
        assert leaf.grad is not None
        found = attribution.attribute(model, x, moved, "saliency")
        assert np.allclose(found, leaf.grad.abs(), atol=1e-6)


@pytest.mark.parametrize(("number", "seed"), [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0)])
def test_integrated_gradients_are_complete(number: int, seed: int) -> None:
    """Sundararajan et al. 2017, proposition 1: they add up to the difference of the logits."""
    architecture = ARCHITECTURES[number]
    model, x = network(architecture, seed), pictures(architecture, 1 + (number == 0))  # the others take long
    with torch.no_grad():
        difference = (model(x) - model(torch.zeros_like(x)))[:, 1]
    found = attribution.attribute(model, x, 1, "integrated_gradients")
    assert found.sum(axis=(1, 2, 3)) == pytest.approx(difference.numpy(), abs=1e-3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_grad_cam_is_the_weighted_sum_of_the_last_maps(architecture: Architecture) -> None:
    """Selvaraju et al. 2017, equations 1 and 2, on the output of the last convolution."""
    model, x = network(architecture), pictures(architecture)
    maps: list[Tensor] = []
    handle = model.parts[-1].conv.register_forward_hook(lambda module, given, out: maps.append(out))
    logits = model(x)
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[:, 2].sum(), maps[0])
    alpha = gradient.mean((2, 3), keepdim=True)
    cam = F.relu((alpha * maps[0]).sum(1, keepdim=True))
    expected = F.interpolate(cam, size=x.shape[-2:], mode="bilinear", align_corners=False)
    found = attribution.attribute(model, x, 2, "grad_cam")
    assert np.allclose(found, expected.detach(), atol=1e-6)
    assert found.any()


@pytest.mark.parametrize("side", [8, 9, 28])
def test_occlusion_is_what_a_black_square_costs(side: int) -> None:
    """Every pixel gets the mean fall of the logit over the squares that cover it."""
    model, x = network(Architecture(side=side, classes=10)), pictures(Architecture(side=side, classes=10), 1)
    square, stride = attribution.occluder(side)
    falls, covered = torch.zeros(side, side), torch.zeros(side, side)
    with torch.no_grad():
        starts = [min(start, side - square) if stride == 1 else start for start in range(0, side, stride)]
        starts = list(dict.fromkeys(starts))
        last = next(i for i, start in enumerate(starts) if start + square >= side)
        for top in starts[: last + 1]:
            for left in starts[: last + 1]:
                hidden = x.clone()
                hidden[..., top : top + square, left : left + square] = 0
                fall = (model(x) - model(hidden))[0, 3]
                falls[top : top + square, left : left + square] += fall
                covered[top : top + square, left : left + square] += 1
    assert np.allclose(attribution.attribute(model, x, 3, "occlusion")[0, 0], falls / covered, atol=1e-5)


@pytest.mark.parametrize("method", attribution.METHODS)
def test_each_picture_has_its_own_target_and_nothing_is_left_behind(method: str) -> None:
    architecture = Architecture(side=8, classes=3, channels=(4,), norm="batch")
    model, x = network(architecture).train(), pictures(architecture)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    together = attribution.attribute(model, x, torch.tensor([0, 1, 2]), method)
    alone = [attribution.attribute(model, x[i : i + 1], i, method)[0] for i in range(3)]
    assert together.shape == x.shape and together.dtype == np.float32
    assert np.allclose(together, np.stack(alone), atol=2e-3 if method == "integrated_gradients" else 1e-5)
    assert model.training and not x.requires_grad and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())


def test_what_cannot_be_attributed_gets_a_sentence() -> None:
    linear, x = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), torch.rand(1, 1, 8, 8)
    with pytest.raises(ValueError, match="this network has none"):
        attribution.attribute(linear, x, 0, "grad_cam")
    assert attribution.attribute(linear, x, 0, "saliency").shape == (1, 1, 8, 8)
    with pytest.raises(ValueError, match="saliency, integrated_gradients, grad_cam, occlusion"):
        attribution.attribute(linear, x, 0, "guesswork")


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = rng.integers(-4, 5, (2, 8, 8)).astype(np.float32)  # with ties
        expected = scipy.stats.spearmanr(np.abs(a).ravel(), np.abs(b).ravel()).statistic
        assert attribution.rank_correlation(a, b) == pytest.approx(expected, abs=1e-9)
    assert attribution.rank_correlation(np.zeros((8, 8), np.float32), b) == 0


def test_captum_is_not_imported_before_somebody_asks() -> None:
    code = "import sys, engine.labs.cnn_filters.experiment; print('captum' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True, cwd=ROOT
    )
    assert told.stdout.strip() == "False"
