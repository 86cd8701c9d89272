"""Runs: experiments on benches, wherever these are, and the one pool of this process."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from engine.runs.limits import Limits

if TYPE_CHECKING:
    from engine.runs.ray import RayPool
    from engine.runs.watching import WatchedPool

    Pool: TypeAlias = WatchedPool | RayPool

KINDS = {
    "processes": ("engine.runs.processes", "ProcessPool"),
    "inline": ("engine.runs.inline", "InlinePool"),
    "ray": ("engine.runs.ray", "RayPool"),
}

_current: Pool | None = None
_starting = threading.Lock()


def wanted(environment: Mapping[str, str] = os.environ) -> str:
    """Which kind of pool the environment asks for.  Raises `ValueError`, a sentence, for one that there is not."""
    kind = environment.get("PLAYGROUND_POOL") or ("ray" if environment.get("RAY_ADDRESS") else "processes")
    if kind not in KINDS:
        raise ValueError(f"PLAYGROUND_POOL={kind!r} is no pool; the pools are {', '.join(KINDS)}.")
    return kind


def start(kind: str | None = None, limits: Limits | None = None) -> Pool:
    """Start the pool of this process.

    `kind` is "processes", "inline" or "ray"; left out, $PLAYGROUND_POOL, else ray where $RAY_ADDRESS says where one is,
    else processes.
    """
    global _current
    kind = kind or wanted()
    with _starting:
        if _current is None:
            module, name = KINDS[kind]  # only that one: an inline pool trains here, and needs torch
            try:
                made: Callable[[Limits], Pool] = getattr(importlib.import_module(module), name)
            except ModuleNotFoundError as error:
                if error.name != "ray":
                    raise
                raise ValueError("The pool 'ray' needs what stands in requirements-ray.txt: pip installs it.") from None
            _current = made(limits or Limits.from_environment())
        return _current


def current() -> Pool:
    """The pool of this process; an inline one if none was started, as in a script or an AppTest."""
    return _current or start("inline")


def started() -> Pool | None:
    """The pool of this process, if one was started and has not been closed."""
    return _current


def stop() -> None:
    """Close the pool of this process, if there is one."""
    global _current
    with _starting:
        pool, _current = _current, None
    if pool is not None:
        pool.close()
