"""What is seen of a sweep over widths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.labs.double_descent.config import Config
from engine.labs.double_descent.sweeps import NUMBERS, Point, Setting

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """W points of the curve, so far, for S seeds.  `kind` says what ``answers`` (W, ...) are about.

    "digits": of the first seed about ten test pictures, (W, 10, 10), with their ``truth`` (10,) and ``pictures``.
    "curve": of all seeds along the curve, (W, S, G); ``truth`` (G, 2) is the curve, ``train_points`` (n, 2) are those
    of the first seed.  "coefficients": of the first seed, (W, D), and the true ones in ``truth`` (D,).
    """

    step: int
    across: str
    kind: str
    planned: NDArray[np.int64]  # (P,) every width, or epoch, that will be looked at
    stops: NDArray[np.int64]  # (W,) those that have been
    part: float  # share of the next one that is done
    train_error: Array  # (W, S), squared error
    test_error: Array  # (W, S)
    norm: Array  # (W, S), of the coefficients
    rank: Array  # (W, S), of the training features
    smallest: Array  # (W, S), the smallest singular value of the features that is not zero
    wrong: Array  # (W, S), share of test pictures taken for another digit; zero for other data
    good_ridge_error: Array  # (W, S), test error with the ridge that turns out best; only if exact
    parts: Array  # (W, 2), error due to fast and to slow inputs, mean over seeds; zero across width
    threshold: float  # width with as many parameters as samples; NaN across epochs
    full_rank: float  # first width at which the training features of every seed have rank n; NaN before
    theory_at: NDArray[np.float64]  # (T,)
    theory: NDArray[np.float64]  # (T,), infinite at the threshold; empty where there is none
    answers: Array
    truth: Array
    pictures: Array  # (10, 8, 8), or none
    train_points: Array  # (n, 2), or none


def frame(
    points: Sequence[Point], setting: Setting, *, config: Config, step: int, planned: Sequence[int], part: float,
    threshold: float, theory: tuple[Sequence[int], Sequence[float]],
) -> Frame:  # fmt: skip
    """The points so far, of those `planned`, as they are to be seen; `theory` gives stops and the errors expected."""
    done = len(points)
    numbers = np.zeros((done, config.seeds, len(NUMBERS)), dtype=np.float32)
    answers = np.zeros((done, *setting.shape), dtype=np.float32)
    for k, point in enumerate(points):
        numbers[k], answers[k] = point.numbers, point.answers
    found = dict(zip(NUMBERS, numbers.transpose(2, 0, 1), strict=True))  # each (W, S)
    full = (found["rank"] >= config.n).all(axis=1)
    at, risk = theory
    return Frame(
        step=step,
        across=config.across,
        kind=setting.kind,
        planned=np.array(planned),
        stops=np.array(planned[:done]),
        part=part,
        train_error=found["train_error"],
        test_error=found["test_error"],
        norm=found["norm"],
        rank=found["rank"],
        smallest=found["smallest"],
        wrong=found["wrong"],
        good_ridge_error=found["good_ridge_error"],
        parts=np.stack([found["fast"].mean(axis=1), found["slow"].mean(axis=1)], axis=1),
        threshold=threshold,
        full_rank=float(planned[int(full.argmax())]) if full.any() else math.nan,
        theory_at=np.array(at, dtype=float),
        theory=np.array(risk, dtype=float),
        answers=answers,
        truth=setting.truth,
        pictures=setting.pictures,
        train_points=setting.train_points,
    )
