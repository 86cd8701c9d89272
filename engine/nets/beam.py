"""Beam search: the likeliest sentences that a model can write, as far as a few at a time can find them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

NextLogProbs = Callable[[Tensor], Tensor]  # prefixes (n, t) with the start token -> log probabilities (n, V)
FURTHER = 3  # dropped candidates of a step that are remembered


@dataclass(frozen=True)
class Node:
    """One word in the tree: `parent` is the node before it, -1 at the start; from one that is `kept` it goes on."""

    token: int
    parent: int
    depth: int
    log_prob: float  # of the sentence up to here
    score: float  # what it competes by: with the price for shortness taken off
    kept: bool
    ended: bool


def score(log_prob: float, length: int, penalty: float) -> float:
    """log p / ((5 + T) / 6)^penalty for T words with the end (Wu et al., 2016, equation 14): 0 ranks by log p alone."""
    return float(log_prob / ((5 + length) / 6) ** penalty)


def grow(
    next_log_probs: NextLogProbs, *, start: int, end: int, width: int, length: int, penalty: float = 0.0
) -> list[Node]:
    """All nodes of a beam search, those first that came first; see `search`.

    Besides what is kept, the best few that were dropped at each step are among them.
    """
    if width < 1 or length < 1:
        raise ValueError(f"A beam is at least 1 wide and 1 long, not {width} and {length}.")
    nodes: list[Node] = []
    beam: list[tuple[list[int], int, float]] = [([start], -1, 0.0)]  # tokens, node, log p
    finished = 0
    for depth in range(1, length + 1):
        log_probs = next_log_probs(torch.tensor([tokens for tokens, _, _ in beam])).double().cpu()
        total = log_probs + torch.tensor([before for _, _, before in beam], dtype=torch.float64)[:, None]  # (n, V)
        values, places = total.flatten().topk(min(total.numel(), width - finished + FURTHER))
        grown: list[tuple[list[int], int, float]] = []
        for value, place in zip(values.tolist(), places.tolist(), strict=True):
            if value == -math.inf:  # nothing that may be said is left
                break
            row, token = divmod(place, log_probs.shape[-1])
            tokens, parent, _ = beam[row]
            kept = len(grown) + finished < width
            nodes.append(Node(token, parent, depth, value, score(value, depth, penalty), kept, token == end))
            if kept and token == end:
                finished += 1
            elif kept:
                grown.append(([*tokens, token], len(nodes) - 1, value))
        beam = grown
        if not beam:
            break
    return nodes


def sentences(nodes: list[Node], length: int) -> list[tuple[list[int], float]]:
    """Finished sentences of a tree, best score first: tokens with the end, and log probability.

    One that reached `length` words without an end is finished too.
    """
    done = [node for node in nodes if node.kept and (node.ended or node.depth == length)]
    return [(path(nodes, node), node.log_prob) for node in sorted(done, key=lambda node: -node.score)]


def path(nodes: list[Node], node: Node) -> list[int]:
    """The tokens from the start to `node`."""
    tokens = [node.token]
    while node.parent >= 0:
        node = nodes[node.parent]
        tokens.append(node.token)
    return tokens[::-1]


def search(
    next_log_probs: NextLogProbs, *, start: int, end: int, width: int, length: int, penalty: float = 0.0
) -> list[tuple[list[int], float]]:
    """The best sentences that a beam finds, best first: (tokens without `start` and with `end`, log probability).

    `next_log_probs` takes prefixes (n, t), each beginning with `start`, and gives log probabilities (n, V).  At each
    step the `width` likeliest continuations are kept; one that ends leaves the beam, which is then narrower by one.
    After `length` tokens what is left counts as finished.  Sentences are ranked by log p / ((5 + T) / 6)^penalty.
    Raises `ValueError` for a beam of no width or length.  Sutskever et al., 2014; Wu et al., 2016.
    """
    nodes = grow(next_log_probs, start=start, end=end, width=width, length=length, penalty=penalty)
    return sentences(nodes, length)
