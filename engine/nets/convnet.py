"""Convolutional networks as `engine.nets.architecture` describes them, and what a unit of any layers sees.

References: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill 2019; He et
al., "Deep residual learning for image recognition", CVPR 2016; Hanin and Rolnick, "How to start training", NeurIPS
2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.nets.architecture import (
    DEEPEST,
    NORMS,
    POOL,
    POOLINGS,
    WIDEST,
    Architecture,
    ArchitectureError,
    Row,
    Window,
    norm_groups,
    output_size,
)

__all__ = ["DEEPEST", "NORMS", "POOL", "POOLINGS", "WIDEST", "Architecture", "ArchitectureError", "ConvNet", "Layer",
           "Row", "Trace", "Window", "output_size", "receptive_field"]  # fmt: skip


def receptive_field(layers: Iterable[Sequence[int] | nn.Module]) -> tuple[int, int]:
    """(size, stride) of what one unit behind `layers` sees of the picture, in pixels.

    Each layer is a `Window`, a tuple in its order (kernel, stride, padding, dilation), whose end may be left out, or
    one of torch's convolutions or poolings.  Neighbouring units see places `stride` apart.  Araujo et al., equation 2.
    """
    size, jump = 1, 1
    for layer in layers:
        window = _window_of(layer) if isinstance(layer, nn.Module) else Window(*layer)
        size += window.dilation * (window.kernel - 1) * jump
        jump *= window.stride
    return size, jump


def _window_of(layer: nn.Module) -> Window:
    first = [getattr(layer, f"{name}_size" if name == "kernel" else name, 1) for name in Window._fields]
    return Window(*(int(value[0] if isinstance(value, tuple) else value) for value in first))


class Trace(NamedTuple):
    """What one layer does with N pictures."""

    x: Tensor  # (N, inputs, side_in, side_in)
    z: Tensor  # (N, outputs, side_conv, side_conv): the sums of the sliding kernel
    u: Tensor  # the same shape: with norm and skip connection
    a: Tensor  # the same shape: relu(u)
    out: Tensor  # (N, outputs, side_out, side_out): pooled


class Layer(nn.Module):
    """A convolution and the norm behind it."""

    def __init__(self, row: Row, norm: str) -> None:
        super().__init__()
        # Without torch's own first weights: they would come from the global generator.
        made = nn.utils.skip_init(nn.Conv2d, row.inputs, row.outputs, *row.window)  # type: ignore[no-untyped-call]
        self.conv: nn.Conv2d = made
        self.norm: nn.Module = nn.Identity()
        if norm == "batch":
            self.norm = nn.BatchNorm2d(row.outputs)
        elif norm != "none":
            self.norm = nn.GroupNorm(norm_groups(norm, row.outputs), row.outputs)


class ConvNet(nn.Module):
    """The network that an `Architecture` describes: pictures (N, 1, side, side) in [0, 1] -> logits (N, classes).

    All first weights come from `generator`: He's, and in the last convolution of each of B skipped parts He's divided
    by the square root of B, so that the sum of all parts keeps its size.
    """

    def __init__(self, architecture: Architecture, generator: torch.Generator) -> None:
        super().__init__()
        self.architecture = architecture
        rows = architecture.rows
        self.layers = nn.ModuleList([Layer(row, architecture.norm) for row in rows])
        head = nn.utils.skip_init(nn.Linear, architecture.features, architecture.classes)  # type: ignore[no-untyped-call]
        self.head: nn.Linear = head
        skips = sum(row.closes for row in rows)
        with torch.no_grad():
            for row, layer in zip(rows, self.parts, strict=True):
                weight, bias = layer.conv.weight, layer.conv.bias
                assert bias is not None
                he = math.sqrt(2 / weight[0].numel())
                weight.normal_(0, he / math.sqrt(skips) if row.closes else he, generator=generator)
                bias.zero_()
            bound = 1 / math.sqrt(architecture.features)
            self.head.weight.uniform_(-bound, bound, generator=generator)
            self.head.bias.zero_()

    @property
    def parts(self) -> list[Layer]:
        """The convolution layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def trace(self, x: Tensor) -> list[Trace]:
        """Every layer's numbers on the way through.  The last `out`, flattened, goes to ``head``."""
        traces = []
        kept = x
        for row, layer in zip(self.architecture.rows, self.parts, strict=True):
            if row.opens:
                kept = x
            z = layer.conv(x)
            u = layer.norm(z)
            if row.closes:
                u = u + kept
            a = F.relu(u)
            out = self.pool(a) if row.pools else a
            traces.append(Trace(x, z, u, a, out))
            x = out
        return traces

    def pool(self, a: Tensor) -> Tensor:
        if self.architecture.pooling != "max":
            return F.avg_pool2d(a, POOL)
        if a.requires_grad:
            return F.max_pool2d(a, POOL)
        for dim in (-2, -1):  # the same maxima, in an eighth of the time: nobody asks where they stood
            whole = a.shape[dim] // POOL
            a = torch.unflatten(a.narrow(dim, 0, whole * POOL), dim, (whole, POOL))
            a = reduce(torch.maximum, a.unbind(dim))
        return a

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.trace(x)[-1].out.flatten(1))
        return logits
