"""What there is to see: who reaches whom on one sequence, what it costs, what is recalled; and one row tile by tile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contract.device import generator
from engine.labs.efficient_attention import tasks
from engine.labs.efficient_attention.accounting import work
from engine.labs.efficient_attention.attention_kinds import Mix, allowed, features, table, weights
from engine.labs.efficient_attention.config import OFF, Config
from engine.labs.efficient_attention.gradients import Counts, lost, would_be_lost
from engine.labs.efficient_attention.kinds import GRADIENTS
from engine.labs.efficient_attention.layers import Network
from engine.labs.efficient_attention.quantise import Line, creep, line
from engine.labs.efficient_attention.stopwatch import Times, times
from engine.labs.efficient_attention.tiling import tiles
from engine.labs.efficient_attention.vocabulary import KEYS, LABELS

Array = NDArray[Any]
SHOWN = 8  # pairs of the sequence on screen, at most: more would leave no dots between them
SMALL = 1e-3  # the step that is added to 1 again and again


@dataclass(frozen=True)
class Seen:
    """What one kind of attention makes of the sequence, T places, in the head shown."""

    kind: str
    said: Array  # (T,) int: the token it answers at each place
    weights: Array  # (T, T): from which place (column) how much reaches which (row)
    computed: Array  # (T, T) bool: products of query and key; of linear attention none
    carried: Array  # (T, K): of linear attention how large each of its K running sums is after each place; else (T, 0)
    share: float  # of the multiply-adds of full attention with as wide keys, over this sequence
    mixing: Array  # (2, H, H): how heads (columns) mix scores, and then weights, of heads (rows); else (2, 0, 0)
    recall: Mapping[int, float]  # the share right lately, by the number of pairs or how far back a needle lies


@dataclass(frozen=True)
class Met:
    """One row after a tile: what it keeps, with and without taking off the maximum."""

    j: int
    highest: float  # score in this tile
    maximum: float  # so far
    kept: float  # what was before is multiplied by this
    total: float
    out: Array  # (3,): the first numbers of the output so far
    naive_total: float
    naive_out: Array  # (3,)


@dataclass(frozen=True)
class Tiling:
    """Full attention in tiles, as far as the knob says."""

    kind: str  # whose queries, keys and values are taken
    size: int
    done: int  # tiles so far
    count: int  # tiles in all
    i: int
    j: int
    row: int  # whose numbers are told: the question traced, or else the last of its block
    scores: Array  # (T, T), times the knob
    met: tuple[Met, ...]  # that row with each block of keys so far
    exact: Array  # (3,): what softmax over the whole row gives


@dataclass(frozen=True)
class Frame:
    """One moment of a run, on one sequence of T places."""

    tokens: Array  # (T,) int
    wanted: Array  # (T,) int: -1 where nothing is asked
    own: bool  # the visitor's own sequence
    ignored: str  # characters of it that are no tokens
    question: int  # the place of the question traced
    seen: tuple[Seen, ...]
    tiling: Tiling
    line: Line  # a value among the numbers of a format
    creep: Mapping[str, Array]  # what many small steps from 1 come to in that format
    one: Line  # 1 among the numbers of bf16, and small steps from it: what a lesson tells, whatever is looked at
    crept: Mapping[str, Array]
    sizes: Counts  # of the gradients of the last step, of the first kind: how many of each size stay and become zero
    lost: float  # the share that becomes zero
    would_be_lost: Mapping[str, float]  # and what it would be in each format without a scale
    times: Times | None  # taken on this machine; no part of the run

    @property
    def labels(self) -> list[str]:
        """What stands at each place."""
        return [LABELS[token] for token in self.tokens]


@torch.no_grad()
def frame(
    *,
    config: Config,
    networks: Mapping[str, Network],
    recall: Mapping[str, Mapping[int, float]],
    sizes: Counts,
    device: torch.device,
) -> Frame:
    """The frame of `networks` on the visitor's own sequence, or on one drawn by the seed."""
    (x, wanted), own, ignored = sequence(config)
    head = min(config.head, config.heads) - 1
    seen, looked = [], {}
    for kind, network in networks.items():
        scores, q, k, v, gates = network.look(x.to(device))
        looked[kind] = (q[0, head], k[0, head], v[0, head])
        found = weights(kind, q, k, gates, network.mix, **config.settings)[0, head]
        seen.append(_seen(config, kind, scores, found, q, k, v, head, recall[kind], network.mix))
    asked = np.flatnonzero(_array(wanted[0]) >= 0)
    question = int(asked[min(config.question, len(asked)) - 1])
    kind = "full" if "full" in looked else next(iter(looked))
    return Frame(
        tokens=_array(x[0]), wanted=_array(wanted[0]), own=own, ignored=ignored,
        question=question, seen=tuple(seen),
        tiling=_tiling(config, kind, question, *looked[kind]),
        line=line(config.number, config.format), creep=creep(config.format, SMALL),
        one=line(1.0, "bf16"), crept=creep("bf16", SMALL), sizes=sizes, lost=lost(sizes),
        would_be_lost={name: would_be_lost(sizes, name) for name in GRADIENTS},
        times=None if config.measured == OFF else times(int(config.measured), device),
    )  # fmt: skip


def sequence(config: Config) -> tuple[tasks.Batch, bool, str]:
    """The sequence on screen, whether it is the visitor's own, and what of that was no token."""
    found, ignored = tasks.typed(config.tokens, longest=config.length)
    if found is not None:
        return found, True, ignored
    stream = generator(config.seed, "shown")
    pairs = min(SHOWN, config.most)
    drawn = tasks.batch(stream, count=1, length=config.length, asked=pairs, pairs=pairs)
    return drawn, False, ignored


def _seen(
    config: Config, kind: str, scores: Tensor, used: Tensor, q: Tensor, k: Tensor, v: Tensor, head: int,
    recall: Mapping[int, float], mix: Mix | None,
) -> Seen:  # fmt: skip
    T = q.shape[-2]
    computed, carried = torch.zeros(T, T, dtype=torch.bool), torch.zeros(T, 0)
    if kind == "linear":
        carried = table(features(k[0, head], config.features), v[0, head]).norm(dim=-1)
    else:
        found = allowed(kind, q, k, **config.settings)
        computed = found[0, head] if found.ndim == 4 else found
    one = {"window": config.window, "block": config.block, "top": config.top, "value_width": config.head_width,
           "talking": config.heads if mix else 0}  # fmt: skip
    full = work("full", T, key_width=config.head_width, value_width=config.head_width)
    return Seen(
        kind=kind, said=_array(scores[0].argmax(-1)) + KEYS, weights=_array(used),
        computed=_array(computed), carried=_array(carried), recall=dict(recall),
        mixing=_array(torch.stack(mix)) if mix else np.zeros((2, 0, 0), np.float32),
        share=work(kind, T, key_width=q.shape[-1], **one) / full,
    )  # fmt: skip


def _tiling(config: Config, kind: str, question: int, q: Tensor, k: Tensor, v: Tensor) -> Tiling:
    """The tiles of q, k (T, K) and v (T, V) up to the one that the knob says; of the question's row if it is there."""
    q, size = q * config.scale, config.tile_size
    T, K = q.shape
    blocks = -(-T // size)
    done = min(config.tile, blocks * (blocks + 1) // 2)
    i = (math.isqrt(8 * done - 7) - 1) // 2  # the row of the last tile: i (i + 1) / 2 tiles are in the rows before it
    j = done - 1 - i * (i + 1) // 2
    safe, naive = (list(islice(tiles(q, k, v, size, safe=how, first=i), j + 1)) for how in (True, False))
    last = safe[-1]
    inside = last.i * size <= question < last.i * size + last.scores.shape[-2]
    row = question - last.i * size if inside else last.scores.shape[-2] - 1
    met = tuple(
        Met(
            j=one.j, highest=float(one.scores[row].amax()), maximum=float(one.maximum[row]), kept=float(one.kept[row]),
            total=float(one.total[row]), out=_array(one.out[row, :3]),
            naive_total=float(other.total[row]), naive_out=_array(other.out[row, :3]),
        )
        for one, other in zip(safe, naive, strict=True)
    )  # fmt: skip
    at = last.i * size + row
    scores = q @ k.mT / K**0.5
    return Tiling(
        kind=kind, size=size, done=done, count=blocks * (blocks + 1) // 2, i=last.i, j=last.j, row=at,
        scores=_array(scores), met=met, exact=_array(scores[at, : at + 1].softmax(-1) @ v[: at + 1, :3]),
    )  # fmt: skip


def _array(tensor: Tensor) -> Array:
    """A copy as NumPy array, floats in single precision.  Waits for the GPU."""
    array = tensor.detach().cpu().numpy()
    return array.astype(np.float32) if array.dtype.kind == "f" else array.copy()
