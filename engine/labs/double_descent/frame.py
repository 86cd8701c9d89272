"""What is seen of a sweep over widths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    pass


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
