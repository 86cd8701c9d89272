"""Digits as a person writes them, photographs of them, and a stand-in for OpenML, for the tests of pictures."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw


def served(**changes: Any) -> Callable[..., Any]:
    """What stands in for OpenML: a set with the shape and kind of values of MNIST, but for `changes`."""
    pixels = np.zeros((70_000, 784), np.uint8)
    pixels[:, 300] = np.arange(70_000) % 256
    labels = np.array([str(k % 10) for k in range(70_000)], dtype=object)
    bunch = SimpleNamespace(**({"data": pixels, "target": labels} | changes))
    return lambda *args, **settings: bunch


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> list[tuple[float, float]]:
    """Part of an ellipse, in turns from the right, anticlockwise."""
    turns = np.linspace(start, end, 30) * 2 * np.pi
    return [(x + width / 2 * np.cos(t), y + height / 2 * np.sin(t)) for t in turns]


# Each digit as a person writes it, on a pad whose y goes up.
WRITTEN = {
    0: [arc(0.5, 0.5, 0.5, 0.8, 0.25, 1.25)],
    1: [[(0.4, 0.75), (0.55, 0.9), (0.55, 0.1)]],
    2: [[*arc(0.5, 0.7, 0.44, 0.4, 0.45, -0.1), (0.3, 0.1), (0.75, 0.1)]],
    3: [[*arc(0.48, 0.7, 0.4, 0.4, 0.4, -0.25), *arc(0.48, 0.3, 0.48, 0.4, 0.25, -0.4)]],
    4: [[(0.45, 0.9), (0.25, 0.4), (0.75, 0.4)], [(0.65, 0.65), (0.6, 0.1)]],
    5: [[(0.7, 0.9), (0.35, 0.9), (0.32, 0.55), *arc(0.48, 0.34, 0.46, 0.48, 0.3, -0.4)]],
    6: [[(0.6, 0.9), (0.35, 0.55), *arc(0.5, 0.3, 0.42, 0.4, 0.5, 1.5)]],
    7: [[(0.25, 0.9), (0.75, 0.9), (0.42, 0.1)], [(0.38, 0.5), (0.7, 0.5)]],
    8: [[(0.5 + 0.2 * np.sin(2 * t), 0.5 + 0.4 * np.cos(t)) for t in np.linspace(0, 2 * np.pi, 60)]],
    9: [[*arc(0.48, 0.68, 0.4, 0.42, 0.0, 1.0), (0.66, 0.5), (0.55, 0.1)]],
}


SHAPE = (120, 90)  # height and width


def written(
    digit: int, *, ink: int = 20, ground: int = 250, pen: int = 7, shape: tuple[int, int] = SHAPE
) -> np.ndarray:
    """A digit in the middle of a sheet, (H, W) of uint8."""
    height, width = shape
    sheet = Image.new("L", (width, height), ground)
    size = 0.66 * min(shape)
    for stroke in WRITTEN[digit]:
        places = [(width / 2 + (x - 0.5) * size, height / 2 - (y - 0.5) * size) for x, y in stroke]
        ImageDraw.Draw(sheet).line(places, fill=ink, width=pen, joint="curve")
    return np.array(sheet)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two pictures."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def paper(digit: int = 3, width: int = 300, height: int = 400, *, ink: int = 30, ground: int = 230) -> Image.Image:
    """A digit written with a thin pen on paper."""
    sheet = Image.new("L", (width, height), ground)
    for stroke in WRITTEN[digit]:
        corners = [(60 + x * 150, 250 - y * 180) for x, y in stroke]
        ImageDraw.Draw(sheet).line(corners, fill=ink, width=7, joint="curve")
    noise = np.random.default_rng(0).integers(-8, 9, (height, width))
    return Image.fromarray(np.clip(np.asarray(sheet) + noise, 0, 255).astype(np.uint8))


def encoded(sheet: Image.Image, kind: str = "PNG", **settings: Any) -> bytes:
    out = io.BytesIO()
    sheet.save(out, kind, **settings)
    return out.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
