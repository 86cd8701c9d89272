"""What does a small network see of the plane?  It learns two classes of points, with the chain rule written out.

Run it: it trains and draws.  The constants are the knobs of the lab.  Does not know: points, size, norm, loss, seeds,
data=checkerboard|rings|three_spirals|regression_plane|regression_gaussians|drawn|csv,
optimiser=momentum|nesterov|adamw|adamax|nadam|lion.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, optim

SEED = 0
DATA = "spiral"
SAMPLES = 500
NOISE = 0.0
TRAIN_SHARE = 0.7
DATA_SEED = 0
FEATURES = ("x", "y")
HIDDEN = (8, 8, 8)
ACTIVATION = "tanh"
INITIALISATION = "xavier"
OPTIMISER = "adam"
LEARNING_RATE = 0.007
BATCH_SIZE = 10
L1 = 0.0
L2 = 0.0
DROPOUT = 0.0


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


dice = np.random.default_rng([DATA_SEED, ["circle", "xor", "gaussians", "spiral", "moons"].index(DATA)])
label = np.arange(SAMPLES) % 2  # the points are of class 0 and 1 in turn
if DATA == "circle":
    radius = np.where(label == 1, dice.uniform(0, 2.5, SAMPLES), dice.uniform(3.5, 5, SAMPLES))
    angle = dice.uniform(0, 2 * np.pi, SAMPLES)
    points = radius * np.array([np.sin(angle), np.cos(angle)])  # (2, N)
elif DATA == "xor":
    sign = dice.choice([-1.0, 1.0], SAMPLES)
    points = np.array([sign, np.where(label == 1, sign, -sign)]) * dice.uniform(0.3, 5, (SAMPLES, 2)).T
elif DATA == "gaussians":
    points = dice.normal(size=(SAMPLES, 2)).T + np.where(label == 1, 2.0, -2.0)
elif DATA == "spiral":
    along = (np.arange(SAMPLES) // 2) / (SAMPLES // 2)  # 0 at the centre, 1 at the end of an arm
    angle = 3.5 * np.pi * along + np.pi * label
    points = 5 * along * np.array([np.sin(angle), np.cos(angle)])
else:
    angle = dice.uniform(0, np.pi, SAMPLES)
    points = 3 * np.where(label == 1, -1, 1) * np.array([np.cos(angle) - 0.5, np.sin(angle) - 0.25])
points = points.T + NOISE * dice.normal(size=(SAMPLES, 2))  # (N, 2)
dice = np.random.default_rng([DATA_SEED, 1_000])
groups = [dice.permutation(np.flatnonzero(label == c)) for c in (0, 1)]
cuts = [min(max(1, round(TRAIN_SHARE * len(group))), max(1, len(group) - 1)) for group in groups]
known = dice.permutation(np.concatenate([group[:cut] for group, cut in zip(groups, cuts, strict=True)]))
new = dice.permutation(np.concatenate([group[cut:] for group, cut in zip(groups, cuts, strict=True)]))


def features(xy: Tensor) -> Tensor:
    """Points of the plane (..., 2) -> what the network gets of them (..., F)."""
    x, y = xy.unbind(-1)
    all_of = {"x": x, "y": y, "x2": x * x / 6, "y2": y * y / 6, "xy": x * y / 6, "sinx": x.sin(), "siny": y.sin()}
    return torch.stack([all_of[name] for name in FEATURES], -1)


x, t = features(torch.from_numpy(points).float()), torch.from_numpy(label)[:, None].float()  # (N, F), (N, 1)

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {  # f, and f' from z
    "tanh": (torch.tanh, lambda z: 1 - z.tanh() ** 2),
    "relu": (torch.relu, lambda z: (z > 0).float()),
    "leaky_relu": (F.leaky_relu, lambda z: torch.where(z > 0, 1.0, 0.01)),
    "gelu": (F.gelu, lambda z: (1 + torch.erf(z / 2**0.5)) / 2 + z * torch.exp(-z * z / 2) / (2 * torch.pi) ** 0.5),
    "sigmoid": (torch.sigmoid, lambda z: z.sigmoid() * (1 - z.sigmoid())),
    "sine": (torch.sin, torch.cos),
    "linear": (lambda z: z, torch.ones_like),
}
f, derivative = ACTIVATIONS[ACTIVATION]
SPREADS: dict[str, Callable[[int, int], float]] = {  # of first weights, from the inputs and outputs of their layer
    "he": lambda n, m: (2 / n) ** 0.5, "xavier": lambda n, m: (2 / (n + m)) ** 0.5,
    "lecun": lambda n, m: (1 / n) ** 0.5, "normal": lambda n, m: 1.0, "zero": lambda n, m: 0.0,
}  # fmt: skip
sizes = list(itertools.pairwise([len(FEATURES), *HIDDEN, 1]))
first = generator(SEED, "weights")
W = [torch.randn(n, m, generator=first) * SPREADS[INITIALISATION](n, m) for n, m in sizes]
b = [torch.zeros(m) for _, m in sizes]


def forward(x: Tensor, masks: list[Tensor] | None = None) -> tuple[list[Tensor], list[Tensor]]:
    """What each layer gets (N, n), and its sums z = x W + b (N, m); the last z is the output."""
    xs, zs = [x], [x @ W[0] + b[0]]
    for layer in range(1, len(W)):
        xs.append(f(zs[-1]) * (masks[layer - 1] if masks else 1))
        zs.append(xs[-1] @ W[layer] + b[layer])
    return xs, zs


def backward(xs: list[Tensor], zs: list[Tensor], masks: list[Tensor], t: Tensor) -> None:
    """The chain rule, from the output back: leaves the gradient of the mean cross-entropy at each W and b."""
    delta = (torch.sigmoid(zs[-1]) - t) / len(t)  # dL/dz of the output
    for layer in reversed(range(len(W))):
        W[layer].grad = xs[layer].T @ delta + L1 * W[layer].sign() + L2 * W[layer]
        b[layer].grad = delta.sum(0)
        if layer:
            delta = delta @ W[layer].T * masks[layer - 1] * derivative(zs[layer - 1])


def train(steps: int) -> Iterator[dict[str, float]]:
    """A step is an epoch: every training point once, in batches.  Loss and share wrong are those after it."""
    make = {"gradient_descent": optim.SGD, "adagrad": optim.Adagrad, "rmsprop": optim.RMSprop, "adam": optim.Adam}
    optimiser = make[OPTIMISER]([*W, *b], lr=LEARNING_RATE)
    for epoch in range(steps):
        dropout = generator(SEED, f"dropout/{epoch}")
        order = torch.randperm(len(known), generator=generator(SEED, f"batches/{epoch}"))
        for batch in torch.split(torch.from_numpy(known)[order], BATCH_SIZE):
            masks = [(torch.rand(len(batch), n, generator=dropout) < 1 - DROPOUT) / (1 - DROPOUT) for n in HIDDEN]
            backward(*forward(x[batch], masks), masks, t[batch])
            optimiser.step()
        metrics = {}
        for name, places in (("train", known), ("test", new)):
            output, wanted = forward(x[places])[1][-1], t[places]
            metrics[f"{name}_loss"] = float(F.binary_cross_entropy_with_logits(output, wanted))
            metrics[f"{name}_error"] = float(((output > 0) != (wanted > 0)).float().mean())
        yield metrics


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(150))
    print({name: round(value, 3) for name, value in history[-1].items()})
    figure, axes = plt.subplots(1, 3, figsize=(16, 4.5))
    side = torch.linspace(-6, 6, 121)
    zs = forward(features(torch.stack(torch.meshgrid(side, side, indexing="xy"), -1)))[1]
    axes[0].pcolormesh(side, side, torch.sigmoid(zs[-1][..., 0]), cmap="RdBu", vmin=0, vmax=1)
    axes[0].scatter(*points[known].T, c=label[known], cmap="RdBu", edgecolors="white")
    axes[0].set(title="Probability of class 1, and the training points", xlabel="x", ylabel="y", aspect="equal")
    for axis, what, unit in ((axes[1], "loss", "cross-entropy (nats)"), (axes[2], "error", "share on the wrong side")):
        for name in ("train", "test"):
            axis.plot(range(1, len(history) + 1), [metrics[f"{name}_{what}"] for metrics in history], label=name)
        axis.set(title=f"{what.capitalize()} on points it has and has not seen", xlabel="epoch", ylabel=unit)
        axis.legend()
    plt.show()
