"""Thirteen optimisers by name: torch's own where torch has them; LAMB, Lion and SAM written out here.

In the equations x are the parameters, g is the gradient, eta the learning rate, lambda the weight decay, and t counts
steps from 1.  Weight decay in LAMB, Lion, AdamW and Muon is decoupled: it shrinks x and never enters the averages of g.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from engine.nets.optimiser_names import ELEMENTWISE, NAMES, TITLES, WITH_MOMENTUM, title

__all__ = ["ELEMENTWISE", "LAMB", "NAMES", "SAM", "TITLES", "WITH_MOMENTUM", "Lion", "NAdam", "make", "title"]


class LAMB(Optimizer):
    """Adam whose step, in each layer, is as long as the layer's weights: layer-wise adaptive moments.

    You et al., "Large batch optimization for deep learning", ICLR 2020, algorithm 2, with phi the identity and, as in
    the authors' code, a trust ratio of 1 where |x| or |r + lambda x| is zero.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; return what `closure` returns."""
        loss = _call(closure)
        for group in self.param_groups:
            eta, (beta1, beta2) = group["lr"], group["betas"]
            for x in group["params"]:
                if x.grad is None:
                    continue
                state = self.state[x]
                if not state:
                    state.update(step=0, exp_avg=torch.zeros_like(x), exp_avg_sq=torch.zeros_like(x))
                state["step"] += 1
                t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
                m.lerp_(x.grad, 1 - beta1)  # m = beta1 m + (1 - beta1) g
                v.mul_(beta2).addcmul_(x.grad, x.grad, value=1 - beta2)
                r = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + group["eps"])
                r += group["weight_decay"] * x
                # Chosen by torch.where, not by Python, so that a GPU need not finish first.
                x_norm, r_norm = x.norm(), r.norm()
                ratio = torch.where((x_norm > 0) & (r_norm > 0), x_norm / r_norm, torch.ones_like(x_norm))
                x.sub_(eta * ratio * r)
        return loss


class Lion(Optimizer):
    """Only the sign of a running average of gradients: every coordinate moves by the learning rate.

    Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; return what `closure` returns."""
        loss = _call(closure)
        for group in self.param_groups:
            eta, (beta1, beta2) = group["lr"], group["betas"]
            for x in group["params"]:
                if x.grad is None:
                    continue
                state = self.state[x]
                if not state:
                    state["exp_avg"] = torch.zeros_like(x)
                m = state["exp_avg"]
                c = torch.lerp(m, x.grad, 1 - beta1)  # c = beta1 m + (1 - beta1) g
                x.sub_(eta * (c.sign() + group["weight_decay"] * x))
                m.lerp_(x.grad, 1 - beta2)  # m = beta2 m + (1 - beta2) g: after the step, and with the other beta
        return loss


class SAM(Optimizer):
    """Sharpness-aware minimisation: climb to the worst point within rho, and descend by the gradient found there.

    Foret et al., "Sharpness-aware minimization", ICLR 2021, equations 2 and 3, over gradient descent with momentum.
    One step needs two gradients, so `step` takes a closure: it must clear the gradients, compute the loss on one and
    the same batch each time, call ``backward()`` and return the loss.
    """

    def __init__(self, params: Any, lr: float = 1e-2, rho: float = 0.05, momentum: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; return the loss before it.  Raises `ValueError` without a closure."""
        if closure is None:
            raise ValueError("SAM needs two gradients in each step: call step(closure), with a closure that makes one.")
        loss = _call(closure)
        before = self._ascend()
        _call(closure)
        for x, at in before:
            x.copy_(at)
        for group in self.param_groups:
            for x in group["params"]:
                if x.grad is None:
                    continue
                update = x.grad
                if group["momentum"]:
                    state = self.state[x]
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = torch.zeros_like(x)
                    update = state["momentum_buffer"].mul_(group["momentum"]).add_(x.grad)
                x.sub_(group["lr"] * update)
        return loss

    def _ascend(self) -> list[tuple[Tensor, Tensor]]:
        """Add rho g / |g|, the norm taken over all parameters together; return where each stood before."""
        found = [(x, group["rho"]) for group in self.param_groups for x in group["params"] if x.grad is not None]
        if not found:
            return []
        norm = torch.stack([x.grad.norm() for x, _ in found]).norm().clamp_min(1e-12)
        before = [(x, x.clone()) for x, _ in found]
        for x, rho in found:
            x.add_(rho * x.grad / norm)
        return before


class NAdam(torch.optim.NAdam):
    """torch's own, restored to the last bit: torch 2.13 casts one of its scalars to the parameters' type on the way."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["mu_product"] = state["mu_product"].to("cpu", torch.float32)


def _call(closure: Callable[[], Any] | None) -> Any:
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


# Name of `NAMES` -> class, and the settings in which this playground departs from the class's defaults.
_OPTIMISERS: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "gradient_descent": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "adamax": (torch.optim.Adamax, {}),
    "nadam": (NAdam, {}),
    "lamb": (LAMB, {}),
    "lion": (Lion, {}),
    "muon": (torch.optim.Muon, {}),
    "sam": (SAM, {}),
}


def make(name: str, params: Iterable[Any], lr: float, **settings: Any) -> Optimizer:
    """The optimiser called `name` (one of `NAMES`) over `params`, which are tensors or torch's parameter groups.

    `settings` are those of the class: momentum and weight_decay, betas and eps, rho for SAM.  What is not given keeps
    the class's default, except that "momentum" and "nesterov" have momentum 0.9.  "muon" takes matrices only, and
    "sam" must be stepped with a closure.  Raises `ValueError` for an unknown name or setting, a learning rate that is
    negative or not finite, and parameters that Muon cannot take.
    """
    if name not in _OPTIMISERS:
        raise ValueError(f"There is no optimiser '{name}'; the optimisers are {', '.join(NAMES)}.")
    if not (math.isfinite(lr) and lr >= 0):
        raise ValueError(f"A learning rate of {lr} is not accepted: give a finite number of at least 0.")
    cls, defaults = _OPTIMISERS[name]
    known = [key for key in inspect.signature(cls).parameters if key not in ("params", "lr")]
    for key in settings:
        if key not in known:
            raise ValueError(f"The optimiser '{name}' has no setting '{key}'; its settings are {', '.join(known)}.")
    params = list(params)
    if name == "muon":
        _require_matrices(params)
    return cls(params, lr=lr, **(defaults | settings))  # type: ignore[call-arg]


def _require_matrices(params: list[Any]) -> None:
    for entry in params:
        group = entry["params"] if isinstance(entry, dict) else [entry]
        for x in [group] if isinstance(group, Tensor) else group:
            if x.ndim != 2:
                raise ValueError(
                    f"Muon turns the gradient of a matrix into an orthogonal matrix, so it takes two-dimensional "
                    f"parameters only, not one of shape {tuple(x.shape)}; give the others to adamw."
                )
