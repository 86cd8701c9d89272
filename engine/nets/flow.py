"""A normalizing flow on the plane: RealNVP, from noise to points and exactly back, many stacked to train in one go.

Each coupling layer moves one coordinate, by an amount that it reads off the other one.  What it was read off has not
moved, so the step can be undone, and the logarithm of the Jacobian's determinant is one number of the network.

References: Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP", 2017; Papamakarios et al., "Normalizing
flows for probabilistic modeling and inference", 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from engine.nets.autoencoders import Stack

STRETCH = 1.0  # a layer stretches by at most e: with more, one wild batch can end a run


class Coupling(nn.Module):
    """One affine coupling layer of S flows: coordinate `moved` goes to b exp(s(a)) + t(a), where a is the other one."""

    def __init__(self, moved: int, *, width: int, seeds: Sequence[int], name: str) -> None:
        super().__init__()
        self.moved = moved
        self.network = Stack((1, width, width, 2), seeds, name)  # a -> s, t
        with torch.no_grad():
            self.network.weights[-1].zero_()  # so that the flow begins as the identity

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """From noise towards points: (S, N, 2) to the same, and log |det| (S, N).  Dinh et al., equation 7."""
        a, b, s, t = self._read(z)
        return self._join(a, b * s.exp() + t), s[..., 0]

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The exact way back, equation 8: no equation has to be solved, and s and t need not be invertible."""
        a, b, s, t = self._read(x)
        return self._join(a, (b - t) * (-s).exp()), -s[..., 0]

    def _read(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What stays (S, N, 1), what is moved, and by how much it is stretched (as a logarithm) and shifted."""
        first, second = x.chunk(2, dim=-1)
        a, b = (first, second) if self.moved else (second, first)
        s, t = self.network(a).chunk(2, dim=-1)
        return a, b, STRETCH * (s / STRETCH).tanh(), t

    def _join(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([a, b] if self.moved else [b, a], dim=-1)


class Flow(nn.Module):
    """S flows of `layers` couplings that move the two coordinates in turn; the noise is a standard Gaussian."""

    def __init__(self, *, layers: int, width: int, seeds: Sequence[int]) -> None:
        super().__init__()
        self.couplings = [Coupling(n % 2, width=width, seeds=seeds, name=f"coupling/{n}") for n in range(layers)]
        self.layers = nn.ModuleList(self.couplings)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Noise z (S, N, 2) to points x, and log |det dx/dz| (S, N)."""
        return _through([layer.forward for layer in self.couplings], z)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points x (S, N, 2) to noise z, and log |det dz/dx| (S, N)."""
        return _through([layer.inverse for layer in reversed(self.couplings)], x)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (S, N): log N(z; 0, I) + log |det dz/dx|, the change of variables; exact."""
        z, log_det = self.inverse(x)
        return -z.square().sum(-1) / 2 - math.log(2 * math.pi) + log_det


def _through(layers: Sequence[Callable[[Tensor], tuple[Tensor, Tensor]]], x: Tensor) -> tuple[Tensor, Tensor]:
    total = x.new_zeros(x.shape[:-1])
    for layer in layers:
        x, log_det = layer(x)
        total = total + log_det
    return x, total
