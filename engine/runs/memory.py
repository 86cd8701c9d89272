"""What memory a worker may use, and what is said to whoever wants more."""

from __future__ import annotations

import os
import sys

SAID = "This needs more memory than a run may use on this server, so it was stopped; take smaller settings"
WORDS = ("can't allocate memory", "out of memory", "cannot allocate memory")  # torch has no class of its own for it


def resident_mb() -> float:
    """Resident memory of this process; 0 where the system does not tell (not Linux)."""
    try:
        with open("/proc/self/statm", encoding="utf-8") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def bound(megabytes: float) -> None:
    """From here on this process gets no more memory than so many MB for its data: whoever asks for more is told.

    Else the system would end a process, whichever it likes.  Only on Linux.
    """
    if sys.platform != "linux":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(megabytes * 1e6)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def lacks(error: BaseException) -> bool:
    """Whether an error says that there is no more memory."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in WORDS)
