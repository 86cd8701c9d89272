"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.attention_heads import taken, tasks
from engine.labs.attention_heads.config import HELD_OUT, Config
from engine.labs.attention_heads.frame import Frame, frame, held_out_metrics
from engine.labs.attention_heads.vocabulary import symbols
from engine.nets.transformer import Transformer, linear

__all__ = ["Attention", "Config", "Experiment", "Frame", "attend", "batch", "rotary"]


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """softmax(q k^T / sqrt(D) + mask) v, and the softmax.  Vaswani et al., 2017, equation 1.

    q (…, H, T, D); k and v (…, G, S, D), where each of the G is shared by H / G queries next to each other.  `mask`
    spreads to (…, H, T, S): bool, True where a position may look, or numbers that are added to the scores.  Returns
    what was found (…, H, T, D) and the weights (…, H, T, S); who may look nowhere finds zero.
    """
    shared = q.shape[-3] // k.shape[-3]
    if shared > 1:
        k, v = k.repeat_interleave(shared, dim=-3), v.repeat_interleave(shared, dim=-3)
    scores = q @ k.mT / math.sqrt(q.shape[-1])  # (…, H, T, S)
    if mask is None:
        weights = scores.softmax(dim=-1)
    elif mask.dtype == torch.bool:
        weights = scores.masked_fill(~mask, -math.inf).softmax(dim=-1).masked_fill(~mask, 0)
    else:
        weights = (scores + mask).softmax(dim=-1)
    return weights @ v, weights


def rotary(x: Tensor, positions: Tensor) -> Tensor:
    """Turn each pair of numbers in x (…, T, D) by an angle that grows with its position (T,).  Su et al., 2021.

    Pair i is (x_i, x_{i + D/2}), and turns by 10000^(-2i/D) a position.  A query and a key turned so have a product
    that depends on their distance alone.
    """
    half = x.shape[-1] // 2
    speed = 10_000.0 ** (-torch.arange(half, dtype=x.dtype, device=x.device) / half)
    angle = positions.to(x.dtype)[:, None] * speed  # (T, D / 2)
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


@lru_cache(maxsize=256)
@torch.inference_mode(False)  # a look may be the first to ask, and training goes on with the same
def hidden(mask: str, length: int, window: int, device: torch.device) -> Tensor:
    """What is added to the scores so that a position (row) looks only where it may (column): 0 or -inf, (T, T)."""
    place = torch.arange(length, device=device)
    behind = place[:, None] - place
    seen = (behind >= 0) & (behind < (window if mask == "sliding" else length))
    return torch.zeros(length, length, device=device).masked_fill(~seen & (mask != "full"), -math.inf)


@lru_cache(maxsize=256)
@torch.inference_mode(False)
def alibi(heads: int, length: int, device: torch.device) -> Tensor:
    """What ALiBi takes off the scores for each step of distance, (H, T, T).  Press et al., 2022."""
    slope = 2.0 ** (-8 * torch.arange(1, heads + 1, device=device) / heads)
    place = torch.arange(length, device=device)
    return -slope[:, None, None] * (place[:, None] - place).abs()


class Attention(nn.Module):
    """The heads of one layer."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width, D = config.model_width, config.head_width
        self.query = linear(width, config.heads * D)
        self.key, self.value = linear(width, config.groups * D), linear(width, config.groups * D)
        self.output = linear(config.heads * D, width)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (…, H, T, D), keys and values (…, G, T, D) of x (…, T, W), with rotary positions turned."""
        D = self.config.head_width
        q, k, v = (layer(x).unflatten(-1, (-1, D)).transpose(-3, -2) for layer in (self.query, self.key, self.value))
        if self.config.position == "rotary":
            places = torch.arange(x.shape[-2], device=x.device)
            turned = rotary(torch.cat([q, k], dim=-3), places)  # in one go
            q, k = turned[..., : q.shape[-3], :, :], turned[..., q.shape[-3] :, :, :]
        return q, k, v

    def mask(self, length: int, device: torch.device) -> Tensor:
        """What is added to the scores: (T, T), or with ALiBi (H, T, T)."""
        mask = hidden(self.config.mask, length, self.config.window, device)
        return mask + alibi(self.config.heads, length, device) if self.config.position == "alibi" else mask

    def forward(self, x: Tensor, *, gate: Tensor | None = None, weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """What the heads add to the stream, (…, T, W), and if asked their weights (…, H, T, T); `gate` is (…, H)."""
        q, k, v = self.project(x)
        mask = self.mask(x.shape[-2], x.device)
        by_head = None
        if self.config.kernel == "fused" and not weights:
            found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=k.shape[-3] != q.shape[-3])
        else:
            found, by_head = attend(q, k, v, mask)  # (…, H, T, D)
        if gate is not None:
            found = found * gate[..., None, None]
        return self.output(found.transpose(-3, -2).flatten(-2)), by_head


def batch(
    config: Config, generator: torch.Generator, *, held_out: bool = False, count: int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Sequences of the task: tokens and the targets wanted at each, (B, T), and where they can be known, (B, T) bool.

    With `held_out` they are of a kind that is never trained on: other periods, the end of a text; of the tasks
    that have no such kind they are only new.  `count` overrides the size of the batch.
    """
    return tasks.batch(
        config.task, count=count or config.batch_size, length=config.length, text_key=config.text_key,
        merges=config.merges,
        open_answers=config.mask != "full", held_out=held_out, generator=generator,
    )  # fmt: skip


class Experiment:
    """One step is one batch.  The loss is the cross-entropy where the next token can be known.

    Metrics, on the batch and on sequences held out: loss and share right; and how much of its attention the best head
    puts on the token before (`previous_token`) and on what followed the last token like this one (`induction`).
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.symbols = symbols(config.task, config.text_key, config.merges)
        self.model = Transformer(
            lambda: Attention(config), layers=config.layers, width=config.model_width, vocabulary=len(self.symbols),
            length=config.length, position=config.position, feed_forward=config.feed_forward, norm=config.norm,
            pre=config.norm_place == "pre",
        )  # fmt: skip
        self.model.initialise(generator(config.seed, "weights"))
        if config.network:
            taken.load(self.model, config.network)
        self.model.to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.01,
            fused=self.device.type in ("cpu", "cuda"),
        )  # fmt: skip
        count = min(config.batch_size, HELD_OUT)
        tokens, targets, scored = batch(config, generator(config.seed, "held out"), held_out=True, count=count)
        self.held_out = tokens.to(self.device), targets.to(self.device), scored.to(self.device)

    def step(self) -> dict[str, float]:
        stream = generator(self.config.seed, f"batch/{self.step_count}")
        tokens, targets, scored = (t.to(self.device) for t in batch(self.config, stream))
        logits = self.model(tokens)
        loss = F.cross_entropy(logits[scored], targets[scored])
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.step_count += 1
        right = (logits.detach().argmax(-1) == targets)[scored].float().mean()
        return {"loss": float(loss.detach()), "accuracy": float(right)} | held_out_metrics(self.model, self.held_out)

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        for group in self.optimiser.param_groups:
            group["lr"] = config.rate

    def state_dict(self) -> dict[str, Any]:
        """Weights, the optimiser's averages and the number of the step, from which the batches follow."""
        return {
            "step_count": self.step_count, "optimiser": copied(self.optimiser.state_dict()["state"]),
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count = state["step_count"]
        self.model.load_state_dict(state["model"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return frame(config=self.config, model=self.model, labels=self.symbols.labels(), held_out=self.held_out)
