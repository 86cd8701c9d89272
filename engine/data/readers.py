"""What visitors bring, read for the pages: bytes and options in; texts, numbers, lists and arrays out.

A worker imports this module by its name (`engine.runs.reading`), so that a page can have anything read without knowing
how, and no file can take a page down.  Every function here is a reader, and raises `ReadError` for what cannot be used.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.contract import weight_header, weights
from engine.contract.reading import ReadError
from engine.data import cloud_shapes, images, pictures, plane, shelf, uploads
from engine.data import text as texts
from engine.data.numerals import DECIMALS
from engine.data.records import SEPARATORS
from engine.data.sheets import Reading, read_sheet
from engine.data.tables import points as points_of

MOST_POINTS = 4_000  # in the strokes of one drawing
SAID = (plane.DataError, cloud_shapes.CloudError, pictures.ImageError, texts.TextError, shelf.ShelfError,
        weights.NetworkFileError)  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")


def _reader(read: Callable[P, R]) -> Callable[P, R]:
    """`read`, whose errors that are sentences become the one that pages know."""

    @functools.wraps(read)
    def reader(*args: P.args, **options: P.kwargs) -> R:
        try:
            return read(*args, **options)
        except SAID as error:
            raise ReadError(str(error)) from None

    return reader


# ---------------------------------------------------------------- points of the plane


@_reader
def table(data: bytes, *, how: Mapping[str, Any]) -> dict[str, Any]:
    """A table as points for the knob `points`.  `how` holds fields of `engine.data.sheets.Reading`, the rest is found.

    ``points``, the packed text, or "" and ``refused``, the sentence that says why not; ``notes``; ``columns``, their
    names; ``how`` it was read, as far as that went; ``choices``: what can be said, with the words for it.
    """
    read: dict[str, Any] = {
        "points": "", "refused": "", "notes": (), "columns": (), "how": {},
        "choices": {"separator": SEPARATORS, "decimal": DECIMALS},
    }  # fmt: skip
    try:
        sheet = read_sheet(data, Reading(**how))
        read |= {"columns": sheet.names, "how": asdict(sheet.how)}
        found = points_of(sheet)
        read |= {
            "points": plane.encode_points(found.xy, found.labels), "notes": found.notes, "how": asdict(found.how),
        }  # fmt: skip
    except plane.DataError as error:
        read["refused"] = str(error)
    return read


@_reader
def points(data: bytes, *, paper: str) -> str:
    """Points drawn on `paper`, "classes" or "cloud", as a text for a link.  `data` is JSON: [[x, y, class], …]."""
    wrong = ReadError("A point is an x, a y and the number of a class; draw the points again.")
    try:
        rows = np.array(json.loads(data), dtype=np.float64).reshape(-1, 3)
    except (ValueError, TypeError, RecursionError):  # a browser can send anything
        raise wrong from None
    if not np.isfinite(rows).all():
        raise wrong
    if paper == "cloud":
        return cloud_shapes.pack(rows[:, :2])
    packed = plane.encode_points(rows[:, :2], rows[:, 2].astype(int))
    plane.from_points(packed)  # of two classes at least
    return packed


@_reader
def packed_points(data: bytes, *, paper: str) -> list[list[float]]:
    """The inverse of `points`: rows of x, y and class."""
    if paper == "cloud":
        xy = cloud_shapes.unpack(data.decode())
        labels = np.zeros(len(xy), dtype=np.int64)
    else:
        xy, labels = plane.decode_points(data.decode())
    rows: list[list[float]] = np.column_stack([xy, labels]).tolist()
    return rows


# ---------------------------------------------------------------- pictures


@_reader
def picture(data: bytes, *, data_set: str) -> tuple[str, list[str]]:
    """An uploaded picture as those of `data_set` look, packed for a link, with notes on what was converted."""
    read, notes = uploads.read_upload(data, images.side(data_set))
    return pictures.pack(read), notes


@_reader
def strokes(data: bytes, *, data_set: str, pen: float) -> str:
    """A drawing as the pictures of `data_set` look, packed for a link.

    `data` is JSON: strokes, each [[x, y], …] in [0, 1]^2 with y up.  `pen` scales the usual width of a line.
    """
    try:
        given = [np.array(stroke, dtype=np.float64) for stroke in json.loads(data)]
    except (ValueError, TypeError, RecursionError):  # a browser can send anything
        raise ReadError("A drawing is a list of strokes; start it again.") from None
    if sum(stroke.size for stroke in given) > 2 * MOST_POINTS:
        raise ReadError("The drawing has too many lines to be one digit; start again with fewer.")
    return pictures.pack(pictures.rasterise(given, images.side(data_set), pen=pen))


@_reader
def packed_picture(data: bytes, *, data_set: str) -> NDArray[np.float32]:
    """The picture (side, side) that a link holds; without one an empty picture of the side of `data_set`."""
    side = images.side(data_set)
    return pictures.unpack(data.decode(), side) if data else np.zeros((side, side), np.float32)


# ---------------------------------------------------------------- what goes onto the shelf


@_reader
def text(data: bytes) -> str:
    """Put a text on the shelf and return its key."""
    texts.read_upload(data)
    try:
        return shelf.keep(data)
    except shelf.ShelfError:
        raise ReadError("This server cannot keep the text.") from None


@_reader
def kept_text(data: bytes) -> tuple[int, str] | None:
    """How many characters the text with this key has, and the first 60 of them; None if it is no longer there."""
    try:
        kept = texts.read_upload(shelf.fetch(data.decode()))
    except (texts.TextError, shelf.ShelfError):
        return None
    return len(kept), kept[:60]


@_reader
def network(data: bytes) -> str:
    """Put a network on the shelf and return its key."""
    weights.read(data)
    return shelf.keep(data)


@_reader
def kept_network(data: bytes) -> dict[str, str]:
    """What the network with this key says about itself: ``lab``, ``config`` and what the lab adds."""
    return weight_header.read(shelf.fetch(data.decode())).about
