"""`python -m benchmarks.soak`: guests come and go, a worker is killed every minute, and nothing may be left.

The server is one of its own, on 127.0.0.1, with short leases.  Its processes, their open files, threads and objects are
counted at rest before and at rest after: they must be the same.  Memory may grow by 1 % in ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.guests import PAGES, Tally, stay
from benchmarks.server import Server, descendants, resident_mb
from benchmarks.tab import Tab

WORKERS = 2
# Leases of seconds, so that all runs have ended soon after the last guest has gone.
ENVIRONMENT = {
    "PLAYGROUND_WORKERS": str(WORKERS), "PLAYGROUND_LEAVE_AFTER": "8", "PLAYGROUND_PAUSE_AFTER": "30",
    "PLAYGROUND_DROP_AFTER": "30", "PLAYGROUND_SLIDE_AFTER": "8", "PLAYGROUND_RECOVERY_SECONDS": "0.5",
}  # fmt: skip
REST = 240.0  # seconds until what has not ended counts as left behind, on a busy machine too
SAMPLED = 2.0  # seconds between two looks at memory
SETTLED = (
    10.0  # minutes from which on memory is judged: in the first ones pages that Streamlit keeps become more and more
)
GROWTH = 1.0  # percent in ten minutes that memory may grow by
WRONG = re.compile(r"Traceback|\b(ERROR|CRITICAL)\b|Exception|never (awaited|retrieved)|Task was destroyed")


@dataclass
class Found:
    """What a soak has found.  `left`: what there is more (or less) of at the end than before, by process and kind."""

    minutes: float
    guests: int
    seed: int
    tally: Tally = field(default_factory=Tally)
    kills: int = 0
    runs: list[str] = field(default_factory=list)  # that never ended
    left: dict[str, str] = field(default_factory=dict)
    log: str = field(default="", repr=False)  # the server's
    slopes: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # % in ten minutes, its error, MB

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong but for memory: nothing, if all is well."""
        errors = [f"log: {line}" for line in self.log.splitlines() if WRONG.search(line)]
        endless = [f"run {run} never ended" for run in self.runs]
        return [*self.tally.troubles, *errors, *endless, *(f"{what}: {change}" for what, change in self.left.items())]


def soak(minutes: float, *, guests: int = 10, seed: int = 1, kill_every: float = 60.0) -> Found:
    """Start a server, let guests come and go for so long, kill a worker now and then, and count what is left.

    The first kill comes after half of `kill_every`.  One worker is never killed: its memory is looked at.
    """
    found = Found(minutes, guests, seed)
    with Server(asgi="benchmarks.lookout:app", roomy=False, **ENVIRONMENT) as server:
        # What is made once, by the first who needs it, is there before anything is counted; and so is a new worker.
        asyncio.run(_first_visits(server))
        asyncio.run(_stay(server, Found(0.5, guests, seed - 1), kill_every=40.0))
        _rested(server)
        before = _counted(server)
        asyncio.run(_stay(server, found, kill_every=kill_every))
        found.runs = _rested(server)
        found.left = _left(server, before)
        found.log = server.said()
    return found


async def _first_visits(server: Server) -> None:
    for page in PAGES:
        async with Tab(server.url, page).opened_at():
            pass


async def _stay(server: Server, found: Found, *, kill_every: float) -> None:
    """Guests for as long as `found.minutes` says, and what happens meanwhile."""
    end, spared = asyncio.Event(), server.workers()[0]
    there = asyncio.create_task(stay(server.url, guests=found.guests, seed=found.seed, end=end, tally=found.tally))
    beside = [asyncio.create_task(_kill(server, found, spared, every=kill_every)),
              asyncio.create_task(_weigh(server, found, spared))]  # fmt: skip
    await asyncio.wait([there, *beside], timeout=60 * found.minutes, return_when=asyncio.FIRST_COMPLETED)
    end.set()
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    await there


async def _kill(server: Server, found: Found, spared: int, *, every: float) -> None:
    await asyncio.sleep(every / 2)
    while True:
        victims = [pid for pid in server.workers() if pid != spared]
        if victims:
            os.kill(victims[0], signal.SIGKILL)
            found.kills += 1
        await asyncio.sleep(every)


async def _weigh(server: Server, found: Found, spared: int) -> None:
    """Look at memory, again and again, and at the end at the last two thirds of what was seen."""
    seen: list[tuple[float, float, float]] = []
    try:
        while True:
            seen.append((time.monotonic(), resident_mb(server.process.pid), resident_mb(spared)))
            await asyncio.sleep(SAMPLED)
    finally:
        rows = np.array(seen[len(seen) // 3 :])
        if len(rows) > 3:
            for place, name in enumerate(("web process", "worker"), 1):
                found.slopes[name] = _slope(rows[:, 0], rows[:, place])


def _slope(seconds: np.ndarray, megabytes: np.ndarray) -> tuple[float, float, float]:
    """Growth in percent in ten minutes, the standard error of that, and the mean."""
    mean = float(megabytes.mean())
    (slope, _), spread = np.polyfit(seconds - seconds[0], megabytes, 1, cov=True)
    return 60_000 * float(slope) / mean, 60_000 * float(np.sqrt(spread[0, 0])) / mean, mean


# ----------------------------------------------------------------------- at rest


def _look(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url}/lookout", timeout=REST) as answer:
        return dict(json.load(answer))


def _looks(server: Server) -> Iterator[dict[str, Any]]:
    """What the server shows of itself, again and again; at a moment when a worker is just starting, it cannot."""
    end = time.monotonic() + REST
    while time.monotonic() < end:
        with suppress(OSError):
            yield _look(server)
        time.sleep(1)


def _rested(server: Server) -> list[str]:
    """Wait until there is no run any more; the ids of those that have not ended by then."""
    runs = ["unknown"]
    for seen in _looks(server):
        runs = seen["runs"]
        if not runs:
            break
    return runs


def _counted(server: Server) -> dict[str, int]:
    """How many there are of everything, by a name that says where and what; when that has not changed for a while."""
    before: dict[str, int] = {}
    for _ in range(20):
        now = _count(server)
        if now == before:
            break
        before = now
        time.sleep(5)
    return before


def _left(server: Server, before: dict[str, int]) -> dict[str, str]:
    """What has become more or fewer than `before`, and stays so."""
    end, left = time.monotonic() + REST, {"": ""}
    while left and time.monotonic() < end:
        now = _count(server)
        left = {name: f"{before.get(name, 0)} → {now.get(name, 0)}" for name in sorted(before.keys() | now.keys())
                if before.get(name, 0) != now.get(name, 0)}  # fmt: skip
        time.sleep(2)
    return left


def _count(server: Server) -> dict[str, int]:
    asyncio.run(_last_visit(server))
    found: Counter[str] = Counter()
    for process, objects in _look(server)["objects"].items():
        found.update({f"{process}, {name}": count for name, count in objects.items()})
    pids = {server.process.pid: "web", **dict.fromkeys(descendants(server.process.pid), "below")}
    for pid, place in pids.items():
        found[f"process {place}"] += 1
        found.update(f"{place}, open {name}" for name in _files(pid))
    return dict(found)


async def _last_visit(server: Server) -> None:
    """Streamlit holds on to the page that was drawn last, whichever it is: let it be one of which all is known."""
    async with Tab(server.url, "").opened_at():
        pass


def _files(pid: int) -> Iterator[str]:
    """What kinds of files a process has open; those with a name, by it."""
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield re.sub(r":?\[\d+\]", "", os.readlink(path))


# ------------------------------------------------------------------------ said


def row(found: Found) -> str:
    """A line of the table in docs/soak.md."""
    acts = found.tally.acts.total()
    slopes = [
        f"{found.slopes[n][0]:+.2f} ± {found.slopes[n][1]:.2f}" for n in ("web process", "worker") if n in found.slopes
    ]
    cells = [time.strftime("%Y-%m-%d"), f"{found.minutes:g}", found.guests, f"{found.tally.visits:,}", f"{acts:,}",
             found.kills, found.tally.recovered, *slopes, len(found.faults)]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _around(log: str, lines: int = 40) -> str:
    """What is wrong in the server's log, each with `lines` from there on; the rest is who came and went."""
    told, shown = log.splitlines(), set[int]()
    for number, line in enumerate(told):
        if WRONG.search(line):
            shown |= set(range(max(0, number - 2), min(len(told), number + lines)))
    return "\n".join(told[number] for number in sorted(shown))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--guests", type=int, default=10, help="how many are there at once")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of what they do")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # and the server is stopped on the way out
    found = soak(args.minutes, guests=args.guests, seed=args.seed)
    print(f"seed {found.seed}; acts: {dict(found.tally.acts.most_common())}")
    for sentence, count in found.tally.said.most_common():
        print(f"said {count} times: {sentence}")
    for name, (slope, error, mean) in found.slopes.items():
        print(f"memory of the {name}: {mean:.0f} MB, {slope:+.2f} ± {error:.2f} % in ten minutes")
    if found.faults:
        print(_around(found.log), file=sys.stderr)
    print("\n".join(found.faults) or "Nothing is left, and nothing went wrong.")
    print(row(found))
    judged = found.slopes if found.minutes >= SETTLED else {}
    grew = [name for name, (slope, error, _) in judged.items() if slope - 2 * error > GROWTH]
    if grew:
        print(f"More memory than there should be: {', '.join(grew)}.")
    sys.exit(bool(found.faults or grew))


if __name__ == "__main__":
    main()
