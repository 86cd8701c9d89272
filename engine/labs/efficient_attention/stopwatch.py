"""How long each kind takes on this machine, and how much memory: taken once in a process, and no part of any run.

A time is never the same twice, so it may not lie in what a run is restored from.  It lies here, with the machine: a
run that is rewound, branched or exported goes on to the digit whether or not somebody has measured.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from engine.labs.efficient_attention import attention_kinds
from engine.labs.efficient_attention.kinds import SIZES
from engine.measures.stopwatch import machine, shortest

HEADS, WIDTH, WINDOW = 4, 32, 128  # of what is timed
SQUARES = 4  # as many of T x T x `HEADS` numbers full attention has at once, with what it is made of
SPARE = 4  # it is tried where so many times as much memory is free: others use the machine too
AT_A_LOOK = 1.5  # seconds of a processor after which a look takes no more: others wait for the bench
GROUP = (  # where Linux tells the limit of a group of processes, such as a container's, and what it uses: new and old
    tuple(Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current", "memory.stat")),
    tuple(Path("/sys/fs/cgroup/memory") / f"memory.{name}" for name in ("limit_in_bytes", "usage_in_bytes", "stat")),
)
LENGTHS = (256, *(int(size) for size in SIZES))

KERNELS: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "full": lambda q, k, v: attention_kinds.attend("full", q, k, v),
    "tiled": lambda q, k, v: attention_kinds.tiled(q, k, v, block=128),
    "flash": attention_kinds.flash_kernel,
    "window": lambda q, k, v: attention_kinds.windowed(q, k, v, window=WINDOW),
    "linear": lambda q, k, v: attention_kinds.attend("linear", q, k, v, chunk=64),
}


@dataclass(frozen=True)
class Times:
    """Milliseconds and bytes by kernel and length; a kernel that this machine has not is not among them."""

    machine: str
    left: int  # that were to be taken and are not yet
    milliseconds: Mapping[str, Mapping[int, float]]
    bytes: Mapping[str, Mapping[int, int]]  # at most at once, beside q, k and v; of a torch kernel what it gives back
    no_room: tuple[int, ...] = ()  # lengths at which too little memory is free for the square of full attention


_taken: dict[tuple[str, str, int], tuple[float, int] | None] = {}  # by device, kernel and length; None: has not


def times(longest: int, device: torch.device) -> Times:
    """What takes how long up to `longest` places, for four heads of 32 forward.

    What was not yet taken is taken now, for about `AT_A_LOOK` seconds of a processor; the rest at the next look.
    """
    began, left, room = time.process_time(), 0, free(device)
    for name, length in wanted(longest, room):
        key = (str(device), name, length)
        if key in _taken:
            continue
        if time.process_time() - began < AT_A_LOOK:
            _taken[key] = _measure(name, length, device)
        else:
            left += 1
    found = {key: value for key, value in _taken.items() if key[0] == str(device) and value and key[2] <= longest}
    by_kernel = {name: {key[2]: value for key, value in sorted(found.items(), key=lambda item: item[0][2])
                        if key[1] == name} for name in KERNELS}  # fmt: skip
    return Times(
        machine=machine(device),
        left=left,
        milliseconds={name: {T: value[0] for T, value in row.items()} for name, row in by_kernel.items() if row},
        bytes={name: {T: value[1] for T, value in row.items()} for name, row in by_kernel.items() if row},
        no_room=_no_room(longest, room, device),
    )


def wanted(longest: int, room: float) -> Iterator[tuple[str, int]]:
    """Kernel and length of all that is timed up to `longest` places, the shortest first; squares where there is room.

    What was taken once stays, so squares of a length are left out only as long as `room`, in bytes, is too small.
    """
    for length in LENGTHS:
        for name in KERNELS:
            if length <= longest and not (name == "full" and SPARE * SQUARES * 4 * HEADS * length**2 > room):
                yield name, length


def _no_room(longest: int, room: float, device: torch.device) -> tuple[int, ...]:
    """Lengths at which full attention would be timed, was not yet, and has no room."""
    every, there = (set(wanted(longest, most)) for most in (math.inf, room))
    return tuple(sorted(T for name, T in every - there if (str(device), name, T) not in _taken))


def free(device: torch.device) -> float:
    """Bytes of memory that nobody uses: of the GPU, or of the machine and of the group of processes one is in."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    found, info = [math.inf], Path("/proc/meminfo")
    if info.exists():
        lines = dict(line.split(":", 1) for line in info.read_text(encoding="utf-8").splitlines())
        found.append(1024 * float(lines["MemAvailable"].split()[0]))
    for most, used, detail in GROUP:
        if most.exists() and (limit := most.read_text(encoding="utf-8").strip()) != "max":
            held = float(used.read_text(encoding="utf-8")) - _unused_cache(detail)
            found.append(float(limit) - held)
    return min(found)


def _unused_cache(detail: Path) -> float:
    """Bytes of files that were read and that Linux drops when memory is wanted; the old form tells those of all."""
    if not detail.exists():
        return 0.0
    told = dict(line.split(" ", 1) for line in detail.read_text(encoding="utf-8").splitlines())
    return float(told.get("total_inactive_file", told.get("inactive_file", "0")))


@torch.no_grad()
def _measure(name: str, length: int, device: torch.device) -> tuple[float, int] | None:
    """The best of some tries, since how busy the machine is does not count; None where there is no such kernel."""
    dice = torch.Generator().manual_seed(length)
    q, k, v = (torch.randn(1, HEADS, length, WIDTH, generator=dice).to(device) for _ in range(3))
    if name == "linear":
        q, k = (attention_kinds.features(x, "elu") for x in (q, k))
    run = KERNELS[name]
    try:
        most = peak(lambda: run(q, k, v), device)
    except RuntimeError:  # torch says so where it has no flash kernel for the device
        if name != "flash":
            raise
        return None
    return shortest(lambda: run(q, k, v), device), most


def peak(run: Callable[[], Tensor], device: torch.device) -> int:
    """Bytes that stood in memory at once while `run` ran, beside what it was given."""
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        return int(torch.cuda.max_memory_allocated(device) - before)
    with _Allocations() as counted:
        run()
    return int(counted.most)


class _Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the storages that operations of torch make, from their making to their end."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {x.untyped_storage().data_ptr() for x in _tensors((args, kwargs or {}))}
        found = func(*args, **(kwargs or {}))
        for x in _tensors(found):
            storage = x.untyped_storage()
            if storage.data_ptr() not in given:
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._gone, storage.nbytes())
        return found

    def _gone(self, count: int) -> None:
        self.now -= count


def _tensors(thing: Any) -> list[Tensor]:
    if isinstance(thing, Tensor):
        return [thing]
    if isinstance(thing, dict):
        thing = tuple(thing.values())
    return [x for each in thing for x in _tensors(each)] if isinstance(thing, (tuple, list)) else []
