"""What is asked of the model, and in which unit its answer is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

MASK = -1  # stands for a token that is hidden
COLDEST = 1e-3  # below this temperature the likeliest is taken: scores over it may be no numbers any more


def bits_per_character(nats: float, tokens: float, characters: float) -> float:
    """Bits that a character costs where each of `tokens` costs `nats` in the mean, and they are `characters` long.

    Nats a token cannot be compared across tokenisers, since longer tokens are fewer; bits a character can.
    """
    return nats * tokens / (characters * math.log(2))


def corrupt(tokens: Tensor, objective: str, rate: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """What a model is given of `tokens` (B, T), what it has to say, and how much each place counts.

    "next": all but the last, those after each, and 1 everywhere, (B, T - 1).  "masked": each token is `MASK` with
    probability `rate`, at least one in each row; the tokens themselves; 1 where it is masked and 0 elsewhere, (B, T)
    (Devlin et al., 2019, without its exceptions: what is masked is always hidden).  "diffusion": each row draws a rate
    k / T of its own, all of 1 / T to 1 alike, and k of its tokens are hidden; the tokens themselves; 1 over that rate
    where it is hidden and 0 elsewhere, (B, T).  Then cross-entropy times this, in the mean over all places, is an upper
    bound of nats a token in expectation (Sahoo et al., 2024; Nie et al., 2025, who count what is hidden likewise);
    `rate` says nothing there.  Raises `ValueError` for another objective, or a rate outside (0, 1].
    """
    if objective == "next":
        return tokens[:, :-1], tokens[:, 1:], torch.ones(tokens[:, 1:].shape)
    if objective not in ("masked", "diffusion") or not 0 < rate <= 1:
        raise ValueError(f"There is no objective {objective!r} with a rate of {rate}: take next, masked or diffusion, "
                         "and a rate above 0 and up to 1.")  # fmt: skip
    if objective == "diffusion":
        return _in_any_number(tokens, generator)
    lots = torch.rand(tokens.shape, generator=generator).to(tokens.device)
    hidden = (lots < rate) | (lots == lots.min(1, keepdim=True).values)
    return tokens.masked_fill(hidden, MASK), tokens, hidden.float()


def _in_any_number(tokens: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    B, T = tokens.shape
    # Spread evenly over the rows from one lot on, so that batches differ less (Kingma et al., 2021).
    spread = (torch.randperm(B, generator=generator) + torch.rand(1, generator=generator)) / B
    count = 1 + (spread * T).long().clamp(max=T - 1)  # k of each row, (B,)
    order = torch.rand(B, T, generator=generator).argsort(1).argsort(1)
    hidden = (order < count[:, None]).to(tokens.device)
    return tokens.masked_fill(hidden, MASK), tokens, hidden * (T / count)[:, None].to(tokens.device)


def weighted(logits: Tensor, said: Tensor, count: Tensor) -> Tensor:
    """Cross-entropy of `said` (B, T) by `logits` (B, T, V) in nats, in the mean weighted by `count` (B, T)."""
    there = count > 0
    return (F.cross_entropy(logits[there], said[there], reduction="none") * count[there]).sum() / count.sum()


def truncated(logits: Tensor, temperature: float, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """Log probabilities (…, V) of the next token: `logits` over `temperature`, and only some of them left.

    First all below the `top_k`-th are taken out (0: none; equals stay); then, of what is left, the least likely ones as
    long as the others have `top_p` together (Holtzman et al., 2020).  What is out has -inf.  A temperature below
    0.001 leaves the likeliest alone.  Raises `ValueError` for a negative temperature or top-k, or top-p outside (0, 1].
    """
    if temperature < 0 or top_k < 0 or not 0 < top_p <= 1:
        raise ValueError(f"There is no temperature {temperature} with top-k {top_k} and top-p {top_p}.")
    if temperature < COLDEST:
        best = torch.full_like(logits, -math.inf)
        return best.scatter(-1, logits.argmax(-1, keepdim=True), 0.0)
    scores = logits / temperature
    if 0 < top_k < scores.shape[-1]:
        least = scores.topk(top_k, -1).values[..., -1:]
        scores = scores.masked_fill(scores < least, -math.inf)
    if top_p < 1:
        values, order = scores.sort(dim=-1, descending=True, stable=True)
        before = values.softmax(-1).cumsum(-1).roll(1, -1)
        before[..., 0] = 0.0
        gone = before >= top_p  # those likelier than it have enough already
        scores = scores.masked_fill(torch.zeros_like(gone).scatter(-1, order, gone), -math.inf)
    return scores.log_softmax(-1)


def penalised(logits: Tensor, seen: Sequence[int], penalty: float) -> Tensor:
    """`logits` (V,) with the scores of tokens already `seen` divided by `penalty`, or multiplied if negative.

    Keskar et al., 2019.
    """
    if penalty == 1 or not seen:
        return logits
    there = torch.tensor(sorted(set(seen)), device=logits.device)
    scores = logits[there]
    return logits.scatter(0, there, torch.where(scores > 0, scores / penalty, scores * penalty))
