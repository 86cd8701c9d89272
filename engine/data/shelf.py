"""The shelf: networks kept for the way from one page to another, or uploaded.  A link names one by its key."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path

from engine.contract import whole_file
from engine.contract.bounds import ShelfBounds
from engine.contract.folder import data_folder
from engine.contract.weight_header import MAX_BYTES

KEY = re.compile(r"[0-9a-f]{20}")
ABANDONED = 600.0  # seconds after which nobody is still writing a file


class ShelfError(ValueError):
    """What was asked of the shelf cannot be done; ``str(error)`` is a sentence for the visitor."""


def keep(data: bytes) -> str:
    """Keep the bytes of a network and return their key, 20 hexadecimal characters that follow from the content.

    The oldest networks go when there are too many (see `ShelfBounds`).  Raises `ShelfError`.
    """
    if len(data) > MAX_BYTES:
        raise ShelfError(f"The network has {len(data) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are kept.")
    key = hashlib.sha256(data).hexdigest()[:20]
    folder = _folder()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)  # whoever lists it has the keys
        _tidy(folder)  # a file of a process that was killed makes room for this one
        whole_file.write(folder / key, data, mode=0o600)
    except OSError as error:
        raise ShelfError(f"This server cannot keep the network ({error.strerror or error}).") from None
    _tidy(folder)
    return key


def fetch(key: str) -> bytes:
    """The bytes that `keep` was given.  Raises `ShelfError` if they are no longer there."""
    gone = ShelfError("The network is no longer on this server's shelf; take it there again, or upload its file.")
    if not KEY.fullmatch(key):
        raise ShelfError("The link names no network: its key is 20 of the characters 0 to 9 and a to f.")
    file = _folder() / key
    try:
        data = file.read_bytes()
    except OSError:
        raise gone from None
    if hashlib.sha256(data).hexdigest()[:20] != key:
        raise gone
    with contextlib.suppress(OSError):
        os.utime(file)  # what is in use is not the oldest
    return data


def _tidy(folder: Path) -> None:
    """Remove what was never whole, and the networks that were used longest ago until the rest are within the bounds."""
    bounds, size, place = ShelfBounds.from_environment(), 0.0, 0
    for used, megabytes, file in sorted(_files(folder), reverse=True):
        if file.name.startswith(whole_file.COMING):  # still being written, unless whoever did that was killed
            surplus = time.time() - used > ABANDONED
        else:
            size += megabytes
            surplus = place >= bounds.shelf_files or bool(place and size > bounds.shelf_mb)
            place += 1
        if surplus:
            with contextlib.suppress(OSError):
                file.unlink()


def _files(folder: Path) -> list[tuple[float, float, Path]]:
    """When each was used last, its megabytes, and the file."""
    found = []
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            found.append((file.stat().st_mtime, file.stat().st_size / 1e6, file))
    return found


def _folder() -> Path:
    return data_folder() / "shelf"
