"""How long an epoch of small networks over the plane takes, estimated before it is trained: a bench is shared."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from engine.labs.neural_network.resolution import LINES, detail

LONGEST = {"standard": 350.0, "large": 60.0}  # milliseconds that an epoch, or a picture, may take: a look waits for
# it half a second at most, and the standard size is for everybody's experiments, with one point a batch too
SAFETY = 1.2  # they differ from the estimate by about so much


def milliseconds(
    sizes: Sequence[int], *, seeds: int, points: int, train: int, batch: int, norm: bool, dropout: bool, fused: bool
) -> float:
    """About how long one core takes for an epoch of `seeds` networks with layers of `sizes`, inputs and outputs too,
    or for a picture of them if that takes longer.

    `train` of the `points` are trained on, in batches of `batch`; `fused` says whether one call of torch is the whole
    step of the optimiser.  Fitted to 200 random settings (torch 2.13, one core of a server of 2024).
    """
    layers, seen = len(sizes) - 1, detail(sum(sizes[1:]))
    weights = sum(n * m for n, m in itertools.pairwise(sizes))
    forward = 2.2e-8 * weights + 6e-6 * sum(sizes[1:])  # of one point through one network
    calls = 0.03 + layers * (0.07 + 0.15 * norm + (0.035 + 0.006 * seeds) * dropout)
    step = 2.8e-6 * seeds * weights if fused else 5.6e-6 * seeds * weights + 0.16 + 0.035 * layers
    epoch = math.ceil(train / batch) * (calls + step) + seeds * (3 * train + points) * forward
    rows = seen.side**2 + math.prod(LINES[:3]) + seen.points + seeds * (points + seen.seed_side**2)
    return SAFETY * max(epoch, 5 + rows * forward)
