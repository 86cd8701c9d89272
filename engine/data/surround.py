"""What surrounds a picture and is no part of it: an outline, bars, lines, what a sheet lies on, a vignette, a shadow.

A frame is told from a digit that touches the edge by the room it leaves.  Take away the frame, and what remains is one
region without dents, with the digit inside.  Take away a digit that runs to the edge, and the rest is full of dents, or
empty.  That holds for lines that are not quite straight, for rounded corners and for dark corners alike.  Besides, the
region must be nearly a rectangle, however it is turned, or end slowly, or be closed and have writing in it: the inside
of a thick zero is none of these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STANDS_OUT = 0.15  # of the contrast: what is this far from the ground is not ground
_MOST_LOST = 0.5  # of the picture may lie behind a frame, besides the frame itself
_LEAST_LEFT = 0.25  # of the picture must lie within it
_DENTS = 0.1  # of a frame may lie within the hull of what it surrounds
_STILL_OUT = 0.05  # of the edge: if more of it is no ground even then, a thick digit was taken for the ground
_RECTANGLE = 0.92  # of the smallest box around it, turned or upright, a sheet fills, though its corners be round
_CUT = 0.85  # of that box a sheet fills even if the picture ends before it; the inside of a zero fills 0.79
_OPEN = 0.2  # of the edge of the picture a disc may reach
_TALL = 0.3  # of the sheet: a digit that is drawn in a round outline, or on a disc, is at least as high
_SOLID = 0.75  # of its hull: what fills more is no digit on a disc, but may be the hole of a zero
_UNEVEN = 0.04  # of all brightness: a border further from a plane is more than a shadow
_SHADED = 0.15  # of all brightness: a shadow that darkens less does no harm
_DARKEST = 0.03  # of all brightness: in a deeper shadow nothing can be told from the ground
_DUST = 0.005  # of what is surrounded: less ink than this is no digit

Grey = NDArray[np.float64]
Mask = NDArray[np.bool_]


def ground_of(grey: Grey, spread: float) -> float:
    """The brightness of the ground: that of the border, or what is most frequent in the middle if that differs.

    `spread` is the brightness from the ground to the ink.  The border counts if much of the middle looks like it.
    """
    rows, columns = (max(1, round(0.15 * n)) for n in grey.shape)
    middle = grey[rows:-rows, columns:-columns]
    border = float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    if np.mean(np.abs(middle - border) < STANDS_OUT * spread) > 0.4:
        return border
    counts, edges = np.histogram(middle, bins=64, range=(0.0, 1.0))
    peak = int(np.convolve(counts, np.ones(5), mode="same").argmax())
    low, high = edges[max(0, peak - 2)], edges[min(64, peak + 3)]
    return float(np.median(middle[(middle >= low) & (middle <= high)]))


def evenly_lit(grey: Grey) -> Grey:
    """`grey` without a shadow that grows evenly from one side to the other; the same array if its border shows none."""
    y, x = (axis / max(1, size - 1) for axis, size in zip(np.indices(grey.shape), grey.shape, strict=True))
    plane = np.stack([np.ones_like(x), x, y], axis=-1)  # (H, W, 3)
    border, light = (np.concatenate([a[0], a[-1], a[:, 0], a[:, -1]]) for a in (plane, grey))
    found = np.linalg.lstsq(border, light, rcond=None)[0]
    shade = plane @ found
    if np.abs(border @ found - light).max() > _UNEVEN or np.ptp(shade) < _SHADED or shade.min() < _DARKEST:
        return grey
    lit: Grey = np.clip(grey / shade * shade.max(), 0, 1)
    return lit


def without_ring(grey: Grey, ground: float, spread: float) -> Grey:
    """`grey` with the ground in place of an outline that runs all round at the very edge, even where ink touches it."""
    other = np.abs(grey - ground) > STANDS_OUT * spread
    wide = 0
    while wide < 0.1 * min(grey.shape):
        inner = other[wide : len(other) - wide, wide : other.shape[1] - wide]
        if min(line.mean() for line in (inner[0], inner[-1], inner[:, 0], inner[:, -1])) < 0.95:
            break
        wide += 1
    if not wide or not other[wide:-wide, wide:-wide].any():
        return grey
    inner = other[wide:-wide, wide:-wide]
    if np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]]).mean() > 0.4:  # a thick digit on paper
        return grey
    cleared = np.full_like(grey, ground)
    cleared[wide:-wide, wide:-wide] = grey[wide:-wide, wide:-wide]
    return cleared


def without_surround(grey: Grey, ground: float, spread: float) -> Grey:
    """`grey` with the ground in place of all that surrounds a digit; the same array if nothing does."""
    from scipy import ndimage

    darkness = np.abs(grey - ground) / spread
    other = darkness > STANDS_OUT
    spots, count = ndimage.label(other, structure=np.ones((3, 3)))
    places = ndimage.find_objects(spots)
    sizes = np.bincount(spots.ravel(), minlength=count + 1)
    within = np.ones_like(other)
    borders = np.zeros_like(other)
    for spot in np.argsort(-sizes[1:])[:12] + 1:
        if _reaches_out(places[spot - 1], grey.shape):
            room = _room(spots == spot)
            if room is not None:
                within &= room
                borders |= spots == spot
    left = other & within & ~borders
    edge = np.concatenate([left[0], left[-1], left[:, 0], left[:, -1]])
    if (
        not borders.any()
        or left.sum() <= _DUST * within.sum()
        or edge.mean() > _STILL_OUT
        or not (_is_a_sheet(within, darkness) or _is_a_disc(within, left))
    ):
        return grey
    # A blurred frame ends in pixels that hardly stand out.
    blurred = ndimage.binary_dilation(~within | borders, iterations=2) & ~ndimage.binary_dilation(left)
    return np.where(~within | borders | blurred, ground, grey)


def _reaches_out(place: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    """Whether something spans most of one side of the picture, near that side, or stands in a corner."""
    near = [0.2 * n for n in shape]
    starts = [p.start <= n for p, n in zip(place, near, strict=True)]
    ends = [p.stop >= size - n for p, n, size in zip(place, near, shape, strict=True)]
    return bool((starts[0] or ends[0]) and (starts[1] or ends[1]))


def _room(border: Mask) -> Mask | None:
    """The region that `border` surrounds, or None if it is none."""
    from scipy import ndimage

    regions, count = ndimage.label(~border)
    if not count:
        return None
    largest = int(np.bincount(regions.ravel())[1:].argmax()) + 1
    smooth = max(1, round(0.01 * min(border.shape)))
    room = _grown(_shrunk(regions == largest, smooth), smooth)  # without what is thinner
    if room.mean() < _LEAST_LEFT or (~room & ~border).mean() > _MOST_LOST:
        return None
    # The hull without its rim, or the steps of a slanting line would be dents.
    dented = _shrunk(_hull(room), smooth + 1)
    if (border & dented).sum() > _DENTS * border.sum():
        return None
    return room


def _is_a_sheet(within: Mask, darkness: Grey) -> bool:
    """Whether the region is nearly a rectangle, or what lies around it darkens slowly; else it might be a thick digit.

    `darkness` is how far each pixel is from the ground, as a share of the contrast.
    """
    corners = _outermost(within)
    if corners is not None:
        box = _smallest_box(corners)
        area = np.hypot(*(box[1] - box[0])) * np.hypot(*(box[2] - box[1]))
        if within.sum() > max(_CUT * area, _RECTANGLE * _filled(box, within.shape).sum()):
            return True
    wide = max(2, round(0.03 * min(within.shape)))
    rim = _grown(within, wide) & ~within
    return bool(darkness[rim].mean() < 0.35)


def _is_a_disc(within: Mask, left: Mask) -> bool:
    """Whether the region is closed, and what is `left` in it is written there and no hole of a digit."""
    from scipy import ndimage

    if np.concatenate([within[0], within[-1], within[:, 0], within[:, -1]]).mean() > _OPEN:
        return False
    spots, _ = ndimage.label(left, structure=np.ones((3, 3)))
    largest = spots == int(np.bincount(spots.ravel())[1:].argmax()) + 1
    high, room = (np.ptp(np.flatnonzero(region.any(axis=1))) + 1 for region in (largest, within))
    return bool(high > _TALL * room and largest.sum() < _SOLID * _hull(largest).sum())


def _hull(region: Mask) -> Mask:
    """The smallest region without dents around this one."""
    corners = _outermost(region)
    return region if corners is None else _filled(corners, region.shape)


def _outermost(region: Mask) -> NDArray[np.float64] | None:
    """The corners (N, 2) of the hull of a region, as column and row; None if it is but a line."""
    from scipy.spatial import ConvexHull

    rows = np.flatnonzero(region.any(axis=1))
    first = region[rows].argmax(axis=1)
    last = region.shape[1] - 1 - region[rows, ::-1].argmax(axis=1)
    points = np.concatenate([np.stack([first, rows], 1), np.stack([last, rows], 1)]).astype(np.float64)
    if np.linalg.matrix_rank(points - points[0]) < 2:
        return None
    corners: NDArray[np.float64] = points[ConvexHull(points).vertices]
    return corners


def _smallest_box(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners (4, 2) of the rectangle of least area around a hull: one of its edges lies on one of the hull's."""
    boxes: list[tuple[float, NDArray[np.float64]]] = []
    for along in np.roll(corners, -1, axis=0) - corners:
        axes = np.array([along, [-along[1], along[0]]]) / np.hypot(*along)  # (2, 2): a row is a direction
        low, high = (corners @ axes.T).min(axis=0), (corners @ axes.T).max(axis=0)
        four = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        boxes.append((float(np.prod(high - low)), four @ axes))
    return min(boxes, key=lambda box: box[0])[1]


def _filled(corners: NDArray[np.float64], shape: tuple[int, ...]) -> Mask:
    """All that lies within these corners (N, 2), and in the picture."""
    from PIL import Image, ImageDraw

    sheet: Any = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(sheet).polygon([(round(x), round(y)) for x, y in corners.tolist()], fill=1)
    filled: Mask = np.asarray(sheet, dtype=bool)
    return filled


def _grown(region: Mask, by: int) -> Mask:
    """Each pixel that has one of the region at most `by` rows and columns away."""
    from scipy import ndimage

    grown: Mask = ndimage.maximum_filter(region, 2 * by + 1, mode="nearest")  # a row, then a column: fast for any `by`
    return grown


def _shrunk(region: Mask, by: int) -> Mask:
    """Each pixel that has nothing but the region at most `by` rows and columns away, within the picture."""
    return ~_grown(~region, by)
