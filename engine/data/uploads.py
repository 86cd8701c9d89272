"""Uploaded pictures: PNG, JPEG and WebP from anywhere, checked before they are decoded."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.pictures import FINE, INK, Cells, ImageError, Picture, fit_factors, inked
from engine.data.surround import evenly_lit, ground_of, without_ring, without_surround

MAX_BYTES = 5_000_000
MAX_PIXELS = 4_000_000
MIN_EDGE = 8  # pixels
LEAST_FRAMED = 12  # pixels: a smaller picture has no room for a frame besides one at its edge
FAINT = 0.1  # of all brightness: less does not stand out


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
    animated, or several pictures     the first
    16 bits a channel                 8 bits: the upper ones of those that its values use (12 of 16, for one)
    colour, palette, CMYK             brightness
    transparent                       laid on white, or on black if what is drawn is light
    EXIF says it is rotated           rotated upright
    dark ink on a light ground        inverted: the data are light on dark
    a frame, bars, a dark edge        left out
    a sheet on a table, a disc        what lies around it left out
    a shadow from one side            taken away
    of one brightness                 a sentence
    any size but side x side          ink cut out, fitted and centred as the data are; thin lines thickened
    ================================  ==============================================================================
    """
    notes: list[str] = []
    given = _brightness(data, notes)
    grey = given if given.shape == (side, side) else evenly_lit(given)
    if grey is not given:
        notes.append("A shadow from one side was taken away.")
    low, high = float(min(grey.min(), np.percentile(grey, 0.5))), float(np.percentile(grey, 99.5))
    ground = ground_of(grey, high - low)
    if max(high - ground, ground - low) >= FAINT:
        cleared = grey if min(grey.shape) < LEAST_FRAMED else without_surround(grey, ground, high - low)
        cleared = without_ring(cleared, ground, high - low)
        if cleared is not grey:
            grey = cleared
            notes.append("What surrounds it, a frame or a dark edge, was left out.")
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground, low, high = float(np.median(border)), float(grey.min()), float(np.percentile(grey, 99.5))
    low = min(low, float(np.percentile(grey, 0.5)))
    if max(high - ground, ground - low) < FAINT:
        raise ImageError("The picture is almost of one brightness; something must stand out from its ground.")
    if ground - low > high - ground:
        grey, ground, high = 1 - grey, 1 - ground, 1 - low
        notes.append("It is dark on light, and was inverted: the data are light on dark.")
    if grey.shape == (side, side):
        return grey.astype(np.float32), notes
    ink = np.clip((grey - ground) / (high - ground), 0, 1)
    notes.append(f"What stands out from the ground was cut out, and fitted into {side}x{side} pixels as the data are.")
    return _fitted(np.where(ink < 0.15, 0, ink).astype(np.float32), side, notes), notes


def _fitted(ink: Cells, side: int, notes: list[str]) -> Picture:
    from PIL import Image

    ink = _without_specks(ink)
    rows, columns = (np.flatnonzero((ink > INK).any(axis=axis)) for axis in (1, 0))
    cut = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])

    def placed(margin: float) -> Cells:
        size = np.array(cut.size)
        size = np.maximum(1, np.rint(size * fit_factors(size, side, margin=margin))).astype(int)
        small = np.asarray(cut.resize((int(size[0]), int(size[1])), Image.Resampling.BOX))
        cells = np.zeros((side * FINE, side * FINE), np.float32)
        left, top = (side * FINE - size) // 2
        cells[top : top + size[1], left : left + size[0]] = small / small.max()
        return cells

    picture, widened = inked(placed, side)
    if widened > 0.5:
        notes.append("The lines were widened to those of the data.")
    return picture


def _without_specks(ink: Cells) -> Cells:
    """`ink` without the spots that are small against the largest one: dust, grain, the edge of a sheet of paper."""
    from scipy import ndimage

    spots, _ = ndimage.label(ink > INK, structure=np.ones((3, 3)))
    sizes = np.bincount(spots.ravel())
    sizes[0] = sizes[1:].max()
    small = (sizes < 0.03 * sizes[0])[spots]
    return np.where(ndimage.binary_dilation(small, iterations=2), np.float32(0), ink) if small.any() else ink


def _brightness(data: bytes, notes: list[str]) -> NDArray[np.float64]:
    """The decoded upload as brightness (H, W) in [0, 1].  Raises `ImageError`."""
    from PIL import Image, ImageOps

    kind = _kind(data)
    try:
        sheet: Any = Image.open(io.BytesIO(data), formats=[kind])
        _require_size(*sheet.size)
        if getattr(sheet, "n_frames", 1) > 1:
            notes.append(f"It holds {sheet.n_frames} pictures: the first is used.")
        deep = sheet.mode in ("I;16", "I;16B", "I") or (kind == "PNG" and data[24:25] == b"\x10")
        if sheet.mode == "CMYK":
            notes.append("Its inks (CMYK) were turned into brightness.")
        sheet.load()
        upright = ImageOps.exif_transpose(sheet)
        if sheet.getexif().get(0x0112, 1) in range(2, 9):
            notes.append("It was turned upright, as its EXIF data say.")
        return _grey(_eight_bits(upright, notes) if deep else upright, notes)
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(
            f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels; make it smaller."
        ) from None
    except Exception:  # a broken file can make a decoder raise anything
        raise ImageError(f"The {kind} file is damaged or cut off; save the picture again and upload that.") from None


def _eight_bits(sheet: Any, notes: list[str]) -> Any:
    """A sheet of 16 bits a channel with 8 of them: the upper ones of those that are used.

    Cameras and scanners write 10, 12 or 14 bits into the lower end of 16.  Of colours Pillow keeps the upper 8 alone.
    """
    from PIL import Image

    values = np.atleast_3d(np.asarray(sheet, dtype=np.int64))
    given = 16 if sheet.mode.startswith("I") else 8
    colours = values.shape[2] - (sheet.mode in ("LA", "RGBA"))
    used = given
    for channels in (
        values[..., colours:],
        values[..., :colours],
    ):  # what is opaque may use other bits than the colours
        bits = int(channels.max(initial=0)).bit_length()
        used = bits if bits >= max(1, given - 8) else given  # fewer are no picture: all is dark
        channels[:] = np.rint(np.clip(channels / (2**used - 1), 0, 1) * 255)
    notes.append(f"It has 16 bits a channel, of which {used + 16 - given} are used.")
    return Image.fromarray(values.astype(np.uint8).squeeze())


def _grey(sheet: Any, notes: list[str]) -> NDArray[np.float64]:
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
