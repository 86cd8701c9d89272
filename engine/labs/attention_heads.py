"""What does a head attend to?

A small transformer learns a task over short sequences of characters.  Watch every head of every layer as it learns
where to look: the attention of one position is a row, and a pattern in the map is what the head has learned to do.  On
repeated random sequences two layers make an induction head: the first finds what stood before each token, the second
looks for the place after the last token like this one, and the loss falls at the step where that stripe appears.

References: Vaswani et al., "Attention is all you need", 2017; Elhage et al., "A mathematical framework for transformer
circuits", 2021; Olsson et al., "In-context learning and induction heads", 2022; Su et al., "RoFormer" (rotary), 2021;
Press et al., "Train short, test long" (ALiBi), 2022; Shazeer, "Fast transformer decoding" (multi-query), 2019; Ainslie
et al., "GQA" (grouped queries), 2023.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine import attention_view, text, token_tasks
from engine.attention_view import Frame
from engine.device import generator
from engine.lab import Config as BaseConfig
from engine.lab import ConfigError, knob
from engine.packing import copied
from engine.transformer import FEED_FORWARD, NORMS, Transformer, linear, milliseconds

__all__ = ["Attention", "Config", "Experiment", "Frame", "attend", "batch", "rotary"]

SHARING = ("multi_head", "grouped", "multi_query")
TIMES = {"standard": 1, "large": 4}  # what the width is multiplied by
BUDGET = {"standard": 20.0, "large": 45.0}  # milliseconds of one core for a step: on a bench others wait for it


@dataclass(frozen=True)
class Config(BaseConfig):
    task: str = knob(
        "induction", choices=token_tasks.TASKS, group="task",
        titles=("repeated sequences", "look up a key", "reverse", "sort", "text"),
        help="What is to be learned. Repeated sequences: a random word again and again, with another period each time.",
    )  # fmt: skip
    tokens: str = knob(
        "", length=(0, 200), live=True, group="task", label="Your own tokens",
        help="What the maps show. Empty: a sequence that training never uses. Letters, digits, and > before an answer.",
    )  # fmt: skip
    text_key: str = knob("", length=(0, 20), group="task", when="task=text", help="A text of your own on the shelf.")
    length: int = knob(32, low=12, high=64, group="task", help="Tokens in a sequence, at most.")
    layers: int = knob(2, low=1, high=8, group="model", help="Blocks, one after the other.")
    heads: int = knob(2, low=1, high=8, group="model", help="Heads in each layer, which share its width.")
    key_value_heads: str = knob(
        "multi_head", choices=SHARING, group="model", label="Keys and values",
        titles=("each its own", "grouped by two", "one for all"),
        help="Whether heads share keys and values: multi-head, grouped-query or multi-query attention.",
    )  # fmt: skip
    width: int = knob(64, low=16, high=128, log=True, group="model", help="Numbers that stand for one token.")
    size: str = knob(
        "standard", choices=tuple(TIMES), group="model",
        help="Large has 4 times the width. It is meant for a server with a GPU; without one it learns more slowly.",
    )  # fmt: skip
    position: str = knob(
        "rotary", choices=("none", "sinusoidal", "learned", "rotary", "alibi"), group="model",
        titles=("none", "sinusoidal", "learned", "rotary", "ALiBi"), help="How the model knows where a token stands.",
    )  # fmt: skip
    mask: str = knob(
        "causal", choices=("causal", "full", "sliding"), group="model",
        titles=("causal", "full", "sliding window"),
        help="What a position may see. Full: everything, so in repeated sequences and text also the answer.",
    )  # fmt: skip
    window: int = knob(8, low=1, high=64, group="model", when="mask=sliding", help="Tokens that a position may see.")
    feed_forward: str = knob(
        "none", choices=FEED_FORWARD, group="block", titles=("none", "ReLU", "GELU", "SwiGLU"),
        help="The layer after each attention, at every position by itself.",
    )  # fmt: skip
    norm: str = knob(
        "layer", choices=NORMS, group="block", titles=("LayerNorm", "RMSNorm"), help="What keeps numbers at one size."
    )
    norm_place: str = knob("pre", choices=("pre", "post"), group="block", help="Before each layer, or after the sum.")
    learning_rate: float = knob(
        0.005, low=1e-5, high=0.1, log=True, live=True, group="training",
        help="Size of AdamW's step; with the size “large” a quarter of it, which suits the wider layers.",
    )  # fmt: skip
    batch_size: int = knob(16, low=4, high=128, log=True, group="training", help="Sequences behind each step.")
    kernel: str = knob(
        "products", choices=("products", "fused"), group="training",
        titles=("matrix products", "torch's fused kernel"), help="What computes attention in training.",
    )  # fmt: skip
    shown: int = knob(21, low=11, high=88, live=True, group="view", help="The head taken apart: 21 is layer 2, head 1.")
    off: tuple[int, ...] = knob(
        (), low=11, high=88, length=(0, 64), live=True, group="view",
        help="Heads that are switched off where you look. Training goes on with all of them.",
    )  # fmt: skip

    def check(self) -> None:
        if self.heads % 2 and self.key_value_heads == "grouped":
            raise ConfigError("key_value_heads", "grouped", "here two heads share keys and values, so choose an even "
                              f"number of heads and not {self.heads}, or another way of sharing")  # fmt: skip
        if self.task == "text":
            text.require_length(self.text_key, self.length)
        vocabulary = len(token_tasks.symbols(self.task, self.text_key))
        takes = self._milliseconds(self.batch_size, vocabulary)
        budget = BUDGET[self.size]
        if takes > budget:
            fits = next((n for n in range(self.batch_size, 3, -1) if self._milliseconds(n, vocabulary) <= budget), 0)
            wish = f"a batch of at most {fits} sequences, or " if fits else ""
            raise ConfigError(
                "batch_size" if wish else "width", self.batch_size if wish else self.width,
                f"{self.layers} layers of width {self.model_width} on {self.batch_size} sequences of {self.length} "
                f"tokens take about {takes:.0f} ms a step, and others wait for it; choose {wish}fewer layers, a "
                "smaller width or shorter sequences",
            )  # fmt: skip

    def _milliseconds(self, sequences: int, vocabulary: int) -> float:
        """About what a step takes on one core: forward, twice as much back, the sequences held out, and AdamW."""
        return 2 + self.layers + milliseconds(
            layers=self.layers, heads=self.heads, width=self.model_width, feed_forward=self.feed_forward,
            length=self.length, vocabulary=vocabulary,
            sequences=3 * sequences + min(sequences, attention_view.HELD_OUT),
        )  # fmt: skip

    @property
    def model_width(self) -> int:
        """Numbers that stand for one token, W."""
        return self.width * TIMES[self.size]

    @property
    def rate(self) -> float:
        """AdamW's: the wider the layers, the smaller the steps (Yang et al., "Tensor programs V", 2021)."""
        return self.learning_rate / TIMES[self.size]

    @property
    def groups(self) -> int:
        """Heads of keys and values."""
        return {"multi_head": self.heads, "grouped": self.heads // 2, "multi_query": 1}[self.key_value_heads]

    @property
    def head_width(self) -> int:
        """Numbers in one query: an even share of the width, since rotary positions turn pairs."""
        return max(2, self.model_width // self.heads // 2 * 2)


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
    return token_tasks.batch(
        config.task, count=count or config.batch_size, length=config.length, text_key=config.text_key,
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
        self.symbols = token_tasks.symbols(config.task, config.text_key)
        self.model = Transformer(
            lambda: Attention(config), layers=config.layers, width=config.model_width, vocabulary=len(self.symbols),
            length=config.length, position=config.position, feed_forward=config.feed_forward, norm=config.norm,
            pre=config.norm_place == "pre",
        )  # fmt: skip
        self.model.initialise(generator(config.seed, "weights"))
        self.model.to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.01,
            fused=self.device.type in ("cpu", "cuda"),
        )  # fmt: skip
        count = min(config.batch_size, attention_view.HELD_OUT)
        held_out = batch(config, generator(config.seed, "held out"), held_out=True, count=count)
        self.held_out = tuple(t.to(self.device) for t in held_out)

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
        return {"loss": float(loss.detach()), "accuracy": float(right)} | attention_view.judged(self)

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
        return attention_view.draw(self)
