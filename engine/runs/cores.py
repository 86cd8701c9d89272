"""How many processor cores this process may use."""

from __future__ import annotations

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


def _shares(mine: Path, groups: Path) -> list[float]:
    """The cores' worth of time that this process's control group and those around it may take, where one is limited."""
    try:
        said = mine.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for path in [PurePosixPath(line.removeprefix("0::")) for line in said if line.startswith("0::/")]:
        for group in [path, *path.parents]:
            try:
                quota, period = (groups / group.relative_to("/") / "cpu.max").read_text(encoding="utf-8").split()
                found.append(int(quota) / int(period))
            except (OSError, ValueError, ZeroDivisionError):  # none, or "max": no limit
                continue
    return found
