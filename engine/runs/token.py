"""What whoever asks for `/metrics` must say, as ``Authorization: Bearer ...``."""

from __future__ import annotations

import os
from collections.abc import Mapping

VARIABLE = "PLAYGROUND_METRICS"
SHORTEST = 16  # characters: less could be guessed


def token(environment: Mapping[str, str] = os.environ) -> str | None:
    """The token of this server; None if there is none, and nobody is told anything.

    Raises `ValueError`, with a sentence that does not say it, for one that could be guessed or that no header carries.
    """
    said = environment.get(VARIABLE, "").strip()
    if not said:
        return None
    if len(said) < SHORTEST or not said.isascii() or not said.isprintable() or " " in said:
        raise ValueError(f"{VARIABLE} must be a token of {SHORTEST} characters or more: ASCII, without spaces.")
    return said
