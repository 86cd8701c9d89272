"""Numbers with few bits: what a value becomes, and what becomes of small steps.

Micikevicius et al., "Mixed precision training", 2018, and "FP8 formats for deep learning", 2022; Gupta et al., "Deep
learning with limited numerical precision", 2015 (rounding by lot).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.labs.efficient_attention.kinds import EVERY as EVERY

Array = NDArray[Any]
STEPS = 1000  # times that a small number is added to 1


@dataclass(frozen=True)
class Format:
    """Bits behind the leading 1, the exponent of the least normal number, the largest number, and what comes then."""

    mantissa: int
    least: int
    most: float
    beyond: float


FORMATS = {
    "float32": Format(23, -126, (2 - 2**-23) * 2.0**127, float("inf")),
    "bf16": Format(7, -126, (2 - 2**-7) * 2.0**127, float("inf")),
    "fp16": Format(10, -14, 65504.0, float("inf")),
    "e4m3": Format(3, -6, 448.0, 448.0),  # it has no infinity
    "e5m2": Format(2, -14, 57344.0, float("inf")),
}


def rounded(x: Tensor, format: str, *, dice: torch.Generator | None = None) -> Tensor:
    """x (float32) to the nearest number of a format, of two as near the even one; with `dice` up or down by lot.

    By lot the mean over many roundings is x itself.  "float32" gives x back.  Raises ValueError for another format.
    """
    if format not in FORMATS:
        raise ValueError(f"There is no format '{format}'; the formats are {', '.join(FORMATS)}.")
    of = FORMATS[format]
    if format == "float32":
        return x
    wide = x.double()
    quantum = _quantum(wide, of)
    steps = wide / quantum
    if dice is None:
        found = steps.round() * quantum  # torch rounds a half to the even one
    else:
        lot = torch.rand(x.shape, generator=dice, dtype=torch.float64).to(x.device)
        found = (steps + lot).floor() * quantum
    beyond = torch.copysign(torch.full_like(wide, of.beyond), wide)
    return torch.where(found.abs() <= of.most, found, torch.where(wide.isnan(), wide, beyond)).to(x.dtype)


def _quantum(x: Tensor, of: Format) -> Tensor:
    """The distance of the numbers around x (float64) in a format."""
    exponent = torch.frexp(x).exponent - 1  # 2^exponent <= |x|
    return torch.ldexp(torch.ones_like(x), exponent.clamp_min(of.least) - of.mantissa)


@dataclass(frozen=True)
class Line:
    """A value among the numbers that a format has around it."""

    value: float
    becomes: float
    there: Array  # (n,) numbers of the format, ascending
    quantum: float  # distance of two of them at the value


def line(value: float, format: str, around: int = 6) -> Line:
    """The numbers of a format around a positive value that is no larger than its largest."""
    x = torch.tensor([value], dtype=torch.float64)
    becomes = float(rounded(x, format))
    quantum = float(_quantum(x, FORMATS[format]))
    finer = quantum / 2  # below a power of two the numbers are twice as dense
    middle = round(value / finer)
    grid = torch.arange(middle - 2 * around, middle + 2 * around + 1, dtype=torch.float64)
    there = rounded(finer * grid, format)
    return Line(value, becomes, np.unique(there[there.isfinite()].numpy()), quantum)


@cache
def creep(format: str, step: float) -> dict[str, Array]:
    """What 1 + step + step + … becomes in `STEPS` additions: exact, to the nearest, and by lot, every tenth sum."""
    dice = torch.Generator().manual_seed(0)
    near = lot = torch.ones(1, dtype=torch.float64)
    kept: dict[str, list[float]] = {"nearest": [1.0], "lot": [1.0]}
    for _ in range(STEPS):
        near, lot = rounded(near + step, format), rounded(lot + step, format, dice=dice)
        kept["nearest"].append(float(near))
        kept["lot"].append(float(lot))
    found = {"exact": 1 + step * np.arange(STEPS + 1), **{name: np.array(values) for name, values in kept.items()}}
    return {name: values[::EVERY] for name, values in found.items()}
