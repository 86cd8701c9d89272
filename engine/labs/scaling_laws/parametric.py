"""The law L(N, D) = E + A / N^alpha + B / D^beta, and how it says a budget is best spent.  Needs NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

TRAINING, SERVING = 6, 2  # operations for each parameter and token
LOWEST, HIGHEST = 0.02, 4.0  # exponents that a fit looks for: beyond, a part is flat, or gone after the first amount
GOLDEN = (math.sqrt(5) - 1) / 2
FARTHEST = 300.0  # ln N: a law whose exponents are near 0 has its optimum beyond all numbers


@dataclass(frozen=True)
class Law:
    """Loss in nats a token of N parameters trained on D tokens (Hoffmann et al., 2022, equation 2)."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def loss(self, N: ArrayLike, D: ArrayLike) -> Any:
        """E + A / N^alpha + B / D^beta, of any shapes that fit together."""
        return self.E + self.A * np.asarray(N, float) ** -self.alpha + self.B * np.asarray(D, float) ** -self.beta

    def optimum(self, flops: float) -> tuple[float, float]:
        """Parameters N and tokens D with the smallest loss among those with 6 N D = `flops`.

        There alpha A / N^alpha = beta B / D^beta: the last operation spent on either buys as much.
        """
        if not flops > 0:
            raise ValueError(f"A budget is more than 0 operations, not {flops:g}.")
        balance = math.log(self.alpha * self.A) - math.log(self.beta * self.B)  # of logarithms: a power can overflow
        log_n = balance / (self.alpha + self.beta) + self.exponent * math.log(flops / TRAINING)
        N = math.exp(min(max(log_n, -FARTHEST), FARTHEST))
        return N, flops / TRAINING / N

    @property
    def exponent(self) -> float:
        """a in N_opt ~ C^a: beta / (alpha + beta)."""
        return self.beta / (self.alpha + self.beta)

    def tokens(self, N: float, loss: float) -> float:
        """Tokens on which N parameters come to `loss`; infinite where they never do."""
        left = loss - self.E - self.A * N**-self.alpha
        return (self.B / left) ** (1 / self.beta) if left > 0 else math.inf

    def optimum_served(self, loss: float, served: float) -> tuple[float, float]:
        """N and D that reach `loss` with the fewest operations in all, where `served` tokens are then written.

        6 N D + 2 N `served` is least (Sardana et al., 2024).  Raises ValueError for a loss that no model reaches.
        """
        if not loss > self.E:
            raise ValueError(f"No model comes below E = {self.E:g}, so none to {loss:g}.")
        if not served >= 0:
            raise ValueError(f"Served tokens are 0 or more, not {served:g}.")
        least = math.log(self.A / (loss - self.E)) / self.alpha  # ln N with endless data

        def cost(log_n: float) -> float:
            N = math.exp(log_n)
            return math.log(TRAINING * N * self.tokens(N, loss) + SERVING * N * served)

        low, high = least + 1e-9, least + 30.0
        for _ in range(120):  # the cost falls, then rises: golden section
            a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            low, high = (low, b) if cost(a) < cost(b) else (a, high)
        N = math.exp((low + high) / 2)
        return N, self.tokens(N, loss)


def at_an_edge(law: Law) -> bool:
    """Whether an exponent of a fitted law is nearly the least or the most that is looked for: of other losses.

    With one near zero a part hardly differs from E, so neither is known.
    """
    return any(not 2.5 * LOWEST < each < 0.975 * HIGHEST for each in (law.alpha, law.beta))


PUBLISHED = {
    "hoffmann": Law(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28),
    "besiroglu": Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658),
}
MODELS = {  # parameters and tokens, as their papers give them
    "GPT-3": (175e9, 300e9), "Chinchilla": (70e9, 1.4e12), "Llama 65B": (65e9, 1.4e12), "Llama 2 7B": (7e9, 2e12),
    "Llama 3 8B": (8e9, 15e12), "Llama 3.1 405B": (405e9, 15.6e12),
}  # fmt: skip
