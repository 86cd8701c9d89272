"""h_t = a_t h_{t-1} + b_t, one step after another and as a parallel scan.

References: Blelloch, "Prefix sums and their applications", 1990; Hillis, Steele, "Data parallel algorithms", 1986;
Gu, Dao, "Mamba", 2023, section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor


def recurrence(a: Tensor, b: Tensor) -> Tensor:
    """All h_t = a_t h_{t-1} + b_t from h_0 = 0, one after another: T steps, each after the one before.

    a and b are (..., T, N), or spread to it; real or complex.  Returns h (..., T, N).
    """
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    h, past = torch.zeros_like(b[..., 0, :]), []
    for t in range(b.shape[-2]):
        h = a[..., t, :] * h + b[..., t, :]
        past.append(h)
    return torch.stack(past, dim=-2)


def parallel(a: Tensor, b: Tensor) -> Tensor:
    """The same h (..., T, N) in log2 T levels, in each of which all places are computed at once.

    Two steps one after the other are one step: (a, b) then (a', b') is (a' a, a' b + b').  After level k every place
    holds the last 2^k steps as one.
    """
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    reach, length = 1, b.shape[-2]
    while reach < length:
        before_a, before_b = a[..., :-reach, :], b[..., :-reach, :]
        b = torch.cat([b[..., :reach, :], a[..., reach:, :] * before_b + b[..., reach:, :]], dim=-2)
        a = torch.cat([a[..., :reach, :], a[..., reach:, :] * before_a], dim=-2)
        reach *= 2
    return b
