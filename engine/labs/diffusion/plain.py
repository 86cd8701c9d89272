"""How does noise become a picture?  A network learns to tell the noise in points, and samplers take it away again.

The constants are the knobs of the lab.  Does not know: data=digits|grid|moons|spiral|rings|checkerboard|drawn, points,
start, conditional, guidance, plane_guidance.  Begins with: data=ring.
"""

import copy
import hashlib
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, cdist, nn

SEED = 0
DATA = "ring"
OBJECTIVE = "noise"  # or "flow"
SCHEDULE = "cosine"  # or "linear"
STEPS = 1000  # noise levels
SIZE = "medium"  # or "small" or "large"
LEARNING_RATE = 4e-3
SAMPLER = "ddim"  # or "ddpm" or "heun"
FLOW_SAMPLER = "ddim"  # which is Euler's method, or "heun"
ETA = 0.0
SAMPLING_STEPS = 50

WIDTH, DEPTH = {"small": (64, 2), "medium": (128, 3), "large": (256, 3)}[SIZE]
flow = OBJECTIVE == "flow"
method, eta = (FLOW_SAMPLER, 0.0) if flow else (SAMPLER, {"ddim": ETA, "ddpm": 1.0, "heun": 0.0}[SAMPLER])


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


centres = 0.8 * torch.stack([f(torch.arange(8) * (math.pi / 4)) for f in (torch.cos, torch.sin)], dim=1)  # of heaps


def ring(count: int, dice: torch.Generator) -> Tensor:
    """Points (count, 2) to learn from."""
    return centres[torch.randint(8, (count,), generator=dice)] + 0.04 * torch.randn(count, 2, generator=dice)


data, real = ring(4096, generator(SEED, "data")), ring(1024, generator(SEED, "real"))[:512].double()
# How much of the data is left at each noise level: x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise.
left = ((torch.arange(STEPS + 1, dtype=torch.float64) / STEPS + 0.008) / 1.008 * math.pi / 2).cos().square()
beta = 1 - left[1:] / left[:-1] if SCHEDULE == "cosine" else torch.linspace(1e-4, 0.02, STEPS).double() * 1000 / STEPS
alpha_bar = (1 - beta.clamp(max=0.999)).cumprod(0).float()
# The levels that a sampler comes by: x = alpha x_0 + sigma noise.  With flow matching they are on a straight line.
S = SAMPLING_STEPS if flow else min(SAMPLING_STEPS, STEPS)
times = [1 - i / S if flow else round(STEPS * (1 - i / S)) / STEPS for i in range(S)]
kept = alpha_bar.double()[[round(STEPS * time) - 1 for time in times]]
alpha = [*([1 - time for time in times] if flow else kept.sqrt().tolist()), 1.0]
sigma = [*(times if flow else (1 - kept).sqrt().tolist()), 0.0]

sizes = [(18, WIDTH), (24, WIDTH), *[(WIDTH, WIDTH)] * DEPTH, (WIDTH, 2)]
linears = [nn.Linear(n, m) for n, m in sizes]
dice = generator(SEED, "weights")
for linear in linears:
    nn.init.normal_(linear.weight, 0, math.sqrt(1 / linear.in_features), generator=dice)
    nn.init.zeros_(linear.bias)
nn.init.zeros_(linears[-1].weight)
network = nn.ModuleList(linears)  # learns
model = copy.deepcopy(network)  # draws: its weights are an average over the updates


def denoise(layers: nn.ModuleList, x: Tensor, time: Tensor) -> Tensor:
    """What a network says of points x (N, 2) at times (N,), from 0 to 1: the noise in them, (N, 2)."""
    enter, clock, *hidden, leave = layers
    waves = torch.cat([x * (math.pi / 2 * 2**k) for k in range(4)], dim=1)  # in which it is told the place too
    ticks = time[:, None] * math.pi * torch.logspace(0, 2, 12)
    h = enter(torch.cat([x, waves.sin(), waves.cos()], 1)) + clock(torch.cat([ticks.sin(), ticks.cos()], 1))
    for layer in hidden:
        h = h + layer(F.silu(h))
    out: Tensor = leave(F.silu(h))
    return out


def expect(x: Tensor, at: int) -> Tensor:
    """The x_0 that the model expects on seeing points x (N, 2) of level `at`."""
    x0: Tensor = (x - sigma[at] * denoise(model, x, torch.full((len(x),), times[at]))) / (1 if flow else alpha[at])
    return x0.clamp(-1.25, 1.25)


def draw(run: int) -> Iterator[Tensor]:
    """512 points (N, 2) on their way from noise to data, level by level."""
    x = torch.randn(512, 2, generator=generator(SEED, f"sampling/{run}"))
    for at in range(S):
        x0 = expect(x, at)
        if method == "heun" and at + 1 < S:  # looks at the next level too
            x0 = (x0 + expect(alpha[at + 1] * x0 + sigma[at + 1] * (x - alpha[at] * x0) / sigma[at], at + 1)) / 2
        noise = (x - alpha[at] * x0) / sigma[at]  # the part of x that x_0 does not explain
        fresh = eta * (sigma[at + 1] / sigma[at]) * math.sqrt(max(0.0, 1 - (alpha[at] / alpha[at + 1]) ** 2))
        x = alpha[at + 1] * x0 + math.sqrt(sigma[at + 1] ** 2 - fresh**2) * noise
        if fresh:
            x = x + fresh * torch.randn(512, 2, generator=generator(SEED, f"sampling/{run}/{at}"))
        yield x


def energy_distance(a: Tensor, b: Tensor) -> float:
    """How far clouds (N, 2) and (M, 2) are from each other; 0 if they are equal."""
    return float(2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean())


def train(steps: int) -> Iterator[dict[str, float]]:
    """Updates by 256 points each.  After each one the samples go on a little; they are measured when they are there."""
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    run, at, way, scores = 0, 0, draw(0), dict[str, float]()
    for step in range(steps):
        dice = generator(SEED, f"batch/{step}")
        x0 = data[torch.randint(len(data), (256,), generator=dice)]
        noise = torch.randn(256, 2, generator=dice)
        if flow:
            time = torch.rand(256, generator=dice)
            x, wanted = torch.lerp(x0, noise, time[:, None]), noise - x0
        else:
            t = torch.randint(STEPS, (256,), generator=dice)
            time, kept = (t + 1) / STEPS, alpha_bar[t, None]
            x, wanted = kept.sqrt() * x0 + (1 - kept).sqrt() * noise, noise
        loss = (denoise(network, x, time) - wanted).square().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        with torch.no_grad():
            for mean, weight in zip(model.parameters(), network.parameters(), strict=True):
                mean.lerp_(weight, 1 - min(0.995, (step + 1) / (step + 11)))
            for _ in range(min(4, math.ceil(S / 50), S - at)):
                x, at = next(way), at + 1
        if at == S:
            run, at, way, scores = run + 1, 0, draw(run + 1), {"energy_distance": energy_distance(x.double(), real)}
        yield {"loss": loss.item()} | scores


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(800))
    print({name: round(value, 3) for name, value in history[-1].items()})
    path = torch.stack([x.detach() for x in draw(0)])  # (S, N, 2)
    figure, (plane, ways, curves) = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
    plane.plot(*real.T, "k.", *path[-1].T, "c.", markersize=3)
    plane.set(title="Real points (black) and samples", xlabel="x", ylabel="y", aspect="equal")
    ways.plot(path[:, :80, 0], path[:, :80, 1], color="C0", linewidth=0.5)
    ways.set(title="80 samples on their way from noise", xlabel="x", ylabel="y", aspect="equal")
    curves.plot([metrics["loss"] for metrics in history], linewidth=0.5)
    curves.set(title="Loss", xlabel="step", ylabel="squared error of the answer", ylim=(0, None))
    plt.show()
