"""What an autoencoder can learn from: pictures, measurements of wines, points in the plane, all as rows of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import images, plane

PLANE = ("spiral", "moons", "rings")
DATASETS = (*images.DATASETS, "wine", *PLANE)
TITLES = (*images.TITLES, "Wine", "Spiral", "Moons", "Rings")
POINTS = 1200  # of a plane shape
SHOWN = 500  # test rows, at most


@dataclass(frozen=True)
class DataSet:
    """Rows x (N, F) float32 with their class y (N,) int64, a number in `classes`.

    `shape` is (rows, columns) of a picture, row 0 on top, or (F,) for rows that are none.
    """

    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]
    classes: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def features(self) -> int:
        """F."""
        return int(self.train_x.shape[1])


@lru_cache(maxsize=len(DATASETS))
def load(name: str) -> DataSet:
    """The data `name`, one of `DATASETS`; at most `SHOWN` test rows.  The same arrays each time: do not change them.

    Raises `engine.data.images.ImageError` for pictures that have not been fetched.
    """
    if name in images.DATASETS:
        found = images.load(name)
        test_x, test_y = found.test_x[:SHOWN], found.test_y[:SHOWN]
        flat = [x.reshape(len(x), -1) for x in (found.train_x, test_x)]
        return DataSet(flat[0], found.train_y, flat[1], test_y, found.classes, (found.side, found.side))
    return _wine() if name == "wine" else _points(name)


def features(name: str) -> int:
    """How many numbers a row of `name` has; nothing is loaded."""
    return images.side(name) ** 2 if name in images.DATASETS else 13 if name == "wine" else 2


def _wine() -> DataSet:
    """178 wines of three growers, 13 chemical measurements, each with mean 0 and variance 1 over the training rows."""
    from sklearn.datasets import load_wine
    from sklearn.model_selection import train_test_split

    given: Any = load_wine()
    parts = train_test_split(given.data, given.target, test_size=50, stratify=given.target, random_state=0)
    train_x, test_x, train_y, test_y = parts
    mean, scale = train_x.mean(axis=0), train_x.std(axis=0)
    train_x, test_x = (((x - mean) / scale).astype(np.float32) for x in (train_x, test_x))
    names = ("grower 1", "grower 2", "grower 3")
    return DataSet(train_x, train_y.astype(np.int64), test_x, test_y.astype(np.int64), names, (13,))


def _points(name: str) -> DataSet:
    """A shape of the plane, about two units wide to each side."""
    made = plane.plane(name, POINTS, noise=0.15, seed=0)
    train, test = plane.split(made, 0.75, seed=0)
    xy = made.xy / np.float32(2.5)
    names = tuple(f"class {k}" for k in range(made.classes))
    return DataSet(xy[train], made.labels[train].astype(np.int64), xy[test], made.labels[test].astype(np.int64),
                        names, (2,))  # fmt: skip
