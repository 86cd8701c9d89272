"""What the curvature of a loss foretells about the speed of descent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def curvature(loss: Callable[[Tensor], Tensor], points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value (R,), gradient (R, 2) and Hessian (R, 2, 2) of `loss` at `points` (R, 2), by automatic differentiation."""
    xy = points.detach().clone().requires_grad_()
    values = loss(xy)
    (gradient,) = torch.autograd.grad(values.sum(), xy, create_graph=True)
    rows = [torch.autograd.grad(gradient[:, i].sum(), xy, retain_graph=True)[0] for i in (0, 1)]
    return values.detach(), gradient.detach(), torch.stack(rows, 1)


def contraction(curvatures: np.ndarray, *, lr: float, momentum: float = 0.0, nesterov: bool = False) -> float:
    """Factor by which the distance to the minimum of a quadratic changes in a step, in the long run.

    For gradient descent it is the largest |1 - lr c| over the curvatures c.  With momentum b, position and velocity
    are multiplied by a matrix in each step, and it is the largest modulus of an eigenvalue of that:

        v' = b v + c x,  x' = x - lr v'                 (Polyak 1964)
        v' = b v + c x,  x' = x - lr (c x + b v')       (Nesterov 1983, in the form of Sutskever et al. 2013)

    Above 1 means divergence.  `curvatures` is (n,), the eigenvalues of the Hessian.
    """
    c = np.asarray(curvatures, dtype=float)
    if nesterov:
        x_from = 1 - lr * c * (1 + momentum), np.full_like(c, -lr * momentum**2)
    else:
        x_from = 1 - lr * c, np.full_like(c, -lr * momentum)
    v_from = c, np.full_like(c, momentum)
    one_step = np.moveaxis(np.array([x_from, v_from]), -1, 0)  # (n, 2, 2)
    return float(np.abs(np.linalg.eigvals(one_step)).max())
