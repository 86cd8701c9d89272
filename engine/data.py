"""Points in the plane: data sets made by formula, points that somebody drew, tables that somebody uploaded.

Everything lives in the square from -LIMIT to LIMIT, so that a page needs one pair of axes.  Labels are class numbers
(int64) or, for regression, values in [-1, 1] (float32).
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

LIMIT = 6.0  # the plane is the square [-LIMIT, LIMIT]^2
MAX_POINTS = 500  # drawn or uploaded
MAX_CLASSES = 3
MAX_BYTES = 5_000_000

Points = tuple[NDArray[np.float64], NDArray[Any]]  # xy (N, 2), labels (N,)


class DataError(ValueError):
    """Data that cannot be used; ``str(error)`` is a sentence for the visitor: what is wrong, and what is accepted."""


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


# ---------------------------------------------------------------- uploaded tables


@dataclass(frozen=True)
class Table:
    """An uploaded table as points of the plane.

    ``xy`` (N, 2) in [-LIMIT, LIMIT]; ``labels`` (N,) numbers from 0; ``names``: of the two features and the label
    column; ``class_names`` in the order of their numbers; ``notes``: a sentence for each thing that was converted.
    """

    xy: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, str, str]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "inf", "-inf", "+inf", "infinity", "-infinity"})


def read_csv(raw: bytes) -> Table:
    """Read a table whose last column is the class and whose first two numeric columns are the features.

    Separators: comma, semicolon, tab.  Features are standardised to mean 0 and standard deviation 2.  Rows with
    missing values are left out, and of more than 500 rows a sample with equal class shares is kept; ``notes`` says
    so.  Raises `DataError` for what cannot be used.
    """
    notes: list[str] = []
    header, rows = _rows(_text(raw, notes), notes)
    kept = [row for row in rows if row[-1].strip().lower() not in _MISSING]
    if len(kept) < 4:
        raise DataError(f"The table has {len(kept)} rows with a class; at least 4 are needed.")
    first, second = _features(header, kept, notes)
    numbers = np.array([[_number(row[first]), _number(row[second])] for row in kept])  # (rows, 2), NaN if missing
    whole = np.isfinite(numbers).all(axis=1)
    numbers, words = numbers[whole], [row[-1].strip() for row, good in zip(kept, whole, strict=True) if good]
    if len(words) < len(rows):
        notes.append(f"{len(rows) - len(words)} of {len(rows)} rows were left out because a value is missing.")
    if len(words) < 4:
        raise DataError(f"Only {len(words)} rows have all their values; at least 4 are needed.")
    class_names, labels = np.unique(words, return_inverse=True)
    _require_classes(header[-1], class_names, labels)
    if len(labels) > MAX_POINTS:
        notes.append(f"A sample of {MAX_POINTS} of {len(labels)} rows is used, with the same share of each class.")
        chosen = _stratified(labels, MAX_POINTS)
        numbers, labels = numbers[chosen], labels[chosen]
    with np.errstate(over="ignore", invalid="ignore"):
        scale = numbers.std(axis=0)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise DataError(
            "A feature column has the same value in every row that is complete, or values too large to use."
        )
    notes.append(f"{header[first]} and {header[second]} were standardised: mean 0, standard deviation 2.")
    xy = 2 * (numbers - numbers.mean(axis=0)) / scale
    if (np.abs(xy) > LIMIT).any():
        notes.append(f"{int((np.abs(xy) > LIMIT).any(axis=1).sum())} points outside the plane were moved to its edge.")
    return Table(
        xy=np.clip(xy, -LIMIT, LIMIT).astype(np.float32), labels=labels.astype(np.int64),
        names=(header[first], header[second], header[-1]), class_names=tuple(class_names.tolist()), notes=tuple(notes),
    )  # fmt: skip


def _text(raw: bytes, notes: list[str]) -> str:
    if len(raw) > MAX_BYTES:
        raise DataError(f"The file has {len(raw) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are accepted.")
    if b"\0" in raw:
        raise DataError("The file is not text; save the table as CSV (UTF-8) and upload that.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append("The text is not UTF-8; it was read as Latin-1.")
        return raw.decode("latin-1")


def _rows(text: str, notes: list[str]) -> tuple[list[str], list[list[str]]]:
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=first_line.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"The table cannot be read as CSV ({error}); check its quotes and separators.") from None
    if not rows:
        raise DataError("The file is empty; give a table with two numeric columns and a class in the last one.")
    width = len(rows[0])
    if width < 3:
        raise DataError(f"The table has {width} columns; it needs two numeric feature columns and a class in the last.")
    if separator == ";" and not any("." in cell for row in rows for cell in row[:-1]):
        decimal = [[cell.replace(",", ".") for cell in row[:-1]] + row[-1:] for row in rows]
        if decimal != rows:
            notes.append("Decimal commas were read as decimal points.")
            rows = decimal
    same = [row for row in rows if len(row) == width]
    if len(same) < len(rows):
        notes.append(f"{len(rows) - len(same)} rows were left out because they do not have {width} columns.")
    if any(np.isfinite(_number(cell)) for cell in same[0][:-1]):
        return [f"column {i + 1}" for i in range(width)], same
    return [cell.strip() or f"column {i + 1}" for i, cell in enumerate(same[0])], same[1:]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _features(header: list[str], rows: list[list[str]], notes: list[str]) -> tuple[int, int]:
    """The first two columns before the last that are numbers (in at least half of the rows) and not all the same."""
    found, passed_over = [], []
    for column in range(len(header) - 1):
        numbers = np.array([_number(row[column]) for row in rows])
        numbers = numbers[np.isfinite(numbers)]
        if 2 * len(numbers) >= len(rows) and numbers.min() < numbers.max():
            found.append(column)
        else:
            passed_over.append(header[column])
        if len(found) == 2:
            break
    if len(found) < 2:
        raise DataError(
            f"The table has {len(found)} numeric feature columns that vary; two are needed before the class."
        )
    if passed_over:
        notes.append(f"Not used, because they are not numeric or do not vary: {', '.join(passed_over)}.")
    if len(header) > 3 + len(passed_over):
        notes.append(f"Of {len(header) - 1} feature columns the first two numeric ones are used.")
    return found[0], found[1]


def _require_classes(column: str, names: NDArray[np.str_], labels: NDArray[np.int64]) -> None:
    if len(names) < 2:
        raise DataError(
            f"All rows have the same class in '{column}', the last column; two or three classes are needed."
        )
    if len(names) > MAX_CLASSES:
        raise DataError(f"'{column}', the last column, has {len(names)} different classes; two or three are accepted.")
    if np.bincount(labels).min() < 2:
        raise DataError(f"A class in '{column}' has a single row; each needs at least two.")


def _stratified(labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Indices of about equal class shares, at least two of each class, `n` in all; the same ones every time."""
    rng = np.random.default_rng(0)
    counts = np.bincount(labels)
    wanted = np.maximum(2, np.floor(n * counts / len(labels)).astype(int))
    wanted[np.argmax(counts)] += n - wanted.sum()
    groups = [rng.permutation(np.flatnonzero(labels == c))[:k] for c, k in enumerate(wanted)]
    return np.sort(np.concatenate(groups))
