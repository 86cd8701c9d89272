"""One picture: packed into a link, drawn by hand, or uploaded, and made to look like the data that a network knows.

A picture is a (side, side) float32 array in [0, 1], row 0 on top, light ink on a dark ground.  Strokes and uploads are
prepared as the data sets were, on a bitmap four times as fine whose 4x4 blocks are then averaged:

- 8x8, the handwritten digits: the ink is stretched to 20 by 32 of 32x32 pixels, then thickened or thinned until about
  313 of them are on (NIST's form-based handprint recognition system, Garris et al. 1994).
- else, MNIST: the ink fits into a square of 20/28 of the side, its proportions kept, and its centre of mass stands in
  the middle (LeCun et al. 1998).
"""

from __future__ import annotations

import base64
import binascii
import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_BYTES = 5_000_000
MAX_PIXELS = 4_000_000
MIN_EDGE = 8  # pixels of an upload
FINE = 4  # cells of the bitmap along the edge of a pixel

_DIGITS_INK = 313  # of 32x32: the mean of scikit-learn's digits, whose standard deviation is 34
_PEN = 2.4 / 28  # width of MNIST's strokes, as a share of the side
_INK = 0.4  # a cell this bright is ink

Picture = NDArray[np.float32]
Bitmap = NDArray[np.bool_]


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
    ink = np.zeros((side * FINE, side * FINE), bool)
    margin = 0.0
    for _ in range(3):  # the wider the line, the less room is left for its middle
        box = _box(side) - 2 * margin
        scale = _scale(extent, box, stretch=1.6 if side == 8 else 1.0)
        centred = [(line - low - extent / 2) * scale * (1, -1) + side * FINE / 2 for line in lines]
        distance = _distance(_trace(centred, side * FINE))
        if side == 8:
            radius = float(np.clip(_level(distance, round(_DIGITS_INK * pen)), 0.7, 4.5 * max(1.0, pen)))
        else:
            radius = pen * _PEN * side * FINE / 2
        margin, ink = radius, distance <= radius
    picture = _blocks(ink.astype(np.float32))
    return picture if side == 8 else _centred(ink.astype(np.float32))


def _points(stroke: ArrayLike) -> NDArray[np.float64]:
    try:
        points = np.asarray(stroke, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.size == 0 and points.ndim <= 2:
        return np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ImageError("A stroke is a list of points, each with an x and a y.")
    return np.clip(points, 0.0, 1.0)


def _box(side: int) -> NDArray[np.float64]:
    """Width and height that ink fills, in cells of the fine bitmap."""
    return np.array([20.0, 32.0]) if side == 8 else np.full(2, 20 / 28 * side * FINE)


def _scale(extent: NDArray[np.float64], box: NDArray[np.float64], *, stretch: float) -> NDArray[np.float64]:
    """Factors (2,) for x and y that fit `extent` into `box`; the one is at most `stretch` times the other."""
    factors = box / np.maximum(extent, 1e-3)  # a dot is not blown up
    fitted: NDArray[np.float64] = np.minimum(factors, factors.min() * stretch)
    return fitted


def _trace(lines: Sequence[NDArray[np.float64]], cells: int) -> Bitmap:
    """The thinnest lines through these points (x right, y down), on a bitmap (cells, cells)."""
    from PIL import Image, ImageDraw

    sheet = Image.new("1", (cells, cells))
    drawing = ImageDraw.Draw(sheet)
    for line in lines:
        corners = [(float(x), float(y)) for x, y in np.clip(line - 0.5, 0, cells - 1)]
        drawing.point(corners[:1], fill=1)
        drawing.line(corners, fill=1)
    return np.asarray(sheet, dtype=bool)


# ---------------------------------------------------------------- as the data were made


def _distance(ink: Bitmap) -> NDArray[np.float64]:
    """Distance of every cell to the edge of the ink, negative inside."""
    from scipy import ndimage

    found: NDArray[np.float64] = ndimage.distance_transform_edt(~ink) - np.maximum(
        ndimage.distance_transform_edt(ink) - 1, 0
    )
    return found


def _level(distance: NDArray[np.float64], cells: int) -> float:
    """The distance within which so many cells lie."""
    return float(np.partition(distance, cells, axis=None)[cells])


def _blocks(cells: NDArray[np.float32]) -> Picture:
    """Means of the FINE x FINE blocks: anti-aliasing, or the counts of which the digits are made."""
    side = len(cells) // FINE
    picture: Picture = cells.reshape(side, FINE, side, FINE).mean(axis=(1, 3), dtype=np.float32)
    return picture


def _centred(cells: NDArray[np.float32]) -> Picture:
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


# ---------------------------------------------------------------- uploaded


def read_upload(data: bytes, side: int) -> tuple[Picture, list[str]]:
    """An uploaded picture as the data of this `side` look, with a sentence for each thing that was converted.

    PNG, JPEG and WebP of at most 5 MB and 4 megapixels; the size is read from the header before anything is decoded.
    Raises `ImageError` for what cannot be used.

    ================================  ==============================================================================
    what comes                        what becomes of it
    ================================  ==============================================================================
    nothing, or another format        a sentence; it is the content that counts and not the name (SVG as PNG)
    too many bytes or pixels          a sentence, before decoding
    corrupt or truncated              a sentence
    an edge below 8 pixels (1xN)      a sentence
    animated                          the first picture
    16 bits a channel                 8 bits
    colour, palette, CMYK             brightness
    transparent                       laid on white, or on black if what is drawn is light
    EXIF says it is rotated           rotated upright
    dark ink on a light ground        inverted: the data are light on dark
    of one brightness                 a sentence
    any size but side x side          ink cut out, fitted and centred as the data are; thin lines thickened
    ================================  ==============================================================================
    """
    notes: list[str] = []
    grey = _brightness(data, notes)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground, low, high = float(np.median(border)), float(grey.min()), float(np.percentile(grey, 99.5))
    low = min(low, float(np.percentile(grey, 0.5)))
    if max(high - ground, ground - low) < 0.1:
        raise ImageError("The picture is almost of one brightness; something must stand out from its ground.")
    if ground - low > high - ground:
        grey, ground, high = 1 - grey, 1 - ground, 1 - low
        notes.append("It is dark on light, and was inverted: the data are light on dark.")
    if grey.shape == (side, side):
        return grey.astype(np.float32), notes
    ink = np.clip((grey - ground) / (high - ground), 0, 1)
    notes.append(f"What stands out from the ground was cut out, and fitted into {side}x{side} pixels as the data are.")
    return _fitted(np.where(ink < 0.15, 0, ink).astype(np.float32), side, notes), notes


def _fitted(ink: NDArray[np.float32], side: int, notes: list[str]) -> Picture:
    from PIL import Image

    rows, columns = (np.flatnonzero((ink > _INK).any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width, height = (float(edge) for edge in ink.shape[::-1])
    scale = _scale(np.array([width, height]), _box(side), stretch=1.6 if side == 8 else 1.0)
    size = np.maximum(1, np.rint(np.array([width, height]) * scale)).astype(int)
    small = np.asarray(Image.fromarray(ink).resize((int(size[0]), int(size[1])), Image.Resampling.BOX))
    small = small / small.max()
    cells = np.zeros((side * FINE, side * FINE), np.float32)
    left, top = (side * FINE - size) // 2
    cells[top : top + size[1], left : left + size[0]] = small
    distance = _distance(cells > _INK)
    if side == 8:  # these were bitmaps with about as much ink in each
        return _blocks((distance <= np.clip(_level(distance, _DIGITS_INK), -2.0, 4.0)).astype(np.float32))
    inside = -distance[distance <= 0]
    missing = _PEN * side * FINE - (4 * float(np.median(inside)) + 1)  # in a line half the ink is that near its edge
    if missing > 1:
        notes.append("The lines were thickened to those of the data.")
        cells = np.maximum(cells, distance <= missing / 2)
    return _centred(cells)


def _brightness(data: bytes, notes: list[str]) -> NDArray[np.float64]:
    """The decoded upload as brightness (H, W) in [0, 1].  Raises `ImageError`."""
    from PIL import Image, ImageOps

    kind = _kind(data)
    try:
        sheet: Any = Image.open(io.BytesIO(data), formats=[kind])
        _require_size(*sheet.size)
        if getattr(sheet, "n_frames", 1) > 1:
            notes.append(f"It is animated: the first of {sheet.n_frames} pictures is used.")
        if sheet.mode in ("I;16", "I;16B", "I") or (kind == "PNG" and data[24:25] == b"\x10"):
            notes.append("It has 16 bits a channel, of which the upper 8 are used.")
        if sheet.mode == "CMYK":
            notes.append("Its inks (CMYK) were turned into brightness.")
        sheet.load()
        upright = ImageOps.exif_transpose(sheet)
        if sheet.getexif().get(0x0112, 1) in range(2, 9):
            notes.append("It was turned upright, as its EXIF data say.")
        return _grey(upright, notes)
    except ImageError:
        raise
    except Exception:  # a broken file can make a decoder raise anything
        raise ImageError(f"The {kind} file is damaged or cut off; save the picture again and upload that.") from None


def _grey(sheet: Any, notes: list[str]) -> NDArray[np.float64]:
    if sheet.mode.startswith("I"):
        return np.clip(np.asarray(sheet, dtype=np.float64) / 65_535, 0, 1)
    if sheet.mode not in ("L", "1") and sheet.mode != "CMYK":
        coloured = np.asarray(sheet.convert("RGBA"), dtype=np.float64) / 255
        grey = coloured[..., :3] @ np.array([0.299, 0.587, 0.114])
        alpha = coloured[..., 3]
        if alpha.min() < 1:
            light = bool((grey * alpha).sum() > 0.5 * alpha.sum())
            notes.append(f"What is transparent was laid on {'black' if light else 'white'}.")
            return grey * alpha + (0.0 if light else 1.0) * (1 - alpha)  # type: ignore[no-any-return]
        return grey  # type: ignore[no-any-return]
    return np.asarray(sheet.convert("L"), dtype=np.float64) / 255


def _kind(data: bytes) -> str:
    """The format by its first bytes; size limits that a header tells are checked.  Raises `ImageError`."""
    if not data:
        raise ImageError("The file is empty; give a picture as PNG, JPEG or WebP.")
    if len(data) > MAX_BYTES:
        raise ImageError(f"The file has {len(data) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are accepted.")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        if data[12:16] == b"IHDR" and len(data) >= 24:
            _require_size(*struct.unpack(">II", data[16:24]))
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _require_size(*_webp_size(data))  # Pillow makes room for the whole picture when it opens one of these
        return "WEBP"
    raise ImageError("The file is no PNG, JPEG or WebP picture, whatever its name says; save it as one of these.")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height in the header of a WebP file (RFC 9649)."""
    chunk, body = data[12:16], data[20:30]
    if len(body) == 10 and chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if len(body) == 10 and chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if len(body) == 10 and chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    raise ImageError("The WEBP file is damaged or cut off; save the picture again and upload that.")


def _require_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"The picture has {width:,} x {height:,} pixels; at most {MAX_PIXELS // 1_000_000} million are accepted. "
            "Make it smaller and upload it again."
        )
    if min(width, height) < MIN_EDGE:
        raise ImageError(f"The picture is {width} x {height}; each edge needs at least {MIN_EDGE} pixels.")
