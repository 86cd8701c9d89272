"""A language of which everything is known: the next token depends on the last one, by a table."""

from __future__ import annotations

import torch
from torch import Tensor

SHARPNESS = 0.6  # of the logits: with 0 every token would be as likely as any other


def language(vocabulary: int, exponent: float, generator: torch.Generator) -> tuple[Tensor, float]:
    """The table P (V, V) of a bigram language, each row sums to 1, and its entropy in nats a token.

    Its logits are .6 V U diag(k^-exponent) W^T with U, W random and orthogonal: a few strong regularities and ever more
    weak ones, so that a table of rank r holds the r strongest.  The entropy is that of the next token, given the last,
    in a text that has run for long: no model has a smaller loss.
    """
    shape = (vocabulary, vocabulary)
    U, W = (torch.linalg.qr(torch.randn(shape, generator=generator, dtype=torch.float64))[0] for _ in range(2))
    spectrum = torch.arange(1, vocabulary + 1, dtype=torch.float64) ** -exponent
    # Rounded: the last digits of a product of matrices depend on threads and on where they lie in memory, and the same
    # language is spoken in each process.
    logits = (SHARPNESS * vocabulary * (U * spectrum) @ W.mT).float().double()
    P = logits.softmax(-1)
    return P, float(-(pairs(P) * P.log()).sum())


def stationary(P: Tensor) -> Tensor:
    """How often each token stands in a long text, (V,): the eigenvector pi = pi P."""
    pi = torch.full((len(P),), 1 / len(P), dtype=P.dtype)
    while True:  # as the text runs on; in these languages after some ten tokens nothing tells how it began
        after = (pi[:, None] * P).sum(0)
        if (after - pi).abs().max() < 1e-15:
            return after / after.sum()
        pi = after


def pairs(P: Tensor) -> Tensor:
    """How likely each pair of neighbours (last, next) is, (V, V); all together 1."""
    return stationary(P)[:, None] * P


def draw(joint: Tensor, uniform: Tensor) -> Tensor:
    """Pairs, each the number last V + next, for `uniform` numbers in [0, 1) of any shape."""
    edges = joint.flatten().cumsum(0)
    return torch.searchsorted(edges, uniform.to(edges.dtype)).clamp(max=edges.numel() - 1)


def counted(drawn: Tensor, vocabulary: int) -> Tensor:
    """The table (K, V, V) of how often each pair is among those `drawn` (K, n)."""
    cells = vocabulary * vocabulary
    offset = cells * torch.arange(len(drawn))[:, None]
    return torch.bincount((drawn + offset).flatten(), minlength=len(drawn) * cells).reshape(-1, vocabulary, vocabulary)


def cross_entropy(log_q: Tensor, weights: Tensor) -> Tensor:
    """Mean of -log q over pairs (..., V, V), of which `weights` says how often each comes; nats a token, (...)."""
    return -(weights * log_q).sum((-2, -1)) / weights.sum((-2, -1))
