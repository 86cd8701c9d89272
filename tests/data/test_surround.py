"""A sheet that lies turned on a table, a round outline, a disc, a shadow from one side: it is the same digit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw
from written_digits import WRITTEN, alike, encoded, written

from engine.data import images
from engine.data.pictures import rasterise
from engine.data.surround import evenly_lit, ground_of, without_surround
from engine.data.uploads import LEAST_FRAMED, read_upload

ROUND = 160  # pixels along the edge of the pictures with something round


def differing(sheet: Image.Image | np.ndarray, plain: Image.Image | np.ndarray) -> list[int]:
    """The sides for which an upload of `sheet` does not become the digit of `plain`."""
    uploads = [encoded(Image.fromarray(np.asarray(each))) for each in (sheet, plain)]
    return [side for side in (8, 28) if alike(*(read_upload(data, side)[0] for data in uploads)) <= 0.9]


def on_a_table(digit: int, angle: float, table: int, size: int, side: int) -> tuple[Image.Image, Image.Image]:
    """A sheet of paper of size x size, turned, on a table of side x side; and the same on a table of paper."""
    place = ((side - size) // 2,) * 2
    sheet, there = Image.new("L", (side, side), 250), Image.new("L", (side, side))
    sheet.paste(Image.fromarray(written(digit, pen=18, shape=(size, size))), place)
    there.paste(255, (*place, place[0] + size, place[1] + size))
    plain = sheet.rotate(angle, Image.Resampling.BICUBIC, fillcolor=250)
    turned = there.rotate(angle, Image.Resampling.BICUBIC)
    return Image.composite(plain, Image.new("L", plain.size, table), turned), plain


@pytest.mark.parametrize("angle", [0, 3, 10, 15, 30, 45, 70])
@pytest.mark.parametrize("size, side", [(300, 520), (380, 450)])  # the corners of the second may be cut off
def test_a_sheet_may_lie_turned_on_a_dark_table(size: int, side: int, angle: int) -> None:
    for digit, table in ((7, 20), (7, 60), (7, 120), (0, 60), (8, 60)):
        assert differing(*on_a_table(digit, angle, table, size, side)) == [], (digit, table)


@pytest.mark.parametrize("inset", [0, 4, 10])
@pytest.mark.parametrize("ink, ground", [(20, 250), (225, 15)])
def test_a_round_outline_is_left_out(ink: int, ground: int, inset: int) -> None:
    for digit in WRITTEN:
        plain = written(digit, ink=ink, ground=ground, pen=10, shape=(ROUND, ROUND))
        for wide, colour in ((2, ink), (8, ink), (8, 128)):
            sheet = Image.fromarray(plain)
            corners = (inset, inset, ROUND - 1 - inset, ROUND - 1 - inset)
            ImageDraw.Draw(sheet).ellipse(corners, outline=colour, width=wide)
            assert differing(sheet, plain) == [], (digit, wide, colour)


@pytest.mark.parametrize("inset", [0, 4, 10])
@pytest.mark.parametrize("black", [0, 60])
def test_a_digit_on_a_light_disc_is_found(black: int, inset: int) -> None:
    around = Image.new("1", (ROUND, ROUND), 1)
    ImageDraw.Draw(around).ellipse((inset, inset, ROUND - 1 - inset, ROUND - 1 - inset), fill=0)
    for digit in WRITTEN:
        plain = written(digit, pen=10, shape=(ROUND, ROUND))
        assert differing(np.where(np.asarray(around), np.uint8(black), plain), plain) == [], digit


@pytest.mark.parametrize("depth", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("turns", range(4))
def test_a_shadow_from_one_side_is_taken_away(turns: int, depth: float) -> None:
    for digit in WRITTEN:
        plain = written(digit)
        facing = np.rot90(plain, turns)
        shaded = np.rot90(np.rint(facing * np.linspace(1, 1 - depth, facing.shape[1])), -turns).astype(np.uint8)
        assert differing(shaded, plain) == [], digit
        _, notes = read_upload(encoded(Image.fromarray(shaded)), 28)
        assert "A shadow from one side was taken away." in notes


@pytest.mark.parametrize("inset", [1, 2, 3])
@pytest.mark.parametrize("ink, ground", [(0, 255), (255, 0), (20, 250)])
def test_a_picture_of_the_right_size_may_have_an_outline_further_in(ink: int, ground: int, inset: int) -> None:
    for digit in WRITTEN:
        plain = written(digit, ink=ink, ground=ground, pen=2, shape=(28, 28))
        for colour in (ink, 128):
            sheet = Image.fromarray(plain)
            ImageDraw.Draw(sheet).rectangle((inset, inset, 27 - inset, 27 - inset), outline=colour)
            expected, picture = (read_upload(encoded(each), 28)[0] for each in (Image.fromarray(plain), sheet))
            assert alike(picture, expected) > 0.9, (digit, colour)


def ink_of(grey: np.ndarray, ground: float, margin: int) -> np.ndarray:
    """The part of a picture with its ink, and `margin` pixels more."""
    rows, columns = (np.flatnonzero((np.abs(grey - ground) > 0.4).any(axis=axis))[[0, -1]] for axis in (1, 0))
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return grey[top : rows[1] + 1 + margin, left : columns[1] + 1 + margin]


@pytest.mark.parametrize("margin", [0, 2, 10])
@pytest.mark.parametrize("angle", [0, 10, 25, 45])
def test_a_thick_or_turned_digit_is_no_sheet_and_no_disc(angle: int, margin: int) -> None:
    for digit in WRITTEN:
        for pen in (4, 15, 21, 27):
            for ink, ground in ((20, 250), (225, 15)):
                sheet = Image.fromarray(written(digit, ink=ink, ground=ground, pen=pen, shape=(130, 110)))
                turned = np.array(sheet.rotate(angle, Image.Resampling.BICUBIC, fillcolor=ground, expand=True)) / 255
                grey, spread = ink_of(turned, ground / 255, margin), abs(ink - ground) / 255
                left = without_surround(grey, ground_of(grey, spread), spread)
                assert left is grey and evenly_lit(grey) is grey, (digit, pen, ink)


DATA = images.load("digits")


@pytest.mark.parametrize("change", [lambda x: x, lambda x: 1 - x], ids=["as they are", "inverted"])
def test_the_data_themselves_are_left_alone_at_any_size(change: Callable[[np.ndarray], np.ndarray]) -> None:
    digits = np.concatenate([DATA.train_x, DATA.test_x])[:, 0].astype(np.float64)
    assert len(digits) == 1797 and min(digits.shape[1:]) < LEAST_FRAMED
    for digit in digits:
        for grey in (change(digit), np.kron(change(digit), np.ones((4, 4)))):
            assert without_surround(grey, ground_of(grey, 1.0), 1.0) is grey and evenly_lit(grey) is grey


@pytest.mark.parametrize("pen", [0.5, 1.0, 2.0, 3.0])
def test_a_digit_as_mnist_has_them_is_left_alone(pen: float) -> None:
    for digit, strokes in WRITTEN.items():
        drawn = rasterise(strokes, 28, pen=pen).astype(np.float64)
        for picture in (drawn, ink_of(drawn, 0.0, 0), ink_of(drawn, 0.0, 2)):
            for grey in (picture, 1 - picture):
                left = without_surround(grey, ground_of(grey, 1.0), 1.0)
                assert left is grey and evenly_lit(grey) is grey, digit
