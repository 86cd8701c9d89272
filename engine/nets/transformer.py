"""A transformer around any attention: embedding, blocks with norms and feed-forward layers, and the way back to tokens.

References: Vaswani et al., 2017; Xiong et al., "On layer normalization in the transformer architecture", 2020 (pre- and
post-norm); Zhang, Sennrich, "Root mean square layer normalization", 2019; Shazeer, "GLU variants", 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from engine.nets.transformer_cost import FEED_FORWARD as FEED_FORWARD
from engine.nets.transformer_cost import NORMS as NORMS
from engine.nets.transformer_cost import milliseconds as milliseconds


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer without bias, whose weights `initialise` draws."""
    layer: nn.Linear = skip_init(nn.Linear, inputs, outputs, bias=False)  # type: ignore[no-untyped-call]
    return layer


def sinusoids(length: int, width: int) -> Tensor:
    """Sines and cosines of every position, (length, width).  Vaswani et al., section 3.5."""
    place = torch.arange(length)[:, None] * 10_000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.stack([place.sin(), place.cos()], dim=-1).flatten(1)[:, :width]


class FeedForward(nn.Module):
    """Two linear layers with a bend between them, at each position by itself; "swiglu" has a gate too."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        self.kind = kind
        hidden = 8 * width // 3 if kind == "swiglu" else 4 * width
        self.first, self.second = linear(width, hidden), linear(hidden, width)
        self.gate = linear(width, hidden) if kind == "swiglu" else None

    def forward(self, x: Tensor) -> Tensor:  # (B, T, W) -> (B, T, W)
        if self.gate is not None:
            hidden = F.silu(self.gate(x)) * self.first(x)
        else:
            hidden = (F.relu if self.kind == "relu" else F.gelu)(self.first(x))
        return self.second(hidden)  # type: ignore[no-any-return]


class Block(nn.Module):
    """x + attention(norm(x)), then the same with the feed-forward layer; with post-norm, norm(x + attention(x))."""

    def __init__(self, attention: nn.Module, *, width: int, feed_forward: str, norm: str, pre: bool) -> None:
        super().__init__()
        make = nn.RMSNorm if norm == "rms" else nn.LayerNorm
        self.attention, self.norm, self.pre = attention, make(width), pre
        self.feed_forward = None if feed_forward == "none" else FeedForward(feed_forward, width)
        self.second_norm = None if feed_forward == "none" else make(width)

    def seen(self, x: Tensor) -> Tensor:
        """What the attention is given."""
        return self.norm(x) if self.pre else x

    def forward(self, x: Tensor, gate: Tensor | None, weights: bool) -> tuple[Tensor, Tensor | None]:
        found, by_head = self.attention(self.seen(x), gate=gate, weights=weights)
        x = x + found if self.pre else self.norm(x + found)
        if self.feed_forward is not None and self.second_norm is not None:
            x = x + self.feed_forward(self.second_norm(x)) if self.pre else self.second_norm(x + self.feed_forward(x))
        return x, by_head


class Transformer(nn.Module):
    """Tokens (B, T) to logits (B, T, V).

    `attention()` makes the attention of a layer: a module that is called with x (B, T, W), `gate` and `weights`, and
    returns what it adds to the stream (B, T, W) and its weights (B, H, T, T), or None if nobody wants them.
    """

    def __init__(
        self,
        attention: Callable[[], nn.Module],
        *,
        layers: int,
        width: int,
        vocabulary: int,
        length: int,
        position: str,
        feed_forward: str,
        norm: str,
        pre: bool,
    ) -> None:
        super().__init__()
        self.embedding: nn.Embedding = skip_init(nn.Embedding, vocabulary, width)  # type: ignore[no-untyped-call]
        self.positions = nn.Parameter(torch.empty(length, width)) if position == "learned" else None
        self.waves: Tensor | None
        self.register_buffer("waves", sinusoids(length, width) if position == "sinusoidal" else None, persistent=False)
        self.blocks = nn.ModuleList(
            Block(attention(), width=width, feed_forward=feed_forward, norm=norm, pre=pre) for _ in range(layers)
        )
        self.norm = (nn.RMSNorm if norm == "rms" else nn.LayerNorm)(width) if pre else nn.Identity()
        self.unembedding = linear(width, vocabulary)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the first weights: embeddings from a normal distribution, matrices evenly within 1 / sqrt(inputs)."""
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    bound = 1 / math.sqrt(module.in_features)
                    module.weight.uniform_(-bound, bound, generator=generator)
            self.embedding.weight.normal_(generator=generator)
            if self.positions is not None:
                self.positions.normal_(std=0.5, generator=generator)

    def streams(
        self, tokens: Tensor, *, gates: Tensor | None = None, weights: bool = False
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The stream (…, T, W) after the embedding and after each layer, and with `weights` each layer's (…, H, T, T).

        `gates` (L, …, H) multiply what each head of each layer found: 0 switches it off.  To try N variants on B
        sequences, let the tokens be (1, B, T) and the gates (L, N, 1, H): what all have in common is computed once.
        """
        x = self.embedding(tokens)
        places = self.positions if self.positions is not None else self.waves
        if places is not None:
            x = x + places[: tokens.shape[-1]]
        streams, found = [x], []
        for depth, block in enumerate(self.blocks):
            x, by_head = block(x, None if gates is None else gates[depth], weights)
            streams.append(x)
            if by_head is not None:
                found.append(by_head)
        return streams, found

    def read(self, stream: Tensor) -> Tensor:
        """Logits (…, V) of a stream (…, W); of an earlier layer's, what the model would say there: the logit lens."""
        return self.unembedding(self.norm(stream))  # type: ignore[no-any-return]

    def forward(self, tokens: Tensor, return_weights: bool = False) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Logits (B, T, V); with `return_weights` also the attention weights of each layer, (B, H, T, T)."""
        streams, weights = self.streams(tokens, weights=return_weights)
        logits = self.read(streams[-1])
        return (logits, weights) if return_weights else logits
