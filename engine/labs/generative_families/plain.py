"""How do families of models learn the same points?  A flow and a diffusion model, beside each other.

Run it: it trains and draws.  The constants are the knobs of the lab.  Of the four families the autoencoder and the GAN
are left out here: labs of their own are about them.
Does not know: data, points, gan_loss, critic_steps, gan_rate, beta, blur, learn_blur, vae_rate, size, seeds.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

SEED = 0
FAMILIES = ("vae", "gan", "flow", "diffusion")
SAMPLING_STEPS = 20
OBJECTIVE = "noise"  # or "flow"
COUPLINGS = 8
FLOW_RATE = 0.002
DIFFUSION_RATE = 0.004
WIDTH = 32
BATCH_SIZE = 128


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


centres = 0.8 * torch.stack([f(torch.arange(8) * (math.pi / 4)) for f in (torch.cos, torch.sin)], dim=1)  # of heaps


def ring(count: int, dice: torch.Generator) -> Tensor:
    """Points (count, 2) to learn from."""
    return centres[torch.randint(8, (count,), generator=dice)] + 0.04 * torch.randn(count, 2, generator=dice)


@torch.no_grad()
def network(sizes: tuple[int, ...], stream: str, last: float = 1.0) -> nn.Sequential:
    """Linear layers with a SiLU between them."""
    dice, layers = generator(SEED, stream), nn.ModuleList()
    for depth, (n, m) in enumerate(itertools.pairwise(sizes), 1):
        linear = nn.Linear(n, m)
        gain = last if depth == len(sizes) - 1 else 1.5  # a SiLU lets about half of the spread through
        linear.weight.copy_(torch.randn(n, m, generator=dice).T * gain / math.sqrt(n))
        linear.bias.zero_()
        layers.extend([linear, nn.SiLU()])
    return nn.Sequential(*layers[:-1])


# The flow: steps that each move one coordinate, by what they read off the other one, and so can be undone.
couplings = [network((1, WIDTH, WIDTH, 2), f"coupling/{n}", last=0.0) for n in range(COUPLINGS)]  # they move nothing


def flow_loss(x: Tensor, dice: torch.Generator) -> Tensor:
    """-log p(x) of points x (N, 2): the density of the noise that they came from, and how space was stretched."""
    a, b = x.chunk(2, dim=1)
    stretched = torch.zeros(len(x), 1)
    for n, coupling in reversed([*enumerate(couplings)]):
        s, t = coupling(a if n % 2 else b).chunk(2, dim=1)
        a, b = (a, (b - t) * (-s.tanh()).exp()) if n % 2 else ((a - t) * (-s.tanh()).exp(), b)
        stretched = stretched + s.tanh()
    return (a.square() / 2 + b.square() / 2 + math.log(2 * math.pi) + stretched).mean()


def flow_sample(noise: Tensor) -> Tensor:
    """Noise (N, 2) -> points (N, 2)."""
    a, b = noise.chunk(2, dim=1)
    for n, coupling in enumerate(couplings):
        s, t = coupling(a if n % 2 else b).chunk(2, dim=1)
        a, b = (a, b * s.tanh().exp() + t) if n % 2 else (a * s.tanh().exp() + t, b)
    return torch.cat([a, b], dim=1)


# Diffusion: a network learns what noise did to a point, and a sampler takes it away step by step.
denoiser = network((42, WIDTH, WIDTH, WIDTH, 2), "denoiser")
left = ((torch.arange(1001) / 1000 + 0.008).double() / 1.008 * math.pi / 2).cos().square()
kept = torch.cat([torch.ones(1), (left[1:] / left[:-1]).clamp(min=0.001).cumprod(0).float()])  # of the data


def mixed(time: Tensor) -> tuple[Tensor, Tensor]:
    """How much of data and of noise there is at times (N,) from 0 to 1, (N, 1) each."""
    share = kept[(1000 * time[:, None]).round().long()]
    return (1 - time[:, None], time[:, None]) if OBJECTIVE == "flow" else (share.sqrt(), (1 - share).sqrt())


def denoise(x: Tensor, time: Tensor) -> Tensor:
    """The noise in points x (N, 2) at times (N,); with flow matching, in which direction it lies."""
    waves = torch.cat([x * (math.pi / 2 * 2**k) for k in range(4)], dim=1)
    ticks = time[:, None] * math.pi * torch.logspace(0, 2, 12)
    said: Tensor = denoiser(torch.cat([x, waves.sin(), waves.cos(), ticks.sin(), ticks.cos()], dim=1))
    return said


def diffusion_loss(x: Tensor, dice: torch.Generator) -> Tensor:
    """The squared error of what the network says of points x (N, 2) with noise."""
    flow = OBJECTIVE == "flow"
    time = torch.rand(len(x), generator=dice) if flow else (torch.randint(1000, (len(x),), generator=dice) + 1) / 1000
    noise, (alpha, sigma) = torch.randn(len(x), 2, generator=dice), mixed(time)
    return (denoise(alpha * x + sigma * noise, time) - (noise - x if flow else noise)).square().mean()


def diffusion_sample(x: Tensor) -> Tensor:
    """Noise (N, 2) -> points (N, 2)."""
    for step in range(SAMPLING_STEPS):
        time = torch.full((len(x),), 1 - step / SAMPLING_STEPS)
        (alpha, sigma), (alpha_next, sigma_next) = mixed(time), mixed(time - 1 / SAMPLING_STEPS)
        x0 = ((x - sigma * denoise(x, time)) / (1 if OBJECTIVE == "flow" else alpha)).clamp(-1.25, 1.25)
        x = alpha_next * x0 + sigma_next * (x - alpha * x0) / sigma
    return x


losses = {"flow": flow_loss, "diffusion": diffusion_loss}
networks = {"flow": nn.ModuleList(couplings), "diffusion": denoiser}
rates = {"flow": FLOW_RATE, "diffusion": DIFFUSION_RATE}


def train(steps: int) -> Iterator[dict[str, float]]:
    """An update of each family, all by the same points."""
    learn = [name for name in losses if name in FAMILIES]
    optimisers = {name: torch.optim.Adam(networks[name].parameters(), lr=rates[name]) for name in learn}
    for step in range(steps):
        x, told = ring(BATCH_SIZE, generator(SEED, f"batch/{step}/0")), dict[str, float]()
        for name in learn:
            loss = losses[name](x, generator(SEED, f"{name}/{step}"))
            optimisers[name].zero_grad()
            torch.autograd.backward(loss)
            optimisers[name].step()
            told[f"{name}_loss"] = loss.item()
        yield told


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(1500))
    print({name: round(value, 3) for name, value in history[-1].items()})
    figure, (curves, *planes) = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
    for name in history[0]:
        curves.plot([metrics[name] for metrics in history], linewidth=0.5, label=name.replace("_", " "))
    curves.set(title="Losses", xlabel="step", ylabel="−log density (nats), or squared error")
    curves.legend()
    noise, real = torch.randn(300, 2, generator=generator(SEED, "view")), ring(300, generator(SEED, "judge"))
    for axis, name, sample in zip(planes, networks, (flow_sample, diffusion_sample), strict=True):
        axis.plot(*real.T, "k.", *sample(noise).detach().T, "c.", markersize=3)
        axis.set(title=f"Real points (black), and noise made points by {name}", xlabel="x", ylabel="y")
    plt.show()
