"""What there is to see while a diffusion model learns and draws, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.labs.diffusion.config import Config
from engine.labs.diffusion.few_steps import FewSteps
from engine.nets.sampling import Schedule, Walk

SHOWN = 50  # digits on the sheet: five of each class
FORWARD, LEVELS = 13, 101  # moments of the way to noise, and of the schedule

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """What there is to see.  Times are from 0 (data) to 1 (noise); d is 2, or 64 for digits of 8 x 8 from -1 to 1."""

    data: Array  # (N, d) real points; with classes, of those that the samples are asked for
    labels: NDArray[np.int64]  # (N,) the class that each sample was asked for; empty without classes
    forward: Array  # (F, N, d) data drowning in noise
    forward_times: Array  # (F,)
    path: Array  # (R, N, d) the newest samples that are ready, on their way from noise
    path_times: Array  # (R,)
    drawn_at: int  # update at which these were ready, -1 if there are none yet
    flying: Array  # (N, d) the samples that are being drawn
    flying_step: int
    flying_steps: int
    grid: Array  # (G, 2) where the field is shown, empty for digits
    field: Array  # (K, G, 2) by how much and where to a particle moves there as the angle, or the time, falls by one
    field_times: Array  # (K,)
    methods: tuple[str, ...]
    calls: Array  # (methods, counts) of the network for one sample
    quality: Array  # (methods, counts) energy distance, -1 where it is not measured yet
    clipped: Array  # (methods, counts) share of the samples' numbers at ±`clip`
    floor: float  # the energy distance of two halves of the real points
    clip: float  # what the network expects of x_0 is held to ± this
    held: int  # betas that the schedule asks for and cannot have; the last one of the cosine schedule always
    alpha: Array  # (L,) share of the data at each of L times from 0 to 1
    sigma: Array  # (L,) and of the noise
    variety: Array  # (classes,) variance of the samples over that of real digits
    scores: dict[str, float]


def frame(
    *, config: Config, schedule: Schedule, real: Tensor, asked: Tensor | None, path: Tensor,
    path_times: Sequence[float], drawn_at: int, flying: Walk, grid: Tensor, field: Tensor,
    field_times: Sequence[float], few: FewSteps, floor: float, clip: float, variety: Tensor,
    scores: Mapping[str, float],
) -> Frame:  # fmt: skip
    """The present frame.  Waits for the GPU.

    `real` (M, d) are points of the data and `asked` (M,) the classes of samples, both cut to what is shown of `path`
    (R, N, d); `flying` are the samples under way, and the others are called as in `Frame`.
    """
    shown = min(SHOWN if config.data == "digits" else len(real), path.shape[1])
    real, path = real[:shown], path[:, :shown]
    times, alpha, sigma = levels(config, schedule, FORWARD)
    forward = real * _column(alpha, real) + path[0] * _column(sigma, real)
    _, alphas, sigmas = levels(config, schedule, LEVELS)
    return Frame(
        data=_array(real), labels=np.zeros(0, np.int64) if asked is None else asked[:shown].cpu().numpy().copy(),
        forward=_array(forward), forward_times=times, path=_array(path), path_times=np.array(path_times, np.float32),
        drawn_at=drawn_at, flying=_array(flying.x[:shown]), flying_step=flying.at,
        flying_steps=len(flying.route.times), grid=_array(grid), field=_array(field),
        field_times=np.array(field_times, np.float32), methods=few.methods, calls=np.array(few.calls, np.float32),
        quality=_array(few.values), clipped=_array(few.clipped), floor=floor, clip=clip, held=schedule.held,
        alpha=alphas, sigma=sigmas, variety=_array(variety), scores=dict(scores),
    )  # fmt: skip


def levels(config: Config, schedule: Schedule, count: int) -> tuple[Array, Array, Array]:
    """`count` times from 0 to 1, with the alpha and sigma of each."""
    times = np.linspace(0, 1, count, dtype=np.float32)
    if config.objective == "flow":
        return times, 1 - times, times
    left = np.append(np.float32(1), _array(schedule.alpha_bar))
    left = left[np.round(times * config.steps).astype(int)]
    return times, np.sqrt(left), np.sqrt(1 - left)


def _column(values: Array, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like)[:, None, None]


def _array(values: Tensor) -> Array:
    found: Array = values.detach().cpu().numpy().astype(np.float32)  # a copy: the tensor may be changed in place
    return found
