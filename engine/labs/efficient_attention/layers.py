"""One layer of attention of a kind, whose heads may share keys and values, between an embedding and the answers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.labs.efficient_attention.attention_kinds import Mix, attend, shared
from engine.labs.efficient_attention.config import Config
from engine.labs.efficient_attention.kinds import TALKING
from engine.labs.efficient_attention.vocabulary import LABELS, VALUES


class Network(nn.Module):
    """Tokens (B, T) to scores of the values (B, T, 26).

    Keys are made of a token and the one before it, so that one layer can find what stood behind a key.
    """

    def __init__(self, config: Config, kind: str) -> None:
        super().__init__()
        self.config, self.kind = config, kind
        d, H, G = config.width, config.heads, config.groups
        self.key_width = config.key_width if kind == "linear" else config.head_width
        self.embedding = nn.Embedding(len(LABELS), d)
        self.norm, self.last = nn.RMSNorm(d), nn.RMSNorm(d)
        self.query = nn.Linear(d, H * self.key_width, bias=False)
        latent = config.sharing == "latent"
        self.latent = nn.Linear(2 * d, config.rank, bias=False) if latent else None
        self.key = nn.Linear(config.rank if latent else 2 * d, G * self.key_width, bias=False)
        self.value = nn.Linear(config.rank if latent else d, G * (config.head_width), bias=False)
        self.gate = nn.Linear(d, 3 * H, bias=False) if kind == "nsa" else None
        talks = config.talking and kind in TALKING  # it begins as heads that do not talk
        self.mixing = nn.ParameterList([torch.eye(H), torch.eye(H)]) if talks else None
        self.out = nn.Linear(d, d, bias=False)
        self.head = nn.Linear(d, VALUES, bias=False)

    def initialise(self, dice: torch.Generator) -> None:
        """Draw all weights from `dice`."""
        self.embedding.weight.data.normal_(generator=dice)
        for module in (self.query, self.latent, self.key, self.value, self.out, self.head):
            if module is not None:
                bound = module.in_features**-0.5
                module.weight.data.uniform_(-bound, bound, generator=dice)
        if self.gate is not None:
            self.gate.weight.data.zero_()  # a half of each part

    def projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, T, K), keys (B, G, T, K) and values (B, G, T, V) of the stream x (B, T, d)."""
        x = self.norm(x)
        both = torch.cat([x, F.pad(x[:, :-1], (0, 0, 1, 0))], dim=-1)  # a token and the one before it
        source = both if self.latent is None else self.latent(both)
        k, v = self.key(source), self.value(x if self.latent is None else source)
        q, k, v = (
            y.unflatten(-1, (heads, -1)).transpose(1, 2)
            for y, heads in ((self.query(x), self.config.heads), (k, self.config.groups), (v, self.config.groups))
        )
        return q, k, v

    def gates(self, x: Tensor) -> Tensor | None:
        """How much is taken of each part of NSA, (B, H, T, 3) in [0, 1]; of others None."""
        if self.gate is None:
            return None
        return self.gate(self.norm(x)).sigmoid().unflatten(-1, (self.config.heads, 3)).transpose(1, 2)  # type: ignore[no-any-return]

    @property
    def mix(self) -> Mix | None:
        """By what heads mix their scores and their weights, two tables (H, H); None where they do not talk."""
        return None if self.mixing is None else (self.mixing[0], self.mixing[1])

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        q, k, v = self.projected(x)
        found = attend(self.kind, q, k, v, gates=self.gates(x), mix=self.mix, **self.config.settings)
        return self.head(self.last(x + self.out(found.transpose(1, 2).flatten(2))))  # type: ignore[no-any-return]

    def look(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """Scores (B, T, 26), queries, keys and values (B, H, T, .) as the heads use them, and gates if there are."""
        x = self.embedding(tokens)
        q, k, v = self.projected(x)
        return self(tokens), q, shared(k, q.shape[1]), shared(v, q.shape[1]), self.gates(x)
