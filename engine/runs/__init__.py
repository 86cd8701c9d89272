"""Runs: experiments on benches, wherever these are, and the one pool of this process."""

from __future__ import annotations

import importlib
import os
import threading
from typing import TYPE_CHECKING

from engine.runs.limits import Limits

if TYPE_CHECKING:
    from engine.runs.watching import WatchedPool

KINDS = {"processes": ("engine.runs.processes", "ProcessPool"), "inline": ("engine.runs.inline", "InlinePool")}

_current: WatchedPool | None = None
_starting = threading.Lock()


def start(kind: str | None = None, limits: Limits | None = None) -> WatchedPool:
    """Start the pool of this process.  `kind` is "processes" or "inline"; left out, $PLAYGROUND_POOL or processes."""
    global _current
    kind = kind or os.environ.get("PLAYGROUND_POOL", "processes")
    if kind not in KINDS:
        raise ValueError(f"There is no pool '{kind}'; the pools are {', '.join(KINDS)}.")
    with _starting:
        if _current is None:
            module, name = KINDS[kind]  # only that one: an inline pool trains here, and needs torch
            made: type[WatchedPool] = getattr(importlib.import_module(module), name)
            _current = made(limits or Limits.from_environment())
        return _current


def current() -> WatchedPool:
    """The pool of this process; an inline one if none was started, as in a script or an AppTest."""
    return _current or start("inline")


def started() -> WatchedPool | None:
    """The pool of this process, if one was started and has not been closed."""
    return _current


def stop() -> None:
    """Close the pool of this process, if there is one."""
    global _current
    with _starting:
        pool, _current = _current, None
    if pool is not None:
        pool.close()
