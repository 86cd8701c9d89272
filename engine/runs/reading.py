"""What visitors bring is read in a worker, by a reader that is known by name: see `engine.runs.pool.Pool.read`.

Runs know no data, just as they know labs by their slugs only.  So a reader stands here as a text, "module:function",
and whoever reads imports it when it is first asked for: the web process never does.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.contract.reading import ReadError
from engine.runs.limits import Limits

log = logging.getLogger(__name__)

READERS = {
    kind: f"engine.data.readers:{kind}"
    for kind in ("table", "points", "packed_points", "picture", "strokes", "packed_picture", "text", "kept_text",
                 "network", "kept_network")
}  # fmt: skip


def require_size(limits: Limits, kind: str, data: bytes) -> None:
    """Raise `ReadError` for a file that is larger than one of its kind may be."""
    most = getattr(limits, f"{kind}_mb", math.inf)
    if len(data) > most * 1e6:
        raise ReadError(f"The file has {len(data) / 1e6:.1f} MB; at most {most:g} MB are accepted.")


def read(reader: str, data: bytes | Path, options: Mapping[str, Any], *, megabytes: float = 0.0) -> Any:
    """What the function `reader` makes of `data`, or of the file that holds them.

    Beyond what this process has already, at most so many `megabytes` may be used; 0 is no bound.  Raises `ReadError`
    and nothing else: whatever a file does to its reader is said to whoever brought it.
    """
    try:
        module, _, function = reader.partition(":")
        with _bound(megabytes):
            call: Callable[..., Any] = getattr(importlib.import_module(module), function)
            return call(data if isinstance(data, bytes) else data.read_bytes(), **options)
    except ReadError:
        raise
    except MemoryError:
        most = f"the {megabytes:,.0f} MB that it may use" if megabytes else "there is"
        raise ReadError(f"This could not be read: it needs more memory than {most}. Bring something smaller.") from None
    except Exception:  # the reader's own code: a file that nobody thought of must not take a worker or a page down
        log.exception("The reader %s failed.", reader)
        raise ReadError("This could not be read; it may be damaged. Save it again, and bring that.") from None


@contextlib.contextmanager
def _bound(megabytes: float) -> Iterator[None]:
    """Memory beyond this bound raises `MemoryError`, instead of a visit from the system, who ends whom it likes."""
    if not megabytes or sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    bound = mapped + int(megabytes * 1e6)
    lower = min([bound, *(limit for limit in before if limit != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_AS, (lower, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
