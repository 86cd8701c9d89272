"""Labelled pictures: scikit-learn's handwritten digits, 2,000 of MNIST, and all of MNIST and Fashion-MNIST on demand.

The digits of 8 x 8 come with scikit-learn, those of 28 x 28 with this package (see ``stored/README.md``).  The other
two are fetched from OpenML once, checked, and kept under the data folder (see `engine.contract.folder.data_folder`),
from where every process maps the same memory.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.contract.folder import data_folder
from engine.contract.knobs import ConfigError, StillMissing
from engine.data.pictures import ImageError, pack, rasterise, unpack
from engine.data.uploads import read_upload

__all__ = ["DATASETS", "TITLES", "ImageError", "Images", "fetch", "fetched", "load", "pack", "rasterise",
           "read_upload", "require", "side", "unpack"]  # fmt: skip

DATASETS = ("digits", "digits_28", "mnist", "fashion_mnist")
TITLES = ("Digits", "Digits 28×28", "MNIST", "Fashion-MNIST")
HERE = ("digits", "digits_28")  # these need no network
STORED, STORED_TEST = Path(__file__).parent / "stored" / "digits_28.npz", 500  # the last so many are for tests
TRAIN, TEST, SIDE = 60_000, 10_000, 28  # of those on demand
_SIZES = {"pictures.npy": 128 + (TRAIN + TEST) * SIDE**2 * 4, "labels.npy": 128 + (TRAIN + TEST) * 8}  # bytes

_NUMBERS = tuple(str(digit) for digit in range(10))
_GARMENTS = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@dataclass(frozen=True)
class Images:
    """Labelled pictures: x (N, 1, side, side) float32 in [0, 1], row 0 on top; y (N,) int64, a number in `classes`."""

    name: str
    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]
    classes: tuple[str, ...]
    side: int


@lru_cache(maxsize=len(DATASETS))
def load(name: str) -> Images:
    """The data set `name`, one of `DATASETS`; the same arrays each time, so do not change them.

    Raises `ImageError` if it is unknown, has not been fetched, or is damaged.
    """
    if name == "digits":
        return _digits()
    if name == "digits_28":
        return _digits_28()
    folder = _folder(name)
    if not fetched(name):
        raise ImageError(f"{_title(name)} is not on this server yet; fetch it first, or choose the digits.")
    try:
        # Copy-on-write: the processes share this memory, and torch may still take it for its own.
        x, y = np.load(folder / "pictures.npy", mmap_mode="c"), np.load(folder / "labels.npy")
        check(x, y)
    except (OSError, ValueError):
        raise ImageError(f"The copy of {_title(name)} on this server is damaged; fetch it again.") from None
    classes = _GARMENTS if name == "fashion_mnist" else _NUMBERS
    return Images(name, x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:], classes, SIDE)


def _digits() -> Images:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    given = load_digits()
    x = (given.images[:, None] / 16).astype(np.float32)  # counts of 0 to 16 pixels
    y = given.target.astype(np.int64)
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=500, stratify=y, random_state=0)
    return Images("digits", train_x, train_y, test_x, test_y, _NUMBERS, 8)


def _digits_28() -> Images:
    with np.load(STORED) as stored:
        x = (stored["pictures"][:, None] / np.float32(255)).astype(np.float32)  # (2000, 1, 28, 28)
        y = stored["labels"].astype(np.int64)
    train = len(x) - STORED_TEST
    return Images("digits_28", x[:train], y[:train], x[train:], y[train:], _NUMBERS, SIDE)


def check(x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
    """Raise `ValueError` unless x (70,000, 1, 28, 28) and y (70,000,) can be one of the sets on demand."""
    if x.shape != (TRAIN + TEST, 1, SIDE, SIDE) or x.dtype != np.float32:
        raise ValueError(f"the pictures have shape {x.shape} and type {x.dtype}")
    if y.shape != (TRAIN + TEST,) or y.dtype != np.int64:
        raise ValueError(f"the labels have shape {y.shape} and type {y.dtype}")
    if not np.array_equal(np.unique(y), np.arange(10)):
        raise ValueError("the labels are not the numbers 0 to 9")
    shown = x[TRAIN:]  # the test pictures stand for all: reading 220 MB would hold up whoever else trains here
    if not (shown.min() >= 0 and 0.5 < shown.max() <= 1):
        raise ValueError("the pictures go beyond 0 to 1")


def side(name: str) -> int:
    """How many pixels the pictures of `name` have along an edge."""
    return 8 if name == "digits" else SIDE


def require(data: str, picture: str = "") -> None:
    """For `Config.check` of a lab with the knobs `data` and `picture`: are they there, and do they fit?

    Raises `StillMissing` if the data must be fetched first, and `ConfigError` for a packed picture of another size.
    """
    if not fetched(data):
        allowed = f"{_title(data)} is not on this server yet; fetch it, or choose the digits"
        raise StillMissing("data", data, allowed)
    if picture:
        try:
            unpack(picture, side(data))
        except ImageError as error:
            raise ConfigError("picture", picture, str(error).rstrip(".")) from None


def fetched(name: str) -> bool:
    """Whether `name` is on this machine, as large as it must be."""
    folder = _folder(name)
    if name in HERE:
        return True
    try:
        return all((folder / file).stat().st_size == size for file, size in _SIZES.items())
    except OSError:
        return False


def fetch(name: str, report: Callable[[str], None]) -> None:
    """Fetch MNIST or Fashion-MNIST from OpenML and keep it; `report` is told now and then how far this has come.

    It happens in a process of its own, which takes a gigabyte of memory for some seconds.  Takes half a minute to a few
    minutes.  Raises `ImageError` if it does not work, for instance offline.
    """
    folder, began = _folder(name), time.monotonic()
    if name in HERE:
        return
    command = [sys.executable, "-m", "engine.data.openml", name, str(folder)]
    try:
        process = subprocess.Popen(
            command, cwd=Path(__file__).resolve().parents[2], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise ImageError(f"{_title(name)} could not be fetched: {error.strerror}.") from None
    try:
        while True:
            try:
                _, said = process.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                report(f"{_title(name)}: {_progress(folder)}, {time.monotonic() - began:.0f} s")
    except BaseException:
        process.terminate()  # it removes what has come so far
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        raise
    if process.returncode:
        reason = (said.strip().splitlines() or ["the process ended without a word"])[-1].rstrip(".")
        raise ImageError(f"{_title(name)} could not be fetched ({reason}); the digits need no network.")
    load.cache_clear()
    load(name)


def _progress(folder: Path) -> str:
    """What has come so far: OpenML does not say how much it will be."""
    try:
        files = [file for file in folder.parent.glob(f"{folder.name}.coming.*/**/*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
    except FileNotFoundError:  # something was moved or removed while we looked
        return "still coming"
    if any(file.suffix == ".npy" for file in files):
        return "unpacking and checking"
    return f"{size / 1e6:.1f} MB fetched" if size else "asking OpenML"


def _folder(name: str) -> Path:
    if name not in DATASETS:
        raise ImageError(f"There are no pictures called {name!r}; choose one of {', '.join(DATASETS)}.")
    return data_folder() / "images" / name


def _title(name: str) -> str:
    return TITLES[DATASETS.index(name)]
