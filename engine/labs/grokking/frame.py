"""What one network looks like now: the table, its circles and its neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.labs.grokking.fourier import circles, on_circle

Array = NDArray[Any]


@dataclass(frozen=True)
class PhasePicture:
    """All networks of the phase picture: D weight decays by S training shares.  A step of 0 is none so far."""

    by_heart: Array  # (D, S): the first step at which 99 % of the cells shown were right
    known: Array  # (D, S): the first step at which 95 % of those new in both orders were right
    train_accuracy: Array  # (D, S), now
    new_accuracy: Array  # (D, S), now
    times: Array  # (T,): steps that are remembered, evenly spaced on log time
    past_train: Array  # (T, D, S): accuracies then
    past_new: Array


@dataclass(frozen=True)
class Frame:
    """One moment of the network that is shown.  n elements, h hidden neurons, F frequencies; F is 0 without a clock.

    In a parity ``shares`` are those of the twelve bits in the first weights, and the bits that count are ``keys``.
    """

    chance: Array  # (n, n): probability of the right answer to (a, b), row a
    right: Array  # (n, n) bool: the likeliest answer is right
    train: Array  # (n, n) bool
    scores: Mapping[str, float]  # as in the metrics, of this network
    names: tuple[str, ...]  # (r,): the elements that have a phase, in their order
    shares: Array  # (F,): how much of the embeddings' variance the frequency explains, from 1 up
    keys: Array  # (5,): the strongest frequencies, the strongest first
    frequency: int  # the one whose circle is shown; 0: none
    circle: Array  # (r, 2): embeddings in its plane, where its circle has radius 1
    circle_order: Array  # (r,): their phase times the frequency, modulo the hours of the clock
    neurons: Array  # (h, 2): each on the clock of its own frequency; at distance 1 it has no other
    neuron_frequencies: Array  # (h,): the frequency of each
    phases: PhasePicture | None = None  # of all networks, of which the rest shows the chosen one


def frame(
    model: Any, c: Tensor, *, train: Tensor, scores: Mapping[str, Tensor], operation: str,
    elements: int, rows: Tensor, hour: Tensor, hours: int, frequency: int, bits: int,
    phases: PhasePicture | None = None,
) -> Frame:  # fmt: skip
    """The frame of `model`, asked about all cells with their answers `c` (N,), of which `train` (N,) are shown to it.

    `rows` (r,) are the elements on a clock of so many `hours`, `hour` (r,) their phases.
    """
    hidden = model.everywhere()  # (N, h)
    logits = model.read(hidden)
    chance = logits.log_softmax(-1).gather(1, c[:, None])[:, 0].exp()
    square: Callable[[Tensor], Array] = lambda t: _array(t.view(elements, elements))  # noqa: E731
    empty = np.zeros((0, 2), np.float32)
    seen: dict[str, Any] = {
        "names": (), "shares": np.zeros(0, np.float32), "keys": np.zeros(0, np.int64), "frequency": 0, "circle": empty,
        "circle_order": np.zeros(0, np.int64), "neurons": empty, "neuron_frequencies": np.zeros(0, np.int64),
    }  # fmt: skip
    if hours and bool(hidden.isfinite().all()):  # a network that has diverged lies on no circle
        of_a = hidden.view(elements, elements, -1).mean(1)[rows]  # (r, h): the mean over b
        seen = _clock(model.rows[rows], of_a, rows=rows, hour=hour, hours=hours, frequency=frequency)
    elif operation == "parity":
        power = model.first.square().sum(-1)  # (12,)
        half = len(power) // 2
        seen["shares"] = _array(power / power.sum())
        seen["keys"] = np.array([*range(1, (bits + 1) // 2 + 1), *range(half + 1, half + bits // 2 + 1)])
    return Frame(chance=square(chance), right=square(logits.argmax(-1) == c), train=square(train),
                 scores={name: float(value) for name, value in scores.items()}, phases=phases, **seen)  # fmt: skip


def _clock(
    embedding: Tensor, of_a: Tensor, *, rows: Tensor, hour: Tensor, hours: int, frequency: int
) -> dict[str, Any]:
    """What `Frame` has of embeddings (r, d) and of what the neurons make of a, (r, h), both in the order of `rows`."""
    components, shares = circles(embedding, hour, hours)
    keys = shares.topk(min(5, len(shares))).indices + 1
    chosen = min(frequency, len(shares)) or int(keys[0])
    by_neuron, _ = circles(of_a, hour, hours)  # (F, 2, h)
    power = by_neuron.square().sum(1)  # (F, h)
    most, strongest = power.max(0)
    total = 2 * (of_a - of_a.mean(0)).double().square().mean(0).clamp_min(1e-30)  # (h,): a wave of height 1 has 1
    hand = by_neuron[strongest, :, torch.arange(len(strongest), device=strongest.device)]  # (h, 2)
    hand = hand / most.clamp_min(1e-30).sqrt()[:, None] * (most / total).clamp_max(1).sqrt()[:, None]
    return {
        "names": tuple(map(str, rows.tolist())), "shares": _array(shares), "keys": _array(keys), "frequency": chosen,
        "circle": _array(on_circle(embedding, components[chosen - 1])), "circle_order": _array(hour * chosen % hours),
        "neurons": _array(hand), "neuron_frequencies": _array(strongest + 1),
    }  # fmt: skip


def _array(tensor: Tensor) -> Array:
    """A copy as NumPy array, floats in single precision.  Waits for the GPU."""
    array = tensor.detach().cpu().numpy()
    return array.astype(np.float32) if array.dtype.kind == "f" else array.copy()
