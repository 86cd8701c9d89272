"""Runs: experiments on benches, wherever these are, and the one pool of this process."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from engine.runs.limits import Limits

if TYPE_CHECKING:
    from engine.runs.pool import Pool

_current: Pool | None = None


_starting = threading.Lock()


def start(kind: str | None = None, limits: Limits | None = None) -> Pool:
    """Start the pool of this process.  `kind` is "processes" or "inline"; left out, $PLAYGROUND_POOL or processes."""
    from engine.runs.inline import InlinePool
    from engine.runs.processes import ProcessPool

    global _current
    kinds: dict[str, type[Pool]] = {"processes": ProcessPool, "inline": InlinePool}
    kind = kind or os.environ.get("PLAYGROUND_POOL", "processes")
    if kind not in kinds:
        raise ValueError(f"There is no pool '{kind}'; the pools are {', '.join(kinds)}.")
    with _starting:
        if _current is None:
            _current = kinds[kind](limits or Limits.from_environment())
        return _current


def current() -> Pool:
    """The pool of this process; an inline one if none was started, as in a script or an AppTest."""
    return _current or start("inline")


def stop() -> None:
    """Close the pool of this process, if there is one."""
    global _current
    with _starting:
        pool, _current = _current, None
    if pool is not None:
        pool.close()
