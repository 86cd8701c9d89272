"""Probabilities as bits."""

from __future__ import annotations

import math
from collections.abc import Iterable


def mean_bits(chances: Iterable[float]) -> float:
    """Bits a token, in the mean, of tokens that came with these probabilities; those that are no number are left out.

    0 where none is left.
    """
    bits = [-math.log2(max(chance, 1e-12)) for chance in chances if math.isfinite(chance)]
    return sum(bits) / max(1, len(bits))
