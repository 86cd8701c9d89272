"""How a model of masked diffusion writes: all is blank at first, and pass by pass blanks are filled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from engine.contract.device import generator
from engine.labs.language_model.blanks import fitting
from engine.labs.language_model.config import Config
from engine.labs.language_model.networks import LanguageModel
from engine.labs.language_model.objective import COLDEST, MASK

Array = NDArray[Any]


class Unveiled(NamedTuple):
    """What stands in n blanks in the end, and how it came there."""

    tokens: list[int]
    chances: list[float]  # of each to the model when it was filled, before the temperature
    passes: list[int]  # in which each was filled, from 1 on
    fits: list[float]  # how likely each is in the end, when it and every fourth are blank


@torch.inference_mode()
def unveil(model: LanguageModel, prompt: list[int], config: Config) -> tuple[Unveiled, Array]:
    """Blanks after `prompt` filled in `config.passes` passes, and the scores (V,) of the first blank in the first pass.

    Each pass draws a token for every blank that is left, and keeps as many as its share: those that are likeliest to
    the model (Chang et al., 2022; Nie et al., 2025), or those whose turn it is.  What is kept stays.  A place has the
    same random number in each pass, and in each picture: they follow from the seed alone.  The piece is no longer than
    those that it trains on, and half of it is left for blanks.
    """
    device = next(model.parameters()).device
    start = prompt[-(model.context // 2) :]
    count = min(config.writes, model.context - len(start))
    lots, turns = torch.rand(2, count, generator=generator(config.seed, "writing"), dtype=torch.float64).numpy()
    said = np.full(count, MASK)
    chances, passes = np.zeros(count), np.zeros(count, dtype=np.int64)
    first = np.zeros(0)
    for n in range(1, config.passes + 1):
        left = np.flatnonzero(said == MASK)
        scores = _scores(model, start, said, device)[left]
        first = scores[0] if n == 1 else first
        drawn, likely = _drawn(scores, config.temperature, lots[left])
        share = round(count * n / config.passes) - (count - len(left))
        kept = np.argsort(-likely if config.order == "surest" else turns[left], kind="stable")[:share]
        said[left[kept]], chances[left[kept]], passes[left[kept]] = drawn[kept], likely[kept], n
    fits = fitting(model, torch.tensor([[*start, *said.tolist()]]), len(start))[0]
    return Unveiled(said.tolist(), chances.tolist(), passes.tolist(), fits.tolist()), first


def _scores(model: LanguageModel, start: list[int], said: Array, device: torch.device) -> Array:
    """Of all tokens in each place after `start`, (n, V)."""
    logits = model(torch.tensor([[*start, *said.tolist()]], device=device))[0, len(start) :]
    return np.asarray(logits.cpu().numpy())


def _drawn(scores: Array, temperature: float, lots: Array) -> tuple[Array, Array]:
    """A token for each row of scores (n, V) by a lot in [0, 1), and its probability at temperature 1, (n,) each."""
    shares = _softmax(scores)
    if temperature < COLDEST or not np.isfinite(scores).all():
        drawn = scores.argmax(1)
    else:
        total = _softmax(scores / temperature).cumsum(1)
        drawn = np.minimum((total <= lots[:, None] * total[:, -1:]).sum(1), scores.shape[1] - 1)
    return drawn, shares[np.arange(len(drawn)), drawn]


def _softmax(scores: Array) -> Array:
    shares = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))
