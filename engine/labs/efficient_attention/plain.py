"""What may be left out?  Pairs of key and value are recalled by four kinds of attention, one layer each.

Run it: it trains all four and draws.  The constants are the knobs of the lab.
Does not know: task, kinds, features, sharing, talking, rank, weights, gradients, scaled.
"""

import hashlib
import math
from collections import deque
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0
PAIRS = 16  # at most
LENGTH = 48  # places that are read before the questions
WINDOW = 16  # places that window attention sees
BLOCK = 8  # places in a block
TOP = 1  # blocks that are read beside one's own
KEY_WIDTH = 8  # numbers in a key of linear attention
WIDTH = 64
HEADS = 1
LEARNING_RATE = 0.005
BATCH_SIZE = 16

letters, noise = 26, 52  # keys are 0 to 25, values 26 to 51
counts = [*(count for count in (1, 2, 4, 8, 16, 24) if count < PAIRS), PAIRS]
asked = min(16, PAIRS)


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def batch(dice: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """Sequences (B, T) of pairs among noise, then questions; what is wanted, -1 where nothing is; how many pairs."""
    pairs = counts[int(torch.randint(len(counts), (1,), generator=dice))]
    keys = torch.rand(BATCH_SIZE, letters, generator=dice).argsort(dim=1)[:, :pairs]
    values = letters + torch.randint(letters, (BATCH_SIZE, pairs), generator=dice)
    place = 2 * torch.rand(BATCH_SIZE, LENGTH // 2, generator=dice).argsort(dim=1)[:, :pairs]
    tokens = torch.full((BATCH_SIZE, LENGTH + asked), noise)
    tokens.scatter_(1, place, keys).scatter_(1, place + 1, values)
    wanted = torch.full_like(tokens, -1)
    order = torch.rand(BATCH_SIZE, pairs, generator=dice).argsort(dim=1)[:, :asked]
    tokens[:, LENGTH : LENGTH + order.shape[1]] = keys.gather(1, order)
    wanted[:, LENGTH : LENGTH + order.shape[1]] = values.gather(1, order)
    return tokens, wanted, pairs


def seen(kind: str, q: Tensor, k: Tensor) -> Tensor:
    """Which places (columns) a place (row) looks at: (T, T), or (B, H, T, T) for blocks, chosen by what is read."""
    t = torch.arange(q.shape[-2])
    past = t[:, None] >= t
    if kind == "window":
        return past & (t[:, None] - t < WINDOW)
    if kind == "blocks":
        M = -(-len(t) // BLOCK)
        means = F.pad(k, (0, 0, 0, M * BLOCK - len(t))).view(*k.shape[:2], M, BLOCK, -1).mean(-2)
        before = torch.arange(M) < (t // BLOCK)[:, None]  # (T, M)
        best = (q @ means.mT).masked_fill(~before, -math.inf).topk(min(TOP, M), dim=-1).indices
        chosen = torch.zeros(*q.shape[:-1], M, dtype=torch.bool).scatter_(-1, best, True)
        chosen = chosen & before | (torch.arange(M) == (t // BLOCK)[:, None])
        return chosen.repeat_interleave(BLOCK, dim=-1)[..., : len(t)] & past
    return past


def attend(kind: str, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention (B, H, T, V) of q, k (B, H, T, K) and v (B, H, T, V)."""
    if kind == "linear":  # products of positive numbers in place of e^score: the sum over places can be kept
        products = ((F.elu(q) + 1) @ (F.elu(k) + 1).mT).tril()
        return products @ v / (products.sum(-1, keepdim=True) + 1e-6)
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return scores.masked_fill(~seen(kind, q, k), -math.inf).softmax(-1) @ v


class Network(nn.Module):
    """Tokens (B, T) to scores of the values (B, T, 26)."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, key = kind, KEY_WIDTH if kind == "linear" else WIDTH // HEADS
        self.embedding, self.norm, self.last = nn.Embedding(53, WIDTH), nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.query, self.key = nn.Linear(WIDTH, HEADS * key, bias=False), nn.Linear(2 * WIDTH, HEADS * key, bias=False)
        self.value, self.out = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, letters, bias=False)
        dice = generator(SEED, "weights")
        self.embedding.weight.data.normal_(generator=dice)
        for linear in (self.query, self.key, self.value, self.out, self.head):
            bound = linear.in_features**-0.5
            linear.weight.data.uniform_(-bound, bound, generator=dice)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        u = self.norm(x)
        both = torch.cat([u, F.pad(u[:, :-1], (0, 0, 1, 0))], dim=-1)  # keys also see the token before
        q, k, v = (y.unflatten(-1, (HEADS, -1)).transpose(1, 2) for y in (self.query(u), self.key(both), self.value(u)))
        found = self.out(attend(self.kind, q, k, v).transpose(1, 2).flatten(2))
        return self.head(self.last(x + found))  # type: ignore[no-any-return]


kinds = ("full", "window", "blocks", "linear")
networks = {kind: Network(kind) for kind in kinds}
optimisers = {kind: torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
              for kind, network in networks.items()}  # fmt: skip
recall: dict[str, dict[int, deque[float]]] = {kind: {} for kind in kinds}  # shares right lately, by pairs


def train(steps: int) -> Iterator[dict[str, float]]:
    """All four on the same new sequences in each step."""
    for step in range(steps):
        tokens, wanted, pairs = batch(generator(SEED, f"batch/{step}"))
        metrics: dict[str, float] = {}
        there = wanted >= 0
        for kind, network in networks.items():
            scores, targets = network(tokens)[there], wanted[there] - letters
            loss = F.cross_entropy(scores, targets)
            optimisers[kind].zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimisers[kind].step()
            right = float((scores.argmax(-1) == targets).float().mean())
            recall[kind].setdefault(pairs, deque(maxlen=4)).append(right)
            shares = [sum(found) / len(found) for found in recall[kind].values()]
            metrics |= {f"{kind}_loss": loss.item(), f"{kind}_recall": sum(shares) / len(shares)}
        yield metrics


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(200))
    print({name: round(value, 3) for name, value in history[-1].items()})
    for kind in kinds:
        by_pairs = sorted((pairs, sum(found) / len(found)) for pairs, found in recall[kind].items())
        plt.plot(*zip(*by_pairs, strict=True), marker="o", label=kind)
    plt.xlabel("pairs to remember")
    plt.ylabel("share right")
    plt.legend()
    plt.show()
