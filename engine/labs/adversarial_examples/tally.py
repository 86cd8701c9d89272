"""How accuracy against eps is counted: under which attacks, on how many pictures, and the share that is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ATTACKS = ("random_sign", "fgsm", "pgd", "transfer")  # transfer: PGD on the other network's gradient
EARLY = 2  # of these are counted while the networks train: those that need one gradient or none
PICTURES = 500  # at most; a network that takes long is shown a fifth of them


def shares(right: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
    """right / asked, and NaN where nothing was asked."""
    return np.where(asked > 0, right / np.maximum(asked, 1), np.nan)


def nearest(radii: NDArray[np.float32], radius: float) -> int:
    """The place among the radii that were tried which is nearest to `radius`."""
    return int(np.abs(radii - radius).argmin())
