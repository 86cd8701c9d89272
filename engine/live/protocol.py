"""What travels on the socket ``/live/{id}``: JSON objects with `type`, and pictures.

A picture is ``b"SCN2"``, the length of the header (uint32), the header (JSON, UTF-8), zero bytes to a multiple of
eight, and the arrays, each padded to eight, all little-endian.  The header has `arrays`: ``[code, offset, shape]`` with
offsets from the first array, or -1 for one that is as in the picture that this one builds on: see `engine.live.keys`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol

MAGIC = b"SCN2"
LONGEST = 64 * 1024  # bytes of a message to the server
DEEPEST = 16  # objects and lists within each other in one
NAME = re.compile(r"[A-Za-z0-9_-]{12,64}")  # an id or a key

UNKNOWN, ORIGIN, MANY, LARGE, PACE = 4404, 4403, 4408, 4413, 4429  # codes with which a socket is closed

Entry = tuple[str, int, tuple[int, ...]]  # code, offset from the first array, shape


class Arrays(Protocol):
    """See `engine.scene.arrays.Arrays`."""

    directory: list[Entry]
    chunks: list[bytes]


class Scene(Protocol):
    """What a picture is made of: see `engine.scene.scene.Scene`."""

    arrays: Arrays

    def header(self) -> dict[str, Any]: ...

    def axes(self) -> Hashable: ...

    def beside(self, others: Sequence[Any] = (), axes: Iterable[Any] = ()) -> None: ...


def status(told: Mapping[str, Any]) -> str:
    """The message when there is no new picture to carry what is told."""
    return event("status", told)


def event(kind: str, told: Mapping[str, Any]) -> str:
    """The message that something has happened: `turned`, `reached` or `rested`."""
    return json.dumps({"type": kind, **told}, separators=(",", ":"), allow_nan=False)


def read(text: str) -> dict[str, Any]:
    """A message to the server.  Raises ValueError for what is none."""
    try:
        message = json.loads(text)
    except RecursionError:
        raise ValueError("a message is not as deep as that") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("a message is an object with a type")
    here: list[Any] = [message]
    for _ in range(DEEPEST):  # what is deeper could be read here, and nowhere that it is passed on to
        here = [value for held in here for value in _within(held)]
    if here:
        raise ValueError("a message is not as deep as that")
    return message


def _within(value: object) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def too_long(text: str) -> bool:
    """Whether a message to the server is longer than any may be."""
    return len(text) > LONGEST or len(text.encode(errors="replace")) > LONGEST
