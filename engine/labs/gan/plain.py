"""Can a forger and a detective learn together?  Pairs of a generator and a discriminator, trained beside each other.

Run it: it trains and draws.  The constants are the knobs of the lab; a stack holds the pairs of SEED, SEED + 1, …
Does not know: data, points, train, slow_motion, updates, spectral_norm, noise, size, generator_optimiser,
discriminator_optimiser.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

SEED = 0
SEEDS = 1
LOSS = "wasserstein"  # or "non_saturating", "saturating", "least_squares"
CRITIC_STEPS = 3
PENALTY = 0.1
NOISE_SIZE = 2
GENERATOR_HIDDEN = (64, 64, 64)
DISCRIMINATOR_HIDDEN = (64, 64, 64)
GENERATOR_RATE = 0.0007
DISCRIMINATOR_RATE = 0.002
BETA1 = 0.0
BATCH_SIZE = 128

MEASURED, EVERY = 300, 8  # points of each side behind a measure, and rounds from one measurement of a pair to the next


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


pairs = range(SEED, SEED + SEEDS)
centres = 0.8 * torch.stack([f(torch.arange(8) * (math.pi / 4)) for f in (torch.cos, torch.sin)], dim=1)  # the modes


def sample(count: int, dice: torch.Generator) -> Tensor:
    """Real points (count, 2)."""
    return centres[torch.randint(8, (count,), generator=dice)] + 0.04 * torch.randn(count, 2, generator=dice)


def draw_noise(count: int, dice: list[torch.Generator]) -> Tensor:
    """What the generators are fed, (S, count, NOISE_SIZE)."""
    return torch.stack([torch.randn(count, NOISE_SIZE, generator=g) for g in dice])


def weights(sizes: tuple[int, ...], seeds: list[int]) -> list[Tensor]:
    """Matrix (S, in, out) and bias (S, 1, out) of each layer, He et al. 2015."""
    dice, made = [generator(seed, "weights") for seed in seeds], []
    for n, m in itertools.pairwise(sizes):
        matrix = torch.stack([torch.randn(n, m, generator=g) for g in dice]) * math.sqrt(2 / n)
        made += [matrix.requires_grad_(), torch.zeros(SEEDS, 1, m, requires_grad=True)]
    return made


def run(network: list[Tensor], x: Tensor, slope: float) -> Tensor:
    """Points (S, N, in) through each network; left of 0 its activation falls by `slope`."""
    for matrix, bias in zip(network[:-2:2], network[1:-2:2], strict=True):
        x = F.leaky_relu(torch.baddbmm(bias, x, matrix), slope)
    return torch.baddbmm(network[-1], x, network[-2])


G = weights((NOISE_SIZE, *GENERATOR_HIDDEN, 2), [*pairs])
D = weights((2, *DISCRIMINATOR_HIDDEN, 1), [seed + 1_000_000 for seed in pairs])
losses: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {  # of logits: of D for real and for fake, then of G
    "wasserstein": (lambda d: -d, lambda d: d, lambda d: -d),
    "non_saturating": (lambda d: F.softplus(-d), F.softplus, lambda d: F.softplus(-d)),
    "saturating": (lambda d: F.softplus(-d), F.softplus, lambda d: -F.softplus(d)),
    "least_squares": (lambda d: (d - 1).square() / 2, lambda d: d.square() / 2, lambda d: (d - 1).square() / 2),
}
real_loss, fake_loss, generator_loss = losses[LOSS]


def discriminator_loss(real: Tensor, z: Tensor, dice: list[torch.Generator]) -> Tensor:
    """Of real points (S, B, 2) and noise z (S, B, NOISE_SIZE); the pairs do not touch each other."""
    with torch.no_grad():
        fake = run(G, z, 0)
    d_real, d_fake = run(D, torch.cat([real, fake], 1), 0.01).chunk(2, 1)  # (S, B, 1)
    value = (real_loss(d_real) + fake_loss(d_fake)).mean((1, 2)).sum()
    if LOSS == "wasserstein" and PENALTY > 0:  # a critic's slope should be 1 between real and fake
        share = torch.stack([torch.rand(BATCH_SIZE, 1, generator=g) for g in dice])
        x = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(run(D, x, 0.01).sum(), x, create_graph=True)
        value = value + PENALTY * ((slope.square().sum(-1) + 1e-12).sqrt() - 1).square().mean(-1).sum()
    return value


def step(optimiser: torch.optim.Optimizer, network: list[Tensor], loss: Tensor) -> None:
    """One step down the gradient of `loss`."""
    for tensor, gradient in zip(network, torch.autograd.grad(loss, network), strict=True):
        tensor.grad = gradient.contiguous()  # torch's fused Adam (2.13, CPU) reads others in the wrong order
    optimiser.step()


def energy(a: Tensor, b: Tensor) -> float:
    """Energy distance of points (N, 2) and (M, 2)."""
    return float(2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean())


def measure(i: int, z: Tensor, real: Tensor) -> dict[str, float]:
    """What pair `i` has come to, by noise z (S, MEASURED, NOISE_SIZE) that stays the same."""
    mine, its = ([tensor[i : i + 1].detach() for tensor in network] for network in (G, D))
    fake = run(mine, z[i : i + 1], 0).requires_grad_()
    d_fake, d_real = run(its, fake, 0.01), run(its, real[None], 0.01)
    (slope,) = torch.autograd.grad(generator_loss(d_fake).sum(), fake)
    fake, d_fake = fake[0].detach(), d_fake.detach()
    distance, nearest = torch.cdist(fake, centres).min(dim=1)
    near = torch.bincount(nearest[distance <= 3 * 0.04], minlength=8)
    return {
        "modes": float((near >= 0.01 * MEASURED).sum()), "energy": energy(fake, real),
        "gradient": float(slope.norm(dim=-1).mean()), "generator_loss": float(generator_loss(d_fake).mean()),
        "discriminator_loss": float(real_loss(d_real).mean() + fake_loss(d_fake).mean()),
    }  # fmt: skip


def train(steps: int) -> Iterator[dict[str, float]]:
    """Rounds: CRITIC_STEPS steps of a discriminator, then one of its generator.  Metrics are means over the pairs."""
    dice, looks = ([generator(seed, stream) for seed in pairs] for stream in ("training", "view"))
    kept, judges = draw_noise(MEASURED, looks), sample(2 * MEASURED, generator(SEED, "judge"))[:MEASURED]
    rates = ((G, GENERATOR_RATE), (D, DISCRIMINATOR_RATE))
    of_G, of_D = (torch.optim.Adam(network, lr=rate, betas=(BETA1, 0.9), fused=True) for network, rate in rates)
    found = [measure(i, kept, judges) for i in range(SEEDS)]
    for round_ in range(1, steps + 1):
        for _ in range(CRITIC_STEPS):
            real = torch.stack([sample(BATCH_SIZE, g) for g in dice])  # (S, B, 2)
            step(of_D, D, discriminator_loss(real, draw_noise(BATCH_SIZE, dice), dice))
        fake = run(G, draw_noise(BATCH_SIZE, dice), 0)
        step(of_G, G, generator_loss(run(D, fake, 0.01)).mean((1, 2)).sum())
        for i in range(round_ % EVERY, SEEDS, EVERY):  # in turn
            found[i] = measure(i, kept, judges)
        yield {name: sum(of[name] for of in found) / SEEDS for name in found[0]}


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(1000))
    figure, (curve, plane) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    curve.semilogy([metrics["energy"] for metrics in history])
    curve.set(title=f"{history[-1]['modes']:.1f} of 8 modes", xlabel="round", ylabel="energy distance")
    fake = run([tensor[:1] for tensor in G], draw_noise(MEASURED, [generator(SEED, "view")]), 0)[0].detach()
    plane.plot(*sample(MEASURED, generator(SEED, "judge")).T, "b.", *fake.T, "r.", markersize=3)
    plane.set(title="Real points (blue) and fakes (red)", xlabel="x", ylabel="y")
    plt.show()
