"""What do the kernels of a convolutional network look for?  It learns to read digits, each convolution written out.

Run it: it trains and draws.  The constants are the knobs of the lab.  A step is an update: the lab shares out
that of a large network over several steps, and asks it about fewer test pictures at a time.
Does not know: data, start, augmentation, size, residual, norm, optimiser, network.
Begins with: data=digits, start=scratch.
"""

import hashlib
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

SEED = 0
CHANNELS = (8, 16)
DEPTH = 2
KERNEL = 3
STRIDE = 1
PADDING = 1
DILATION = 1
POOLING = "max"
LEARNING_RATE = 0.003
BATCH_SIZE = 64


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


images, digits = load_digits().images, load_digits().target
parts = train_test_split(images, digits, test_size=500, stratify=digits, random_state=0)
train_x, test_x = (torch.from_numpy(part)[:, None].float() / 16 for part in parts[:2])  # (N, 1, 8, 8)
train_y, test_y = (torch.from_numpy(part) for part in parts[2:])
moved_x = test_x.clone()  # each by a pixel: right, left, down or up
for i, (down, right) in enumerate([(0, 1), (0, -1), (1, 0), (-1, 0)]):
    moved_x[i::4] = torch.roll(F.pad(test_x[i::4], (1, 1, 1, 1)), (down, right), (2, 3))[..., 1:-1, 1:-1]


class Layer(NamedTuple):
    """A convolution."""

    weight: Tensor  # (outputs, inputs, K, K)
    bias: Tensor  # (outputs,)
    slides: dict[str, int]  # stride, padding, dilation
    last: bool  # of its block, which ends with pooling


# The first convolution of a block slides as the knobs say, the others keep the size of the map.
odd, blocks = KERNEL | 1, len(CHANNELS)
first = {"stride": STRIDE, "padding": PADDING, "dilation": DILATION}
others = {"stride": 1, "padding": DILATION * (odd - 1) // 2, "dilation": DILATION}
dice = generator(SEED, "weights")
layers: list[Layer] = []
inputs = 1
for block, outputs in enumerate(CHANNELS):
    depth = max(DEPTH, blocks) // blocks + (block < max(DEPTH, blocks) % blocks)
    for place in range(depth):
        K = odd if place else KERNEL
        weight = torch.empty(outputs, inputs, K, K).normal_(0, math.sqrt(2 / (inputs * K * K)), generator=dice)  # He's
        layers.append(Layer(weight, torch.zeros(outputs), others if place else first, last=place == depth - 1))
        inputs = outputs


def convolution(x: Tensor, layer: Layer) -> Tensor:
    """(N, inputs, side, side) -> (N, outputs, side, side): at each place the products with the kernel, added up."""
    patches = F.unfold(x, layer.weight.shape[-1], **layer.slides)  # (N, inputs * K * K, places): what each looks at
    sums: Tensor = layer.weight.flatten(1) @ patches + layer.bias[:, None]  # (N, outputs, places)
    return sums.view(*sums.shape[:2], math.isqrt(sums.shape[2]), -1)


def maps(x: Tensor) -> list[Tensor]:
    """What comes out of each layer for pictures (N, 1, 8, 8), each (N, outputs, side, side)."""
    found = []
    for layer in layers:
        x = F.relu(convolution(x, layer))
        if layer.last and POOLING != "none":
            x = F.max_pool2d(x, 2) if POOLING == "max" else F.avg_pool2d(x, 2)
        found.append(x)
    return found


features = maps(test_x[:1])[-1].numel()
head = torch.empty(10, features).uniform_(-1 / math.sqrt(features), 1 / math.sqrt(features), generator=dice)
head_bias = torch.zeros(10)
parameters = [*(tensor for layer in layers for tensor in layer[:2]), head, head_bias]
for parameter in parameters:
    parameter.requires_grad_(True)


def network(x: Tensor) -> Tensor:
    """Pictures (N, 1, 8, 8) -> logits (N, 10)."""
    return F.linear(maps(x)[-1].flatten(1), head, head_bias)


def train(steps: int) -> Iterator[dict[str, float]]:
    """An update, and then 50 test pictures; test metrics are about what was last said of each, moved by a pixel too."""
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    said, moved_said, losses = torch.full((500,), -1), torch.full((500,), -1), torch.zeros(500)
    per_epoch = len(train_x) // BATCH_SIZE
    for step in range(steps):
        order = torch.randperm(len(train_x), generator=generator(SEED, f"order/{step // per_epoch}"))
        batch = order[step % per_epoch * BATCH_SIZE :][:BATCH_SIZE]
        logits = network(train_x[batch])
        loss = F.cross_entropy(logits, train_y[batch])
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimiser.step()
        now = (50 * step + torch.arange(50)) % 500
        with torch.no_grad():
            answers = network(test_x[now])
            said[now], moved_said[now] = answers.argmax(1), network(moved_x[now]).argmax(1)
            losses[now] = F.cross_entropy(answers, test_y[now], reduction="none")
        yield {
            "train_loss": loss.item(), "train_accuracy": float((logits.argmax(1) == train_y[batch]).float().mean()),
            "test_loss": float(losses[said >= 0].mean()),
            "test_accuracy": float((said == test_y)[said >= 0].float().mean()),
            "moved_accuracy": float((moved_said == test_y)[said >= 0].float().mean()),
        }  # fmt: skip


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(200))
    print({name: round(value, 3) for name, value in history[-1].items()})
    shown = min(8, CHANNELS[0])
    figure, axes = plt.subplots(2, shown + 1, figsize=(12, 3.5))
    figure.suptitle("A digit, kernels of the first layer (red adds, blue takes away), and what each finds in the digit")
    axes[0, 0].imshow(test_x[0, 0], cmap="gray")
    kernels, found = layers[0].weight.detach()[:, 0], maps(test_x[:1])[0][0].detach()
    for i in range(shown):
        axes[0, i + 1].imshow(kernels[i], cmap="RdBu_r", vmin=-kernels.abs().max(), vmax=kernels.abs().max())
        axes[1, i + 1].imshow(found[i], cmap="gray", vmin=0, vmax=found.max())
    for axis in axes.flat:
        axis.axis("off")
    figure, curves = plt.subplots()
    for name in ("train_accuracy", "test_accuracy", "moved_accuracy"):
        curves.plot(range(1, len(history) + 1), [metrics[name] for metrics in history], label=name.replace("_", " "))
    curves.set(title="Share of pictures read right", xlabel="update", ylabel="accuracy")
    curves.legend()
    plt.show()
