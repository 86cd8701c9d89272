"""Attention tile by tile with its numbers: Milakov, Gimelshein, 2018 (online softmax); Dao et al., 2022 (flash)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tile:
    """Where the rows of block i stand after they have met the keys of block j; R rows, S keys.

    ``out`` is attention over the keys met so far, ``total`` the sum of e^(score - maximum) over them, and ``kept`` is
    what sums and outputs of before were multiplied by when the maximum rose, e^(maximum before - maximum).
    """

    i: int
    j: int
    scores: Tensor  # (..., R, S), -inf where hidden
    maximum: Tensor  # (..., R)
    total: Tensor  # (..., R)
    kept: Tensor  # (..., R)
    out: Tensor  # (..., R, V)


def tiles(q: Tensor, k: Tensor, v: Tensor, block: int, *, safe: bool = True, first: int = 0) -> Iterator[Tile]:
    """Causal attention of q, k (..., T, K) and v (..., T, V) in tiles of `block`, row after row from row `first` on.

    Without `safe` no maximum is taken off (it stands at 0): sums of e^score overflow float32 from a score of 89 on.
    """
    T, scale = q.shape[-2], 1 / math.sqrt(q.shape[-1])
    for i in range(first, -(-T // block)):
        rows = q[..., i * block : (i + 1) * block, :] * scale
        maximum = rows.new_full(rows.shape[:-1], -math.inf if safe else 0.0)
        total = torch.zeros_like(maximum)
        out = torch.zeros_like(v[..., i * block : (i + 1) * block, :])
        for j in range(i + 1):
            some = slice(j * block, (j + 1) * block)
            scores = rows @ k[..., some, :].mT
            if i == j:
                future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
                scores = scores.masked_fill(future, -math.inf)
            highest = torch.maximum(maximum, scores.amax(-1)) if safe else maximum
            kept, p = (maximum - highest).exp(), (scores - highest[..., None]).exp()
            before = kept * total
            total = before + p.sum(-1)
            out = (before[..., None] * out + p @ v[..., some, :]) / total[..., None]
            maximum = highest
            yield Tile(i, j, scores, maximum, total, kept, out)
