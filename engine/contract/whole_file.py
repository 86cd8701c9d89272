"""Files that are there whole or not at all: on a full disk nothing is left behind, and what was there stays."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

COMING = "coming."  # how the name of a file begins that is still being written


def write(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write `data` to `path`, in a folder that there is; whoever reads meanwhile finds what was there before.

    `mode` are its permissions, less those that the process's umask takes off.  Raises `OSError`, and then leaves
    nothing behind.
    """
    coming = path.with_name(f"{COMING}{secrets.token_hex(8)}")
    try:
        with open(coming, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
        os.replace(coming, path)
    except BaseException:
        with contextlib.suppress(OSError):
            coming.unlink()
        raise
