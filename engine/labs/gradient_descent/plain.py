"""Why does the learning rate decide everything?  Optimisers race down one loss of two parameters.

Run it: it trains and draws.  The constants are the knobs of the lab.  Does not know: basins, basins_by, starts, size,
optimisers=adamax|nadam|lamb|muon, lr_adamax, lr_nadam, lr_lamb, lr_muon.
"""

import functools
import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch import Tensor

SEED = 0
SURFACE = "quadratic"
CONDITION = 20.0
ANGLE = 60.0
START_X = -1.5
START_Y = 2.0
NOISE = 0.0
BATCH = "full"
OPTIMISERS = ("gradient_descent", "momentum")
LR_GRADIENT_DESCENT = 0.09
LR_MOMENTUM = 0.02
LR_NESTEROV = 0.02
LR_ADAGRAD = 0.5
LR_RMSPROP = 0.02
LR_ADAM = 0.1
LR_ADAMW = 0.1
LR_LION = 0.02
LR_SAM = 0.05
MOMENTUM = 0.9
WEIGHT_DECAY = 0.01
RHO = 0.05


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


# Two blood values of 442 patients and how their diabetes went on, all with mean 0 and variance 1.
patients = load_diabetes()
table = torch.from_numpy(np.vstack([patients.data[:, [4, 5]].T, patients.target]))  # (3, N), float64
table = (table - table.mean(1, keepdim=True)) / table.std(1, correction=0, keepdim=True)
everybody = torch.arange(table.shape[1])
cos, sin = math.cos(math.radians(ANGLE)), math.sin(math.radians(ANGLE))


def loss(xy: Tensor, batch: Tensor = everybody) -> Tensor:
    """The landscape: a height for points (..., 2).  Only diabetes looks at the batch of patients."""
    x, y = xy.unbind(-1)
    match SURFACE:
        case "quadratic":  # curvature 1 along one direction, CONDITION across it
            return ((cos * x + sin * y) ** 2 + CONDITION * (cos * y - sin * x) ** 2) / 2
        case "rosenbrock":
            return (1 - x) ** 2 + 100 * (y - x**2) ** 2
        case "himmelblau":
            return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2
        case "beale":
            return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2
        case "monkey_saddle":
            return x**3 - 3 * x * y**2
        case "rastrigin":
            return (10 + xy**2 - 10 * (2 * math.pi * xy).cos()).sum(-1)
        case _:  # diabetes: the mean squared error of a linear model with the weights x and y
            return (xy @ table[:2, batch] - table[2, batch]).square().mean(-1)


def move(name: str, x: Tensor, gradient: Callable[[Tensor], Tensor], s: dict[str, Tensor], t: int) -> Tensor:
    """Where the optimiser called `name` goes from x in step t = 1, 2, ...; in `s` it keeps what it remembers."""
    g = gradient(x)
    match name:
        case "gradient_descent":
            return x - LR_GRADIENT_DESCENT * g
        case "momentum":
            s["v"] = MOMENTUM * s["v"] + g
            return x - LR_MOMENTUM * s["v"]
        case "nesterov":
            s["v"] = MOMENTUM * s["v"] + g
            return x - LR_NESTEROV * (g + MOMENTUM * s["v"])
        case "adagrad":
            s["v"] = s["v"] + g**2
            return x - LR_ADAGRAD * g / (s["v"].sqrt() + 1e-10)
        case "rmsprop":
            s["v"] = 0.99 * s["v"] + 0.01 * g**2
            return x - LR_RMSPROP * g / (s["v"].sqrt() + 1e-8)
        case "adam" | "adamw":
            s["m"] = 0.9 * s["m"] + 0.1 * g
            s["v"] = 0.999 * s["v"] + 0.001 * g**2
            towards = (s["m"] / (1 - 0.9**t)) / ((s["v"] / (1 - 0.999**t)).sqrt() + 1e-8)
            return x - LR_ADAM * towards if name == "adam" else x - LR_ADAMW * (towards + WEIGHT_DECAY * x)
        case "lion":
            sign = (0.9 * s["m"] + 0.1 * g).sign()
            s["m"] = 0.99 * s["m"] + 0.01 * g
            return x - LR_LION * (sign + WEIGHT_DECAY * x)
        case "sam":  # the gradient not here, but at the worst point within RHO
            return x - LR_SAM * gradient(x + RHO * g / g.norm().clamp_min(1e-12))
    raise ValueError(f"The optimiser {name} is not written out in this file.")


paths = {name: [torch.tensor([START_X, START_Y], dtype=torch.float64)] for name in OPTIMISERS}


def train(steps: int) -> Iterator[dict[str, float]]:
    """A step of every optimiser, all by the same noise and the same batch, and then the loss of each."""
    noise_dice, batch_dice = generator(SEED, "noise"), generator(SEED, "batches")
    zeros = functools.partial(torch.zeros, 2, dtype=torch.float64)
    memory: dict[str, dict[str, Tensor]] = {name: defaultdict(zeros) for name in OPTIMISERS}
    for t in range(1, steps + 1):
        noise = NOISE * torch.randn(2, generator=noise_dice, dtype=torch.float64)
        batch = everybody
        if SURFACE == "diabetes" and BATCH != "full":
            batch = torch.randint(len(batch), (1 if BATCH == "one sample" else 32,), generator=batch_dice)

        def gradient(at: Tensor, batch: Tensor = batch, noise: Tensor = noise) -> Tensor:
            at = at.detach().requires_grad_()
            return torch.autograd.grad(loss(at, batch), at)[0] + noise

        for name in [*memory]:
            x = move(name, paths[name][-1], gradient, memory[name], t)
            if (SURFACE == "monkey_saddle" and x.abs().max() > 2) or not x.abs().max() <= 1000:
                del memory[name]  # it has left the map, or diverged
            else:
                paths[name].append(x)
        yield {f"loss.{name}": float(loss(paths[name][-1])) for name in memory}


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(100))
    print({name: f"{value:.3g}" for name, value in history[-1].items()})
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5))
    side = torch.linspace(-4.0, 4.0, 201, dtype=torch.float64)
    heights = loss(torch.stack(torch.meshgrid(side, side, indexing="xy"), -1))
    left.contour(side, side, (heights - heights.min()).log1p(), levels=20, cmap="Greys")
    for name, path in paths.items():
        left.plot(*torch.stack(path).T, ".-", label=name)
        right.semilogy([metrics.get(f"loss.{name}", math.nan) for metrics in history], label=name)
    left.set(title="The loss, and everybody's path", xlabel="parameter θ₁", ylabel="parameter θ₂", aspect="equal")
    left.axis((-4, 4, -4, 4))
    right.set(title="How low is each?", xlabel="step", ylabel="loss")
    right.legend()
    plt.show()
