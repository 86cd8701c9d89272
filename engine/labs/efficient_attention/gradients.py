"""Gradients in few bits: which become zero, and a scale for each tensor, under which they do not.

Micikevicius et al., "Mixed precision training", ICLR 2018 (loss scaling), and "FP8 formats for deep learning", 2022.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.labs.efficient_attention.kinds import SMALLEST
from engine.labs.efficient_attention.quantise import FORMATS, rounded

HIGH = 8  # log2 of the largest size that is counted apart, as SMALLEST is of the least; beyond, at the ends
FURTHEST = 126  # log2 of the largest scale: with 127 float32 has no number that it could be divided by again
Counts = NDArray[np.int64]  # (2, HIGH - SMALLEST + 1): how many numbers of each size stay, and how many become zero


def none() -> Counts:
    """Before there are gradients."""
    return np.zeros((2, HIGH - SMALLEST + 1), np.int64)


def scale(x: Tensor, format: str) -> Tensor:
    """The power of two, a number on x's device, under which the largest of x just fits into a format.

    1 for what is all zero or not finite, and for float32, into which all fits as it is.
    """
    largest = x.abs().max()
    if format == "float32":
        return torch.ones_like(largest)
    exponent = torch.frexp(FORMATS[format].most / largest.double()).exponent - 1
    times = torch.ldexp(torch.ones_like(largest), exponent.clamp(-FURTHEST, FURTHEST))
    return torch.where((largest > 0) & largest.isfinite(), times, 1.0)


@torch.no_grad()
def cast(parameters: Iterable[nn.Parameter], format: str, *, scaled: bool, counted: bool = True) -> Counts:
    """Round the gradients of `parameters` to a format, multiplied by a scale of each tensor if `scaled`.

    Returns how many numbers of each size stay, and become zero; what is zero or not finite before is not counted, and
    nothing is unless `counted`, which waits for the GPU.
    """
    found = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        before = parameter.grad
        if format != "float32":
            times = scale(before, format) if scaled else 1.0
            parameter.grad = rounded(before * times, format) / times
        found.append((before.flatten(), parameter.grad.flatten()))
    return _counts(*(torch.cat(each) for each in zip(*found, strict=True))) if counted and found else none()


def _counts(before: Tensor, after: Tensor) -> Counts:
    """How many numbers (n,) of each size stay, and become zero."""
    counts, real = none(), (before != 0) & before.isfinite()
    told = before[real]
    place = (torch.frexp(told).exponent - 1).clamp(SMALLEST, HIGH) - SMALLEST + (after[real] == 0) * counts.shape[1]
    return torch.bincount(place.long(), minlength=counts.size).reshape(counts.shape).cpu().numpy()


def lost(counts: Counts) -> float:
    """The share that became zero; 0 before there are gradients."""
    return float(counts[1].sum() / max(1, counts.sum()))


def would_be_lost(counts: Counts, format: str) -> float:
    """The share that would be zero in a format without a scale: what is at most half of its least number."""
    of: Any = FORMATS[format]
    below = np.arange(SMALLEST, HIGH + 1) < of.least - of.mantissa - 1
    return float(counts[:, below].sum() / max(1, counts.sum()))
