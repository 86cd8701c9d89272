"""What does it cost to put a picture into two numbers?  A variational autoencoder learns codes for digits.

Run it: it trains and draws.  The constants are the knobs of the lab.
Does not know: divergence, size, seeds, data.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

SEED = 0
BETA = 1.0
WARM_UP = 0
LATENT = 2
HIDDEN = 2
WIDTH = 128
LIKELIHOOD = "bernoulli"
LEARNING_RATE = 0.005


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


images, digits = load_digits().images, load_digits().target
parts = train_test_split(images, digits, test_size=500, stratify=digits, random_state=0)
train_x, test_x = (torch.from_numpy(part).flatten(1).float() / 16 for part in parts[:2])  # (N, 64)
test_y = torch.from_numpy(parts[3])
mean, variance = train_x.mean(0), float(train_x.var(0).mean())


@torch.no_grad()
def network(sizes: list[int], stream: str, start: Tensor) -> nn.Sequential:
    """Linear layers with a SiLU between them; the last biases are `start`."""
    dice, layers = generator(SEED, stream), nn.ModuleList()
    for depth, (n, m) in enumerate(itertools.pairwise(sizes), 1):
        linear = nn.Linear(n, m)
        gain = 1.0 if depth == len(sizes) - 1 else 1.5  # a SiLU lets about half of the spread through
        linear.weight.copy_(torch.randn(n, m, generator=dice).T * gain / math.sqrt(n))
        linear.bias.copy_(start if depth == len(sizes) - 1 else torch.zeros(m))
        layers.extend([linear, nn.SiLU()])
    return nn.Sequential(*layers[:-1])


hidden = [WIDTH] * HIDDEN
encoder = network([64, *hidden, 2 * LATENT], "encoder", torch.zeros(2 * LATENT))
average = mean.clamp(0.01, 0.99).logit() if LIKELIHOOD == "bernoulli" else mean
decoder = network([LATENT, *hidden, 64], "decoder", average)  # it begins with the average picture
log_variance = nn.Parameter(torch.tensor(-8 + math.log(math.expm1(math.log(variance) + 8))))  # of a Gaussian pixel


def encode(x: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures (N, 64) -> codes, which are clouds q(z|x): mean and log-variance, (N, D) each."""
    mu, log_var = encoder((x - mean) / math.sqrt(variance)).chunk(2, dim=-1)
    return mu, F.softplus(8 - F.softplus(8 - log_var) + 12) - 12  # between -12 and 8


def nll(x: Tensor, z: Tensor) -> Tensor:
    """-log p(x|z) in nats, (N,): how badly the code (N, D) tells the picture (N, 64)."""
    out: Tensor = decoder(z)
    if LIKELIHOOD == "bernoulli":
        return F.binary_cross_entropy_with_logits(out, x, reduction="none").sum(-1)
    log_v = F.softplus(log_variance + 8) - 8  # above -8
    return 0.5 * (math.log(2 * math.pi) + log_v + (x - out).square() / log_v.exp()).sum(-1)


def kl(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, exp(log_var)) || N(0, 1)) of each dimension, (N, D), in nats: what a code costs."""
    return 0.5 * (mu.square() + log_var.exp() - log_var - 1)


@torch.no_grad()
def judge(step: int) -> dict[str, float]:
    """How 256 test pictures are told, how many dimensions say nothing, and how much of the prior is far from codes."""
    dice, x = generator(SEED, f"judge/{step}"), test_x[:256]
    mu, log_var = encode(x)
    z = mu + torch.randn(mu.shape, generator=dice) * (log_var / 2).exp()
    near = torch.cdist(mu, mu).fill_diagonal_(torch.inf).argmin(1)
    reconstruction, divergence = float(nll(x, z).mean()), float(kl(mu, log_var).sum(-1).mean())
    prior = torch.randn(256, LATENT, generator=dice)
    clouds = -0.5 * (log_var + (prior[:, None] - mu).square() / log_var.exp()).sum(-1)  # log-densities, (256, N)
    there, due = clouds.logsumexp(1) - math.log(256), -0.5 * prior.square().sum(-1)
    return {
        "test_reconstruction": reconstruction, "test_kl": divergence, "test_elbo": -reconstruction - divergence,
        "dead": float((kl(mu, log_var).mean(0) < 0.01).sum()),
        "neighbours": float((test_y[near] == test_y[:256]).float().mean()),
        "holes": float((there < due - math.log(10)).float().mean()),
    }  # fmt: skip


def train(steps: int) -> Iterator[dict[str, float]]:
    """Updates by 64 pictures each: reconstruction plus BETA times the KL, which is grown in WARM_UP steps."""
    parameters = [*encoder.parameters(), *decoder.parameters(), log_variance]
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    tested: dict[str, float] = {}
    for step in range(steps):
        dice = generator(SEED, f"step/{step}")
        x = train_x[torch.randint(len(train_x), (64,), generator=dice)]
        mu, log_var = encode(x)
        z = mu + torch.randn(64, LATENT, generator=dice) * (log_var / 2).exp()  # a point of each cloud
        reconstruction, divergence = nll(x, z).mean(), kl(mu, log_var).sum(-1).mean()
        loss = reconstruction + BETA * min(1.0, (step + 1) / max(1, WARM_UP)) * divergence
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 100.0)
        optimiser.step()
        tested = judge(step) if step % 20 == 0 else tested
        yield {"loss": loss.item(), "reconstruction": reconstruction.item(), "kl": divergence.item()} | tested


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(1500))
    print({name: round(value, 3) for name, value in history[-1].items()})
    figure, (plane, sheet, curves) = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
    side, codes = torch.linspace(-3, 3, 15), torch.zeros(15, 15, LATENT)  # further dimensions stay at zero
    codes[..., 0] = side
    codes[..., 1:2] = side.flip(0)[:, None, None]
    mu, out = encode(test_x)[0].detach(), decoder(codes).detach()
    dots = plane.scatter(mu[:, 0], mu[:, min(1, LATENT - 1)], c=test_y, cmap="tab10", s=12)
    figure.colorbar(dots, label="digit")
    plane.set(title="Codes of test pictures", xlabel="latent z₁", ylabel="latent z₂", aspect="equal")
    tiles = (out.sigmoid() if LIKELIHOOD == "bernoulli" else out).view(15, 15, 8, 8)
    sheet.imshow(tiles.transpose(1, 2).reshape(120, 120), cmap="gray", vmin=0, vmax=1, extent=(-3.2, 3.2, -3.2, 3.2))
    sheet.set(title="What codes are decoded to", xlabel="latent z₁", ylabel="latent z₂")
    for name in ("test_reconstruction", "test_kl"):
        curves.plot(range(1, len(history) + 1), [metrics[name] for metrics in history], label=name.replace("_", " "))
    curves.set(title="The two parts of the ELBO", xlabel="step (updates)", ylabel="nats a picture")
    curves.legend()
    plt.show()
