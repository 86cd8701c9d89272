"""How much of a network is worked out for one picture of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ACTIVATION_EDGES = np.linspace(-4, 4, 41)  # what lies outside is counted in the outermost bin
INPUT_EDGES = np.linspace(-5, 5, 51)  # of what reaches an activation; what lies outside is left out
GRADIENT_EDGES = np.linspace(-10, 2, 41)  # of log10 |gradient|; a gradient of zero is counted in the first bin
LINES = (2, 11, 33, 2)  # directions, lines, points along a line, x and y


class Detail(NamedTuple):
    """How much of a network is worked out for one frame."""

    side: int  # pixels along one side of the output map; half as many for a neuron's thumbnail
    seed_side: int  # pixels along one side of a map when there is one for each seed
    points: int  # so many at most are warped, and stand behind the histograms


def detail(neurons: int) -> Detail:
    """Less for larger networks, so that a frame stays cheap to make and to send."""
    side = 100 if neurons <= 12 else 72 if neurons <= 40 else 64 if neurons <= 130 else 40
    return Detail(side, 24, 500) if neurons <= 130 else Detail(side, 12, 250)
