"""What there is to see in a small convolutional network, as NumPy arrays: one kernel at work, maps, mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.labs.cnn_filters.accuracy import Results
from engine.labs.cnn_filters.config import Config
from engine.measures import attribution
from engine.nets.convnet import ConvNet, Row, Trace

Array = NDArray[np.float32]
MISTAKES = 12
SURVEYED = 100  # test pictures behind `Frame.class_correlation`
STAGES, IN_STRIP = 6, (16, 8)  # layers of which single maps are drawn side by side, and how many of up to 3 or more
SHOWN = 64  # kernels of a layer, and their maps, that are seen side by side
FEWEST = 30  # a network that is too large to be surveyed with so many is not surveyed


@dataclass(frozen=True)
class Frame:
    """One moment of the network and of one layer in it.  L layers; this one has I maps in and O maps out, kernel k.

    h is the side of the maps that come in, H after the convolution, P after the pooling (or H).
    """

    step: int
    taught: bool  # it has learned, here or before it was stored
    drawn: bool  # the picture is none of the data's
    steps_per_update: int
    classes: tuple[str, ...]
    rows: tuple[Row, ...]  # the geometry of every layer
    norm: str
    pooling: str
    last: bool  # the pooled maps of the shown layer go straight to the classes
    picture: Array  # (side, side)
    label: int  # -1 if nobody knows
    probabilities: Array  # (classes,)
    layer: int  # from 0
    channel: int
    source: int
    first: int  # channel with which the next and `maps` begin, of which there are s <= SHOWN
    filters: Array  # (s, k, k): what each of these kernels has for the map `source`
    kernel: Array  # (I, k, k): the kernel `channel`
    bias: float
    inputs: Array  # (I, h, h): what it slides over
    sums: Array  # (H, H): kernel times patch, plus bias
    normed: Array  # (H, H): with norm and skip connection
    active: Array  # (H, H): relu
    pooled: Array  # (P, P)
    towards: Array  # (P, P): d (logit of the answer) / d pooled
    maps: Array  # (s, H, H): relu of each of these kernels' map
    strip: tuple[Array, ...]  # of each layer the first n maps (n, H, W) after relu; in a deep network their mean
    overview: Array  # (L, S, S): the mean map of each layer after relu, all enlarged to the largest side
    test: dict[str, float]  # loss and accuracies, empty before anything was evaluated
    evaluated: int  # test pictures behind `test`
    confusion: NDArray[np.int64]  # (classes, classes): row is the truth, column the answer
    mistakes: Array  # (M, side, side): the worst first
    mistaken: NDArray[np.int64]  # (M, 3): place among the test pictures, truth, answer
    sureness: Array  # (M,): probability of the wrong answer
    class_correlation: Array  # (L,): share of the spread of a layer's largest answers that the class explains, or (0,)
    first_correlation: Array  # the same before the first step
    attributions: Array  # (4, side, side) of `attribution.METHODS`, or (0, side, side)
    twin_attributions: Array  # the same of a network with random weights
    alike: Array  # (4,): rank correlation of the two

    @property
    def answer(self) -> int:
        """The likeliest class."""
        return int(self.probabilities.argmax())


def frame(
    model: ConvNet,
    config: Config,
    *,
    x: Tensor,
    label: int,
    results: Results,
    classes: tuple[str, ...],
    step: int,
    steps_per_update: int,
    surveyed: int,
    first_correlation: Array,
    attributions: Array,
    twin_attributions: Array,
) -> Frame:
    """What there is to see in `model` while it reads the picture `x` (1, 1, side, side), whose class is `label`.

    `results` are its answers to the test pictures, of which it has time to read `surveyed` again.  The attributions are
    (4, side, side) or (0, side, side), of `model` and of its twin with random weights.  Changes nothing.
    """
    rows = model.architecture.rows
    layer = min(config.layer, len(rows)) - 1
    conv = model.parts[layer].conv
    channel, source = config.channel % conv.out_channels, config.source % conv.in_channels
    first = channel // SHOWN * SHOWN
    shown = slice(first, first + SHOWN)
    with torch.enable_grad():
        # The picture asks for a gradient so that one flows at all; no weight's gradient is touched.
        trace = model.trace(x.detach().clone().requires_grad_())
        logits = model.head(trace[-1].out.flatten(1))[0]
        (towards,) = torch.autograd.grad(logits.max(), trace[layer].out)
    seen = trace[layer]
    bias = conv.bias
    assert bias is not None
    places = results.mistakes(MISTAKES)
    return Frame(
        step=step, taught=step > 0 or config.stored or bool(config.network), drawn=bool(config.picture),
        steps_per_update=steps_per_update, classes=classes, rows=rows, norm=model.architecture.norm,
        pooling=model.architecture.pooling, last=layer == len(rows) - 1, picture=array(x[0, 0]), label=label,
        probabilities=array(logits.softmax(0)), layer=layer, channel=channel, source=source,
        first=first, filters=array(conv.weight[shown, source]), kernel=array(conv.weight[channel]),
        bias=float(bias[channel].detach()), inputs=array(seen.x[0]), sums=array(seen.z[0, channel]),
        normed=array(seen.u[0, channel]), active=array(seen.a[0, channel]), pooled=array(seen.out[0, channel]),
        towards=array(towards[0, channel]), maps=array(seen.a[0, shown]), strip=_strip(trace),
        overview=_overview(trace),
        test=results.metrics(), evaluated=int(results.asked.sum()), confusion=results.confusion(len(classes)),
        mistakes=array(results.x[places, 0]),
        mistaken=np.stack([places, results.truth[places], results.answers[places]], axis=1),
        sureness=results.sureness[places],
        class_correlation=class_correlation(model, results, surveyed, classes=len(classes)),
        first_correlation=first_correlation,
        attributions=attributions, twin_attributions=twin_attributions,
        alike=np.array([attribution.rank_correlation(a, b)
                        for a, b in zip(attributions, twin_attributions, strict=True)], np.float32),
    )  # fmt: skip


def _strip(trace: list[Trace]) -> tuple[Array, ...]:
    if len(trace) > STAGES:
        return tuple(array(layer.a[0].mean(0, keepdim=True)) for layer in trace)
    count = IN_STRIP[len(trace) > 3]
    return tuple(array(layer.a[0, :count]) for layer in trace)


def _overview(trace: list[Trace]) -> Array:
    means = [array(layer.a[0].mean(0)) for layer in trace]
    side = max(len(mean) for mean in means)
    nearest = [np.arange(side) * len(mean) // side for mean in means]
    return np.stack([mean[at[:, None], at] for mean, at in zip(means, nearest, strict=True)])


def class_correlation(model: ConvNet, results: Results, pictures: int, *, classes: int) -> Array:
    """For each layer: take every map's largest answer to a picture; how much of its spread is between the classes?

    Asked of so many of the first `SURVEYED` test pictures.

    The correlation ratio eta squared, the mean over the maps that answer at all: 0 if the answers say nothing about the
    class, 1 if they say everything.
    """
    pictures = min(SURVEYED, pictures)
    if pictures < FEWEST:
        return np.zeros(0, np.float32)
    with torch.inference_mode():
        truth, shares = torch.from_numpy(results.truth[:pictures]), []
        members = torch.nn.functional.one_hot(truth, classes).float()  # (N, classes)
        for layer in model.trace(results.x[:pictures]):
            v = layer.a.amax((2, 3)).cpu()  # (N, O)
            v = v - v.mean(0)
            spread = v.square().sum(0)
            between = ((members.T @ v).square() / members.sum(0).clamp_min(1)[:, None]).sum(0)
            alive = spread > 1e-8
            shares.append(float((between[alive] / spread[alive]).mean()) if bool(alive.any()) else 0.0)
    return np.array(shares, np.float32)


def array(tensor: Tensor) -> Any:
    """As NumPy, float32.  Waits for the GPU."""
    return tensor.detach().float().cpu().numpy().copy()
