"""What does ten times more buy?  Ten sizes of one model learn a language whose entropy is known.

Run it: it trains them all at once, fits L(N, D) = E + A/N^alpha + B/D^beta, and draws.  The constants are the knobs of
the lab.  Does not know: across, planned, averaged.
"""

import hashlib
import math
from collections.abc import Iterator

import numpy as np
import torch

SEED = 0
SIZES = 10
RANK = 32
SEEDS = 4
VOCABULARY = 64
EXPONENT = 1.0
BATCH_SIZE = 256
LEARNING_RATE = 0.02


def generator(stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{SEED}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


V, cells = VOCABULARY, VOCABULARY**2

# The language: a table of what follows what, from k-th regularities as strong as k^-EXPONENT.
dice = generator("language")
U, W = (torch.linalg.qr(torch.randn(V, V, generator=dice, dtype=torch.float64))[0] for _ in range(2))
logits = 0.6 * V * (U * torch.arange(1, V + 1, dtype=torch.float64) ** -EXPONENT) @ W.mT
P = logits.float().double().softmax(-1)  # (V, V); rounded, as last digits differ between processes
equations = torch.cat([P.mT - torch.eye(V, dtype=P.dtype), torch.ones(1, V, dtype=P.dtype)])
target = torch.zeros(V + 1, 1, dtype=P.dtype)
target[-1] = 1
joint = torch.linalg.lstsq(equations, target).solution * P  # how often each pair comes
entropy = float(-(joint * P.log()).sum())

# The models: two tables of V by r numbers each; N = 2 V r.
ranks: list[int] = []
for rank in np.geomspace(1, RANK, SIZES).round():
    ranks.append(max(int(rank), ranks[-1] + 1 if ranks else 1))
ranks = sorted({min(rank, RANK) for rank in ranks})
of_all = torch.tensor(ranks).repeat(SEEDS)  # (M,)
used = torch.arange(RANK) < of_all[:, None, None]
dice = generator("weights")
last = (0.3 * torch.randn(len(of_all), V, RANK, generator=dice) * used).requires_grad_()
following = (0.3 * torch.randn(len(of_all), V, RANK, generator=dice) * used).requires_grad_()
scale = of_all.float()[:, None, None] ** -0.5
averages = [last.detach().clone(), following.detach().clone()]
measured: dict[int, np.ndarray] = {}  # step -> exact losses (S,), means over trainings


def log_q(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of the next token, (M, V, V)."""
    return (a * scale @ b.mT).log_softmax(-1)


def batch(step: int) -> torch.Tensor:
    """How often each pair comes in a batch, (M, V, V); all sizes of one training read the same."""
    uniform = torch.rand(SEEDS, BATCH_SIZE, generator=generator(f"batch/{step}"))
    drawn = torch.searchsorted(joint.flatten().cumsum(0), uniform.double()).clamp(max=cells - 1)
    counts = torch.stack([torch.bincount(row, minlength=cells).reshape(V, V) for row in drawn])
    return counts.repeat_interleave(len(ranks), 0).float()


def train(steps: int) -> Iterator[dict[str, float]]:
    """One batch for all models; losses are measured exactly, by averaged weights, at ever more distant steps."""
    optimiser = torch.optim.Adam([last, following], lr=LEARNING_RATE, betas=(0.9, 0.98))
    wait = 1
    for step in range(1, steps + 1):
        loss = -(batch(step - 1) * log_q(last, following)).sum((1, 2)) / BATCH_SIZE
        optimiser.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        for average, weights in zip(averages, (last, following), strict=True):
            average.lerp_(weights.detach(), 8 / (step + 7))  # reaches back about an eighth of the run
        if step >= wait:
            exact = -(joint * log_q(*averages).double()).sum((1, 2))
            measured[step], wait = exact.reshape(SEEDS, -1).mean(0).numpy(), math.ceil(step * 1.12)
        losses = measured[max(measured)]
        yield {
            "train_loss": loss.detach().reshape(SEEDS, -1).double().mean(0)[-1].item(),
            "loss_smallest": float(losses[0]),
            "loss_largest": float(losses[-1]),
        }


def fit(N: np.ndarray, D: np.ndarray, L: np.ndarray) -> np.ndarray:
    """E, A, B, alpha, beta with the least Huber loss of ln L, of a few starts; exponents between .02 and 4."""
    n, d, wanted = (torch.from_numpy(np.log(each)) for each in (N, D, L))
    low = torch.tensor([float(wanted.min()) - 13.8, -50.0, -50.0, 0.02, 0.02], dtype=torch.float64)
    high = torch.tensor([float(wanted.max()), 200.0, 200.0, 4.0, 4.0], dtype=torch.float64)
    best, least = np.zeros(5), math.inf
    for alpha in (0.4, 0.8):
        e, a, b = float(wanted.min()) - 0.01, alpha * float(n.mean()) - 2, float(d.mean()) - 3
        start = torch.tensor([e, a, b, alpha, 1.0], dtype=torch.float64)
        t = torch.logit((start - low) / (high - low)).requires_grad_()  # whatever t is, constants keep to their bounds
        optimiser = torch.optim.LBFGS([t], max_iter=2000, tolerance_change=1e-14, line_search_fn="strong_wolfe")

        def constants(t: torch.Tensor = t) -> torch.Tensor:
            return low + (high - low) * t.sigmoid()

        def error(t: torch.Tensor = t) -> torch.Tensor:
            e, a, b, alpha, beta = constants(t)
            parts = torch.stack([e.expand_as(n), a - alpha * n, b - beta * d])
            return 1e3 * torch.nn.functional.huber_loss(parts.logsumexp(0) * 1e3, wanted * 1e3)

        def closure(t: torch.Tensor = t) -> torch.Tensor:
            t.grad = None
            error(t).backward()  # type: ignore[no-untyped-call]
            return error(t).detach()

        optimiser.step(closure)  # type: ignore[no-untyped-call]
        if (reached := float(error(t).detach())) < least:
            found = constants(t).detach()
            best, least = np.array([*found[:3].exp().tolist(), *found[3:].tolist()]), reached
    return np.array([float(f"{x:.{digits}g}") for x, digits in zip(best, (5, 4, 4, 5, 5), strict=True)])


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(1000))
    N = 2 * V * np.array(ranks)[:, None]
    D = BATCH_SIZE * np.array(list(measured))
    L = np.stack(list(measured.values()), 1)  # (S, measurements)
    late = D >= 100 * BATCH_SIZE
    E, A, B, alpha, beta = fit(*(each.ravel() for each in np.broadcast_arrays(N, D[late], L[:, late])))
    print(f"E {E:.3f} (true {entropy:.3f}), A {A:.3g}, alpha {alpha:.2f}, B {B:.3g}, beta {beta:.2f}")
    print(f"the best N grows as C^{beta / (alpha + beta):.2f}")
    for parameters, losses in zip(N[:, 0], L, strict=True):
        plt.loglog(6 * parameters * D, losses - entropy, label=f"N = {parameters:,}")
    plt.xlabel("compute 6 N D")
    plt.ylabel("loss - entropy, nats")
    plt.legend()
    plt.show()
