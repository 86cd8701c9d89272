"""What there is to see in a small network over the plane, as NumPy arrays: pixels, warped grids, histograms."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.square import LIMIT
from engine.labs.neural_network.chain_rule import LayerGradients
from engine.labs.neural_network.config import Config
from engine.labs.neural_network.resolution import ACTIVATION_EDGES, GRADIENT_EDGES, INPUT_EDGES, LINES, Detail
from engine.nets.stacked import ACTIVATIONS, LOSSES, Layer

Array = NDArray[np.float32]

FLAT = 0.1  # a slope below which an activation is called flat
SCORES = ("train_loss", "test_loss", "train_error", "test_error")  # error: share wrong, or RMSE
MOST = 64  # inputs and outputs of a layer, whose gradients for one point are told


@dataclass(frozen=True)
class Followed:
    """One point on its way forward and back, one entry for each layer, output last."""

    index: int
    xy: Array  # (2,)
    label: float
    inputs: Array  # (F,)
    outputs: Array  # (K,)
    loss: float
    layers: tuple[dict[str, Array], ...]  # z, a, delta, db: (n_out,); dW: (n_out, n_in), at most `MOST` of each


@dataclass(frozen=True)
class Frame:
    """One moment of the shown network.  Maps cover the plane from its top left pixel, row by row.

    H hidden layers, K outputs, F features, S seeds; R, r and q are sides in pixels.  Of hidden layer l, the first n_l
    neurons are drawn, as many as the knob `hidden` says: all of them, or a quarter if the network is large.
    """

    step: int
    classes: int  # 2 or 3; 0 for regression
    features: tuple[str, ...]
    feature_maps: Array  # (F, r, r)
    neuron_maps: tuple[Array, ...]  # for each hidden layer (n_l, r, r): activations
    output_map: Array  # (R, R): probability of class 1; the likeliest of three classes; or the value
    confidence: Array  # (R, R): probability of the likeliest of three classes; otherwise (0, 0)
    weights: tuple[Array, ...]  # for each layer, output last: (n_out, n_in)
    biases: tuple[Array, ...]  # (n_out,)
    train_xy: Array  # (N, 2); a followed point's index counts through train, then test
    train_labels: NDArray[Any]  # (N,): int64 classes or float32 values
    test_xy: Array
    test_labels: NDArray[Any]
    hidden_points: Array  # (M, 2): the first M points, train then test, in the last hidden layer
    hidden_lines: Array  # (2, 11, 33, 2): vertical and horizontal grid lines of the plane, in the last hidden layer
    hidden_variance: float  # share of the last hidden layer's variance that these two axes show
    activation_histograms: Array  # (H, 40): shares, bins ACTIVATION_EDGES
    input_histogram: Array  # (50,): shares of what reaches the hidden activations, bins INPUT_EDGES
    flat: float  # share of it where the activation's slope is below `FLAT`; 0 without hidden layers
    gradient_histograms: Array  # (H + 1, 40): shares of log10 |dL/dW|, bins GRADIENT_EDGES
    gradient_rms: Array  # (H + 1,): root mean square of dL/dW
    delta_rms: Array  # (H + 1,): root mean square, over training points and neurons, of dL/dz of one point's loss
    confusion: NDArray[np.int64]  # (classes, classes) on the test points: row is the truth, column the prediction
    scores: dict[str, float]  # the shown network's train_loss, test_loss, train_error, test_error
    followed: Followed
    seed_errors: Array  # (S,): test error of each network
    seed_maps: Array  # (S, q, q): each network's output_map, coarser


def pixels(side: int) -> Tensor:
    """Centres of side x side pixels that cover the plane, (side * side, 2), from the top left, row by row."""
    across = (torch.arange(side) + 0.5) / side * 2 * LIMIT - LIMIT
    y, x = torch.meshgrid(across.flip(0), across, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def grid_lines() -> Tensor:
    """Points along the vertical, then along the horizontal lines of a grid over the plane, of shape `LINES`."""
    _, lines, points, _ = LINES
    fixed, along = torch.meshgrid(
        torch.linspace(-LIMIT, LIMIT, lines), torch.linspace(-LIMIT, LIMIT, points), indexing="ij"
    )
    return torch.stack([torch.stack([fixed, along], dim=-1), torch.stack([along, fixed], dim=-1)])


def flatten(hidden: Tensor, points: Tensor) -> tuple[Tensor, float]:
    """`hidden` (M, n) in the plane in which `points` (N, n) spread most, (M, 2), and their share of variance there."""
    centre, axes, variance = principal_plane(points)
    return (hidden - centre) @ axes, variance


def principal_plane(hidden: Tensor) -> tuple[Tensor, Tensor, float]:
    """The plane in which the points `hidden` (N, n) spread most: centre (n,), axes (n, 2), share of variance in it.

    With one or two dimensions they are themselves the axes.  Each axis points to the side on which its largest
    component is positive, so that the picture does not flip for no reason.
    """
    n = hidden.shape[1]
    if n <= 2:
        return hidden.new_zeros(n), torch.eye(n, 2, dtype=hidden.dtype, device=hidden.device), 1.0
    centre = hidden.mean(0)
    away = hidden - centre
    spread = away.mT @ away
    if not bool(spread.isfinite().all()):  # about to diverge
        return torch.zeros_like(centre), torch.eye(n, 2, dtype=hidden.dtype, device=hidden.device), 0.0
    variance, axes = torch.linalg.eigh(spread)  # ascending
    variance, axes = variance.clamp_min(0).flip(0), axes[:, -2:].flip(1)
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))  # (1, 2)
    total = float(variance.sum())
    return centre, axes * torch.where(largest < 0, -1.0, 1.0), float(variance[:2].sum()) / total if total else 1.0


def histograms(values: Sequence[Tensor], edges: NDArray[np.float64]) -> Array:
    """For each tensor, the share of its numbers in the equal bins between `edges`, (len(values), bins).

    What lies outside is counted in the outermost bins.
    """
    low, high = float(edges[0]), float(edges[-1])
    shares = [torch.histc(v.clamp(low, high), len(edges) - 1, min=low, max=high) / v.numel() for v in values]
    return array(torch.stack(shares)) if shares else np.zeros((0, len(edges) - 1), np.float32)


def _reaching(layers: Sequence[tuple[Tensor, Tensor]], activation: str) -> dict[str, Any]:
    """`Frame.input_histogram` and `Frame.flat`, from what reaches each hidden activation and what it puts out."""
    bins = len(INPUT_EDGES) - 1
    if not layers:
        return {"input_histogram": np.zeros(bins, np.float32), "flat": 0.0}
    u, a = (torch.cat([pair[part].flatten() for pair in layers]) for part in (0, 1))
    counts = torch.histc(u, bins, min=float(INPUT_EDGES[0]), max=float(INPUT_EDGES[-1]))
    slopes = ACTIVATIONS[activation].derivative(u, a)
    return {"input_histogram": array(counts / u.numel()), "flat": float((slopes.abs() < FLAT).float().mean())}


def log_size(gradient: Tensor) -> Tensor:
    """log10 |gradient|, for the bins of `GRADIENT_EDGES`."""
    return gradient.abs().clamp_min(1e-30).log10()


def array(tensor: Tensor) -> Array:
    """A copy as NumPy array: nothing that training changes later.  Waits for the GPU."""
    return tensor.detach().cpu().numpy().astype(np.float32)


def prediction(outputs: Tensor, *, classes: int, loss: str) -> tuple[Tensor, Tensor]:
    """What outputs (..., K) say, as in `Frame.output_map` and `Frame.confidence`."""
    nothing = outputs.new_zeros(0, 0)
    if classes == 0:
        return outputs[..., 0], nothing
    if loss != "cross_entropy":  # the outputs aim at -1 and 1
        shares = ((outputs + 1) / 2).clamp(0, 1)
    else:
        shares = torch.sigmoid(outputs) if classes == 2 else torch.softmax(outputs, -1)
    return (shares[..., 0], nothing) if classes == 2 else (outputs.argmax(-1), shares.amax(-1))


def confusion(outputs: Tensor, labels: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Counts of (truth, prediction) for outputs (N, K) and labels (N,), (classes, classes)."""
    if classes == 0:
        return np.zeros((0, 0), np.int64)
    predicted = outputs[:, 0] > 0 if classes == 2 else outputs.argmax(-1)
    pairs = labels * classes + predicted.cpu().numpy()
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def frame(
    config: Config,
    layers: Sequence[Layer],
    *,
    step: int,
    shown: int,
    classes: int,
    loss: str,
    detail: Detail,
    xy: Array,
    labels: NDArray[Any],
    n_train: int,
    x: Tensor,
    t: Tensor,
    traced: Sequence[tuple[Tensor, Tensor]],
    outputs: Tensor,
    scores: Array,
    seed_outputs: Tensor,
    gradients: Sequence[LayerGradients],
    followed: Sequence[LayerGradients],
) -> Frame:
    """The frame of network `shown` in the stack `layers`.

    Of the points `xy` (N, 2) with their `labels`, inputs `x` (N, F) and targets `t` (N, K), the first `n_train` train.
    `traced`: inputs and activations of each layer of the shown network on pixels, grid lines and points, in this order;
    `outputs` (S, N, K) of every network on every point, and its `scores` (4, S); `seed_outputs` (S, q * q, K) on a
    coarse grid; `gradients` of the shown network on many points, and `followed` on one.
    """
    drawn = (len(config.features), *config.hidden, outputs.shape[-1])  # so many neurons of each layer
    side, seed_side, most = detail
    points = min(len(xy), most)
    feature_maps, *maps = (
        seen[: side * side].mT.reshape(-1, side, side) for seen in (traced[0][0], *(a for _, a in traced))
    )
    output_map, confidence = prediction(maps[-1].movedim(0, -1), classes=classes, loss=loss)
    last_hidden = traced[-1][0][side * side :]
    flat, variance = flatten(last_hidden, last_hidden[-points:])
    seed_maps, _ = prediction(seed_outputs, classes=classes, loss=loss)
    follow = min(config.follow, len(xy) - 1)
    return Frame(
        step=step,
        classes=classes,
        features=config.features,
        feature_maps=array(feature_maps[:, ::2, ::2]),
        neuron_maps=tuple(array(m[:n, ::2, ::2]) for m, n in zip(maps[:-1], config.hidden, strict=True)),
        output_map=array(output_map),
        confidence=array(confidence),
        weights=tuple(
            array(layer.weight[shown, :n_in, :n_out].mT)
            for layer, (n_in, n_out) in zip(layers, itertools.pairwise(drawn), strict=True)
        ),
        biases=tuple(array(layer.bias[shown, 0, :n]) for layer, n in zip(layers, drawn[1:], strict=True)),
        train_xy=xy[:n_train],
        train_labels=labels[:n_train],
        test_xy=xy[n_train:],
        test_labels=labels[n_train:],
        hidden_points=array(flat[-points:]),
        hidden_lines=array(flat[:-points].reshape(LINES)),
        hidden_variance=variance,
        activation_histograms=histograms([g.a for g in gradients[:-1]], ACTIVATION_EDGES),
        **_reaching([(g.u, g.a) for g in gradients[:-1]], config.activation),
        gradient_histograms=histograms([log_size(g.dW) for g in gradients], GRADIENT_EDGES),
        gradient_rms=array(torch.stack([g.dW.square().mean().sqrt() for g in gradients])),
        delta_rms=array(torch.stack([len(g.delta) * g.delta.square().mean().sqrt() for g in gradients])),
        confusion=confusion(outputs[shown, n_train:], labels[n_train:], classes),
        scores=dict(zip(SCORES, scores[:, shown].tolist(), strict=True)),
        followed=Followed(
            index=follow,
            xy=xy[follow],
            label=float(labels[follow]),
            inputs=array(x[follow]),
            outputs=array(followed[-1].a[0]),
            loss=float(LOSSES[loss].value(followed[-1].a, t[follow : follow + 1])),
            layers=tuple(_numbers(layer) for layer in followed),
        ),
        seed_errors=scores[3],
        seed_maps=array(seed_maps.reshape(-1, seed_side, seed_side)),
    )


def _numbers(layer: LayerGradients) -> dict[str, Array]:
    """What `Followed.layers` has of a layer."""
    dW = layer.dW[:MOST, :MOST]
    numbers = {"z": layer.z[0], "a": layer.a[0], "delta": layer.delta[0], "dW": dW, "db": layer.db}
    return {name: array(tensor) for name, tensor in numbers.items()}
