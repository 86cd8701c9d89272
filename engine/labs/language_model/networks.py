"""Four ways from tokens to the next one: a transformer, a GRU, causal convolutions, and a table of pairs.

The transformer goes from some tokens to those that are hidden, too.  All but the table read numbers of each token,
make W numbers of what was read so far, and score every token by them.  Names of the transformer's parameters are those
of `engine.nets.transformer`.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.labs.language_model.config import Config
from engine.labs.language_model.objective import MASK
from engine.nets.transformer import FeedForward, linear

BASE = 10_000.0  # of rotary positions
KERNEL, DILATIONS = 3, (1, 2, 4, 8, 16, 32)  # of the convolutions
OF_TOKENS = ("embedding", "blank", "unembedding", "expand", "shrink", "table")
UNEMBEDDING = 0.5  # how much smaller its first weights are than others: every token is nearly as likely at first


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def angles(length: int, width: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each pair's angle at each position, (T, D / 2).  Su et al., 2021."""
    speed = BASE ** (-torch.arange(width // 2) / (width // 2))
    angle = torch.arange(length)[:, None] * speed
    return angle.cos(), angle.sin()


def rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i + D/2}) of x (…, T, D) by the angle of its position."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class Attention(nn.Module):
    """Heads that look at W numbers of each token, only back if `causal`, with positions as angles.  Vaswani, 2017."""

    def __init__(self, width: int, heads: int, causal: bool = True) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query, self.key, self.value = linear(width, width), linear(width, width), linear(width, width)
        self.output = linear(width, width)

    def project(self, x: Tensor) -> list[Tensor]:  # (B, T, W) -> three of (B, H, T, D)
        return [layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                for layer in (self.query, self.key, self.value)]  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:  # (B, T, W) -> (B, T, W)
        q, k, v = self.project(x)
        cos, sin = (table.to(x.device) for table in angles(x.shape[1], q.shape[-1]))
        found = F.scaled_dot_product_attention(rotary(q, cos, sin), rotary(k, cos, sin), v, is_causal=self.causal)
        return self.output(found.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]


class Block(nn.Module):
    """x + attention(norm(x)), then the same with the feed-forward layer."""

    def __init__(self, width: int, heads: int, causal: bool = True) -> None:
        super().__init__()
        self.attention, self.feed_forward = Attention(width, heads, causal), FeedForward("relu", width)
        self.norm, self.second_norm = nn.RMSNorm(width), nn.RMSNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm(x))
        return x + self.feed_forward(self.second_norm(x))  # type: ignore[no-any-return]


class LanguageModel(nn.Module):
    """Tokens (B, T) to logits (B, T, V) of the token after each; or of each itself, some of which are `MASK`.

    `rank` r below the width makes the embedding a product, V r + r W numbers instead of V W, and the way back too (Lan
    et al., 2020); `tied` takes one matrix for both (Press and Wolf, 2017).
    """

    def __init__(self, config: Config, vocabulary: int) -> None:
        super().__init__()
        self.kind, self.context, self.tied, self.heads = config.model, config.context, config.tied, config.heads
        self.dropout, width = config.dropout, config.model_width
        self.causal = config.objective == "next"
        rank = min(config.rank or width, width)
        if self.kind == "bigram":
            self.table = nn.Embedding(vocabulary, vocabulary)
            return
        self.embedding = nn.Embedding(vocabulary, rank)
        self.blank = None if self.causal else nn.Embedding(1, rank)  # stands where a token is hidden
        self.expand = linear(rank, width) if rank < width else None
        if self.kind == "transformer":
            blocks = [Block(width, config.heads, self.causal) for _ in range(1 if config.shared else config.layers)]
            self.blocks = nn.ModuleList(blocks * config.layers if config.shared else blocks)
        elif self.kind == "gru":
            self.gru = nn.GRU(width, width, config.layers, batch_first=True)
        else:
            self.apart = [DILATIONS[n % len(DILATIONS)] for n in range(config.layers)]
            self.convolutions = nn.ModuleList(nn.Conv1d(width, width, KERNEL, dilation=d) for d in self.apart)
        self.norm = nn.RMSNorm(width)
        self.shrink = linear(width, rank) if rank < width else None
        self.unembedding = linear(rank, vocabulary)
        if self.tied:
            self.unembedding.weight = self.embedding.weight

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the first weights: embeddings from a normal distribution, matrices evenly within 1 / sqrt(inputs)."""
        with torch.no_grad():
            if self.kind == "bigram":
                self.table.weight.zero_()
                return
            for name, parameter in self.named_parameters():
                if "norm" in name:
                    continue
                inputs = parameter[0].numel() if parameter.ndim > 1 else self.norm.weight.numel()
                parameter.uniform_(-(inputs**-0.5), inputs**-0.5, generator=generator)
            if self.tied:
                self.unembedding.weight.mul_(UNEMBEDDING)
            else:
                self.unembedding.weight.mul_(UNEMBEDDING)
                self.embedding.weight.normal_(generator=generator)
                if self.blank is not None:
                    self.blank.weight.normal_(generator=generator)

    def embed(self, tokens: Tensor) -> Tensor:
        """W numbers for each token: (…) -> (…, W)."""
        x = self.embedding(tokens) if self.blank is None else self._embedded(tokens, self.blank.weight)
        if self.tied:
            x = x * math.sqrt(12 * x.shape[-1])  # numbers of about the size 1, as without
        return x if self.expand is None else self.expand(x)

    def _embedded(self, tokens: Tensor, blank: Tensor) -> Tensor:
        return torch.where((tokens == MASK)[..., None], blank, self.embedding(tokens.clamp(min=0)))

    def read(self, x: Tensor) -> Tensor:
        """Scores of all tokens, (…, V), by the W numbers of what was read so far."""
        x = self.norm(x)
        return self.unembedding(x if self.shrink is None else self.shrink(x))  # type: ignore[no-any-return]

    def forward(self, tokens: Tensor, dice: torch.Generator | None = None) -> Tensor:
        """With `dice` a share of the numbers is dropped before and after the layers, as in training."""
        if self.kind == "bigram":
            return self.table(tokens)  # type: ignore[no-any-return]
        return self.read(self.hidden(tokens, dice))

    def hidden(self, tokens: Tensor, dice: torch.Generator | None = None) -> Tensor:
        """W numbers of what was read so far at each place, (B, T) -> (B, T, W); the table of pairs has none."""
        x = self._dropped(self.embed(tokens), dice)
        if self.kind == "gru":
            x = self.gru(x)[0]
        elif self.kind == "convolution":
            x = self._convolved(x)
        else:
            for block in self.blocks:
                x = block(x)
        return self._dropped(x, dice)

    def _convolved(self, x: Tensor) -> Tensor:
        for layer, apart in zip(self.convolutions, self.apart, strict=True):
            x = x + F.relu(layer(F.pad(x.mT, ((KERNEL - 1) * apart, 0)))).mT
        return x

    def _dropped(self, x: Tensor, dice: torch.Generator | None) -> Tensor:
        if dice is None or not self.dropout:
            return x
        kept = torch.rand(x.shape, generator=dice).to(x.device) >= self.dropout
        return x * kept / (1 - self.dropout)


def build(config: Config, vocabulary: int, generator: torch.Generator) -> LanguageModel:
    """The model of a config, its first weights drawn."""
    model = LanguageModel(config, vocabulary)
    model.initialise(generator)
    return model


def places(model: LanguageModel) -> dict[str, int]:
    """How many numbers sit where: embedding and the way back, attention, feed-forward, everything else."""
    found = {"embedding and output": 0, "attention": 0, "feed-forward": 0, "other layers": 0}
    for name, parameter in model.named_parameters():
        part = ("embedding and output" if name.split(".")[0] in OF_TOKENS
                else "attention" if "attention" in name else "feed-forward" if "feed_forward" in name
                else "other layers")  # fmt: skip
        found[part] += parameter.numel()
    return {name: count for name, count in found.items() if count}
