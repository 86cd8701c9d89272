"""What is seen of a transformer: all heads, one of them taken apart, what each layer would say, a head's worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.labs.attention_heads import tasks
from engine.labs.attention_heads.config import Config
from engine.labs.attention_heads.heads import kinds, most_telling
from engine.labs.attention_heads.tasks import Batch
from engine.nets.transformer import Transformer

ABLATED = 6  # sequences held out by which a head is judged, at most
ABLATED_TOKENS = 2000  # and these with and without all the heads, up to the width `ABLATED_WIDTH`
ABLATED_WIDTH = 128
ONE_BY_ONE = 8  # with more heads than this only those are judged that a visitor switches off

Array = NDArray[Any]
Heads = tuple[tuple[int, int], ...]  # (layer, head), from 1


@dataclass(frozen=True)
class Head:
    """One head taken apart, counted from 1.  `scores` are q k^T; what is added to them scaled is `bias`."""

    layer: int
    head: int
    on: bool
    queries: Array  # (T, D), turned if positions are rotary
    keys: Array  # (T, D)
    values: Array  # (T, D)
    scores: Array  # (T, T)
    bias: Array  # (T, T), zero but with ALiBi
    seen: Array  # (T, T) bool: False is masked
    weights: Array  # (T, T)
    found: Array  # (T, D): weights times values


@dataclass(frozen=True)
class Frame:
    """Everything about the sequence on screen is with the heads in `off` switched off; costs and scores are not."""

    labels: tuple[str, ...]  # how each of the V tokens is written
    tokens: Array  # (T,)
    targets: Array  # (T,), -1 where nothing is wanted
    scored: Array  # (T,) bool: can be known
    own: bool  # typed by the visitor
    ignored: str  # typed, and no token of this task
    weights: Array  # (L, H, T, T)
    head: Head
    lens: Array  # (L + 1, T) probability of the target before the first layer and after each; 0 where none is wanted
    lens_tokens: Array  # (L + 1, T) the likeliest token there
    lens_shares: Array  # (L + 1, T) and its probability
    logits: Array  # (V,) after the last token
    induction: Array  # (L, H) mean attention to what followed the last token like this one
    previous: Array  # (L, H) mean attention to the token before
    off: Heads
    loss: float  # held out, with every head
    loss_off: float  # without those that are off
    costs: Array  # (L, H) what the loss gains when one head is switched off, or (0, 0) with many heads
    cache: dict[str, int]  # bytes of keys and values that one more token adds, float32, by way of sharing
    fused: bool  # what computes attention in training


def followers(tokens: Tensor) -> Tensor:
    """(B, T, T): whether the token before column j is that of row t, j <= t.  There an induction head looks."""
    same = tokens[:, :, None] == F.pad(tokens, (1, 0), value=-2)[:, None, :-1]
    return same.tril()


def scores(weights: list[Tensor], tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Induction and previous-token score of each head, (L, H), from weights (B, H, T, T) of each layer.

    The first is the mean over positions that have something to look back to.  Olsson et al., 2022.
    """
    after = followers(tokens)
    count = after.any(-1).sum().clamp(min=1)
    induction = torch.stack([(layer * after[:, None]).sum((0, 2, 3)) for layer in weights]) / count
    previous = torch.stack([layer.diagonal(-1, dim1=2, dim2=3).mean((0, 2)) for layer in weights])
    return induction, previous


@torch.no_grad()
def held_out_metrics(model: Transformer, held_out: Batch) -> dict[str, float]:
    """Loss, share right and the best head's scores on the sequences held out.  Waits for the GPU."""
    tokens, targets, scored = held_out
    logits, weights = model(tokens, return_weights=True)
    loss = F.cross_entropy(logits[scored], targets[scored])
    right = (logits.argmax(-1) == targets)[scored].float().mean()
    induction, previous = scores(weights, tokens)
    found = torch.stack([loss, right, induction.max(), previous.max()]).tolist()
    return dict(zip(("test_loss", "test_accuracy", "induction", "previous_token"), found, strict=True))


def shown_sequence(config: Config, held_out: Batch) -> tuple[Batch, bool, str]:
    """The sequence on screen: what was typed, or else the first of those held out; and the characters not taken.

    With it comes whether it was typed.
    """
    found, ignored = None, ""
    if config.tokens:
        found, ignored = tasks.typed(
            config.task, config.tokens, length=config.length, text_key=config.text_key, merges=config.merges,
            open_answers=config.mask != "full",
        )  # fmt: skip
    tokens, targets, scored = (part[:1].to(held_out[0].device) for part in found or held_out)
    return (tokens, targets, scored), found is not None, ignored


@torch.inference_mode()
def frame(*, config: Config, model: Transformer, labels: Sequence[str], held_out: Batch) -> Frame:
    """What there is to see of `model`, by sequences `held_out`; `labels` (V,) are how its tokens are written."""
    layers, heads = config.layers, config.heads
    off = tuple(dict.fromkeys((n // 10, n % 10) for n in config.off if n // 10 <= layers and 1 <= n % 10 <= heads))
    each = [((layer, head),) for layer in range(1, layers + 1) for head in range(1, heads + 1)]
    singly = len(each) <= ONE_BY_ONE
    tried = _without([(), off, *(each if singly else [])], config=config, model=model, held_out=held_out)
    (tokens, targets, scored), own, ignored = shown_sequence(config, held_out)
    if own:
        streams, weights = model.streams(tokens, gates=_gates(config, [off], tokens.device), weights=True)
    else:  # it is among those that were just tried
        streams, weights = tried.streams, tried.weights
    logits = model.read(torch.cat(streams))  # (L + 1, T, V)
    shares = logits.softmax(-1)
    wanted = targets[0].clamp(min=0).expand(len(streams), -1)
    lens = shares.gather(2, wanted[..., None])[..., 0] * (targets[0] >= 0)
    best = shares.max(-1)
    numbers = 2 * config.layers * config.head_width * 4  # keys and values of one head in every layer, in bytes
    seen = {"induction": _array(tried.induction), "previous": _array(tried.previous),
            "weights": _array(torch.cat(weights)), "tokens": _array(tokens[0])}  # fmt: skip
    layer, head = most_telling(kinds(config.task, **seen))
    shown = (layer + 1, head + 1)
    if config.shown > 10:  # the last one if there is no such head
        shown = min(config.shown // 10, layers), max(1, min(config.shown % 10, heads))
    return Frame(
        labels=tuple(labels),
        **seen, targets=_array(torch.where(targets[0] >= 0, targets[0], -1)),
        scored=_array(scored[0]), own=own, ignored=ignored,
        head=_apart(streams, shown, off, config=config, model=model),
        lens=_array(lens), lens_tokens=_array(best.indices), lens_shares=_array(best.values),
        logits=_array(logits[-1, -1]), off=off,
        loss=tried.losses[()], loss_off=tried.losses[off],
        costs=np.array([tried.losses[head] - tried.losses[()] for head in each]).reshape(layers, heads) if singly
        else np.zeros((0, 0)),
        cache={"multi_head": numbers * heads, "grouped": numbers * max(1, heads // 2), "multi_query": numbers},
        fused=config.kernel == "fused",
    )  # fmt: skip


def _apart(streams: list[Tensor], shown: tuple[int, int], off: Heads, *, config: Config, model: Transformer) -> Head:
    """The head `shown`, (layer, head) from 1, taken apart."""
    layer, head = shown
    block: Any = model.blocks[layer - 1]
    q, k, v = block.attention.project(block.seen(streams[layer - 1]))
    shared = q.shape[1] // k.shape[1]
    q, k, v = q[0, head - 1], k[0, (head - 1) // shared], v[0, (head - 1) // shared]  # (T, D)
    mask = block.attention.mask(len(q), q.device)
    mask = mask[head - 1] if mask.ndim == 3 else mask
    raw = q @ k.T
    weights = (raw / q.shape[-1] ** 0.5 + mask).softmax(-1)
    seen = mask > -torch.inf
    return Head(
        layer=layer, head=head, on=(layer, head) not in off, queries=_array(q), keys=_array(k), values=_array(v),
        scores=_array(raw), bias=_array(mask.masked_fill(~seen, 0)), seen=_array(seen), weights=_array(weights),
        found=_array(weights @ v),
    )  # fmt: skip


def _gates(config: Config, without: list[Heads], device: torch.device) -> Tensor:
    """(L, N, H): for each of N variants 0 at the heads (layer, head) that it goes without, else 1."""
    gates = torch.ones(config.layers, len(without), config.heads)
    for variant, heads in enumerate(without):
        for layer, head in heads:
            gates[layer - 1, variant, head - 1] = 0
    return gates.to(device)


class Tried(NamedTuple):
    """Sequences held out, read without some of the heads."""

    losses: dict[Heads, float]  # by the heads that were missing
    induction: Tensor  # the `scores` with those that are missing in the first variant
    previous: Tensor
    streams: list[Tensor]  # the first sequence in the second variant, as `Transformer.streams` gives it
    weights: list[Tensor]


def _without(without: list[Heads], *, config: Config, model: Transformer, held_out: Batch) -> Tried:
    """Read sequences held out without these heads, one variant after the other, in one pass."""
    variants = list(dict.fromkeys(without))
    n = len(variants)
    wide = max(1.0, config.model_width / ABLATED_WIDTH)
    B = max(1, min(ABLATED, int(ABLATED_TOKENS / wide**2) // (n * held_out[0].shape[1])))
    tokens, targets, scored = (t[:B] for t in held_out)
    gates = _gates(config, variants, tokens.device)[:, :, None]  # (L, N, 1, H)
    streams, weights = model.streams(tokens[None], gates=gates, weights=True)  # (1 or N, B, …)
    logits = model.read(streams[-1])  # (N, B, T, V)
    losses = F.cross_entropy(logits.flatten(0, 2), targets.repeat(n, 1).flatten(), reduction="none").view(n, -1)
    means = losses[:, scored.flatten()].mean(1).tolist()
    second = variants.index(without[1])
    return Tried(
        dict(zip(variants, means, strict=True)), *scores([w[0] for w in weights], tokens),
        [x[min(second, len(x) - 1), :1] for x in streams], [w[min(second, len(w) - 1), :1] for w in weights],
    )  # fmt: skip


def _array(tensor: Tensor) -> Array:
    return tensor.cpu().numpy()
