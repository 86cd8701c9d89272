"""When does memorising become knowing?  A small network learns a part of the table of a + b modulo p.

Run it: it trains and draws.  The constants are the knobs of the lab.
Does not know: trained, operation, bits, model, size, activation, optimiser, loss, seeds.
"""

import hashlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F

SEED = 0
P = 43
TRAIN_SHARE = 0.4
DATA_SEED = 0
WIDTH = 128
INIT_SCALE = 1.0
WEIGHT_DECAY = 1.0
LEARNING_RATE = 0.01

embedded = 4 * max(1, WIDTH // 8)  # numbers that stand for a residue: half the width


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


# The table: every pair of residues, row a after row a, and its sum.
a, b = (t.flatten() for t in torch.meshgrid(torch.arange(P), torch.arange(P), indexing="ij"))  # (P * P,)
c = (a + b) % P
train_cells = torch.zeros(P * P, dtype=torch.bool)
train_cells[torch.randperm(P * P, generator=generator(DATA_SEED, "split"))[: max(1, round(TRAIN_SHARE * P * P))]] = True
square = train_cells.view(P, P)
new_cells = (~square & ~square.T).flatten()  # neither (a, b) nor (b, a) is trained on

dice = generator(SEED, "weights")


def uniform(inputs: int, outputs: int) -> torch.Tensor:
    """Weights as torch draws them."""
    between: torch.Tensor = 2 * torch.rand(inputs, outputs, generator=dice) - 1
    return between / float(inputs**0.5) * INIT_SCALE


embedding = torch.randn(P, embedded, generator=dice) * INIT_SCALE
first, first_bias = uniform(embedded, WIDTH), torch.zeros(WIDTH)
second, second_bias = uniform(WIDTH, P), torch.zeros(P)
parameters = [embedding, first, first_bias, second, second_bias]
for parameter in parameters:
    parameter.requires_grad_(True)


def network(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Logits (N, P) of pairs (N,): the two embeddings are added up, so (b, a) gets what (a, b) gets."""
    hidden = (embedding[a] + embedding[b]) @ first + first_bias  # (N, WIDTH)
    return torch.relu(hidden) @ second + second_bias


def frequencies() -> torch.Tensor:
    """How much of the embedding lies in each frequency 1, 2, ... over the residues, (P // 2,), as shares."""
    power: torch.Tensor = torch.fft.rfft(embedding.detach(), dim=0)[1:].abs().square().sum(1)
    return power / power.sum()


def key_accuracy(logits: torch.Tensor) -> float:
    """What the five strongest frequencies alone would get right: logits fitted, on new cells, by waves of a + b."""
    keys = frequencies().topk(5).indices + 1
    angle = 2 * torch.pi / P * ((a + b)[new_cells, None] * keys % P)  # (N, 5)
    X = torch.cat([angle.cos(), angle.sin()], 1).double()
    fit = X @ torch.linalg.lstsq(X, logits[new_cells].double()).solution
    return float((fit.argmax(1) == c[new_cells]).float().mean())


def train(steps: int) -> Iterator[dict[str, float]]:
    """All cells that are shown in each step, and then how the network does on the whole table."""
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)
    for _ in range(steps):
        loss = F.cross_entropy(network(a[train_cells], b[train_cells]), c[train_cells])
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimiser.step()
        with torch.no_grad():
            logits = network(a, b)
        right = (logits.argmax(1) == c).float()
        yield {
            "train_accuracy": float(right[train_cells].mean()), "test_accuracy": float(right[~train_cells].mean()),
            "new_accuracy": float(right[new_cells].mean()), "key_accuracy": key_accuracy(logits),
            "train_loss": float(F.cross_entropy(logits[train_cells], c[train_cells])),
        }  # fmt: skip


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(800))
    print({name: round(value, 3) for name, value in history[-1].items()})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4))
    for name in ("train_accuracy", "test_accuracy", "new_accuracy", "key_accuracy"):
        left.semilogx(range(1, len(history) + 1), [metrics[name] for metrics in history], label=name)
    left.legend()
    left.set(title="Share right", xlabel="step")
    middle.bar(range(1, P // 2 + 1), frequencies())
    middle.set(title="Embeddings by frequency", xlabel="frequency")
    strongest = int(frequencies().argmax()) + 1
    turn = 2 * torch.pi * strongest / P * torch.arange(P)
    waves = torch.stack([turn.cos(), turn.sin()])  # (2, P)
    place = (embedding.detach() - embedding.detach().mean(0)) @ torch.linalg.pinv(waves @ embedding.detach() * 2 / P)
    right.plot(*place.T, "o")
    for residue in range(6):
        right.annotate(str(residue), place[residue].tolist())
    right.set(title=f"Embeddings, frequency {strongest}", aspect="equal")
    plt.show()
