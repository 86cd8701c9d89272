"""The chain rule written out: every number on the way forward through a network, and on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from engine.nets import stacked
from engine.nets.stacked import ACTIVATIONS, LOSSES, Layer, Normalised


class Trace(NamedTuple):
    """What one layer computed on the way forward; the way back needs all of it."""

    x: Tensor  # (S, N, in)
    z: Tensor  # (S, N, out): x W + b
    norm: Normalised | None
    u: Tensor  # (S, N, out): norm(z), or z without a norm
    a: Tensor  # (S, N, out): f(u)
    mask: Tensor | None  # (S, N, out), dropout: 0, or 1 / share kept


def forward(layers: Sequence[Layer], x: Tensor, *, training: bool = False, masks: Sequence[Tensor] = ()) -> list[Trace]:
    """Send inputs (S, N, F) through S networks; return every layer's numbers, the output layer last."""
    traces = []
    for depth, layer in enumerate(layers):
        z = torch.baddbmm(layer.bias, x, layer.weight)
        norm = layer.normalise(z, training)
        u = z if norm is None else layer.gain * norm.z_hat + layer.shift
        a = ACTIVATIONS[layer.activation].function(u)
        mask = masks[depth] if depth < len(masks) else None
        traces.append(Trace(x, z, norm, u, a, mask))
        x = a if mask is None else a * mask
    return traces


def backward(layers: Sequence[Layer], traces: Sequence[Trace], d: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
    """The chain rule, from the output back.  `d` is dL/da of the output layer, (S, N, K).

    Returns, for each layer, delta = dL/dz (S, N, out) and the gradients of ``layer.parameters()``.
    """
    found = []
    for depth in reversed(range(len(layers))):
        layer, t = layers[depth], traces[depth]
        if t.mask is not None:
            d = d * t.mask
        if layer.activation != "linear":
            d = d * ACTIVATIONS[layer.activation].derivative(t.u, t.a)  # dL/du = dL/da f'(u)
        gradients = []
        if t.norm is not None:
            gradients = [(d * t.norm.z_hat).sum(1, keepdim=True), d.sum(1, keepdim=True)]  # of gain and shift
            d = t.norm.backward(d * layer.gain)
        db = d.sum(1, keepdim=True)
        if t.norm is not None and t.norm.over == 1:  # batch norm takes any bias away again
            db = torch.zeros_like(db)  # exactly: Adam would blow rounding errors up to whole steps
        gradients = [t.x.mT @ d, db, *gradients]  # dL/dW = x^T delta, dL/db = sum of delta
        found.append((d, gradients))
        if depth:
            d = d @ layer.weight.mT  # dL/da of the layer before
    return found[::-1]


@dataclass(frozen=True)
class LayerGradients:
    """One layer of one network, on N points: z = W x + b, u = norm(z) or z without a norm, a = f(u), delta = dL/dz."""

    z: Tensor  # (N, out)
    u: Tensor  # (N, out)
    a: Tensor  # (N, out)
    delta: Tensor  # (N, out)
    dW: Tensor  # (out, in), as `nn.Linear.weight`  # noqa: N815 (the papers' name)
    db: Tensor  # (out,)


def backprop(model: nn.Sequential, x: Tensor, y: Tensor, loss: str = "cross_entropy") -> list[LayerGradients]:
    """Every number on the way forward and back through `model`, for points `x` (N, 2) with the mean loss over them.

    `model` is an `Experiment.model`, or any `nn.Sequential` that `stacked.unstack` takes, in evaluation mode.  `y` is
    (N,) whole-number classes or values to be met, (N,) or (N, outputs); `loss` is a key of `stacked.LOSSES`.  With one
    output, "cross_entropy" is the binary one of its logit; "squared" and "huber" aim at -1 and 1 for classes.  Nothing
    is changed.  Raises `TypeError` for a module whose derivative is not written out here.

    Rumelhart, Hinton, Williams 1986.
    """
    layers, before = stacked.unstack(model)
    with torch.no_grad():
        traces = forward(layers, before(x)[None])
        outputs = traces[-1].a
        wanted = stacked.targets(y, outputs=outputs.shape[-1], loss=loss)
        gradients = backward(layers, traces, LOSSES[loss].derivative(outputs, wanted) / len(x))
    return [
        LayerGradients(z=t.z[0], u=t.u[0], a=t.a[0], delta=delta[0], dW=dW[0].mT, db=db[0, 0])
        for t, (delta, (dW, db, *_)) in zip(traces, gradients, strict=True)
    ]
