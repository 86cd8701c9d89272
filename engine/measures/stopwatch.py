"""How long something takes on this machine, and which machine that is."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

TRIES, ENOUGH = 3, 0.1  # times that each is taken, unless it took so many seconds together


def shortest(run: Callable[[], Any], device: torch.device) -> float:
    """Milliseconds of the best of some tries, since how busy the machine is does not count."""
    taken: list[float] = []
    while len(taken) < TRIES and sum(taken) < ENOUGH:
        began = now(device)
        run()
        taken.append(now(device) - began)
    return 1000 * min(taken)


def now(device: torch.device) -> float:
    """Seconds, with all done that a GPU was told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # waits for the GPU
    return time.perf_counter()


def machine(device: torch.device) -> str:
    """The name of what computes: the GPU's, or the processor's as the system tells it."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        told = info.read_text(encoding="utf-8", errors="replace").splitlines()
        lines = [line for line in told if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
    threads = torch.get_num_threads()
    return f"{name}, {threads} thread{'s' if threads > 1 else ''}, torch {torch.__version__.partition('+')[0]}"
