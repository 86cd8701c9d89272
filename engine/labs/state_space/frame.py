"""What there is to see of one sequence: how far heads open, what reaches what, the state; and a curve remembered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contract.device import generator
from engine.labs.state_space import tasks
from engine.labs.state_space.config import OFF, Config
from engine.labs.state_space.layers import Looked, Network
from engine.labs.state_space.memory import CurveError, Memory, remember
from engine.labs.state_space.stopwatch import Times, times
from engine.labs.state_space.systems import kernel
from engine.labs.state_space.vocabulary import signs

Array = NDArray[Any]


@dataclass(frozen=True)
class Seen:
    """What one network makes of the sequence, in the layer shown: T places, R rows (heads, channels or units)."""

    kind: str
    said: Array  # (T,) int: its likeliest answer at each place, among those that the task has
    sure: Array  # (T,): how likely that is to it, among all signs
    opening: Array  # (R, T): step sizes; of a GRU the share written, of attention the most that an answer looks there
    mixed: Array  # (R, T, T): from which place (column) how much reaches which (row)
    kernels: Array  # (R, T) of a time-invariant layer, else (0, T)
    poles: Array  # (R, N) complex, else (0, 0)
    moved: Array  # (T,): the kernel of the channel of which a pole is moved, or (0,)


@dataclass(frozen=True)
class Step:
    """One step of one head's first channel in numbers, N of state: h = kept h_before + factor B x, y = C h."""

    place: int
    dt: float
    pole: float
    kept: float
    factor: float
    x: float
    B: Array  # (N,)
    C: Array
    before: Array
    after: Array


@dataclass(frozen=True)
class Frame:
    """One moment of a run, on one sequence of T places."""

    tokens: Array  # (T,) int; of a digit empty
    pixels: Array  # (T,) of a digit, else empty
    signs: tuple[str, ...]  # how tokens are written
    wanted: Array  # (T,) int: -1 where nothing is asked
    telling: Array  # (T,) bool: what must be kept
    own: bool  # the visitor's own sequence
    ignored: str  # characters of it that are no tokens of the task
    seen: tuple[Seen, ...]  # of the network, and of the control if there is one
    head: int  # the head shown, from 0
    state: Array  # (T, N): what its first channel carries; (0, 0) where there is no such thing
    softmax: Array  # (T, T): what attention would make of the same scores C B^T; (0, 0) where there are none
    levels: Array  # (L + 1, T): the first number of that state as the parallel scan computes it, level by level
    step: Step | None  # one of its steps in numbers
    memory: Memory | None
    memory_error: str  # why there is none
    times: Times | None  # taken on this machine, if the look asks for them

    @property
    def labels(self) -> list[str]:
        """What stands at each place."""
        return [self.signs[token] for token in self.tokens] if len(self.tokens) else [""] * len(self.pixels)


@torch.no_grad()
def frame(*, config: Config, networks: Mapping[str, Network], device: torch.device) -> Frame:
    """The frame of `networks`, the control last, on the visitor's own sequence or one drawn by the seed."""
    (x, targets, asked), own, ignored = sequence(config)
    place = min(config.shown, config.layers) - 1
    looks, seen = [], []
    for network in networks.values():
        logits, layers = network.look(x.to(device))
        looks.append(layers[place])
        seen.append(_seen(config, network.kind, logits, layers[place], asked))
    telling = networks[""].telling(x)[0] if config.task != "digits" else torch.zeros_like(asked[0])
    if config.task != "text":  # there every place is asked
        telling &= ~asked[0]
    head = _head(config, seen[0], _array(telling))
    state, levels, step = _carried(looks[0], head, _place(config, _array(telling)))
    memory, error = _memory(config)
    return Frame(
        tokens=_array(x[0]) if config.task != "digits" else np.zeros(0, np.int64),
        pixels=_array(x[0, :, 0]) if config.task == "digits" else np.zeros(0, np.float32),
        signs=signs(config.task), wanted=_array(targets[0]), telling=_array(telling), own=own, ignored=ignored,
        seen=tuple(seen), head=head, state=state, softmax=_softmax(looks[0]), levels=levels, step=step, memory=memory,
        memory_error=error, times=None if config.measured == OFF else times(int(config.measured), device),
    )  # fmt: skip


def sequence(config: Config) -> tuple[tasks.Batch, bool, str]:
    """The sequence on screen, whether it is the visitor's own, and what of that was no token."""
    found, ignored = None, ""
    if config.tokens and config.task != "digits":
        found, ignored = tasks.typed(config.task, config.tokens, length=4 * config.length)
    if found is not None:
        return found, True, ignored
    stream = generator(config.seed, "shown")
    drawn = tasks.batch(config.task, stream, count=1, length=config.length, kept=config.kept, held_out=True)
    return drawn, False, ignored


def _seen(config: Config, kind: str, logits: Tensor, looked: Looked, asked: Tensor) -> Seen:
    assert looked.mixed is not None
    mixed = looked.mixed[0]  # (R, T, T)
    opening = looked.dt[0].mT if looked.dt is not None else mixed[:, asked[0]].amax(1)
    none = np.zeros((0, mixed.shape[-1]), np.float32)
    among = tasks.answers(config.task)
    sure, said = logits[0].softmax(-1)[:, among.start : among.stop].max(-1)
    return Seen(
        kind=kind, said=_array(said + among.start), sure=_array(sure), opening=_array(opening), mixed=_array(mixed),
        kernels=none if looked.kernels is None else _array(looked.kernels),
        poles=np.zeros((0, 0), np.complex64) if looked.poles is None else looked.poles.cpu().numpy().copy(),
        moved=_moved(config, looked),
    )  # fmt: skip


def _moved(config: Config, looked: Looked) -> Array:
    """The kernel of the channel of which a visitor has moved a pole."""
    if looked.poles is None or looked.parts is None or looked.dt is None or looked.kernels is None or not config.moved:
        return np.zeros(0, np.float32)
    channel, number, real, imaginary = config.moved_pole
    if channel > len(looked.poles) or number > looked.poles.shape[1]:
        return np.zeros(0, np.float32)
    A = looked.poles[channel - 1].clone()
    A[number - 1] = torch.tensor(complex(real, imaginary))
    method = "zoh" if config.method == "mixed" else config.method
    K = kernel(A, torch.ones_like(A), looked.parts[channel - 1], looked.dt[0, 0, channel - 1], looked.kernels.shape[1],
               method)  # fmt: skip
    return _array(2 * K)


def _softmax(looked: Looked) -> Array:
    """Causal attention with C as queries and B as keys, (T, T)."""
    if looked.into is None or looked.out is None:
        return np.zeros((0, 0), np.float32)
    B, C = looked.into[0], looked.out[0]  # (T, N)
    later = torch.ones(len(B), len(B), dtype=torch.bool, device=B.device).triu(1)
    return _array((C @ B.mT / math.sqrt(B.shape[1])).masked_fill(later, -math.inf).softmax(-1))


def selectivity(opening: Array, telling: Array) -> Array:
    """How many times further each row (R, T) opens at what must be kept than elsewhere, (R,); geometric means."""
    if not telling.any() or telling.all():
        return np.ones(len(opening))
    logs = np.log(np.maximum(opening, 1e-9))
    return np.asarray(np.exp(logs[:, telling].mean(1) - logs[:, ~telling].mean(1)))


def _head(config: Config, seen: Seen, telling: Array) -> int:
    rows = len(seen.mixed)
    return min(config.head, rows) - 1 if config.head else int(np.argmax(selectivity(seen.opening, telling)))


def _place(config: Config, telling: Array) -> int:
    first = int(np.argmax(telling)) if telling.any() else 0
    return min(config.place, len(telling)) - 1 if config.place else first


def _carried(looked: Looked, head: int, place: int) -> tuple[Array, Array, Step | None]:
    """The state of one head's first channel, the scan that computes it, and one step in numbers."""
    if looked.state is None:
        return np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32), None
    assert looked.dt is not None and looked.kept is not None and looked.factor is not None
    assert looked.into is not None and looked.out is not None and looked.read is not None
    h = looked.state[0, head]  # (T, N)
    kept, factor = looked.kept[0, :, head], looked.factor[0, :, head]  # (T,)
    x, B, C = looked.read[0, :, head], looked.into[0], looked.out[0]
    a, b = kept, factor * B[:, 0] * x
    levels, reach = [b], 1
    while reach < len(a):
        b = torch.cat([b[:reach], a[reach:] * b[:-reach] + b[reach:]])
        a = torch.cat([a[:reach], a[reach:] * a[:-reach]])
        levels.append(b)
        reach *= 2
    dt = float(looked.dt[0, place, head])
    step = Step(
        place=place, dt=dt, pole=float(looked.pole[head]) if looked.pole is not None else 0.0,
        kept=float(kept[place]), factor=float(factor[place]), x=float(x[place]), B=_array(B[place]), C=_array(C[place]),
        before=_array(h[place - 1]) if place else np.zeros(h.shape[1], np.float32), after=_array(h[place]),
    )  # fmt: skip
    return _array(h), _array(torch.stack(levels)), step


def _memory(config: Config) -> tuple[Memory | None, str]:
    try:
        return remember(config.curve, config.memory), ""
    except CurveError as error:
        return None, str(error)


def _array(tensor: Tensor) -> Array:
    """A copy as NumPy array, floats in single precision.  Waits for the GPU."""
    array = tensor.detach().cpu().numpy()
    return array.astype(np.float32) if array.dtype.kind == "f" else array.copy()
