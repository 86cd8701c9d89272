"""Recall of pairs: keys with their values stand among noise, then keys are asked for.

Arora et al., "Zoology: measuring and improving recall in efficient language models", 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.labs.efficient_attention.vocabulary import KEYS, NOISE, VALUES, read, told

Batch = tuple[Tensor, Tensor]


def batch(generator: torch.Generator, *, count: int, length: int, asked: int, pairs: int) -> Batch:
    """Tokens (B, T) and what is wanted at each place, -1 where nothing is asked; T = length + asked.

    In the first `length` places stand `pairs` of a key and its value, then up to `asked` of the keys, each once.
    """
    keys = torch.rand(count, KEYS, generator=generator).argsort(dim=1)[:, :pairs]
    values = KEYS + torch.randint(VALUES, (count, pairs), generator=generator)
    place = 2 * torch.rand(count, length // 2, generator=generator).argsort(dim=1)[:, :pairs]
    tokens = torch.full((count, length + asked), NOISE)
    tokens.scatter_(1, place, keys).scatter_(1, place + 1, values)
    wanted = torch.full_like(tokens, -1)
    order = torch.rand(count, pairs, generator=generator).argsort(dim=1)[:, :asked]
    tokens[:, length : length + order.shape[1]] = keys.gather(1, order)
    wanted[:, length : length + order.shape[1]] = values.gather(1, order)
    return tokens, wanted


def typed(text: str, *, longest: int) -> tuple[Batch | None, str]:
    """What a visitor typed, with a question for each of its keys, and what of it is no token.

    At most `longest` places are read.  None if there is no key with a value behind it.
    """
    tokens, ignored = read(text)
    tokens = tokens[:longest]
    pairs = told(tokens)
    if not pairs:
        return None, ignored
    wanted = [-1] * len(tokens) + list(pairs.values())
    return (torch.tensor([[*tokens, *pairs]]), torch.tensor([wanted])), ignored
