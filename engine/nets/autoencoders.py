"""Autoencoders whose code is a cloud or a point, many of one shape stacked so that they train in one go.

References: Kingma and Welling, "Auto-encoding variational Bayes", 2014; Rybkin, Daniilidis, Levine, "Simple and
effective VAE training with calibrated decoders", 2021 (the learned variance).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator

LIKELIHOODS = ("gaussian", "bernoulli")
CLEAR, UNSURE = -12.0, 8.0  # bounds of the log-variances that the encoder gives
POINT = -8.0  # log-variance that stands for a code without noise
SHARP = -8.0  # lower bound of the decoder's log-variance, or it would run away where everything is reconstructed


def above(v: Tensor, low: float) -> Tensor:
    """`v` where it is well above `low`, and never below: low + softplus(v - low).

    Unlike a clamp it has a slope on the other side too, so that what ended up there finds its way back.  Rybkin et al.
    2021, section 4.
    """
    return low + F.softplus(v - low)


def below(v: Tensor, high: float) -> Tensor:
    """`v` where it is well below `high`, and never above."""
    return high - F.softplus(high - v)


class Stack(nn.Module):
    """S multilayer perceptrons of one shape: linear layers with `activation` between them."""

    def __init__(
        self, sizes: Sequence[int], seeds: Sequence[int], purpose: str, activation: Callable[[Tensor], Tensor] = F.silu
    ) -> None:
        super().__init__()
        self.activation = activation
        streams = [generator(seed, purpose) for seed in seeds]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for layer, (n, m) in enumerate(itertools.pairwise(sizes)):
            gain = 1.0 if layer == len(sizes) - 2 else 1.5  # what lies between lets about half of the spread through
            drawn = torch.stack([torch.randn(n, m, generator=g) for g in streams])
            self.weights.append(nn.Parameter(drawn * gain / math.sqrt(n)))  # (S, n, m)
            self.biases.append(nn.Parameter(torch.zeros(len(seeds), 1, m)))

    def forward(self, x: Tensor) -> Tensor:
        """(S, N, in) to (S, N, out): each network has rows of its own."""
        for layer, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(b, self.activation(x) if layer else x, W)
        return x

    def one(self, x: Tensor, place: int) -> Tensor:
        """(N, in) to (N, out) by the network at `place`."""
        for layer, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.addmm(b[place], self.activation(x) if layer else x, W[place])
        return x


class Autoencoders(nn.Module):
    """S autoencoders side by side; `shown` is the place of the one that `encode` and `decode` speak of.

    `hidden` are the widths of the hidden layers of the encoder, and backwards of the decoder; with none, both are
    linear.  `likelihood` is one of `LIKELIHOODS`.  With `cloudy` a code is a Gaussian whose variances the encoder
    gives, else a point.  `mean` (F,) and `variance` are those of the rows: the encoder is given rows less their mean,
    in units of their deviation, and the decoder begins with them.
    """

    def __init__(
        self,
        features: int,
        latent: int,
        *,
        hidden: Sequence[int],
        likelihood: str,
        cloudy: bool,
        seeds: Sequence[int],
        mean: Tensor,
        variance: float,
    ) -> None:
        super().__init__()
        self.mean: Tensor
        self.latent, self.likelihood, self.cloudy, self.shown = latent, likelihood, cloudy, 0
        self.encoder = Stack((features, *hidden, 2 * latent if cloudy else latent), seeds, "encoder")
        self.decoder = Stack((latent, *reversed(hidden), features), seeds, "decoder")
        self.register_buffer("mean", mean)
        self.scale = math.sqrt(variance)
        # Of x given z, before its bound; chosen so that what comes out of the bound is `variance`.
        self.log_variance = nn.Parameter(torch.full((len(seeds), 1, 1), _before(math.log(variance), SHARP)))
        start = mean.clamp(0.01, 0.99).logit() if likelihood == "bernoulli" else mean
        with torch.no_grad():
            self.decoder.biases[-1].copy_(start.expand_as(self.decoder.biases[-1]))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the code q(z|x), (N, D) each, of rows x (N, F) or pictures (N, 1, side, side)."""
        return self._posterior(self.encoder.one((x.flatten(1) - self.mean) / self.scale, self.shown))

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x|z), (N, F), for codes z (N, D)."""
        out = self.decoder.one(z, self.shown)
        return out.sigmoid() if self.likelihood == "bernoulli" else out

    def encode_all(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Like `encode`, by all networks: x (S, N, F) to (S, N, D) each."""
        return self._posterior(self.encoder((x - self.mean) / self.scale))

    def nll_all(self, x: Tensor, z: Tensor) -> Tensor:
        """-log p(x|z) in nats, (S, N), for x (S, N, F) and z (S, N, D)."""
        return self._nll(x, self.decoder(z), self.log_variance).sum(-1)

    def nll(self, x: Tensor, z: Tensor) -> Tensor:
        """-log p(x|z) in nats of the shown network, (N,), for x (N, F) and z (N, D)."""
        return self._nll(x, self.decoder.one(z, self.shown), self.log_variance[self.shown]).sum(-1)

    @property
    def variance(self) -> float:
        """sigma^2 of the Gaussian p(x|z) of the shown network.  Waits for the GPU."""
        return float(above(self.log_variance[self.shown].detach(), SHARP).exp())

    @property
    def deviation(self) -> Tensor:
        """sigma of the Gaussian p(x|z) of every network, (S, 1, 1)."""
        return (above(self.log_variance, SHARP) / 2).exp()

    def _posterior(self, out: Tensor) -> tuple[Tensor, Tensor]:
        if not self.cloudy:
            return out, torch.full_like(out, POINT)
        mu, log_var = out.chunk(2, dim=-1)
        return mu, above(below(log_var, UNSURE), CLEAR)

    def _nll(self, x: Tensor, out: Tensor, log_variance: Tensor) -> Tensor:
        if self.likelihood == "bernoulli":
            return F.binary_cross_entropy_with_logits(out, x, reduction="none")
        log_v = above(log_variance, SHARP)
        return 0.5 * (math.log(2 * math.pi) + log_v + (x - out).square() / log_v.exp())


def _before(v: float, low: float) -> float:
    """The number from which `above` makes `v`; if `v` is not above `low`, one that makes a little more than `low`."""
    return low + math.log(math.expm1(max(v - low, 1e-3)))
