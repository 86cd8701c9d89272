"""What does predicting the next token teach?  A transformer learns to write like the documentation of Python.

Run it: it trains, writes and draws.  The constants are the knobs of the lab.
Does not know: text_key, objective=masked|diffusion|neighbours, masked, reading, rank, tied, shared, dropout, size,
model=gru|convolution|bigram|vectors.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pydoc_data.topics import topics

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0
UNIT = "bpe"  # or "characters", "bytes"
MERGES = 400
OBJECTIVE = "next"
MODEL = "transformer"
LAYERS = 2
HEADS = 4
WIDTH = 64
CONTEXT = 24
LEARNING_RATE = 0.01
BATCH_SIZE = 32


def generator(seed: int, stream: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def prose() -> str:
    """Paragraphs of Python's own reference, without examples, headings and tables."""
    table = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")
    found = []
    for name in sorted(topics):
        for block in topics[name].translate(table).replace("\u2026", "...").split("\n\n"):
            line = " ".join(block.split()).removeprefix("* ")
            plain = not block.startswith("   ") and not any(f"\n{c * 3}" in block for c in "*=-")
            letters = sum(c.isalpha() or c == " " for c in line)
            if plain and len(line) >= 60 and letters > 0.85 * len(line) and line.isascii() and line.isprintable():
                found.append(line)
    return "\n".join(dict.fromkeys(found))


def words(text: str) -> list[str]:
    return re.findall(r" ?[^\W\d_]{1,32}| ?\d{1,32}| ?(?:[^\s\w]|_){1,32}|\s", text)


def joined(tokens: list[int], pair: tuple[int, int], new: int) -> list[int]:
    found: list[int] = []
    for token in tokens:
        if found and (found[-1], token) == pair:
            found[-1] = new
        else:
            found.append(token)
    return found


def merged(text: str, count: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Byte pair encoding: the commonest pair becomes a token, `count` times.  The text as tokens, and the pairs."""
    often = Counter(words(text))
    tokens = {word: list(word.encode()) for word in often}
    pairs = Counter(pair for word in words(text) for pair in pairwise(word.encode()))
    found: list[tuple[int, int]] = []
    for new in range(256, 256 + count):
        found.append(best := min(pairs, key=lambda pair: (-pairs[pair], pair)))
        for word, cut in tokens.items():
            if best[0] in cut and best[1] in cut:  # only these are counted anew
                tokens[word] = joined(cut, best, new)
                for pair, sign in [(p, -1) for p in pairwise(cut)] + [(p, 1) for p in pairwise(tokens[word])]:
                    pairs[pair] += sign * often[word]
    return [token for word in words(text) for token in tokens[word]], found


text = prose()
learned = text[: int(0.9 * len(text))]  # the rest is held out
if UNIT == "characters":
    kinds = sorted(sorted(set(text), key=lambda c: (-text.count(c), c))[:95])
    PIECES = [c.encode() for c in [*kinds, "\ufffd"]]
    data = torch.tensor([kinds.index(c) if c in kinds else len(kinds) for c in learned])
else:
    tokens, pairs = merged(learned, MERGES if UNIT == "bpe" else 0)
    PIECES = [bytes([n]) for n in range(256)]
    for left, right in pairs:
        PIECES.append(PIECES[left] + PIECES[right])
    data = torch.tensor(tokens)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.first, self.second = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)
        self.norm, self.second_norm = nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, W) -> (B, T, W)
        h = self.norm(x)
        q, k, v = (f(h).unflatten(-1, (HEADS, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        half = q.shape[-1] // 2
        angle = torch.arange(x.shape[1])[:, None] * 10_000.0 ** (-torch.arange(half) / half)  # rotary positions
        cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([-angle.sin(), angle.sin()], -1)
        q, k = (each * cos + each.roll(half, -1) * sin for each in (q, k))
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(found.transpose(1, 2).flatten(-2))
        return x + self.second(F.relu(self.first(self.second_norm(x))))  # type: ignore[no-any-return]


embedding, unembedding = nn.Embedding(len(PIECES), WIDTH), nn.Linear(WIDTH, len(PIECES), bias=False)
model = nn.Sequential(embedding, *(Block() for _ in range(LAYERS)), nn.RMSNorm(WIDTH), unembedding)
dice = generator(SEED, "weights")
for parameter in model.parameters():
    if parameter.ndim > 1:
        nn.init.uniform_(parameter, -(parameter.shape[1] ** -0.5), parameter.shape[1] ** -0.5, generator=dice)
with torch.no_grad():
    unembedding.weight *= 0.5
nn.init.normal_(embedding.weight, generator=dice)


def train(steps: int) -> Iterator[dict[str, float]]:
    optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    for step in range(steps):
        starts = torch.randint(len(data) - CONTEXT, (BATCH_SIZE, 1), generator=generator(SEED, f"batch/{step}"))
        pieces = data[starts + torch.arange(CONTEXT + 1)]
        loss = F.cross_entropy(model(pieces[:, :-1]).flatten(0, 1), pieces[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * min(1.0, (step + 1) / 30)
        optimiser.step()
        yield {"loss": loss.item()}


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    plt.plot([metrics["loss"] / math.log(2) for metrics in train(300)])
    written = [int(data[0])]
    for _ in range(60):
        scores = model(torch.tensor([written[-CONTEXT:]]))[0, -1]
        written.append(int((scores / 0.7).softmax(-1).multinomial(1)))
    said = b"".join(PIECES[t] for t in written).decode(errors="replace")
    plt.gca().set(xlabel="step", ylabel="bits a token", title=said)
    plt.show()
