"""What the fit looks like now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """The points (N, 2), the line that is being fitted and the best one: each (slope, height at 0)."""

    points: Array
    line: Array
    best: Array


def frame(x: Tensor, y: Tensor, *, slope: Tensor, height: Tensor, best: Tensor) -> Frame:
    """`x` and `y` are (N,), `slope` and `height` single numbers, `best` (2,)."""
    line = np.array([slope.item(), height.item()])
    return Frame(np.column_stack([x.cpu().numpy(), y.cpu().numpy()]), line, best.cpu().numpy().copy())
