"""How a network lays residues on circles: Fourier power, one circle, and what the circles alone would answer."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def waves(phase: Tensor, frequencies: Tensor, hours: int) -> tuple[Tensor, Tensor]:
    """cos and sin of 2 pi k phase / hours, for phases (N,) and frequencies k (F,): each (N, F), float64."""
    angle = (phase[:, None] * frequencies % hours).double() * (2 * math.pi / hours)
    return angle.cos(), angle.sin()


def fourier_power(embedding: Tensor) -> Tensor:
    """How much of an embedding (..., p, d) lies in each frequency k = 1, 2, ... over its rows: (..., p // 2).

    The powers add up to the squared length of the embedding without its mean row (Parseval).
    """
    embedding = torch.as_tensor(embedding)
    p = embedding.shape[-2]
    power: Tensor = torch.fft.rfft(embedding, dim=-2)[..., 1:, :].abs().square().sum(-1) / p
    twice = torch.full((p // 2,), 2.0, dtype=power.dtype, device=power.device)  # k and p - k are one frequency
    if p % 2 == 0:
        twice[-1] = 1.0
    return power * twice


def circles(rows: Tensor, phase: Tensor, hours: int) -> tuple[Tensor, Tensor]:
    """`rows` (n, d) on the circle of each frequency k = 1, ..., hours // 2: components and shares.

    The components (F, 2, d) are the sums of the rows, their mean taken off, times cos and sin of their phase, over
    n / 2; the shares (F,) are how much of their variance cos and sin explain.  With phases 0, ..., n - 1 these are the
    powers of `fourier_power` over their sum.
    """
    centred = (rows - rows.mean(0)).double()
    frequencies = torch.arange(1, hours // 2 + 1, device=phase.device)
    cos, sin = (wave.T for wave in waves(phase, frequencies, hours))  # (F, n)
    components = torch.stack([cos @ centred, sin @ centred], 1) * (2 / len(rows))  # (F, 2, d)
    cos = _unit(cos - cos.mean(1, keepdim=True))
    sin = sin - sin.mean(1, keepdim=True)
    sin = _unit(sin - (sin * cos).sum(1, keepdim=True) * cos)  # at right angles to it, as it is for all hours once
    explained = (cos @ centred).square().sum(1) + (sin @ centred).square().sum(1)
    return components, explained / centred.square().sum().clamp_min(1e-30)


def _unit(vectors: Tensor) -> Tensor:
    """Vectors (F, n) at length 1; nothing where there is none but rounding."""
    length = vectors.norm(dim=1, keepdim=True)
    return torch.where(length > 1e-6, vectors / length.clamp_min(1e-6), 0.0)


def on_circle(rows: Tensor, components: Tensor) -> Tensor:
    """Rows (n, d) seen in the plane of the two `components` (2, d) of one frequency: (n, 2), in units of the circle.

    If the rows are a circle in this plane, and whatever else at right angles to it, they lie on the unit circle.
    """
    centred = (rows - rows.mean(0)).double()
    inverse: Tensor = torch.linalg.pinv(components)  # (d, 2)
    return centred @ inverse


def restricted(logits: Tensor, a: Tensor, b: Tensor, frequencies: Tensor, p: int) -> Tensor:
    """What is left of logits (N, K) if they may depend on a + b alone, by these frequencies alone: (N, K).

    The projection, over the N pairs given, of each logit on cos and sin of 2 pi k (a + b) / p for k in `frequencies`
    (F,): the least squares fit.  Pairs that are not given have no part in it.
    """
    frequencies = torch.as_tensor(frequencies, device=a.device)
    every = torch.cat(waves(torch.arange(p, device=a.device), frequencies, p), 1)  # (p, 2 F)
    X = every.to(logits.dtype)[(a + b) % p]  # (N, 2 F)
    fit: Tensor = torch.linalg.pinv(X.T @ X, hermitian=True) @ (X.T @ logits)  # (2 F, K)
    return X @ fit
