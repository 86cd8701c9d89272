"""What there is to see while a diffusion model learns and draws, as NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from engine.labs.diffusion.experiment import Experiment

SHOWN = 64  # digits on the sheet
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
    drawn_at: int  # update at which these were ready, 0 if there are none yet
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


def draw(experiment: Experiment) -> Frame:
    """The present frame of `experiment`.  Waits for the GPU."""
    asked = experiment.asked
    shown = min(SHOWN if experiment.digits else experiment.count, experiment.path.shape[1])
    path, drawn = experiment.path[:, :shown], experiment.under_way.walk
    times, alpha, sigma = levels(experiment, FORWARD)
    real = experiment.data[experiment.turn[:shown]]
    forward = real * _column(alpha, real) + path[0] * _column(sigma, real)
    _, alphas, sigmas = levels(experiment, LEVELS)
    return Frame(
        data=_array(real), labels=np.zeros(0, np.int64) if asked is None else asked[:shown].cpu().numpy().copy(),
        forward=_array(forward), forward_times=times, path=_array(path),
        path_times=np.array(experiment.path_times, np.float32), drawn_at=experiment.drawn_at,
        flying=_array(drawn.x[:shown]), flying_step=drawn.at,
        flying_steps=len(drawn.route.times), grid=_array(experiment.grid), field=_array(experiment.field),
        field_times=np.array([experiment.time_of(time) for time, _, _ in experiment.moments()], np.float32),
        methods=experiment.few.methods, calls=np.array(experiment.few.calls, np.float32),
        quality=_array(experiment.few.values), clipped=_array(experiment.few.clipped), floor=experiment.floor,
        clip=experiment.clip, held=experiment.schedule.held, alpha=alphas, sigma=sigmas,
        variety=_array(experiment.variety), scores=dict(experiment.scores),
    )  # fmt: skip


def levels(experiment: Experiment, count: int) -> tuple[Array, Array, Array]:
    """`count` times from 0 to 1, with the alpha and sigma of each."""
    times = np.linspace(0, 1, count, dtype=np.float32)
    if experiment.config.objective == "flow":
        return times, 1 - times, times
    left = np.append(np.float32(1), _array(experiment.schedule.alpha_bar))
    left = left[np.round(times * experiment.config.steps).astype(int)]
    return times, np.sqrt(left), np.sqrt(1 - left)


def _column(values: Array, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like)[:, None, None]


def _array(values: Tensor) -> Array:
    found: Array = values.detach().cpu().numpy().astype(np.float32)  # a copy: the tensor may be changed in place
    return found
