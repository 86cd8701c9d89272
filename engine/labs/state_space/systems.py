"""Linear systems x' = A x + B u, y = C x: in steps, as a kernel, as a matrix; and the poles they begin with.

References: Gu et al., "HiPPO", NeurIPS 2020, and "Efficiently modeling long sequences with structured state spaces"
(S4), ICLR 2022; Gu et al., "On the parameterization and initialization of diagonal state space models" (S4D), NeurIPS
2022; Gu, Dao, "Mamba", 2023; Dao, Gu, "Transformers are SSMs" (Mamba-2), ICML 2024; Ali et al., "The hidden attention
of Mamba models", 2024.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

METHODS = ("mixed", "zoh", "euler", "bilinear")


def scalars(A: Tensor, dt: Tensor, method: str) -> tuple[Tensor, Tensor]:
    """Of a system with the pole A alone: what is kept of the state in a step dt, and the factor before B.

    "zoh" is exact for an input that is held through the step; "euler" and "bilinear" are its first orders; "mixed" is
    Mamba's, exp(dt A) with dt B.  A and dt spread to each other.  Raises ValueError for another method.
    """
    if method not in METHODS:
        raise ValueError(f"There is no method '{method}'; the methods are {', '.join(METHODS)}.")
    z = dt * A
    if method == "mixed":
        return z.exp(), dt + 0 * A
    if method == "zoh":
        small = z.abs() < 1e-4  # there exp(z) - 1 has lost its digits
        safe = torch.where(small, torch.ones_like(z), z)
        return z.exp(), torch.where(small, 1 + z / 2, (safe.exp() - 1) / safe) * dt
    if method == "euler":
        return 1 + z, dt + 0 * A
    return (1 + z / 2) / (1 - z / 2), dt / (1 - z / 2)


def discretise(A: Tensor, B: Tensor, dt: Tensor | float, method: str = "zoh") -> tuple[Tensor, Tensor]:
    """A-bar and B-bar of h_t = A-bar h_{t-1} + B-bar u_t, for steps of length dt.

    A (N, N) is a matrix, with B (N,) or (N, k) and one dt for all; else A is the diagonal of one, (..., N), with B and
    dt that spread to it.  `method` is one of `METHODS`, see `scalars`.  Raises ValueError for another, and for a dt
    below 0.
    """
    step = torch.as_tensor(dt, dtype=A.real.dtype, device=A.device)
    if bool((step < 0).any()):
        raise ValueError("A step has a length of 0 or more.")
    if not _whole(A, B, step):
        kept, factor = scalars(A, step, method)
        return kept, factor * B
    if method not in METHODS:
        raise ValueError(f"There is no method '{method}'; the methods are {', '.join(METHODS)}.")
    eye = torch.eye(len(A), dtype=A.dtype, device=A.device)
    if method == "euler":
        return eye + step * A, step * B
    if method == "mixed":
        return torch.linalg.matrix_exp(step * A), step * B
    columns = B[:, None] if B.ndim == 1 else B
    if method == "bilinear":
        solved = torch.linalg.solve(eye - step / 2 * A, torch.cat([eye + step / 2 * A, step * columns], dim=1))
    else:  # exp of [[A, B], [0, 0]] holds both, and asks for no inverse of A
        whole = torch.zeros(len(A) + columns.shape[1], len(A) + columns.shape[1], dtype=A.dtype, device=A.device)
        whole[: len(A), : len(A)], whole[: len(A), len(A) :] = A, columns
        solved = torch.linalg.matrix_exp(step * whole)[: len(A)]
    return solved[:, : len(A)], solved[:, len(A) :].reshape(B.shape)


def _whole(A: Tensor, B: Tensor, dt: Tensor) -> bool:
    """Whether A is a matrix, and not the diagonals of several."""
    return A.ndim == 2 and A.shape[0] == A.shape[1] and len(B) == len(A) and dt.ndim == 0


def kernel(A: Tensor, B: Tensor, C: Tensor, dt: Tensor | float, length: int, method: str = "zoh") -> Tensor:
    """What a time-invariant system answers to one pulse: K_t = C A-bar^t B-bar for t = 0 .. length - 1.

    A matrix A (N, N) with B and C of N numbers gives (length,).  A diagonal (..., N) with B, C and dt that spread to it
    gives (..., length).  Of complex numbers it is the real part.
    """
    kept, driven = discretise(A, B, dt, method)
    if _whole(A, B, torch.as_tensor(dt)):
        found, state = [], driven
        for _ in range(length):
            found.append(C.reshape(-1) @ state.reshape(-1))
            state = kept @ state
        return torch.stack(found).real
    times = torch.arange(length, device=A.device)
    powers = kept[..., None] ** times  # (..., N, length)
    return ((C * driven)[..., None] * powers).sum(-2).real


def convolve(u: Tensor, K: Tensor) -> Tensor:
    """y_t = sum_s K_{t - s} u_s by Fourier transform, u (..., T) and K (..., T).  Padded to 2 T, so nothing wraps."""
    length = u.shape[-1]
    spectrum = torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(K, n=2 * length)
    found: Tensor = torch.fft.irfft(spectrum, n=2 * length)
    return found[..., :length]


def as_matrix(dt: Tensor, A: Tensor, B: Tensor, C: Tensor, method: str = "mixed") -> Tensor:
    """A selective layer with one pole for each head as matrices: y = M x.  Mamba-2, section 3; Ali et al., 2024.

    dt (B, T, H) are step sizes, A (H,) poles below 0, B and C (B, T, N) the input's and output's directions.  Returns
    M (B, H, T, T): C_t . B_s times what is left at t of a step at s, 0 where s > t.
    """
    kept, factor = (each.mT for each in scalars(A, dt, method))  # (B, H, T)
    past = torch.ones(dt.shape[1], dt.shape[1], dtype=torch.bool, device=dt.device).tril()
    if method in ("mixed", "zoh"):  # all that is kept from s to t is exp of a difference of sums
        total = (dt * A).mT.cumsum(-1)
        left = (total[..., :, None] - total[..., None, :]).masked_fill(~past, -math.inf).exp()
    else:  # it may be below 0, where there is no logarithm
        left = torch.where(past.tril(-1), kept[..., :, None], 1.0).cumprod(-2).tril()
    return left * (C @ B.mT)[:, None] * factor[..., None, :]


def hippo(N: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """HiPPO-LegS, A (N, N) and B (N,): x' = (A x + B u) / t keeps the past in N Legendre polynomials.

    A_nk = -sqrt((2n + 1)(2k + 1)) for n > k, -(n + 1) for n = k, else 0; B_n = sqrt(2n + 1).  Gu et al., 2020,
    theorem 2.
    """
    root = torch.sqrt(2 * torch.arange(N, dtype=dtype) + 1)
    A = -(root[:, None] * root).tril(-1) - torch.diag(torch.arange(N, dtype=dtype) + 1)
    return A, root


def poles(kind: str, N: int, generator: torch.Generator) -> Tensor:
    """Where a diagonal system begins, (N,) complex: "hippo" -1/2 + i pi n (S4D-Lin), "real" -(n + 1), or "random".

    Of the random ones the real part is uniform between 0 and -N and the imaginary one normal.
    """
    n = torch.arange(N, dtype=torch.float32)
    if kind == "real":
        return torch.complex(-(n + 1), torch.zeros(N))
    if kind == "random":
        return torch.complex(-torch.rand(N, generator=generator) * N, torch.randn(N, generator=generator))
    return torch.complex(torch.full((N,), -0.5), math.pi * n)
