"""How many processor cores, and how much memory, this process may use."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path, PurePosixPath

MINE, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def cores(mine: Path = MINE, groups: Path = GROUPS) -> int:
    """Whole cores, at least one: those that this process may run on, and no more than a container's share of time.

    `mine` says in which control group this process is, and `groups` holds what each of them may use (cgroup v2).  What
    cannot be read there limits nothing.
    """
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        allowed = os.cpu_count() or 1
    return max(1, int(min([float(allowed), *_shares(mine, groups)])))


def memory_mb(mine: Path = MINE, groups: Path = GROUPS) -> float:
    """The machine's memory in MB, and no more than a container may take; 16,000 where the system does not tell."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not Linux
        return 16_000.0
    found = [float(there)]
    for group in _groups(mine):
        with contextlib.suppress(OSError, ValueError):  # none, or "max": no limit
            found.append(float((groups / group / "memory.max").read_text(encoding="utf-8")))
    return min(found) / 1e6


def _groups(mine: Path) -> list[PurePosixPath]:
    """This process's control group and those around it, below where all of them lie."""
    try:
        said = mine.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    paths = [PurePosixPath(line.removeprefix("0::")) for line in said if line.startswith("0::/")]
    return [group.relative_to("/") for path in paths for group in [path, *path.parents]]


def _shares(mine: Path, groups: Path) -> list[float]:
    """The cores' worth of time that this process's control group and those around it may take, where one is limited."""
    found = []
    for group in _groups(mine):
        try:
            quota, period = (groups / group / "cpu.max").read_text(encoding="utf-8").split()
            found.append(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):  # none, or "max": no limit
            continue
    return found
