"""Uploaded pictures with something around the digit: it is the same digit with and without.  And odd depths."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw
from written_digits import SHAPE, WRITTEN, alike, chunk, encoded, written

from engine.data import images
from engine.data.images import ImageError, read_upload
from engine.data.surround import ground_of, without_ring, without_surround

Sheet = np.ndarray  # (H, W) of uint8
HEIGHT, WIDTH = SHAPE


def outline(wide: int) -> Callable[[Sheet, int], None]:
    def draw(sheet: Sheet, colour: int) -> None:
        sheet[:wide] = sheet[-wide:] = colour
        sheet[:, :wide] = sheet[:, -wide:] = colour

    return draw


def bars(sheet: Sheet, colour: int) -> None:
    sheet[:14] = sheet[-14:] = colour


def edge(turns: int) -> Callable[[Sheet, int], None]:
    def draw(sheet: Sheet, colour: int) -> None:
        np.rot90(sheet, turns)[:8] = colour

    return draw


def cell(row: int, column: int) -> Callable[[Sheet, int], None]:
    """Two lines of a table, with a little of its other cells."""

    def draw(sheet: Sheet, colour: int) -> None:
        sheet[row : row + 2] = colour
        sheet[:, column : column + 2] = colour

    return draw


def slanting(sheet: Sheet, colour: int) -> None:
    for row in range(HEIGHT):
        sheet[row, 3 + row // 30 : 6 + row // 30] = colour


def rounded(inset: int) -> Callable[[Sheet, int], None]:
    def draw(sheet: Sheet, colour: int) -> None:
        drawn = Image.fromarray(sheet)
        corners = (inset, inset, WIDTH - 1 - inset, HEIGHT - 1 - inset)
        ImageDraw.Draw(drawn).rounded_rectangle(corners, radius=15, outline=colour, width=3)
        sheet[:] = np.asarray(drawn)

    return draw


def around_rounded(sheet: Sheet, colour: int) -> None:
    mask = Image.new("1", (WIDTH, HEIGHT), 1)
    ImageDraw.Draw(mask).rounded_rectangle((2, 2, WIDTH - 3, HEIGHT - 3), radius=15, fill=0)
    sheet[np.asarray(mask)] = colour


AROUND = {
    "outline 1": outline(1), "outline 2": outline(2), "outline 3": outline(3), "bars": bars,
    "top": edge(0), "right": edge(1), "bottom": edge(2), "left": edge(3), "cell": cell(0, 0), "cell within": cell(5, 4),
    "cell below": cell(HEIGHT - 6, 3), "slanting": slanting, "rounded": rounded(0), "rounded within": rounded(3),
    "corners": around_rounded,
}  # fmt: skip


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("ink, ground", [(20, 250), (225, 15)])
@pytest.mark.parametrize("around", AROUND)
def test_what_surrounds_a_digit_is_left_out(around: str, ink: int, ground: int, side: int) -> None:
    for digit in (0, 1, 5, 7):
        plain = written(digit, ink=ink, ground=ground)
        expected, notes = read_upload(encoded(Image.fromarray(plain)), side)
        assert not any("surrounds" in note for note in notes)
        for colour in (ink, 0 if ground > ink else 255, 128):
            sheet = plain.copy()
            AROUND[around](sheet, colour)
            picture, notes = read_upload(encoded(Image.fromarray(sheet)), side)
            assert alike(picture, expected) > 0.9, (digit, colour)
            assert any("surrounds" in note and note.endswith(".") for note in notes)


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("begins", [0.6, 0.8, 0.95])
def test_a_vignette_is_left_out(begins: float, side: int) -> None:
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    light = 1 - np.clip((np.hypot(x, y) - begins) / (1.42 - begins), 0, 1)
    for digit in (0, 3, 7):
        expected, _ = read_upload(encoded(Image.fromarray(written(digit))), side)
        sheet = np.rint(written(digit) * light).astype(np.uint8)
        assert alike(read_upload(encoded(Image.fromarray(sheet)), side)[0], expected) > 0.9


def test_a_frame_blurred_by_a_camera_is_left_out() -> None:
    expected, _ = read_upload(encoded(Image.fromarray(written(5))), 28)
    sheet = written(5)
    outline(3)(sheet, 0)
    small = Image.fromarray(sheet).resize((63, 84), Image.Resampling.BILINEAR)
    assert alike(read_upload(encoded(small, "JPEG", quality=70), 28)[0], expected) > 0.9


@pytest.mark.parametrize("ink, ground", [(0, 255), (255, 0)])
@pytest.mark.parametrize("side", [8, 28])
def test_a_picture_of_the_right_size_may_have_an_outline_too(side: int, ink: int, ground: int) -> None:
    shape = (side, side)
    sheet = written(7, ink=ink, ground=ground, pen=max(1, side // 9), shape=shape)
    expected, _ = read_upload(encoded(Image.fromarray(sheet)), side)
    outline(1)(sheet, ink)
    picture, _ = read_upload(encoded(Image.fromarray(sheet)), side)
    assert np.array_equal(picture[1:-1, 1:-1], expected[1:-1, 1:-1]) and alike(picture, expected) > 0.9


def test_a_digit_that_touches_its_outline_is_kept() -> None:
    sheet = written(7)
    outline(2)(sheet, 20)
    sheet[40:44, :20] = 20  # from the frame to nowhere
    seven = without_ring(sheet / 255, 250 / 255, 230 / 255)
    assert np.all(seven[:2] == 250 / 255) and np.all(seven[2:-2, 2:-2] == sheet[2:-2, 2:-2] / 255)


CROPS = {
    "all round": lambda rows, columns: (slice(*rows), slice(*columns)),
    "above": lambda rows, columns: (slice(rows[0], None), slice(None)),
    "below": lambda rows, columns: (slice(None, rows[1]), slice(None)),
    "left": lambda rows, columns: (slice(None), slice(columns[0], None)),
    "right": lambda rows, columns: (slice(None), slice(None, columns[1])),
    "above and below": lambda rows, columns: (slice(*rows), slice(None)),
    "a corner": lambda rows, columns: (slice(rows[0], None), slice(columns[0], None)),
    "beyond": lambda rows, columns: (slice(rows[0] + 4, rows[1] - 4), slice(None)),
}


@pytest.mark.parametrize("pen", [4, 9, 15])
@pytest.mark.parametrize("crop", CROPS)
def test_a_digit_that_touches_the_edge_is_no_frame(crop: str, pen: int) -> None:
    for digit in WRITTEN:
        for ink, ground in ((20, 250), (225, 15)):
            sheet = written(digit, ink=ink, ground=ground, pen=pen)
            there = np.abs(sheet.astype(int) - ground) > 100
            rows, columns = (np.flatnonzero(there.any(axis=axis))[[0, -1]] + (0, 1) for axis in (1, 0))
            grey = sheet[CROPS[crop](rows, columns)] / 255
            spread = abs(ink - ground) / 255
            at = ground_of(grey, spread)
            assert without_surround(grey, at, spread) is grey and without_ring(grey, at, spread) is grey, digit


def test_the_data_themselves_have_no_frame() -> None:
    digits = images.load("digits")
    for digit in np.concatenate([digits.train_x, digits.test_x])[:, 0].astype(np.float64):
        for grey in (digit, 1 - digit):
            assert without_ring(grey, ground_of(grey, 1.0), 1.0) is grey


def test_a_frame_around_nothing_is_the_picture() -> None:
    sheet = np.full((60, 60), 250, np.uint8)
    outline(3)(sheet, 0)
    assert without_surround(sheet / 255, 250 / 255, 250 / 255).min() == 0


# ---------------------------------------------------------------- depth


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel; values (H, W) are grey, (H, W, 3) colours, (H, W, 4) with how opaque they are."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    kind = {2: 0, 3: 2 if values.shape[-1] == 3 else 6}[values.ndim]
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_is_scaled_by_the_bits_it_uses(bits: int, side: int) -> None:
    expected, _ = read_upload(encoded(Image.fromarray(written(5))), side)
    picture, notes = read_upload(png16(np.rint(written(5) / 255 * (2**bits - 1))), side)
    assert alike(picture, expected) > 0.99 and f"It has 16 bits a channel, of which {bits} are used." in notes


@pytest.mark.parametrize("opaque", [None, 12, 16])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_colours_are_scaled_by_the_bits_they_use(bits: int, opaque: int | None) -> None:
    expected, _ = read_upload(encoded(Image.fromarray(written(5))), 28)
    values = np.repeat(np.rint(written(5) / 255 * (2**bits - 1))[..., None], 3, axis=2)
    if opaque is not None:
        values = np.concatenate([values, np.full_like(values[..., :1], 2**opaque - 1)], axis=2)
    assert alike(read_upload(png16(values), 28)[0], expected) > 0.98


def test_what_is_all_dark_is_of_one_brightness_whatever_its_depth() -> None:
    noise = np.random.default_rng(0).integers(0, 60, (50, 50))
    for values in (noise, np.zeros((50, 50)), np.zeros((50, 50, 3))):
        with pytest.raises(ImageError, match="almost of one brightness"):
            read_upload(png16(values), 28)
