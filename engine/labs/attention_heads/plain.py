"""What does a head attend to?  A small transformer continues words that repeat, its attention written out.

Run it: it trains and draws.  The constants are the knobs of the lab.
Does not know: task, text_key, merges, network, size, feed_forward, norm, norm_place, kernel.
"""

import hashlib
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0
LENGTH = 32
LAYERS = 2
HEADS = 2
KEY_VALUE_HEADS = "multi_head"  # or "grouped" or "multi_query"
WIDTH = 64
POSITION = "rotary"  # or "none", "sinusoidal", "learned", "alibi"
MASK = "causal"  # or "full" or "sliding"
WINDOW = 8
LEARNING_RATE = 0.005
BATCH_SIZE = 16

LETTERS, SYMBOLS = 26, 38  # the model knows digits and two signs too, which this task does not use
D = max(2, WIDTH // HEADS // 2 * 2)  # numbers in a query
groups = {"multi_head": HEADS, "grouped": HEADS // 2, "multi_query": 1}[KEY_VALUE_HEADS]  # heads of keys and values
place = torch.arange(LENGTH)
behind = place[:, None] - place  # (T, T): how far the column lies behind the row
seen = (behind >= 0) & (behind < (WINDOW if MASK == "sliding" else LENGTH)) | (MASK == "full")
added = torch.zeros(LENGTH, LENGTH).masked_fill(~seen, -math.inf)  # to the scores
if POSITION == "alibi":  # the further away, the less; (H, T, T), for each head has a slope of its own
    added = added - 2.0 ** (-8 * torch.arange(1, HEADS + 1) / HEADS)[:, None, None] * behind.abs()


def generator(seed: int, stream: str) -> torch.Generator:
    """Random numbers for one purpose; the same as in the lab."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def sequences(count: int, held_out: bool, dice: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A random word again and again: tokens, the token that comes next, and whether it can be known, (B, T) each."""
    periods = [p for p in range(max(3, LENGTH // 6), min(LETTERS, LENGTH // 2) + 1) if (p % 3 == 0) == held_out]
    period = torch.tensor(periods)[torch.randint(len(periods), (count, 1), generator=dice)]  # (B, 1)
    letters = torch.rand(count, LETTERS, generator=dice).argsort(dim=1)  # all, in an order of its own for each
    s = letters.gather(1, torch.arange(LENGTH + 1) % period)  # (B, T + 1)
    return s[:, :-1], s[:, 1:], place >= period


def rotary(x: Tensor) -> Tensor:
    """Turn each pair of numbers in x (…, T, D) by an angle that grows with its place: products know the distance."""
    angle = place[:, None] * 10_000.0 ** (-torch.arange(D // 2) / (D // 2))  # (T, D / 2)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)


class Attention(nn.Module):
    """The heads of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, HEADS * D, bias=False)
        self.key, self.value = nn.Linear(WIDTH, groups * D, bias=False), nn.Linear(WIDTH, groups * D, bias=False)
        self.output = nn.Linear(HEADS * D, WIDTH, bias=False)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The stream (B, T, W) with what the heads found added to it, and where they looked, (B, H, T, T)."""
        y = self.norm(x)
        q, k, v = (layer(y).unflatten(-1, (-1, D)).transpose(1, 2) for layer in (self.query, self.key, self.value))
        if POSITION == "rotary":
            q, k = rotary(q), rotary(k)
        k, v = (t.repeat_interleave(HEADS // groups, dim=1) for t in (k, v))  # (B, H, T, D), as q
        weights = (q @ k.mT / math.sqrt(D) + added).softmax(dim=-1)  # (B, H, T, T), each row adds up to 1
        return x + self.output((weights @ v).transpose(1, 2).flatten(2)), weights


embedding, unembedding = nn.Embedding(SYMBOLS, WIDTH), nn.Linear(WIDTH, SYMBOLS, bias=False)
layers, norm = nn.ModuleList(Attention() for _ in range(LAYERS)), nn.LayerNorm(WIDTH)
angle = place[:, None] * 10_000.0 ** (-torch.arange(0, WIDTH, 2) / WIDTH)
positions = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :WIDTH]  # (T, W)
model = nn.ModuleList([embedding, layers, norm, unembedding])
dice = generator(SEED, "weights")
with torch.no_grad():
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight.uniform_(-(module.in_features**-0.5), module.in_features**-0.5, generator=dice)
    embedding.weight.normal_(generator=dice)
if POSITION == "learned":
    positions = nn.Parameter(torch.empty(LENGTH, WIDTH).normal_(std=0.5, generator=dice))


def network(tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Tokens (B, T) -> logits (B, T, V), and the attention weights of each layer."""
    x, looked = embedding(tokens), []
    if POSITION in ("learned", "sinusoidal"):
        x = x + positions
    for layer in layers:
        x, weights = layer(x)
        looked.append(weights)
    return unembedding(norm(x)), looked


def train(steps: int) -> Iterator[dict[str, float]]:
    """Updates, each followed by a look at periods that are never trained on."""
    parameters = [*model.parameters(), *([positions] if POSITION == "learned" else [])]
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    test_tokens, test_targets, test_scored = sequences(min(BATCH_SIZE, 16), True, generator(SEED, "held out"))
    after = (test_tokens[:, :, None] == F.pad(test_tokens, (1, 0), value=-1)[:, None, :-1]).tril()  # what came next
    for step in range(steps):
        tokens, targets, scored = sequences(BATCH_SIZE, False, generator(SEED, f"batch/{step}"))
        logits = network(tokens)[0]
        loss = F.cross_entropy(logits[scored], targets[scored])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        with torch.no_grad():
            test, looked = network(test_tokens)
        by_head = torch.cat(looked, dim=1)  # (B, L * H, T, T)
        yield {
            "loss": loss.item(), "accuracy": float((logits.argmax(-1) == targets)[scored].float().mean()),
            "test_loss": float(F.cross_entropy(test[test_scored], test_targets[test_scored])),
            "test_accuracy": float((test.argmax(-1) == test_targets)[test_scored].float().mean()),
            "induction": float(((by_head * after[:, None]).sum((0, 2, 3)) / after.any(-1).sum().clamp(min=1)).max()),
            "previous_token": float(by_head.diagonal(-1, 2, 3).mean((0, 2)).max()),
        }  # fmt: skip


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    history = list(train(200))
    print({name: round(value, 3) for name, value in history[-1].items()})
    tokens = sequences(1, True, generator(SEED, "held out"))[0]
    letters = [chr(ord("a") + token) for token in tokens[0].tolist()]
    figure, axes = plt.subplots(LAYERS, HEADS, figsize=(5 * HEADS, 5 * LAYERS), squeeze=False, layout="constrained")
    for (layer, head), axis in ((divmod(i, HEADS), axis) for i, axis in enumerate(axes.flat)):
        axis.imshow(network(tokens)[1][layer][0, head].detach(), cmap="Blues", vmin=0, vmax=1)
        axis.set_xticks(range(LENGTH), letters, fontsize=7)
        axis.set_yticks(range(LENGTH), letters, fontsize=7)
        axis.set(title=f"Where head {layer + 1}.{head + 1} looks", xlabel="token looked at", ylabel="token that looks")
    figure, curves = plt.subplots()
    for name in ("test_accuracy", "induction", "previous_token"):
        curves.plot(range(1, len(history) + 1), [metrics[name] for metrics in history], label=name.replace("_", " "))
    curves.set(title="Right on new periods, and attention of the best head", xlabel="step", ylabel="share")
    curves.legend()
    plt.show()
