"""What the two players of a GAN make small, and what holds a discriminator back: a gradient penalty, a spectral norm.

Networks come in stacks, see `engine.nets.stacked`: S of them at once.

References: Goodfellow et al., "Generative adversarial nets", 2014; Mao et al., "Least squares GANs", 2017; Arjovsky,
Chintala, Bottou, "Wasserstein GAN", 2017; Gulrajani et al., "Improved training of Wasserstein GANs", 2017; Miyato et
al., "Spectral normalization for generative adversarial networks", 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.nets.stacked import Layer, forward


@dataclass(frozen=True)
class Loss:
    """What is made small, of logits d = D(x): by the discriminator for real and fake points, and by the generator."""

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


# softplus(-d) = -log sigmoid(d) and softplus(d) = -log(1 - sigmoid(d))
LOSSES = {
    "non_saturating": Loss(lambda d: F.softplus(-d), F.softplus, lambda d: F.softplus(-d)),
    "saturating": Loss(lambda d: F.softplus(-d), F.softplus, lambda d: -F.softplus(d)),
    "least_squares": Loss(lambda d: (d - 1).square() / 2, lambda d: d.square() / 2, lambda d: (d - 1).square() / 2),
    "wasserstein": Loss(lambda d: -d, lambda d: d, lambda d: -d),
}


def gradient_penalty(D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Mean of (|dD/dx| - 1)^2 for each network, (S,), at x = share * real + (1 - share) * fake.

    `D` takes points (S, N, d) to logits (S, N, 1); `real` and `fake` are (S, N, d), `share` (S, N, 1) uniform in
    [0, 1].  Gulrajani et al., equation 3.
    """
    x = (share * real + (1 - share) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
    return ((slope.square().sum(-1) + 1e-12).sqrt() - 1).square().mean(-1)


def push(D: list[Layer], fake: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """Where the generator's loss falls fastest for each fake, (S, N, d), and the logits (S, N, 1)."""
    x = fake.detach().requires_grad_()
    d = forward(D, x)
    (slope,) = torch.autograd.grad(loss.generator(d).sum(), x)
    return -slope, d.detach()


def normalise(layers: list[Layer], directions: list[Tensor], iterations: int = 1) -> None:
    """Scale every matrix to spectral norm 1, in place, as power iteration from `directions` (S, 1, out) finds it.

    Miyato et al., algorithm 1, but the weights themselves are scaled after each step, so that what is stored is what
    is used.
    """
    for layer, u in zip(layers, directions, strict=True):
        for _ in range(iterations):
            v = F.normalize(u @ layer.weight.mT, dim=-1)  # (S, 1, in)
            u.copy_(F.normalize(v @ layer.weight, dim=-1))
        layer.weight /= (v @ layer.weight @ u.mT).clamp(min=1e-12)  # sigma = v W u, (S, 1, 1)
