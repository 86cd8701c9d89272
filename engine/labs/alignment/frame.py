"""What one policy looks like now: every sentence of the language, and the curve that no policy can leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contract.device import generator
from engine.labs.alignment.config import ASKED, Config
from engine.labs.alignment.judge import asked, drawn
from engine.labs.alignment.objectives import kl, optimum

Array = NDArray[Any]
WRITTEN = 16  # sentences on screen
PRICES = np.geomspace(50.0, 0.02, 48)  # of KL, along the frontier


@dataclass(frozen=True)
class Frame:
    """One moment of the policy that is shown.  N sentences, M comparisons, K prices of KL.

    Rewards count from what the reference gets.  Where the taste is the visitor's own, ``truth`` is 0: nobody knows it.
    """

    log_probs: Array  # (N,): the policy's
    ref: Array  # (N,): the reference's
    best: Array  # (N,): of the exact optimum at this price, for what is believed
    truth: Array  # (N,)
    believed: Array  # (N,): by the judge; without one, the truth
    implied: Array  # (N,): beta log(policy / reference), centred likewise: what DPO believes
    written: Array  # (16,): sentences written now, always with the same random numbers
    frontier: (
        Array  # (K, 3): KL of the exact optima from the dearest price to the cheapest, their believed and true reward
    )
    log_z: float  # of the optimum
    pairs: Array  # (M, 2): comparisons, winners first
    asked: tuple[int, int]  # the pair that a visitor is asked about next
    judged_right: float  # share of comparisons that what is believed orders as people did
    scores: Mapping[str, float]  # as in the metrics, of this policy


def frame(
    log_probs: Tensor, ref: Tensor, *, truth: Tensor, believed: Tensor, pairs: Tensor, scores: Mapping[str, float],
    config: Config, seed: int,
) -> Frame:  # fmt: skip
    """The frame of one policy, all (N,); `seed` is that of its language."""
    exact = ref.double()
    best = optimum(exact, believed.double(), config.beta)
    implied = config.beta * (log_probs - ref)
    opinion = implied if config.method == "dpo" else believed
    won = opinion[pairs]  # (M, 2)
    right = (won[:, 0] > won[:, 1]).float() + 0.5 * (won[:, 0] == won[:, 1]).float()
    dice = torch.rand(WRITTEN, generator=generator(seed, "look"))
    return Frame(
        log_probs=_array(log_probs), ref=_array(ref), best=_array(best), truth=_array(truth),
        believed=_array(believed), implied=_array(implied - (ref.exp() * implied).sum()),
        written=drawn(log_probs, dice).numpy().copy(), frontier=_frontier(_Rewards(exact, believed, truth)),
        log_z=float((exact + believed.double() / config.beta).logsumexp(0) - exact.logsumexp(0)),
        pairs=pairs.numpy().copy(), asked=asked(seed, ASKED)[min(len(config.choices), ASKED - 1)],
        judged_right=float(right.mean()) if len(right) else 0.5, scores=scores,
    )  # fmt: skip


class _Rewards:
    """The reference and two rewards, (N,) each, that are the same as others if their numbers are."""

    def __init__(self, ref: Tensor, believed: Tensor, truth: Tensor) -> None:
        self.ref, self.believed, self.truth = ref, believed.double(), truth.double()
        self.key = b"".join(t.numpy().tobytes() for t in (self.ref, self.believed, self.truth))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rewards) and self.key == other.key


@lru_cache(maxsize=8)
def _frontier(rewards: _Rewards) -> Array:
    best = torch.stack([optimum(rewards.ref, rewards.believed, price) for price in PRICES.tolist()])  # (K, N)
    p = best.exp()
    ref = rewards.ref.log_softmax(-1)
    return _array(torch.stack([kl(best, ref), p @ rewards.believed, p @ rewards.truth], 1))


def _array(tensor: Tensor) -> Array:
    """A copy as NumPy array in single precision."""
    return tensor.detach().numpy().astype(np.float32)
