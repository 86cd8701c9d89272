"""Networks that see a noisy point, the time and perhaps a class, and say what was added."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLOCK = 12  # frequencies in which time is told
WAVES = 4  # frequencies in which a place in the plane is told besides its coordinates


class Denoiser(nn.Module):
    """Points `x` (N, inputs), `time` (N,) in [0, 1] and `label` (N,) -> (N, inputs).

    The label `classes`, or None, stands for "no class": guidance needs both answers.  Residual layers, and an output
    that begins at zero.  Points of the plane are told in waves as well, or a small network sees no detail (Tancik
    et al., "Fourier features let networks learn high frequency functions in low dimensional domains", 2020).
    """

    def __init__(self, inputs: int, *, width: int, depth: int, classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.inputs, self.classes = inputs, classes
        told = inputs * (1 + 2 * WAVES) if inputs == 2 else inputs
        self.enter = _linear(told, width, generator)
        self.clock = _linear(2 * CLOCK, width, generator)
        self.label = nn.Parameter(torch.randn(classes + 1, width, generator=generator) * 0.3) if classes else None
        self.layers = nn.ModuleList(_linear(width, width, generator) for _ in range(depth))
        self.leave = _linear(width, inputs, generator)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor, time: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.enter(waves(x) if self.inputs == 2 else x) + self.clock(clock(time))  # (N, width)
        if self.label is not None:
            h = h + (self.label[self.classes] if label is None else self.label[label])
        for layer in self.layers:
            h = h + layer(F.silu(h))
        out: Tensor = self.leave(F.silu(h))
        return out


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.normal_(0, math.sqrt(1 / inputs), generator=generator)
        layer.bias.zero_()
    return layer


def waves(x: Tensor) -> Tensor:
    """(N, 2) -> (N, 2 + 4 WAVES): the coordinates, and sine and cosine of them in `WAVES` octaves."""
    angles = torch.cat([x * (math.pi / 2 * 2**k) for k in range(WAVES)], dim=1)
    return torch.cat([x, angles.sin(), angles.cos()], dim=1)


def clock(time: Tensor) -> Tensor:
    """(N,) -> (N, 2 CLOCK): sine and cosine, from half a turn in all to many."""
    rates = math.pi * torch.logspace(0, 2, CLOCK, device=time.device)
    angles = time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
