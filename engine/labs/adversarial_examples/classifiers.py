"""Networks that read pictures, besides those that an `Architecture` describes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

LEVELS = 8  # `Rounded` keeps multiples of 1 / LEVELS


def dense(sizes: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Pictures -> logits through layers of `sizes`, inputs and outputs included, with relu between them.

    First weights are He's; a network without a hidden layer starts near zero.
    """
    parts: list[nn.Module] = [nn.Flatten()]
    for n, m in itertools.pairwise(sizes):
        linear = nn.Linear(n, m)
        with torch.no_grad():
            linear.weight.normal_(0, math.sqrt(2 / n) if len(sizes) > 2 else 0.01, generator=generator)
            linear.bias.zero_()
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


class Rounded(nn.Module):
    """A network that sees every pixel rounded to a multiple of 1 / LEVELS: its gradient by the picture is zero."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network((x * LEVELS).round() / LEVELS)
        return logits


def together(networks: Sequence[nn.Module]) -> Callable[[Tensor], Tensor]:
    """S networks as one: of the pictures (S N, ...) the first N go to the first network, the next N to the second, …

    Those that `dense` makes are stacked as they are now, and take hardly longer than one of them.
    """
    if all(isinstance(network, nn.Sequential) for network in networks):
        return Stack(networks)
    return lambda x: torch.cat([net(part) for net, part in zip(networks, x.chunk(len(networks)), strict=True)])


class Stack:
    """Networks of `dense`, alike in size, as they are now, each for its own pictures; the way back is written out."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        linear = zip(*([m for m in network.modules() if isinstance(m, nn.Linear)] for network in networks), strict=True)
        layers = [(torch.stack([one.weight.detach() for one in each]), torch.stack([one.bias.detach() for one in each]))
                  for each in linear]  # fmt: skip
        self.count = len(networks)
        self.weights = [W for W, _ in layers]  # (S, m, n) each
        self.biases = [b[:, None] for _, b in layers]  # (S, 1, m)

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (S N, K) of pictures (S N, ...)."""
        return self._activations(x)[-1].flatten(0, 1)

    def gradient(self, x: Tensor, slope: Callable[[Tensor], Tensor]) -> Tensor:
        """dL/dx, as `x` (S N, ...), where `slope` makes dL/dlogits of the logits (S N, K)."""
        *hidden, logits = self._activations(x)
        d = slope(logits.flatten(0, 1)).view_as(logits)
        for W, h in zip(self.weights[:0:-1], hidden[::-1], strict=True):
            d = torch.bmm(d, W).mul_(h > 0)  # through the layer, and the relu in front of it
        return torch.bmm(d, self.weights[0]).view_as(x)

    def _activations(self, x: Tensor) -> list[Tensor]:
        """What each layer makes, (S, N, m), after the relu; of the last one the logits."""
        h, made = x.reshape(self.count, -1, x[0].numel()), []  # (S, N, n)
        for W, b in zip(self.weights, self.biases, strict=True):
            made.append(torch.baddbmm(b, h, W.mT))
            h = made[-1].relu_() if len(made) < len(self.weights) else made[-1]
        return made
