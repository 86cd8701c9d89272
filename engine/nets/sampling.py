"""Noise schedules, and samplers that are functions of whatever predicts the noise.

A point on its way between data and noise is x_t = alpha_t x_0 + sigma_t noise.  A sampler goes the way back, and needs
one thing: which x_0 to expect on seeing x_t.  Where that comes from, a network or a formula, is not its business.

References: Ho et al., "Denoising diffusion probabilistic models", 2020; Song et al., "Denoising diffusion implicit
models", 2021; Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021; Lipman et al., "Flow
matching for generative modeling", 2023; Lin et al., "Common diffusion noise schedules and sample steps are flawed",
2024.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

KINDS = ("linear", "cosine")
METHODS = ("ddim", "ddpm", "heun")  # "ddim" with eta 0 is Euler's method, for flow matching too
CLIP = 4.0  # what is expected of x_0 never lies beyond; data have about the size one


class Schedule:
    """How much of the data is left after t = 0, …, steps - 1: `alpha_bar` (steps,), falling from nearly 1 to nearly 0.

    "linear" is Ho et al.'s, with beta from 0.0001 to 0.02 at 1,000 steps and scaled for others; "cosine" is Nichol and
    Dhariwal's, equation 17.  A beta above 0.999 is held there: `held` says how many.  "linear" asks for such ones
    below 21 steps.  Raises `ValueError` for another kind, and for fewer than two steps.
    """

    def __init__(self, kind: str, steps: int) -> None:
        if kind not in KINDS:
            raise ValueError(f"There is no schedule '{kind}'; there are {', '.join(KINDS)}.")
        if steps < 2:
            raise ValueError(f"A schedule has at least 2 steps, not {steps}.")
        self.kind, self.steps = kind, steps
        if kind == "linear":
            beta = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * (1000 / steps)
        else:
            t = torch.arange(steps + 1, dtype=torch.float64) / steps
            left = torch.cos((t + 0.008) / 1.008 * math.pi / 2).square()
            beta = 1 - left[1:] / left[:-1]
        self.beta = beta.clamp(max=0.999)  # (steps,)
        self.held = int((beta > 0.999).sum())
        self.alpha_bar = (1 - self.beta).cumprod(0).float()  # (steps,)


def add_noise(x0: Tensor, t: Tensor, noise: Tensor, schedule: Schedule) -> Tensor:
    """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise, for `x0`, `noise` (N, …) and whole numbers `t` (N,).

    Ho et al., equation 4.
    """
    left = schedule.alpha_bar.to(x0.device)[t].reshape(-1, *[1] * (x0.ndim - 1))
    return left.sqrt() * x0 + (1 - left).sqrt() * noise


class Route(NamedTuple):
    """A sampler's noise levels, from noise to data: S times, and S + 1 values of alpha and sigma, the last 1 and 0."""

    times: Sequence[float]
    alpha: Sequence[float]
    sigma: Sequence[float]


def route(schedule: Schedule, steps: int) -> Route:
    """`steps` of the schedule's noise levels, evenly spaced from the noisiest on ("trailing" in Lin et al.)."""
    steps = min(steps, schedule.steps)
    times = [round(schedule.steps * (1 - i / steps)) - 1 for i in range(steps)]
    left = schedule.alpha_bar.double()[times]
    return Route(times, [*left.sqrt().tolist(), 1.0], [*(1 - left).sqrt().tolist(), 0.0])


def straight(steps: int) -> Route:
    """Flow matching's levels: x_t = (1 - t) x_0 + t noise for t = 1, …, 1 / steps."""
    times = [1 - i / steps for i in range(steps)]
    return Route(times, [*(1 - t for t in times), 1.0], [*times, 0.0])


Denoise = Callable[[Tensor, float, float, float], Tensor]  # (x (N, …), time, alpha, sigma) -> the x_0 it expects (N, …)


class Walk:
    """A batch `x` (N, …) on its way from noise to data, one step at a time so that it can be watched.

    `method` is "ddim" with its `eta`, "ddpm" (which is DDIM with eta 1), or "heun".
    """

    def __init__(self, x: Tensor, route: Route, *, method: str = "ddim", eta: float = 0.0, clip: float = CLIP) -> None:
        if method not in METHODS:
            raise ValueError(f"There is no sampler '{method}'; there are {', '.join(METHODS)}.")
        self.x, self.route, self.method, self.clip, self.at = x, route, method, clip, 0
        self.eta = {"ddim": eta, "ddpm": 1.0, "heun": 0.0}[method]

    @property
    def done(self) -> bool:
        return self.at == len(self.route.times)

    @property
    def calls(self) -> int:
        """How often the whole way asks for x_0: once a step, and with Heun's method twice, except in the last one."""
        steps = len(self.route.times)
        return 2 * steps - 1 if self.method == "heun" else steps

    def advance(self, denoise: Denoise, generator: torch.Generator) -> None:
        """Take one step.  `generator` is used only if eta is above zero."""
        expected = self._expect(denoise, self.x, self.at)
        if self.method == "heun" and self.at + 1 < len(self.route.times):
            # Heun's method on d(x / sigma) = x_0 d(alpha / sigma), the probability flow in its plainest variables.
            tried = self._move(expected, None)
            expected = (expected + self._expect(denoise, tried, self.at + 1)) / 2
        last = self.at + 1 == len(self.route.times)
        fresh = torch.randn(self.x.shape, generator=generator, device=self.x.device) if self.eta and not last else None
        self.x = self._move(expected, fresh)
        self.at += 1

    def _expect(self, denoise: Denoise, x: Tensor, at: int) -> Tensor:
        route = self.route
        # x_0 = (x - sigma noise) / alpha: where alpha is tiny, a small error in the noise is a huge one in x_0.
        return denoise(x, route.times[at], route.alpha[at], route.sigma[at]).clamp(-self.clip, self.clip)

    def _move(self, x0: Tensor, fresh: Tensor | None) -> Tensor:
        """From level `at` to the next one, if x_0 is right: Song et al., equation 12."""
        (alpha, sigma), (alpha_next, sigma_next) = (
            (self.route.alpha[i], self.route.sigma[i]) for i in (self.at, self.at + 1)
        )
        noise = (self.x - alpha * x0) / sigma  # the part of x that x_0 does not explain
        if fresh is None:
            return alpha_next * x0 + sigma_next * noise
        spread = self.eta * (sigma_next / sigma) * math.sqrt(max(0.0, 1 - (alpha / alpha_next) ** 2))
        return alpha_next * x0 + math.sqrt(sigma_next**2 - spread**2) * noise + spread * fresh


def sample(
    predict_noise: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    shape: Sequence[int],
    *,
    steps: int,
    eta: float = 0.0,
    generator: torch.Generator,
    method: str = "ddim",
    clip: float = CLIP,
) -> Tensor:
    """Samples of `shape` (N, …), drawn in `steps` steps with any `predict_noise(x (N, …), t (N,)) -> noise (N, …)`.

    `eta` 0 is DDIM, in which chance chooses only where to start; 1 with all steps of the schedule is DDPM.  What is
    expected of x_0 is clipped to ±`clip`: with the cosine schedule, alpha begins at 0.00005.
    """

    def denoise(x: Tensor, time: float, alpha: float, sigma: float) -> Tensor:
        t = torch.full((len(x),), int(time), dtype=torch.long, device=x.device)
        return (x - sigma * predict_noise(x, t)) / alpha

    start = torch.randn(tuple(shape), generator=generator, device=generator.device)
    walk = Walk(start, route(schedule, steps), method=method, eta=eta, clip=clip)
    with torch.no_grad():
        while not walk.done:
            walk.advance(denoise, generator)
    return walk.x
