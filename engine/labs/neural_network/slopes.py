"""The activations and their slopes in plain NumPy: what draws does not wait for torch."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.labs.neural_network.resolution import INPUT_EDGES

Floats = NDArray[np.float64]

_erf = np.vectorize(math.erf, otypes=[np.float64])
_normal: Callable[[Floats], Floats] = lambda z: (1 + _erf(z / math.sqrt(2))) / 2  # noqa: E731
_sigmoid: Callable[[Floats], Floats] = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731

Z: Floats = np.linspace(INPUT_EDGES[0], INPUT_EDGES[-1], 400)  # even: no place on the kink of a ReLU

# f and f', as in `engine.nets.stacked.ACTIVATIONS`.
CURVES: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
    "gelu": (
        lambda z: z * _normal(z), lambda z: _normal(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    ),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "sine": (np.sin, np.cos),
    "linear": (lambda z: z, np.ones_like),
}  # fmt: skip


def drawn(name: str) -> tuple[Floats, Floats]:
    """f and f' of an activation as lines (400, 2), each with a gap where it jumps."""
    value, slope = [curve(Z) for curve in CURVES[name]]
    return _broken(value), _broken(slope)


def _broken(values: Floats) -> Floats:
    jumps = np.append(np.abs(np.diff(values)) > 0.5, False)
    return np.column_stack([Z, np.where(jumps, np.nan, values)])
