"""How a translator's sentence is found: greedily, by lot, or by a beam; and what it looked at on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.labs.translation.networks import Memory, Translator
from engine.labs.translation.vocabulary import END, START
from engine.nets import beam


class Decoder:
    """The log probabilities of a translator for one source, with the state of every prefix kept.

    `looked` says at which source word it has to look for which target word, and `first` how the target begins.
    """

    def __init__(
        self, model: Translator, source: Tensor, *, looked: Mapping[int, int] | None = None, first: Sequence[int] = ()
    ) -> None:
        self.model, self.looked, self.first = model, dict(looked or {}), list(first)
        self.memory = model.encode(source)
        self.states: dict[tuple[int, ...], Tensor] = {(): model.begin(self.memory)}
        self.weights: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, prefixes: Tensor) -> Tensor:
        """Log probabilities (n, V) of what follows `prefixes` (n, t), which begin with the start."""
        rows = [tuple(row) for row in prefixes.tolist()]
        n, place = len(rows), prefixes.shape[1] - 1
        memory = Memory(*(each.expand(n, *each.shape[1:]) for each in
                          (self.memory.states, self.memory.there, self.memory.last)))  # fmt: skip
        before = torch.cat([self.states[row[:-1]] for row in rows])
        log_probs, states, weights = self.model.follow(
            memory, before, prefixes[:, -1].to(before.device), look=self.looked.get(place)
        )
        for i, row in enumerate(rows):
            self.states[row] = states[i : i + 1]
            if weights is not None:
                self.weights[row] = weights[i]
        if place < len(self.first):
            others = torch.ones(log_probs.shape[-1], dtype=torch.bool, device=log_probs.device)
            others[self.first[place]] = False
            log_probs = log_probs.masked_fill(others, -math.inf)
        return log_probs

    def looks(self, tokens: Sequence[int]) -> Tensor | None:
        """The weights (T, S) with which each of `tokens` was written."""
        path = [START, *tokens]
        if not self.weights:
            return None
        return torch.stack([self.weights[tuple(path[: place + 1])] for place in range(len(tokens))])


@dataclass(frozen=True)
class Found:
    """A search: its tree, and the finished sentences, best first, as tokens with their log probability."""

    nodes: list[beam.Node]
    sentences: list[tuple[list[int], float]]


def search(decoder: Decoder, *, decoding: str, width: int, penalty: float, length: int, dice: torch.Generator) -> Found:
    """What `decoding` finds: ``greedy`` is a beam of 1, ``sample`` draws each word from its probabilities."""
    if decoding == "sample":
        nodes = _drawn(decoder, length, dice)
    else:
        width = width if decoding == "beam" else 1
        nodes = beam.grow(decoder, start=START, end=END, width=width, length=length, penalty=penalty)
    return Found(nodes, beam.sentences(nodes, length))


@torch.no_grad()
def many(model: Translator, source: Tensor, *, width: int, length: int) -> list[list[tuple[list[int], float]]]:
    """For each row of `source` (B, S) the sentences that `beam.search` finds without a penalty, all of them in step."""
    read, B = model.encode(source), len(source)
    memory = Memory(*(each.repeat_interleave(width, 0) for each in (read.states, read.there, read.last)))
    state, token = model.begin(memory), torch.full((B * width,), START, device=source.device)
    rows: list[list[tuple[list[int], float]]] = [[([], 0.0)] for _ in range(B)]  # of each beam, what is gone on with
    done: list[list[tuple[list[int], float]]] = [[] for _ in range(B)]
    for _ in range(length):
        log_probs, state, _ = model.follow(memory, state, token)
        before = torch.full((B, width), -math.inf, dtype=torch.float64)
        for b, row in enumerate(rows):
            before[b, : len(row)] = torch.tensor([value for _, value in row], dtype=torch.float64)
        total = (log_probs.double().cpu().view(B, width, -1) + before[..., None]).flatten(1)  # (B, width V)
        values, places = total.topk(width, dim=1)
        source_of, tokens = torch.zeros(B, width, dtype=torch.long), torch.full((B, width), END)
        for b, row in enumerate(rows):
            grown: list[tuple[list[int], float]] = []
            for value, place in zip(values[b].tolist(), places[b].tolist(), strict=True):
                if len(grown) + len(done[b]) >= width or value == -math.inf:
                    break
                n, new = divmod(place, log_probs.shape[-1])
                if new == END:
                    done[b].append(([*row[n][0], END], value))
                    continue
                source_of[b, len(grown)], tokens[b, len(grown)] = n, new
                grown.append(([*row[n][0], new], value))
            rows[b] = grown
        if not any(rows):
            break
        order = (torch.arange(B)[:, None] * width + source_of).flatten().to(source.device)
        state, token = state[order], tokens.flatten().to(source.device)
    return [sorted([*finished, *row], key=lambda found: -found[1]) for finished, row in zip(done, rows, strict=True)]


def _drawn(decoder: Decoder, length: int, dice: torch.Generator) -> list[beam.Node]:
    """A sentence drawn by lot, as a tree of which each step keeps one word."""
    nodes: list[beam.Node] = []
    tokens, parent, total = [START], -1, 0.0
    for depth in range(1, length + 1):
        log_probs = decoder(torch.tensor([tokens]))[0].cpu()
        drawn = int(torch.multinomial(log_probs.exp(), 1, generator=dice))
        best = [token for token in log_probs.topk(beam.FURTHER).indices.tolist() if token != drawn]
        for token in (drawn, *best):
            value = total + float(log_probs[token])
            if math.isfinite(value):
                nodes.append(beam.Node(token, parent, depth, value, value, token == drawn, token == END))
        parent = next(n for n in range(len(nodes) - 1, -1, -1) if nodes[n].kept)
        total = nodes[parent].log_prob
        tokens.append(drawn)
        if drawn == END:
            break
    return nodes


def as_seen(weights: Tensor | None, count: int, *, turned: bool) -> NDArray[np.float32]:
    """The first `count` rows of weights (T, S) as an array whose columns follow the sentence, however it was read."""
    if weights is None:
        return np.full((count, 0), np.nan, np.float32)
    seen = weights[:count].flip(-1) if turned else weights[:count]
    array: NDArray[np.float32] = seen.detach().cpu().numpy().astype(np.float32)
    return array
