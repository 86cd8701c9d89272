"""What a budget buys by published constants, and what serving changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.labs.scaling_laws.parametric import PUBLISHED, SERVING, TRAINING, Law

TRILLION = 1e12


@dataclass(frozen=True)
class Spent:
    """Parameters and tokens that are best for a training budget; and those that reach its loss most cheaply, served."""

    law: Law
    parameters: float
    tokens: float
    loss: float
    served: float  # tokens
    served_parameters: float
    served_tokens: float  # that it is trained on
    saved: float  # share of all operations


def spend(config: Any) -> Spent:
    """The budget of the knobs, by the constants of the knobs."""
    law, served = PUBLISHED[config.constants], config.served * TRILLION
    N, D = law.optimum(config.flops)
    loss = float(law.loss(N, D))
    small, longer = law.optimum_served(loss, served)
    saved = 1 - (TRAINING * small * longer + SERVING * small * served) / (TRAINING * N * D + SERVING * N * served)
    return Spent(law, N, D, loss, served, small, longer, saved)


def spelt(number: float) -> str:
    """A large number in words: 70 billion."""
    for size, name in ((TRILLION, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= 0.9995 * size:  # what rounds to 1,000 millions is 1 billion
            return f"{number / size:.3g} {name}" if number < 999.5 * size else f"{number / size:,.0f} {name}"
    return f"{number:,.0f}"
