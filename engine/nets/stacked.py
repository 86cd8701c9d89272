"""Many small networks of one shape, stacked so that one tensor operation serves all of them.

A stack holds S networks; each of its tensors has S as first dimension.  On one core 64 tiny networks stacked take
about as long as two of them one after the other, because most of the time goes into calling torch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator

# ---------------------------------------------------------------- inputs

FEATURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "x": lambda x, y: x,
    "y": lambda x, y: y,
    "x2": lambda x, y: x * x / 6,  # divided by 6, the edge of the plane, so that every input has the same range
    "y2": lambda x, y: y * y / 6,
    "xy": lambda x, y: x * y / 6,
    "sinx": lambda x, y: torch.sin(x),
    "siny": lambda x, y: torch.sin(y),
}


class Features(nn.Module):
    """Points of the plane (..., 2) -> the inputs of a network (..., features), by names of `FEATURES`."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    def forward(self, xy: Tensor) -> Tensor:
        x, y = xy.unbind(-1)
        return torch.stack([FEATURES[name](x, y) for name in self.names], dim=-1)

    def extra_repr(self) -> str:
        return ", ".join(self.names)


# ---------------------------------------------------------------- activations


class Sine(nn.Module):
    """sin(z), as in Sitzmann et al., "Implicit neural representations with periodic activation functions", 2020."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.sin(z)


@dataclass(frozen=True)
class Activation:
    """a = f(z): the function, its derivative f'(z) from z and a, and torch's module for it."""

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor, Tensor], Tensor]
    module: type[nn.Module]


def _gelu_derivative(z: Tensor, a: Tensor) -> Tensor:
    """Phi(z) + z phi(z), where Phi and phi are the distribution and the density of the standard normal."""
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return (1 + torch.erf(z / math.sqrt(2))) / 2 + z * density


ACTIVATIONS = {
    "tanh": Activation(torch.tanh, lambda z, a: torch.rsub(a * a, 1), nn.Tanh),
    "relu": Activation(torch.relu, lambda z, a: (z > 0).to(z.dtype), nn.ReLU),
    "leaky_relu": Activation(F.leaky_relu, lambda z, a: torch.where(z > 0, 1.0, 0.01), nn.LeakyReLU),
    "gelu": Activation(F.gelu, _gelu_derivative, nn.GELU),
    "sigmoid": Activation(torch.sigmoid, lambda z, a: a * (1 - a), nn.Sigmoid),
    "sine": Activation(torch.sin, lambda z, a: torch.cos(z), Sine),
    "linear": Activation(lambda z: z, lambda z, a: torch.ones_like(z), nn.Identity),
}

# ---------------------------------------------------------------- initial weights

INITIALISATIONS: dict[str, Callable[[int, int], float]] = {
    # Standard deviation of a weight, from the number of inputs and outputs of its layer.
    "he": lambda n_in, n_out: math.sqrt(2 / n_in),  # He et al. 2015, equation 10
    "xavier": lambda n_in, n_out: math.sqrt(2 / (n_in + n_out)),  # Glorot and Bengio 2010, equation 12
    "lecun": lambda n_in, n_out: math.sqrt(1 / n_in),  # LeCun et al. 1998, equation 16
    "normal": lambda n_in, n_out: 1.0,
    "zero": lambda n_in, n_out: 0.0,
}


# ---------------------------------------------------------------- layers


class Normalised(NamedTuple):
    """z_hat = (z - mean) / sigma, and the dimension that mean and sigma were taken over (None: they were given)."""

    z_hat: Tensor  # (S, N, out)
    sigma: Tensor
    over: int | None

    def backward(self, d: Tensor) -> Tensor:
        """dL/dz from d = dL/dz_hat (Ioffe and Szegedy 2015, section 3)."""
        if self.over is None:
            return d / self.sigma
        mean, along = d.mean(self.over, keepdim=True), (d * self.z_hat).mean(self.over, keepdim=True)
        return (d - mean - self.z_hat * along) / self.sigma


@dataclass
class Layer:
    """One layer of S networks: a = f(norm(x W + b)).  Its tensors are changed in place while training."""

    weight: Tensor  # (S, in, out)
    bias: Tensor  # (S, 1, out)
    activation: str = "linear"
    norm: str = "none"  # or "batch" or "layer"
    gain: Tensor | float = 1.0  # (S, 1, out) with a norm, as are all below
    shift: Tensor | float = 0.0
    running_mean: Tensor | None = None
    running_var: Tensor | None = None

    def parameters(self) -> list[Tensor]:
        """What is trained."""
        return [p for p in (self.weight, self.bias, self.gain, self.shift) if isinstance(p, Tensor)]

    def tensors(self) -> list[Tensor]:
        """Everything that training changes."""
        return self.parameters() + [b for b in (self.running_mean, self.running_var) if b is not None]

    def normalise(self, z: Tensor, training: bool) -> Normalised | None:
        """z with mean 0 and variance 1: over the batch for each neuron, or over the layer for each point.

        Batch norm keeps a running mean and variance, with torch's constants, and uses them while not training.
        """
        if self.norm == "none":
            return None
        if not training and self.running_mean is not None and self.running_var is not None:
            sigma = (self.running_var + 1e-5).sqrt()
            return Normalised((z - self.running_mean) / sigma, sigma, None)
        over = 1 if self.norm == "batch" else 2
        mean, var = z.mean(over, keepdim=True), z.var(over, keepdim=True, correction=0)
        if self.running_mean is not None and self.running_var is not None:
            n = z.shape[1]
            self.running_mean.lerp_(mean, 0.1)
            self.running_var.lerp_(var * (n / max(1, n - 1)), 0.1)
        sigma = (var + 1e-5).sqrt()
        return Normalised((z - mean) / sigma, sigma, over)


def build(
    sizes: Sequence[int],
    *,
    activation: str,
    initialisation: str,
    norm: str = "none",
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> list[Layer]:
    """S = len(seeds) networks with layers of `sizes`, inputs first; the last layer is linear and has no norm.

    Each network's weights follow from its own seed alone, so it is the same network in any stack and on any device.
    """
    streams = [generator(seed, "weights") for seed in seeds]
    layers = []
    for depth, (n_in, n_out) in enumerate(itertools.pairwise(sizes), start=1):
        std = INITIALISATIONS[initialisation](n_in, n_out)
        weight = torch.stack([torch.randn(n_in, n_out, generator=g) for g in streams]) * std
        layer = Layer(weight.to(device), torch.zeros(len(seeds), 1, n_out, device=device))
        if depth < len(sizes) - 1:
            layer.activation, layer.norm = activation, norm
            if norm != "none":
                layer.gain, layer.shift = torch.ones_like(layer.bias), torch.zeros_like(layer.bias)
            if norm == "batch":
                layer.running_mean, layer.running_var = torch.zeros_like(layer.bias), torch.ones_like(layer.bias)
        layers.append(layer)
    return layers


def forward(layers: Sequence[Layer], x: Tensor) -> Tensor:
    """Inputs (S, N, n_in) through S networks without norms -> (S, N, n_out)."""
    for layer in layers:
        x = ACTIVATIONS[layer.activation].function(torch.baddbmm(layer.bias, x, layer.weight))
    return x


def network(layers: Sequence[Layer], index: int, features: Sequence[str]) -> nn.Sequential:
    """Network `index` of a stack as torch's own modules, from points (N, 2) to outputs (N, outputs).

    It shares its memory with the stack: it changes as the stack is trained.  It is in evaluation mode.
    """
    modules: list[nn.Module] = [Features(features)]
    for layer in layers:
        _, n_in, n_out = layer.weight.shape
        linear = nn.Linear(n_in, n_out, device="meta")
        linear.weight = nn.Parameter(layer.weight[index].mT)  # (out, in)
        linear.bias = nn.Parameter(layer.bias[index, 0])
        modules.append(linear)
        if isinstance(layer.gain, Tensor) and isinstance(layer.shift, Tensor):
            norm = nn.LayerNorm(n_out) if layer.norm == "layer" else nn.BatchNorm1d(n_out)
            norm.weight, norm.bias = nn.Parameter(layer.gain[index, 0]), nn.Parameter(layer.shift[index, 0])
            if layer.running_mean is not None and layer.running_var is not None:
                norm.running_mean, norm.running_var = layer.running_mean[index, 0], layer.running_var[index, 0]
            modules.append(norm)
        if layer.activation != "linear":
            modules.append(ACTIVATIONS[layer.activation].module())
    return nn.Sequential(*modules).eval()


def unstack(model: nn.Sequential) -> tuple[list[Layer], nn.Module]:
    """The inverse of `network`, sharing memory again: a stack of one, and what comes before its first layer.

    Takes any `nn.Sequential` of Linear, then LayerNorm or BatchNorm1d or neither, then one of `ACTIVATIONS` or none.
    Raises `TypeError` for another module.
    """
    names: dict[type[nn.Module], str] = {found.module: name for name, found in ACTIVATIONS.items()}
    layers: list[Layer] = []
    before = nn.Sequential()
    for module in model:
        if isinstance(module, nn.Linear):
            bias = module.weight.new_zeros(module.out_features) if module.bias is None else module.bias.detach()
            layers.append(Layer(module.weight.detach().mT[None], bias[None, None]))
        elif not layers:
            before.append(module)
        elif isinstance(module, (nn.LayerNorm, nn.BatchNorm1d)) and module.weight is not None:
            layer = layers[-1]
            layer.norm = "layer" if isinstance(module, nn.LayerNorm) else "batch"
            layer.gain, layer.shift = module.weight.detach()[None, None], module.bias.detach()[None, None]
            if (
                isinstance(module, nn.BatchNorm1d)
                and module.running_mean is not None
                and module.running_var is not None
            ):
                layer.running_mean, layer.running_var = module.running_mean[None, None], module.running_var[None, None]
        elif type(module) in names:
            layers[-1].activation = names[type(module)]
        elif not (isinstance(module, nn.Dropout) and not module.training):
            raise TypeError(
                f"backprop knows no derivative for {module}; it knows Linear, norms and {', '.join(names.values())}."
            )
    return layers, before


# ---------------------------------------------------------------- losses


@dataclass(frozen=True)
class Loss:
    """Of outputs o (..., K) and targets t (..., K): the value for each point (...), and its derivative dL/do."""

    value: Callable[[Tensor, Tensor], Tensor]
    derivative: Callable[[Tensor, Tensor], Tensor]


def _cross_entropy(o: Tensor, t: Tensor) -> Tensor:
    if o.shape[-1] == 1:  # -t log s(o) - (1 - t) log(1 - s(o)), s the logistic function
        return (F.softplus(o) - t * o)[..., 0]
    return torch.logsumexp(o, -1) - (t * o).sum(-1)


def _cross_entropy_derivative(o: Tensor, t: Tensor) -> Tensor:
    return (torch.sigmoid(o) if o.shape[-1] == 1 else torch.softmax(o, -1)) - t


def _huber(o: Tensor, t: Tensor) -> Tensor:
    """e^2 / 2 for an error e up to 1, |e| - 1/2 beyond."""
    near = (o - t).clamp(-1, 1)
    return (near * (o - t - near / 2)).mean(-1)


LOSSES = {
    "cross_entropy": Loss(_cross_entropy, _cross_entropy_derivative),
    "squared": Loss(lambda o, t: (o - t).square().mean(-1), lambda o, t: 2 * (o - t) / o.shape[-1]),
    "huber": Loss(_huber, lambda o, t: (o - t).clamp(-1, 1) / o.shape[-1]),
}


def targets(y: Tensor, *, outputs: int, loss: str) -> Tensor:
    """What the outputs should be, (N, outputs).

    Whole-number labels (N,) become 0 and 1 for cross-entropy, -1 and 1 for the other losses: in one column if there is
    one output, else one column for each class.  Anything else is taken as it is, as values.
    """
    if y.is_floating_point():
        return y if y.ndim == 2 else y[:, None]
    hot = y[:, None] if outputs == 1 else F.one_hot(y, outputs)
    return hot.float() if loss == "cross_entropy" else 2.0 * hot - 1
