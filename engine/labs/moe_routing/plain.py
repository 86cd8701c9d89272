"""What do experts specialise in?  A router sends points of the plane to small networks, each with work of its own.

Run it: it trains and draws.  The constants are the knobs of the lab.  The dense networks beside it are left out.
Does not know: data, text_key, size.
"""

import hashlib
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor

SEED = 0
CLUSTERS = 4
COMMON = 0.5
EXPERTS = 4
TOP_K = 1
WIDTH = 16  # hidden neurons of an expert; with 0 it is a linear map
SHARED = 0
BALANCE_LOSS = 1.0
BIAS_RATE = 0.0
NOISE = 0.8  # standard deviation in the router's logits while it trains
ROUTER_START = "sectors"  # equal ones; "even": at zero for what all tokens have in common; "random"
CAPACITY_FACTOR = 0.0  # 0: no limit
LEARNING_RATE = 0.02
WEIGHT_DECAY = 0.0


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


angle = torch.arange(CLUSTERS) * 2 * math.pi / CLUSTERS + math.pi / 4
centres = torch.stack([angle.cos(), angle.sin()], dim=1)  # (K, 2) of discs around the unit circle
radius = min(0.45, 0.9 * math.sin(math.pi / CLUSTERS))


def rule(xy: Tensor) -> Tensor:
    """What is to be answered at points (N, 2), (N, 1): a slope across the nearest disc, and one that all share."""
    nearest = centres[torch.cdist(xy, centres).argmin(dim=1)]
    own = ((xy - nearest) * nearest).sum(1) * 2 / radius
    common = xy @ torch.tensor([0.894, 0.447]) * math.sqrt(2)
    return (math.sqrt(1 - COMMON) * own + math.sqrt(COMMON) * common)[:, None]


def tokens(kind: Tensor, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """A point (x, y, 3) in the disc of each kind (N,), and what is to be answered there, (N, 1)."""
    r, turn = radius * torch.rand(len(kind), generator=dice).sqrt(), 2 * math.pi * torch.rand(len(kind), generator=dice)
    xy = centres[kind] + r[:, None] * torch.stack([turn.cos(), turn.sin()], dim=1)
    return F.pad(xy, (0, 1), value=3.0), rule(xy)


dice = generator(0, "test points")
each = round(512 / CLUSTERS)
test_kind = torch.arange(CLUSTERS).repeat_interleave(each)[torch.randperm(each * CLUSTERS, generator=dice)]
test_x, test_y = tokens(test_kind, dice)

# Each expert draws its weights from a stream of its own; after them come those that every token is sent to.
names = [f"expert {i}" for i in range(EXPERTS)] + [f"shared expert {i}" for i in range(SHARED)]
streams = [generator(SEED, name) for name in names]
first = torch.stack([torch.randn(3, WIDTH or 1, generator=dice) for dice in streams]) * math.sqrt((1 + (WIDTH > 0)) / 3)
second = torch.stack([torch.randn(WIDTH, 1, generator=dice) for dice in streams]) / math.sqrt(WIDTH or 1)
router = 0.1 * torch.randn(3, EXPERTS, generator=generator(SEED, "router"))
router[-1] *= ROUTER_START == "random"
turn = 2 * math.pi * (torch.arange(EXPERTS) / EXPERTS + torch.rand(1, generator=generator(SEED, "sectors")))
router[:2] = 0.3 * torch.stack([turn.cos(), turn.sin()]) if ROUTER_START == "sectors" else router[:2]
bias = torch.zeros(EXPERTS)  # helps to choose, and is not learned by gradients
first, second, router = (weights.requires_grad_(True) for weights in (first, second, router))


def expert(number: int, x: Tensor) -> Tensor:
    """Tokens (N, 3) -> the answers of one expert, (N, 1)."""
    return F.gelu(x @ first[number]) @ second[number] if WIDTH else x @ first[number]


def mixture(x: Tensor, noise: float | Tensor = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tokens (N, 3) -> answers (N, 1): those of the chosen experts, each times its probability, added up.
    Further the probabilities (N, E), the experts chosen (N, k), best first, and which had a `seat` (N, k): they
    count from 1, first choices first.
    """
    probabilities = (x @ router + noise).softmax(dim=1)
    chosen = (probabilities + bias).topk(TOP_K, dim=1).indices
    seat = F.one_hot(chosen.T.flatten(), EXPERTS).cumsum(0).gather(1, chosen.T.reshape(-1, 1)).view(TOP_K, -1).T
    kept = seat <= math.ceil(CAPACITY_FACTOR * len(x) * TOP_K / EXPERTS) if CAPACITY_FACTOR else seat > 0
    y = sum((expert(number, x) for number in range(EXPERTS, EXPERTS + SHARED)), torch.zeros(len(x), 1))
    for number in range(EXPERTS):
        token = ((chosen == number) & kept).any(dim=1).nonzero()[:, 0]  # those that go to this expert
        y = y.index_add(0, token, expert(number, x[token]) * probabilities[token, number, None])
    return y, probabilities, chosen, kept


def load(chosen: Tensor) -> Tensor:
    """Share of all choices (N, k) that fell on each expert, (E,)."""
    return torch.bincount(chosen.flatten(), minlength=EXPERTS).double() / chosen.numel()


def balancing_loss(probabilities: Tensor, chosen: Tensor) -> Tensor:
    """E sum_i f_i P_i of the load f and the mean probability P of each expert: lowest, 1, if all are alike."""
    return EXPERTS * (load(chosen).float() * probabilities.mean(0)).sum()


def train(steps: int) -> Iterator[dict[str, float]]:
    """Updates by 256 points each; metrics are of test points."""
    optimiser = torch.optim.AdamW([router, first], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    optimiser.add_param_group({"params": [second], "lr": LEARNING_RATE * min(1.0, 16 / (WIDTH or 1))})
    for step in range(steps):
        dice = generator(SEED, f"batch/{step}")
        x, y = tokens(torch.multinomial(torch.ones(CLUSTERS) / CLUSTERS, 256, replacement=True, generator=dice), dice)
        noise = NOISE * torch.randn(256, EXPERTS, generator=generator(SEED, f"noise/{step}"))
        answer, probabilities, chosen, _ = mixture(x, noise)
        loss = F.mse_loss(answer, y) / test_y.var(correction=0) + BALANCE_LOSS * balancing_loss(probabilities, chosen)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        bias.add_(BIAS_RATE * (1 / EXPERTS - load(chosen)).sign())  # up if it got too few tokens
        with torch.no_grad():
            answer, probabilities, chosen, kept = mixture(test_x)
        yield {
            "moe": float(F.mse_loss(answer, test_y) / test_y.var(correction=0)),  # share of the variance that is left
            "balancing_loss": float(balancing_loss(probabilities, chosen)),
            "violation": float(load(chosen).max() * EXPERTS - 1),  # how far the busiest expert is over its share
            "information": float(normalized_mutual_info_score(test_kind, chosen[:, 0])),  # of experts and clusters
            "dropped": 1 - float(kept.double().mean()),
        } | {f"load.{i}": share for i, share in enumerate(load(chosen).tolist())}  # fmt: skip


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(300))
    print({name: round(value, 3) for name, value in history[-1].items()})
    figure, (plane, loads, curves) = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
    grid = torch.cartesian_prod(*[torch.linspace(-1.6, 1.6, 100)] * 2)
    ruler = mixture(F.pad(grid, (0, 1), value=3.0))[2][:, 0].tolist()
    plane.scatter(*grid.T, 6, [f"C{i % 10}" for i in ruler], alpha=0.3)
    plane.plot(test_x[:, 0], test_x[:, 1], "k.", markersize=3)
    plane.set(title="Test points, and which expert is first choice where", xlabel="x", ylabel="y", aspect="equal")
    for i in range(EXPERTS):
        loads.plot([metrics[f"load.{i}"] for metrics in history], color=f"C{i % 10}", label=f"expert {i + 1}")
    loads.set(title="Load of every expert", xlabel="step", ylabel="share of all choices", ylim=(0, 1))
    for name, label in {"moe": "test error", "violation": "imbalance", "information": "specialisation"}.items():
        curves.plot([metrics[name] for metrics in history], label=label)
    curves.set(title="Learned, balanced, specialised?", xlabel="step", ylabel="share of variance; excess load; share")
    figure.legend(loc="outside lower center", ncols=EXPERTS + 3)
    plt.show()
