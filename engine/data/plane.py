"""Points in the plane: data sets made by formula, points that somebody drew; uploaded tables are in `tables`.

Everything lives in the square from -LIMIT to LIMIT, so that a page needs one pair of axes.  Labels are class numbers
(int64) or, for regression, values in [-1, 1] (float32).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engine.data.records import MAX_BYTES
from engine.data.sheets import Reading
from engine.data.square import LIMIT, MAX_CLASSES, MAX_POINTS, DataError
from engine.data.tables import Table, read_csv

__all__ = [
    "DATASETS", "LIMIT", "MAX_BYTES", "MAX_CLASSES", "MAX_POINTS", "DataError", "PlaneData", "Points", "Reading",
    "Table", "decode_points", "encode_points", "from_points", "plane", "read_csv", "split",
]  # fmt: skip

Points = tuple[NDArray[np.float64], NDArray[Any]]  # xy (N, 2), labels (N,)


@dataclass(frozen=True)
class PlaneData:
    """Labelled points: ``xy`` (N, 2) float32; ``labels`` (N,), int64 classes or float32 values if ``classes`` is 0."""

    xy: NDArray[np.float32]
    labels: NDArray[np.int64] | NDArray[np.float32]
    classes: int


# ---------------------------------------------------------------- made by formula


def _classes(n: int, count: int) -> NDArray[np.int64]:
    return np.arange(n) % count


def _polar(radius: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def circle(n: int, rng: Generator) -> Points:
    """A disc of class 1 inside a ring of class 0."""
    label = _classes(n, 2)
    radius = np.where(label == 1, rng.uniform(0, 2.5, n), rng.uniform(3.5, 5, n))
    return _polar(radius, rng.uniform(0, 2 * np.pi, n)), label


def xor(n: int, rng: Generator) -> Points:
    """Class 1 where x and y have the same sign."""
    label = _classes(n, 2)
    sign_x = rng.choice([-1.0, 1.0], n)
    sign_y = np.where(label == 1, sign_x, -sign_x)
    return np.stack([sign_x, sign_y], axis=1) * rng.uniform(0.3, 5, (n, 2)), label


def gaussians(n: int, rng: Generator) -> Points:
    """Two round clouds of unit variance around (-2, -2) and (2, 2)."""
    label = _classes(n, 2)
    return rng.normal(size=(n, 2)) + np.where(label == 1, 2.0, -2.0)[:, None], label


def _spirals(n: int, rng: Generator, arms: int) -> Points:
    label = _classes(n, arms)
    along = (np.arange(n) // arms) / max(1, n // arms)  # 0 at the centre, 1 at the end of an arm
    return _polar(5 * along, 3.5 * np.pi * along + 2 * np.pi * label / arms), label


def spiral(n: int, rng: Generator) -> Points:
    """Two arms of 1.75 turns, as in TensorFlow Playground."""
    return _spirals(n, rng, 2)


def three_spirals(n: int, rng: Generator) -> Points:
    """Three arms, three classes."""
    xy, label = _spirals(n, rng, 3)
    return xy, label


def moons(n: int, rng: Generator) -> Points:
    """Two interleaved half circles."""
    label = _classes(n, 2)
    angle = rng.uniform(0, np.pi, n)
    upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)
    return 3 * np.where(label[:, None] == 1, -upper, upper), label


def checkerboard(n: int, rng: Generator) -> Points:
    """Four by four fields of alternating class."""
    label = _classes(n, 2)
    column, row = rng.integers(0, 4, n), 2 * rng.integers(0, 2, n)
    row = row + (column + label) % 2
    return (np.stack([column, row], axis=1) + rng.uniform(0.04, 0.96, (n, 2))) * 2.5 - 5, label


def rings(n: int, rng: Generator) -> Points:
    """Four rings of alternating class."""
    ring = _classes(n, 4)
    return _polar(1.25 * (ring + 1) + rng.uniform(-0.25, 0.25, n), rng.uniform(0, 2 * np.pi, n)), ring % 2


def regression_plane(n: int, rng: Generator) -> Points:
    """A value that rises evenly along the diagonal: (x + y) / 10."""
    xy = rng.uniform(-5, 5, (n, 2))
    return xy, xy.sum(axis=1) / 10


def regression_gaussians(n: int, rng: Generator) -> Points:
    """Three hills and three valleys, cones of radius 2, as in TensorFlow Playground."""
    centres = np.array([[-4, 2.5], [0, 2.5], [4, 2.5], [-4, -2.5], [0, -2.5], [4, -2.5]])
    signs = np.array([1, -1, 1, -1, 1, -1])
    xy = rng.uniform(-5, 5, (n, 2))
    distance = np.linalg.norm(xy[:, None] - centres, axis=2)  # (N, 6)
    return xy, (signs * np.clip(1 - distance / 2, 0, 1)).sum(axis=1)


_MADE = (
    circle,
    xor,
    gaussians,
    spiral,
    moons,
    checkerboard,
    rings,
    three_spirals,
    regression_plane,
    regression_gaussians,
)
DATASETS: dict[str, Callable[[int, Generator], Points]] = {made.__name__: made for made in _MADE}


def plane(name: str, n: int, *, noise: float = 0.0, seed: int = 0) -> PlaneData:
    """`n` points of the data set called `name` (a key of `DATASETS`).

    `noise` is the standard deviation, in units of the plane, by which each point is moved after it got its label.
    """
    if name not in DATASETS:
        raise DataError(f"There is no data set '{name}'; the data sets are {', '.join(DATASETS)}.")
    rng = np.random.default_rng([seed, list(DATASETS).index(name)])
    xy, labels = DATASETS[name](n, rng)
    xy = xy + noise * rng.normal(size=xy.shape)
    if name.startswith("regression"):
        return PlaneData(xy.astype(np.float32), labels.astype(np.float32), 0)
    return PlaneData(xy.astype(np.float32), labels.astype(np.int64), 3 if name == "three_spirals" else 2)


def split(data: PlaneData, train_share: float, *, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of training and of test points: `train_share` of each class, at least one point of it on either side.

    A class with a single point trains and is not tested.
    """
    rng = np.random.default_rng([seed, 1_000])
    groups = [np.flatnonzero(data.labels == c) for c in range(data.classes)] or [np.arange(len(data.labels))]
    train, test = [], []
    for group in groups:
        group = rng.permutation(group)
        cut = min(max(1, round(train_share * len(group))), max(1, len(group) - 1))
        train.append(group[:cut])
        test.append(group[cut:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


# ---------------------------------------------------------------- drawn by hand, carried in a link


def encode_points(
    xy: NDArray[np.floating] | Sequence[Sequence[float]], labels: Sequence[int] | NDArray[np.integer]
) -> str:
    """Points as a short text for a link: five bytes each (x and y in 16 bits, the class in 8), base64 for URLs.

    Coordinates outside the plane are moved to its edge.  Raises `DataError` for what `decode_points` would not take.
    """
    at = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    classes = np.asarray(labels, dtype=np.int64)
    if len(at) != len(classes):
        raise DataError(f"There are {len(at)} points and {len(classes)} labels; each point needs one label.")
    if not np.isfinite(at).all():
        raise DataError("A point has a coordinate that is not a number; give finite coordinates.")
    _require_few(classes)
    steps = np.round((np.clip(at, -LIMIT, LIMIT) + LIMIT) / (2 * LIMIT) * 65_535).astype(">u2")
    packed = steps.tobytes() + classes.astype(np.uint8).tobytes()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_points(text: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The inverse of `encode_points`: xy (N, 2), labels (N,).  Raises `DataError` if `text` is not such a text."""
    damaged = DataError("The drawn points in this link are damaged; draw them again, or copy the whole link.")
    try:
        packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise damaged from None
    n, rest = divmod(len(packed), 5)
    if rest:
        raise damaged
    steps = np.frombuffer(packed, dtype=">u2", count=2 * n).reshape(n, 2)
    labels = np.frombuffer(packed, dtype=np.uint8, offset=4 * n).astype(np.int64)
    _require_few(labels)
    return (steps / 65_535 * 2 * LIMIT - LIMIT).astype(np.float32), labels


def _require_few(labels: NDArray[np.int64]) -> None:
    if len(labels) > MAX_POINTS:
        raise DataError(f"There are {len(labels)} points; at most {MAX_POINTS} are accepted.")
    if len(labels) and not 0 <= labels.min() <= labels.max() < MAX_CLASSES:
        raise DataError(f"A point has a class outside 0 to {MAX_CLASSES - 1}; there are at most {MAX_CLASSES} classes.")


def from_points(text: str) -> PlaneData:
    """Drawn or uploaded points, ready to train on: two or three classes with at least two points each.

    Raises `DataError` otherwise.
    """
    xy, labels = decode_points(text)
    if len(labels) == 0:
        raise DataError("There are no points yet; draw some of at least two classes, or upload a table.")
    counts = np.bincount(labels)
    if np.count_nonzero(counts) < 2:
        raise DataError("All points are of one class; draw points of at least two classes.")
    if counts[counts > 0].min() < 2:
        raise DataError("A class has a single point; each needs at least two, one to train on and one to test with.")
    return PlaneData(xy, labels, max(2, len(counts)))
