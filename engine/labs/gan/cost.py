"""How long a round of a GAN takes, estimated before it is played: a bench shares its time among many."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

MEASURED = 300  # points of the plane that are forged, and as many real ones, behind every measure
LONGEST = {"standard": 20.0, "large": 60.0}  # milliseconds that a round may take
MEASURING = 4.0  # of these, for the measures of one pair; large networks need more
WITHOUT = 2.0  # milliseconds of the measures that are no work of the networks
SAFETY = 1.2  # rounds differ from the estimate by about so much


def milliseconds(
    G: Sequence[int], D: Sequence[int], *, pairs: int, batch: int, critic_steps: int, penalised: bool,
    spectral_norm: bool,
) -> float:  # fmt: skip
    """About how long one core takes for a round of `pairs` pairs of networks with layers of sizes `G` and `D`.

    Each summand was fitted to a hundred random settings (torch 2.13, one core of a server of 2024): multiplications,
    numbers that are written, calls of torch, and drawing real points.
    """
    passes = 4 if penalised else 2  # forward and backward, and both again for the gradient of the penalty
    per_point = critic_steps * (3 * passes * _products(D) + _products(G)) + 3 * (_products(G) + _products(D))
    written = critic_steps * (2 * passes * sum(D) + sum(G)) + sum(D) + 2 * sum(G)
    calls = critic_steps * (len(D) * passes + len(G) / 2 + (1.5 * len(D) if spectral_norm else 0)) + len(D) + 2 * len(G)
    points = pairs * batch
    work = points * (2.25e-8 * per_point + 1.2e-6 * written) + 0.04 * calls
    asked = MEASURED * (_products(G) + 4 * _products(D))  # and back to where the fakes are
    measuring = max(MEASURING, WITHOUT + 2.25e-8 * asked)
    return measuring + SAFETY * (work + critic_steps * (0.08 * pairs + 2.2e-4 * points))


def _products(sizes: Sequence[int]) -> int:
    return sum(n * m for n, m in itertools.pairwise(sizes))
