"""Gradients in few bits: which become zero, and a scale for each tensor, under which they do not.

Micikevicius et al., "Mixed precision training", ICLR 2018 (loss scaling), and "FP8 formats for deep learning", 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.labs.efficient_attention.kinds import SMALLEST
from engine.labs.efficient_attention.quantise import FORMATS, rounded

HIGH = 8  # log2 of the largest size that is counted apart, as SMALLEST is of the least; beyond, at the ends
Counts = NDArray[np.int64]  # (2, HIGH - SMALLEST + 1): how many numbers of each size stay, and how many become zero


def none() -> Counts:
    """Before there are gradients."""
    return np.zeros((2, HIGH - SMALLEST + 1), np.int64)


def scale(x: Tensor, format: str) -> float:
    """The power of two under which the largest of x just fits into a format; 1 for what is all zero or not finite."""
    largest = float(x.abs().max())
    return 2.0 ** math.floor(math.log2(FORMATS[format].most / largest)) if 0 < largest < math.inf else 1.0


@torch.no_grad()
def cast(parameters: Iterable[nn.Parameter], format: str, *, scaled: bool) -> Counts:
    """Round the gradients of `parameters` to a format, multiplied by a scale of each tensor if `scaled`.

    Returns how many numbers of each size stay, and become zero; what is zero or not finite before is not counted.
    """
    counts = none()
    for parameter in parameters:
        if parameter.grad is None:
            continue
        before, times = parameter.grad, scale(parameter.grad, format) if scaled else 1.0
        after = rounded(before * times, format) / times
        told = before[(before != 0) & before.isfinite()]
        gone = after[(before != 0) & before.isfinite()] == 0
        place = (torch.frexp(told).exponent - 1).clamp(SMALLEST, HIGH) - SMALLEST + gone * counts.shape[1]
        counts += torch.bincount(place.long(), minlength=counts.size).reshape(counts.shape).cpu().numpy()
        parameter.grad = after
    return counts


def lost(counts: Counts) -> float:
    """The share that became zero; 0 before there are gradients."""
    return float(counts[1].sum() / max(1, counts.sum()))


def would_be_lost(counts: Counts, format: str) -> float:
    """The share that would be zero in a format without a scale: what is at most half of its least number."""
    of: Any = FORMATS[format]
    below = np.arange(SMALLEST, HIGH + 1) < of.least - of.mantissa - 1
    return float(counts[:, below].sum() / max(1, counts.sum()))
