"""What must a memory select?  Letters among noise are remembered by layers that choose, and by layers that cannot.

Run it: it trains both and draws.  The constants are the knobs of the lab.
Does not know: task, layer, control, pole_kind, method, computed, convolution, gate.
"""

import hashlib
import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0
LENGTH = 20  # places that are read before the question
KEPT = 4  # letters among them
LAYERS = 2
WIDTH = 64
HEADS = 8
STATE = 16
DT_LOW = 0.001  # step sizes begin between these two
DT_HIGH = 0.1
LEARNING_RATE = 0.006
BATCH_SIZE = 32

letters, noise, ask, symbols, taps = 6, 6, 7, 20, 4
Layer = tuple[Callable[[Tensor], Tensor], list[nn.Parameter]]  # what it computes, and its weights


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def batch(dice: torch.Generator, length: int = LENGTH, count: int = BATCH_SIZE) -> tuple[Tensor, Tensor]:
    """Sequences (B, T) of letters at places drawn by lot, noise, and a question for each letter; the letters (B, k)."""
    found = torch.randint(letters, (count, KEPT), generator=dice)
    place = torch.rand(count, length, generator=dice).argsort(dim=1)[:, :KEPT].sort(dim=1).values
    tokens = torch.full((count, length + KEPT), noise).scatter_(1, place, found)
    tokens[:, length:] = ask
    return tokens, found


def uniform(dice: torch.Generator, *shape: int, bound: float) -> nn.Parameter:
    """Numbers between -bound and bound."""
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=dice))


def steps_at_first(dice: torch.Generator, count: int) -> Tensor:
    """Step sizes (count,), as many in each octave."""
    return (math.log(DT_LOW) + math.log(DT_HIGH / DT_LOW) * torch.rand(count, generator=dice)).exp()


def selective(dice: torch.Generator) -> Layer:
    """A layer whose step size, B and C are computed from what is read; each head has one pole (Mamba-2)."""
    norm, mixed = nn.Parameter(torch.ones(WIDTH)), WIDTH + 2 * STATE
    out = uniform(dice, WIDTH, WIDTH, bound=WIDTH**-0.5)
    project = uniform(dice, mixed + HEADS + WIDTH, WIDTH, bound=WIDTH**-0.5)
    dt = steps_at_first(dice, HEADS)
    dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))  # softplus of it is dt
    log_pole, skip = nn.Parameter(torch.arange(1, HEADS + 1).log()), nn.Parameter(torch.ones(HEADS))
    short = uniform(dice, mixed, taps, bound=taps**-0.5)

    def layer(x: Tensor) -> Tensor:  # (B, T, d) -> (B, T, d)
        u, dt, gate = torch.split(F.rms_norm(x, (WIDTH,), norm) @ project.mT, [mixed, HEADS, WIDTH], dim=-1)
        u = F.silu(F.conv1d(F.pad(u.mT, (taps - 1, 0)), short[:, None], groups=mixed).mT)
        v, B, C = torch.split(u, [WIDTH, STATE, STATE], dim=-1)
        v, dt = v.reshape(*v.shape[:2], HEADS, -1), F.softplus(dt + dt_bias)  # (B, T, H, P), (B, T, H)
        past = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        total = -(dt * log_pole.exp()).mT.cumsum(-1)  # (B, H, T)
        left = (total[..., :, None] - total[..., None, :]).masked_fill(~past, -math.inf).exp()
        M = left * (C @ B.mT)[:, None] * dt.mT[..., None, :]  # (B, H, T, T): the hidden attention
        y = (torch.einsum("bhts,bshp->bthp", M, v) + skip[:, None] * v).flatten(2)
        return x + F.rms_norm(y * F.silu(gate), (WIDTH,)) @ out.mT

    return layer, [norm, out, project, dt_bias, log_pole, skip, short]


def invariant(dice: torch.Generator) -> Layer:
    """S4D: a convolution, whose kernel is a sum of fading waves, the same whatever is read."""
    norm, N = nn.Parameter(torch.ones(WIDTH)), max(1, STATE // 2)
    out = uniform(dice, WIDTH, WIDTH, bound=WIDTH**-0.5)
    log_dt = nn.Parameter(steps_at_first(dice, WIDTH).log())
    real = nn.Parameter(torch.full((WIDTH, N), math.log(0.5)))  # poles -1/2 + i pi n
    imaginary = nn.Parameter((math.pi * torch.arange(N)).repeat(WIDTH, 1))
    C = nn.Parameter(torch.randn(WIDTH, N, 2, generator=dice) * 0.5**0.5)
    skip = nn.Parameter(torch.ones(WIDTH))

    def layer(x: Tensor) -> Tensor:
        z, T = torch.complex(-real.exp(), imaginary) * log_dt.exp()[:, None], x.shape[1]
        weight = torch.view_as_complex(C) * (z.exp() - 1) / z * log_dt.exp()[:, None]  # zero-order hold
        K = 2 * (weight[..., None] * z.exp()[..., None] ** torch.arange(T)).sum(-2).real  # (d, T)
        u = F.rms_norm(x, (WIDTH,), norm)
        y = torch.fft.irfft(torch.fft.rfft(u.mT, n=2 * T) * torch.fft.rfft(K, n=2 * T), n=2 * T)[..., :T].mT
        return x + F.gelu(y + skip * u) @ out.mT

    return layer, [norm, out, log_dt, real, imaginary, C, skip]


class Network:
    """Layers of one kind between an embedding and the scores of all symbols."""

    def __init__(self, kind: Callable[[torch.Generator], Layer], dice: torch.Generator) -> None:
        self.embedding = nn.Parameter(torch.empty(symbols, WIDTH).normal_(generator=dice))
        self.layers, each = zip(*(kind(dice) for _ in range(LAYERS)), strict=True)
        self.norm, self.head = nn.Parameter(torch.ones(WIDTH)), uniform(dice, symbols, WIDTH, bound=WIDTH**-0.5)
        parameters = [self.embedding, *(p for weights in each for p in weights), self.norm, self.head]
        self.optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
        self.recent: list[float] = []

    def __call__(self, tokens: Tensor) -> Tensor:
        x = self.embedding[tokens]
        for layer in self.layers:
            x = layer(x)
        return F.rms_norm(x, (WIDTH,), self.norm)[:, -KEPT:] @ self.head.mT  # (B, k, symbols)


networks = {"": Network(selective, generator(SEED, "weights")),
            "control_": Network(invariant, generator(SEED, "control_weights"))}  # fmt: skip


def train(steps: int) -> Iterator[dict[str, float]]:
    """Both networks on the same new sequences in each step."""
    for step in range(steps):
        tokens, wanted = batch(generator(SEED, f"batch/{step}"))
        metrics = {}
        for name, network in networks.items():
            network.optimiser.param_groups[0]["lr"] = LEARNING_RATE * min(1.0, (step + 1) / 50)
            scores = network(tokens)
            loss = F.cross_entropy(scores.flatten(0, 1), wanted.flatten())
            network.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            network.optimiser.step()
            network.recent = [*network.recent[-15:], float((scores.argmax(-1) == wanted).float().mean())]
            metrics[f"{name}loss"] = loss.item()
            metrics[f"{name}accuracy"] = sum(network.recent) / len(network.recent)
        yield metrics


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(300))
    print({name: round(value, 3) for name, value in history[-1].items()})
    for name in history[-1]:
        plt.plot([metrics[name] for metrics in history], label=name)
    plt.legend()
    plt.show()
