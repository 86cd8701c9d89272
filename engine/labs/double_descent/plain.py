"""Why can a model that is far too large be better?  Least squares in ever wider models, each fitted exactly.

Run it: it fits and draws.  The constants are the knobs of the lab.
A step is a width: the lab takes several steps for one that takes long.
Does not know: model=network, across, size.
"""

import hashlib
import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

SEED = 0
MODEL = "fourier"
RIDGE = 0.0
DATA = "digits"
SAMPLES = 100
NOISE = 0.0
NARROWEST = 0.05
WIDEST = 10.0
WIDTHS = 22
SEEDS = 5


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


# The widths: SAMPLES, where a model can first fit everything, and others on both sides of it, denser near it.
below, above = -math.log(NARROWEST), math.log(WIDEST)
count = max(2, min(WIDTHS - 2, round((WIDTHS - 1) * below / (below + above))))
steps_away = [-below * (1 - k / count) ** 1.4 for k in range(count)]
steps_away += [above * (k / (WIDTHS - 1 - count)) ** 1.4 for k in range(WIDTHS - count)]
widths = sorted({max(1, round(SAMPLES * math.exp(at))) for at in steps_away})

images, digits = load_digits().images, load_digits().target
parts = train_test_split(images, digits, test_size=500, stratify=digits, random_state=0)
pictures, test_pictures = (torch.from_numpy(part).float().double().flatten(1) / 16 for part in parts[:2])  # (N, 64)
labels, test_labels = (torch.from_numpy(part) for part in parts[2:])


def draw(seed: int) -> tuple[Tensor, ...]:
    """What a seed draws: samples x (n, d), y (n, K); test rows (m, d), (m, K); and what its features are made of."""
    dice, widest = generator(seed, "data"), widths[-1]
    if DATA == "digits":  # one-hot labels, of which a share NOISE is wrong
        chosen = torch.randperm(len(pictures), generator=dice)[:SAMPLES]
        wrong = torch.rand(SAMPLES, generator=dice) < NOISE
        label = labels[chosen] + wrong * torch.randint(1, 10, (SAMPLES,), generator=dice)
        x, y = pictures[chosen], F.one_hot(label % 10, 10).double()
        x_test, y_test = test_pictures[:250], F.one_hot(test_labels[:250], 10).double()
    elif DATA == "curve":
        x = torch.arange(SAMPLES)[:, None] + 0.25 + 0.5 * torch.rand(SAMPLES, 1, generator=dice, dtype=torch.float64)
        x = 2 * x / SAMPLES - 1
        x_test = torch.linspace(-1, 1, 201, dtype=torch.float64)[:, None]
        y, y_test = (torch.sin(math.pi * (at + 0.3)) * (1 + at) * 0.8 for at in (x, x_test))
        y = y + NOISE * torch.randn(SAMPLES, 1, generator=dice, dtype=torch.float64)
    else:  # gaussian: a linear rule.  Its expected error is that on these test rows, one for each input
        x = torch.randn(SAMPLES, widest, generator=dice, dtype=torch.float64) / math.sqrt(widest)
        rule = torch.randn(widest, 1, generator=dice, dtype=torch.float64)
        rule *= math.sqrt(widest) / rule.norm()
        y = x @ rule + NOISE * torch.randn(SAMPLES, 1, generator=dice, dtype=torch.float64)
        x_test, y_test = torch.eye(widest, dtype=torch.float64), rule
    dice = generator(seed, "features")
    directions = torch.randn(x.shape[1], widest, generator=dice, dtype=torch.float64)
    shifts = torch.rand(widest, generator=dice, dtype=torch.float64)
    if MODEL == "fourier":
        if DATA == "curve":  # of many frequencies
            directions = torch.tan(math.pi * (torch.rand(1, widest, generator=dice).double() - 0.5))
        directions, shifts = directions / (2.0 if DATA == "digits" else 0.3), 2 * math.pi * shifts
    elif MODEL == "relu":
        directions, shifts = directions / directions.norm(dim=0), 2 * shifts - 1 if DATA == "curve" else 0 * shifts
    return x, y, x_test, y_test, directions, shifts


def features(x: Tensor, width: int, directions: Tensor, shifts: Tensor) -> Tensor:
    """The first features of rows x (N, d), (N, width): a wider model has all of a narrower one, and more."""
    sums = x @ directions[:, :width] + shifts[:width]
    match MODEL:
        case "fourier":
            return math.sqrt(2 / width) * torch.cos(sums)
        case "relu":
            return math.sqrt(2 / width) * torch.relu(sums)
        case "legendre":  # orthonormal polynomials; dividing by j makes wiggles expensive
            columns = [torch.ones_like(x[:, 0]), x[:, 0]]
            for j in range(1, width - 1):
                columns.append(((2 * j + 1) * x[:, 0] * columns[j] - j * columns[j - 1]) / (j + 1))
            degrees = torch.arange(width, dtype=torch.float64)
            return torch.stack(columns[:width], 1) * (2 * degrees + 1).sqrt() / (degrees + 1)
        case "gaussian_subset":
            return x[:, :width]
    raise ValueError(f"The model {MODEL} is not written out in this file.")


def fit(problem: tuple[Tensor, ...], width: int) -> tuple[Tensor, tuple[float, float, float, float]]:
    """Of all w with the smallest |phi w - y|² the smallest: answers to test rows, both errors, norm, share wrong."""
    x, y, x_test, y_test, *drawn = problem
    phi, phi_test = features(x, width, *drawn), features(x_test, width, *drawn)  # (n, width), (m, width)
    u, s, vh = torch.linalg.svd(phi, full_matrices=False)
    kept = s > s.max() * max(phi.shape) * torch.finfo(s.dtype).eps  # the rank; near the peak some s are almost zero,
    w = vh.T @ (torch.where(kept, s / (s**2 + RIDGE), 0)[:, None] * (u.T @ y))  # and this divides by them: (width, K)
    answers = phi_test @ w
    train, test = (phi @ w - y).square().sum(1).mean(), (answers - y_test).square().sum(1).mean()
    wrong = (answers.argmax(1) != y_test.argmax(1)).double().mean()
    return answers, (float(train), float(test) + NOISE**2 * (DATA == "gaussian"), float(w.norm()), float(wrong))


problems = [draw(seed) for seed in range(SEED, SEED + SEEDS)]


def train(steps: int) -> Iterator[dict[str, float]]:
    """One width after another, for all seeds: the median of each number, and for the test error the range."""
    for width in widths[:steps]:
        numbers = np.array([fit(problem, width)[1] for problem in problems])
        error, test, norm, wrong = np.median(numbers, axis=0).tolist()
        metrics = {"width": float(width), "ridge": RIDGE, "test_error": test, "norm": norm}
        metrics |= {"test_error_low": float(numbers[:, 1].min()), "test_error_high": float(numbers[:, 1].max())}
        metrics |= {"train_error": error} if error > 1e-12 else {}  # below, it is only rounding
        yield metrics | ({"share_wrong": wrong} if DATA == "digits" else {})


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(WIDTHS))
    figure, axes = plt.subplots(1, 3, figsize=(16, 4.5), layout="constrained")
    series = {name: [metrics.get(name, 0.0) for metrics in history] for name in history[0]}
    for name in ("train_error", "test_error"):
        axes[0].loglog(series["width"], np.maximum(series[name], 1e-2), ".-", label=name.replace("_", " "))
    axes[0].fill_between(series["width"], series["test_error_low"], series["test_error_high"], alpha=0.2, color="C1")
    axes[0].set(title="Squared error, middle and range of all seeds", ylabel="squared error (below 0.01: 0.01)")
    axes[0].legend()
    axes[1].loglog(series["width"], series["norm"], ".-")
    axes[1].set(title="Norm of the solution", ylabel="norm of w")
    for axis in axes[:2]:
        axis.axvline(SAMPLES, color="grey", linestyle=":")
        axis.set(xlabel="width (dotted: as many features as samples)")
    for width in (SAMPLES, widths[-1]):
        given = problems[0][2 if DATA == "curve" else 3].flatten()  # x, or the right answer
        axes[2].plot(given, fit(problems[0], width)[0].flatten(), ".", label=f"width {width}")
    axes[2].set(title="Answers", xlabel="x" if DATA == "curve" else "right answer", ylabel="answer", ylim=(-3, 3))
    axes[2].legend()
    plt.show()
