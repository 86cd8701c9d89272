"""What the test error of least squares must be, for a subset of p out of D isotropic Gaussian inputs."""

from __future__ import annotations

import math


def subset_risk(p: int, *, samples: int, inputs: int, noise: float) -> float:
    """Expected squared error of the minimum-norm fit on p of `inputs` Gaussian inputs; the signal has variance 1.

    Infinite for p = n - 1, n and n + 1.  Belkin, Hsu, Xu, "Two models of double descent for weak features", 2020,
    theorem 1 and its corollary for a subset taken at random.
    """
    n = samples
    seen = p / inputs  # share of the signal that the model can see; the rest is noise to it
    unseen = 1 - seen + noise**2
    if p <= n - 2:
        return unseen * (1 + p / (n - p - 1))
    if p >= n + 2:
        return seen * (1 - n / p) + unseen * (1 + n / (p - n - 1))
    return math.inf


def ridge_risk(p: int, *, samples: int, inputs: int, noise: float, ridge: float) -> float:
    """The same with a ridge above zero, in the limit of many samples and inputs.

    `ridge` is added to Phi^T Phi, for inputs of variance 1 / `inputs`.  Hastie, Montanari, Rosset, Tibshirani,
    "Surprises in high-dimensional ridgeless least squares interpolation", 2022, theorem 6 with a misspecified model.
    """
    seen = p / inputs
    unseen = 1 - seen + noise**2
    gamma, lam = p / samples, ridge * inputs / samples  # as for inputs of variance 1 and a loss averaged over samples
    q = 1 - gamma + lam
    root = math.hypot(q, 2 * math.sqrt(gamma * lam))
    larger = root + abs(q)  # (root + q) (root - q) = 4 gamma lam: so that nearly equal numbers are never subtracted
    m = 2 / larger if q > 0 else larger / (2 * gamma * lam)  # Stieltjes transform of Marchenko-Pastur at -lam
    bend = -m * (1 + gamma * m) / root  # dm/dlam, from gamma lam m² + q m = 1
    return -(lam**2) * bend * seen + unseen * gamma * (m + lam * bend) + unseen
