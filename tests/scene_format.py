"""Read a scene's message as its format says, for the tests of what is sent."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.scene.scene import Scene

CODES = {"u1": "u1", "u2": "<u2", "i4": "<i4", "f2": "<f2", "f4": "<f4", "f8": "<f8"}
SAME = -1
KEPT = 2


def decode(message: bytes, base: Sequence[np.ndarray] = ()) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The header and arrays of a message, read as the format says; `base` are those of the picture it builds on."""
    assert message[:4] in (b"SCN1", b"SCN2")
    (length,) = struct.unpack("<I", message[4:8])
    header = json.loads(message[8 : 8 + length])
    start = -(-(8 + length) // 8) * 8
    arrays = []
    for k, (code, offset, shape) in enumerate(header["arrays"]):
        if offset == SAME:
            assert (base[k].dtype, base[k].shape) == (np.dtype(CODES[code]), tuple(shape))
            arrays.append(base[k])
            continue
        assert offset % 8 == 0
        size = int(np.prod(shape))
        arrays.append(np.frombuffer(message, CODES[code], count=size, offset=start + offset).reshape(shape))
    return header, arrays


class Screen:
    """A browser that keeps the arrays of the two newest key pictures of each run and part, like assets/live/keys.js."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], dict[int, list[np.ndarray]]] = {}

    def read(self, message: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
        """The header of a picture and its arrays, put together.  KeyError if it builds on one that is not here."""
        (length,) = struct.unpack("<I", message[4:8])
        header = json.loads(message[8 : 8 + length])
        keys = self.keys.setdefault((header["run"], header["part"]), {})
        header, arrays = decode(message, () if header["base"] is None else keys[header["base"]])
        if header["keep"]:
            keys[header["n"]] = arrays
            for old in list(keys)[:-KEPT]:
                del keys[old]
        return header, arrays


def words(scene: Scene | bytes) -> str:
    """All words on a scene: a line for each paragraph, or for each row of a table, with its cells between bars."""
    rows = decode(scene)[0]["rows"] if isinstance(scene, bytes) else scene.rows
    return "\n".join(
        " | ".join("".join(span["text"] for span in cell) for cell in line)
        for row in rows for panel in row if panel["kind"] == "text" for line in panel["rows"]
    )  # fmt: skip
