"""Read a scene's message as its format says, for the tests of what is sent."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from engine.scene.scene import Scene


def decode(message: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The header and arrays of a message, read as the format says."""
    assert message[:4] in (b"SCN1", b"SCN2")
    (length,) = struct.unpack("<I", message[4:8])
    header = json.loads(message[8 : 8 + length])
    start = -(-(8 + length) // 8) * 8
    arrays = []
    for code, offset, shape in header["arrays"]:
        assert offset % 8 == 0
        dtype = {"u1": "u1", "u2": "<u2", "f4": "<f4"}[code]
        arrays.append(np.frombuffer(message, dtype, count=int(np.prod(shape)), offset=start + offset).reshape(shape))
    return header, arrays


def words(scene: Scene | bytes) -> str:
    """All words on a scene: a line for each paragraph, or for each row of a table, with its cells between bars."""
    rows = decode(scene)[0]["rows"] if isinstance(scene, bytes) else scene.rows
    return "\n".join(
        " | ".join("".join(span["text"] for span in cell) for cell in line)
        for row in rows for panel in row if panel["kind"] == "text" for line in panel["rows"]
    )  # fmt: skip
