"""One picture: packed into a link, or drawn by hand and made to look like the data that a network knows.

A picture is a (side, side) float32 array in [0, 1], row 0 on top, light ink on a dark ground.  Strokes, and uploads
(see `uploads`), are prepared as the data sets were, on a bitmap four times as fine, whose 4x4 blocks are then
averaged:

- 8x8, the handwritten digits: the ink is stretched to 20 by 32 of 32x32 pixels, then thickened or thinned until about
  313 of them are on (NIST's form-based handprint recognition system, Garris et al. 1994).
- else, MNIST: the ink fits into a square of 20/28 of the side, its proportions kept, and its centre of mass stands in
  the middle (LeCun et al. 1998).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FINE = 4  # cells of the bitmap along the edge of a pixel
INK = 0.4  # a cell this bright is ink

_DIGITS_INK = 313  # of 32x32: the mean of scikit-learn's digits, whose standard deviation is 34
_STRETCH = 1.6  # of the one direction against the other, at most, for digits
_PEN = 2.8 / 28  # width of MNIST's strokes, as a share of the side

Picture = NDArray[np.float32]
Cells = NDArray[np.float32]  # the fine bitmap, (FINE * side, FINE * side) in [0, 1]


class ImageError(ValueError):
    """A picture, or a set of them, that cannot be used; ``str(error)`` is a sentence for the visitor."""


# ---------------------------------------------------------------- in a link


def pack(picture: ArrayLike) -> str:
    """A picture (side, side) in [0, 1] as text for a link: 8 bits a pixel, URL-safe base64 without padding."""
    values = np.asarray(picture, dtype=np.float32)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ImageError(f"A picture is square, not of shape {values.shape}.")
    if not np.isfinite(values).all():
        raise ImageError("A picture holds a value that is not a number.")
    levels = np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
    return base64.urlsafe_b64encode(levels.tobytes()).decode("ascii").rstrip("=")


def unpack(text: str, side: int) -> Picture:
    """The inverse of `pack`, within half of 1/255.  Raises `ImageError` for what is no picture of this side."""
    try:
        levels = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ImageError("The picture in the link is damaged; draw it again, or pick one from the data.") from None
    if len(levels) != side * side:
        held = f"{round(len(levels) ** 0.5)}x{round(len(levels) ** 0.5)}"
        of = f"it is {held}" if round(len(levels) ** 0.5) ** 2 == len(levels) else "it has another size"
        raise ImageError(f"The picture does not fit the data: {of}, and {side}x{side} is needed; draw it again.")
    return (np.frombuffer(levels, dtype=np.uint8).reshape(side, side) / np.float32(255)).astype(np.float32)


# ---------------------------------------------------------------- drawn


def rasterise(strokes: Sequence[ArrayLike], side: int, *, pen: float = 1.0) -> Picture:
    """Strokes, each (T, 2) in [0, 1]^2 with y up, as the data of this `side` look.  `pen` scales the usual width.

    Where on the pad and how large they were drawn makes no difference.  No strokes give an empty picture.  Raises
    `ImageError` for strokes that are no list of points.
    """
    lines = [_points(stroke) for stroke in strokes]
    lines = [line for line in lines if len(line)]
    if not lines:
        return np.zeros((side, side), np.float32)
    every = np.concatenate(lines)
    low, extent = every.min(axis=0), np.ptp(every, axis=0)

    def placed(margin: float) -> Cells:
        scale = fit_factors(extent, side, margin=margin)
        centred = [(line - low - extent / 2) * scale * (1, -1) + side * FINE / 2 for line in lines]
        return _trace(centred, side * FINE)

    return inked(placed, side, pen=pen)[0]


def _points(stroke: ArrayLike) -> NDArray[np.float64]:
    wrong = ImageError("A stroke is a list of points, each with an x and a y.")
    try:
        points = np.asarray(stroke, dtype=np.float64)
    except (TypeError, ValueError):
        raise wrong from None
    if points.shape == (0,):
        return np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise wrong
    return np.clip(points, 0.0, 1.0)


def _trace(lines: Sequence[NDArray[np.float64]], cells: int) -> Cells:
    """The thinnest lines through these points (x right, y down), on a bitmap (cells, cells)."""
    from PIL import Image, ImageDraw

    sheet = Image.new("1", (cells, cells))
    drawing = ImageDraw.Draw(sheet)
    for line in lines:
        corners = [(float(x), float(y)) for x, y in np.clip(line - 0.5, 0, cells - 1)]
        drawing.point(corners[:1], fill=1)
        drawing.line(corners, fill=1)
    return np.asarray(sheet, dtype=np.float32)


# ---------------------------------------------------------------- as the data were made


def inked(placed: Callable[[float], Cells], side: int, *, pen: float = 1.0) -> tuple[Picture, float]:
    """The picture of some ink, with lines as wide as those of the data, and by how many cells that widened them.

    `placed` puts the ink on the fine bitmap, fitted but for a margin of so many cells at each edge.
    """
    margin = widened = 0.0
    for _ in range(3):  # the wider the lines, the less room is left for their middle
        cells = placed(margin)
        distance = _distance(cells > INK)
        if side == 8:  # there was about as much ink in each
            widened = float(np.clip(_level(distance, round(_DIGITS_INK * pen)), -2.0, 4.0 * max(1.0, pen)))
        else:
            half = 2 * float(np.mean(1 - distance[distance <= 0])) - 1.3  # cells of a line of width w: w / 4 on average
            widened = pen * _PEN * side * FINE / 2 - half
        margin = max(0.0, widened)
    if side == 8:
        return _blocks((distance <= widened).astype(np.float32)), widened
    return _centred(np.maximum(cells, distance <= widened) if widened > 0.5 else cells), widened


def fit_factors(extent: NDArray[np.float64], side: int, *, margin: float) -> NDArray[np.float64]:
    """Factors (2,) for x and y that fit `extent` into the room for ink, in cells of the fine bitmap."""
    room = np.array([20.0, 32.0]) if side == 8 else np.full(2, 20 / 28 * side * FINE)
    factors = (room - 2 * margin) / np.maximum(extent, 1e-3)  # a dot is not blown up
    fitted: NDArray[np.float64] = np.minimum(factors, factors.min() * (_STRETCH if side == 8 else 1.0))
    return fitted


def _distance(ink: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far every cell is from the ink; inside 0 at its edge, and negative further in."""
    from scipy import ndimage

    outside: NDArray[np.float64] = ndimage.distance_transform_edt(~ink)
    inside: NDArray[np.float64] = ndimage.distance_transform_edt(ink)
    return outside - np.maximum(inside - 1, 0)


def _level(distance: NDArray[np.float64], cells: int) -> float:
    """The distance within which so many cells lie."""
    return float(np.partition(distance, cells, axis=None)[cells])


def _blocks(cells: Cells) -> Picture:
    """Means of the FINE x FINE blocks: anti-aliasing, or the counts of which the digits are made."""
    side = len(cells) // FINE
    picture: Picture = cells.reshape(side, FINE, side, FINE).mean(axis=(1, 3), dtype=np.float32)
    return picture


def _centred(cells: Cells) -> Picture:
    """The blocks of `cells`, with the centre of mass in the middle as far as no ink is lost."""
    rows, columns = (np.flatnonzero(cells.any(axis=axis)) for axis in (1, 0))
    mass = cells.sum()
    if not mass:
        return _blocks(cells)
    size, shifts = len(cells), []
    for axis, there in ((1, rows), (0, columns)):
        centre = float(cells.sum(axis=axis) @ np.arange(size)) / mass
        wanted = round((size - 1) / 2 - centre)
        shifts.append(int(np.clip(wanted, -there[0], size - 1 - there[-1])))
    return _blocks(np.roll(cells, shifts, axis=(0, 1)))
