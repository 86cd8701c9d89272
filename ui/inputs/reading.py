"""What visitors bring is read in a worker, and what was read is kept for the session: a click reads nothing again."""

from __future__ import annotations

import math
import time
from typing import Any

import streamlit as st

from engine import runs
from ui.owner import owner

KEPT = 60.0  # seconds for which what lies on the shelf is believed to lie there still


def read(kind: str, data: bytes, **options: Any) -> Any:
    """`engine.runs.pool.Pool.read` of this server's pool.  Raises `engine.contract.reading.ReadError`."""
    return runs.current().read(kind, data, owner=owner(), **options)


def most(kind: str) -> tuple[float, int]:
    """How many MB a file of this kind may have, and the same for an uploader, which takes whole ones."""
    megabytes: float = getattr(runs.current().limits, f"{kind}_mb")
    return megabytes, max(1, math.ceil(megabytes))


def remembered(key: str, kind: str, data: bytes, **options: Any) -> Any:
    """`read`; what it gave stays in the session under `key` as long as the same is asked, for a minute at most."""
    asked = (kind, data, options)
    at, before, found = st.session_state.get(key, (0.0, None, None))
    if before != asked or time.monotonic() - at > KEPT:
        found = read(kind, data, **options)
        st.session_state[key] = (time.monotonic(), asked, found)
    return found
