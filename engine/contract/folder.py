"""Where data sets and networks are kept."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def data_folder() -> Path:
    """Where data sets and networks are kept: $PLAYGROUND_DATA, or a folder in the user's cache.  It may not exist.

    A user without a home, as a container may have one, keeps them in a folder of the system's temporary directory.
    """
    given = os.environ.get("PLAYGROUND_DATA")
    if given:
        return Path(given).resolve()
    try:
        return Path.home() / ".cache" / "deep-learning-playground"
    except RuntimeError:  # neither HOME nor an entry among the users
        user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""  # another user could not write into it
        return Path(tempfile.gettempdir()) / f"deep-learning-playground{user}"


def name_temporary() -> None:
    """Let there be a temporary directory by name where none can be written: torch asks for one when it is imported.

    It would also make a folder in it, unless it is told another one that is there.  Whoever writes gets an `OSError`.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = os.getcwd()
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.getcwd())
