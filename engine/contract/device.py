"""Where tensors live, and where randomness comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


class DeviceError(RuntimeError):
    """A device was asked for that this machine does not have."""


def resolve(name: str = "auto") -> torch.device:
    """The device called `name`: "cpu", "cuda", "mps", or "auto" for the fastest one there is.

    Raises `DeviceError`, with a sentence that says what is there, for one that this machine lacks.
    """
    there = ["cpu"]
    if torch.cuda.is_available():
        there.insert(0, "cuda")
    elif torch.backends.mps.is_available():
        there.insert(0, "mps")
    if name == "auto":
        return torch.device(there[0])
    if name not in there:
        raise DeviceError(f"The device '{name}' is not on this machine; it has: {', '.join(there)}.")
    return torch.device(name)


def generator(seed: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for one purpose: `stream` names it ("data", "weights", "batches").

    Streams of one seed are independent of each other, and no global generator is touched.
    """
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Take numbers below 1.2e-38 for zero on the CPU, in this thread: it computes with them many times more slowly."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
