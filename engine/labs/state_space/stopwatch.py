"""How long each way to compute a layer takes on this machine: taken once in a process, and no part of any run.

A time is never the same twice, so it may not lie in what a run is restored from: see efficient attention.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.labs.state_space import scan
from engine.labs.state_space.config import SIZES
from engine.labs.state_space.systems import as_matrix, convolve, kernel
from engine.measures.stopwatch import machine, shortest

CHANNELS, NUMBERS, HEADS = 64, 16, 4  # of what is timed: a layer of 64 channels with 16 numbers of state each
SQUARES = {"matrix": 1024, "attention": 2048}  # what writes T x T numbers is not tried on longer ones
AT_A_LOOK = 0.4  # seconds of a processor after which a look takes no more: others wait for the bench
LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096)
NAMES = ("recurrence", "scan", "convolution", "matrix", "attention")


@dataclass(frozen=True)
class Times:
    """Milliseconds by kernel and length."""

    machine: str
    left: int  # that were to be taken and are not yet
    milliseconds: Mapping[str, Mapping[int, float]]


_taken: dict[tuple[str, str, int], float] = {}  # by device, kernel and length


def times(longest: int, device: torch.device) -> Times:
    """What takes how long up to `longest` places, forward, one sequence.

    What was not yet taken is taken now, for about `AT_A_LOOK` seconds of a processor; the rest at the next look.
    """
    began, left = time.process_time(), 0
    for name, length in wanted(longest):
        if (key := (str(device), name, length)) in _taken:
            continue
        if time.process_time() - began < AT_A_LOOK:
            _taken[key] = _measure(name, length, device)
        else:
            left += 1
    found = {(name, length): value for (at, name, length), value in sorted(_taken.items())
             if at == str(device) and length <= longest}  # fmt: skip
    by_kernel = {name: {length: value for (kind, length), value in found.items() if kind == name} for name in NAMES}
    return Times(machine(device), left, {name: row for name, row in by_kernel.items() if row})


def wanted(longest: int) -> Iterator[tuple[str, int]]:
    """Kernel and length of all that is timed up to `longest` places, the shortest first."""
    assert longest <= int(SIZES[-1])
    for length in LENGTHS:
        for name in NAMES:
            if length <= min(longest, SQUARES.get(name, longest)):
                yield name, length


@torch.no_grad()
def _measure(name: str, length: int, device: torch.device) -> float:
    return shortest(ready(name, length, device), device)


def ready(name: str, length: int, device: torch.device) -> Callable[[], Tensor]:
    """What is timed: y (T, d) of one sequence, from step sizes, B, C and inputs that are there already."""
    dice = torch.Generator().manual_seed(length)
    d, N, H, T = CHANNELS, NUMBERS, HEADS, length

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=dice).to(device)

    x, B, C, dt = drawn(T, d), drawn(T, N), drawn(T, N), drawn(T, H).abs() / T
    A = -torch.arange(1.0, H + 1, device=device)
    if name in ("recurrence", "scan"):
        kept = (dt * A).exp().repeat_interleave(d // H, 1)[..., None].expand(T, d, N).reshape(T, d * N)
        driven = (x[..., None] * B[:, None]).reshape(T, d * N)
        run = scan.recurrence if name == "recurrence" else scan.parallel
        return lambda: (run(kept, driven).view(T, d, N) * C[:, None]).sum(-1)
    if name == "convolution":
        poles = torch.complex(torch.full((d, N // 2), -0.5), torch.arange(N // 2).repeat(d, 1) * 3.14).to(device)
        of = torch.complex(drawn(d, N // 2), drawn(d, N // 2))
        step = torch.full((d, 1), 1 / T, device=device)
        return lambda: convolve(x.mT, kernel(poles, torch.ones_like(poles), of, step, T)).mT
    if name == "matrix":
        v = x.view(T, H, d // H)
        return lambda: torch.einsum("hts,shp->thp", as_matrix(dt[None], A, B[None], C[None])[0], v).flatten(1)
    q, k, v = (each.view(T, H, d // H).transpose(0, 1) for each in (x, drawn(T, d), drawn(T, d)))
    later = torch.ones(T, T, dtype=torch.bool, device=device).triu(1)
    return lambda: ((q @ k.mT / (d // H) ** 0.5).masked_fill(later, float("-inf")).softmax(-1) @ v).transpose(0, 1)
