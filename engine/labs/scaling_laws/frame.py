"""What there is to see: the losses of all models against data, and the laws fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.labs.scaling_laws.config import Config
from engine.labs.scaling_laws.parametric import Law

Array = NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """K trainings of S models, measured M times, at last where they are now; F fits so far."""

    step: int
    entropy: float  # nats a token: no model has less
    language: Array  # (V, V): how likely each token is after each
    parameters: Array  # (S,) N of each
    ranks: Array  # (S,)
    batch: int  # tokens a step
    start: Array  # (K, S): the exact loss before any step
    tokens: Array  # (M,) D at each measurement
    loss: Array  # (K, S, M), exact
    right: Array  # (K, S, M), share of places at which the likeliest next token is named
    trained: Array  # (K, S, M), loss on that step's batch
    fitted_at: Array  # (F,) D at each fit
    floors: Array  # (F, 3): E of all trainings together, lowest and highest of one training
    exponents: Array  # (F, 3): the same of a in N_opt ~ C^a
    laws: tuple[Law, ...]  # the newest fit: of all, then of each training; none before the first


def frame(
    config: Config, *, entropy: float, language: Array, start: Array, step: int, marks: Sequence[int],
    losses: Sequence[Array], right: Sequence[Array], trained: Sequence[Array],
    fits: Sequence[tuple[int, Sequence[Law]]],
) -> Frame:  # fmt: skip
    """What was measured at the steps `marks`, (K, S) each, and the laws fitted at some of them."""
    K, S = config.seeds, len(config.ranks)
    B = config.batch_size

    def stacked(values: Sequence[Array]) -> Array:
        return np.stack(values, -1) if values else np.zeros((K, S, 0))

    return Frame(
        step=step, entropy=entropy, language=language, start=start,
        parameters=np.array(config.parameters), ranks=np.array(config.ranks), batch=B,
        tokens=B * np.array(marks, float), loss=stacked(losses), right=stacked(right), trained=stacked(trained),
        fitted_at=B * np.array([at for at, _ in fits], float),
        floors=_spread([[law.E for law in laws] for _, laws in fits]),
        exponents=_spread([[law.exponent for law in laws] for _, laws in fits]),
        laws=tuple(fits[-1][1]) if fits else (),
    )  # fmt: skip


def _spread(values: Sequence[Sequence[float]]) -> Array:
    """Of each row its first number, and the lowest and the highest of the others."""
    return np.array([[row[0], min(row[1:] or row), max(row[1:] or row)] for row in values]).reshape(-1, 3)
