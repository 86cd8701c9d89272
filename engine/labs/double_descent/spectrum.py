"""Least squares in the basis in which it comes apart: once decomposed, a new ridge costs next to nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

GOOD_RIDGES = tuple(10 ** (k / 2) for k in range(-12, 3))  # tried in hindsight, 1e-6 to 10


@dataclass(frozen=True)
class Spectrum:
    """Features Phi = U diag(s) V^T of one model on its training data, cut to the singular values that are not zero.

    ``s`` (r,); ``b`` = U^T y (r, K); ``missed`` = |y|² - |b|², what no model of this width can fit; ``queries`` =
    Phi(x) V (m, r) for the rows x at which the model is asked, or V itself; ``samples`` n.  The coefficients of the
    solution are V diag(s / (s² + ridge)) b.
    """

    s: Tensor
    b: Tensor
    missed: float
    queries: Tensor
    samples: int

    @property
    def rank(self) -> int:
        return len(self.s)

    @property
    def smallest(self) -> float:
        """The smallest singular value that is not zero; 0 if every feature is zero."""
        return float(self.s[-1]) if len(self.s) else 0.0

    def coordinates(self, ridge: float) -> Tensor:
        """The solution in the basis V, (r, K)."""
        return (self.s / (self.s.square() + ridge))[:, None] * self.b

    def answers(self, ridge: float) -> Tensor:
        """What the model says about the rows it is looked at, (m, K)."""
        return self.queries @ self.coordinates(ridge).to(self.queries.dtype)

    def norm(self, ridge: float) -> float:
        """Euclidean norm of the coefficients."""
        return float(self.coordinates(ridge).norm())

    def train_error(self, ridge: float) -> float:
        """Squared error on the training data, summed over outputs, averaged over samples."""
        left = (ridge / (self.s.square() + ridge))[:, None] * self.b
        return (self.missed + float(left.square().sum())) / self.samples

    def good_errors(self, y: Tensor) -> Tensor:
        """Squared error against y (m, K), summed over K, averaged over m, for each of `GOOD_RIDGES`: (L,)."""
        k = y.shape[1]
        tried = torch.cat([self.coordinates(ridge) for ridge in GOOD_RIDGES], dim=1).to(self.queries.dtype)
        answers = (self.queries @ tried).reshape(-1, len(GOOD_RIDGES), k)  # (rows, L, K)
        wrong = (y[: len(answers), None] - answers).square().sum((0, 2)) + y[len(answers) :].square().sum()
        errors: Tensor = wrong / len(y)
        return errors


def from_features(phi: Tensor, y: Tensor, queries: Tensor | None = None) -> Spectrum:
    """Decompose phi (n, w) itself; `queries` (m, w) are the features of the rows to look at, None the coefficients."""
    q, r = torch.linalg.qr(phi.mT if phi.shape[0] < phi.shape[1] else phi)  # the SVD of r is that of phi, and cheaper
    u, s, vh = torch.linalg.svd(r)
    kept = s > s[0] * max(phi.shape) * torch.finfo(s.dtype).eps
    if phi.shape[0] < phi.shape[1]:  # phi^T = q u s vh
        u, v = vh.mT, q @ u
    else:
        u, v = q @ u, vh.mT
    v = v[:, kept]
    return _cut(u[:, kept], s[kept], y, v if queries is None else queries @ v)


def from_kernel(kernel: Tensor, y: Tensor, kernel_queries: Tensor) -> Spectrum:
    """Decompose kernel = phi phi^T (n, n), for many more features than samples.

    `kernel_queries` is queries phi^T (m, n), or phi^T (w, n) to look at the coefficients.
    """
    values, u = torch.linalg.eigh(kernel)
    kept = values > values[-1] * len(kernel) * torch.finfo(values.dtype).eps
    s, u = values[kept].sqrt().flip(0), u[:, kept].flip(1)  # the largest first, as the SVD has them
    return _cut(u, s, y, kernel_queries @ (u / s))


def _cut(u: Tensor, s: Tensor, y: Tensor, queries: Tensor) -> Spectrum:
    b = u.mT @ y
    missed = max(0.0, float((y - u @ b).square().sum()))
    return Spectrum(s, b, missed, queries.float(), len(y))
