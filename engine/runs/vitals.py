"""How a pool fares: plain values for whoever watches over a server, told without asking a bench.

Each bench counts what it does, and its home carries that to the pool now and again; the pool adds up those of all
benches, of the ended ones too, so that what may only grow does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.runs.records import Record

BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds: classes of drawing times
TOLD_EVERY = 1.0  # seconds between two times that a bench tells of itself, if there is something new
UNKNOWN = "unknown"  # in place of the status of a run whose bench has told nothing of it lately


@dataclass
class Work:
    """What benches have done: numbers that only grow."""

    steps: Counter[str] = field(default_factory=Counter)  # trained, by lab; what is replayed was trained before
    drawn: Counter[int] = field(default_factory=Counter)  # pictures, by the first of `BOUNDS` that they kept to
    drawing: float = 0.0  # seconds that these took

    def drew(self, seconds: float) -> None:
        """One picture took so long, from its frame to its bytes."""
        self.drawn[bisect_left(BOUNDS, seconds)] += 1
        self.drawing += seconds

    def __add__(self, other: Work) -> Work:
        return Work(self.steps + other.steps, self.drawn + other.drawn, self.drawing + other.drawing)


@dataclass(frozen=True)
class Told:
    """What a bench tells of itself."""

    runs: Counter[tuple[str, str]] = field(default_factory=Counter)  # by lab and status
    work: Work = field(default_factory=Work)


@dataclass(frozen=True)
class BenchVitals:
    """How one bench fares, as its home knows it."""

    answers: bool  # whether it has given a sign of life lately
    silent: float = 0.0  # seconds since the last one
    resident_mb: float | None = None  # memory of its process, if it has one of its own
    told: Told | None = None  # the last that it told of itself


@dataclass(frozen=True)
class Vitals:
    """How a pool fares."""

    runs: Counter[tuple[str, str]]  # by lab and status; `UNKNOWN` where a bench has not told of them
    places: int  # runs that may have a place
    taken: int  # and how many have one
    benches: Mapping[int, BenchVitals]
    restarts: Counter[tuple[int, str]]  # of benches, by their number and why: lost, hung
    work: Work
    reads: Counter[tuple[str, str]]  # what visitors brought, by its kind and what became of it


def fares(records: Iterable[Record], benches: Mapping[int, BenchVitals]) -> Counter[tuple[str, str]]:
    """How many runs there are, by lab and status.

    A run on a bench has the status that this has told last.  Where it has told nothing of a run yet, or gives no sign
    of life, that is `UNKNOWN`: a wrong status would be worse than none.
    """
    runs: Counter[tuple[str, str]] = Counter()
    there: dict[int, Counter[str]] = {place: Counter() for place in benches}
    for each in records:
        if each.look.status == "lost":
            runs[each.slug, "lost"] += 1
        elif each.place is None:
            runs[each.slug, "parked" if each.parked else "waiting"] += 1
        else:
            there.setdefault(each.place, Counter())[each.slug] += 1
    for place, untold in there.items():
        bench = benches.get(place)
        if bench is not None and bench.answers and bench.told is not None:
            runs += bench.told.runs
            for (slug, _), count in bench.told.runs.items():
                untold[slug] -= count
        runs += Counter({(slug, UNKNOWN): count for slug, count in untold.items()})
    return runs
