"""A class on one server: how many pictures each of its clients gets, and what they cost; see `benchmarks.clients`.

Every row has a fresh server with its default limits.  What is possible is the smaller of two numbers of pictures: those
that a quarter of the workers' processor time is enough for, at what a picture costs by itself, and one for each client
and pace.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from benchmarks.engine import Bare, Viewer
from benchmarks.report import Row, Topic
from benchmarks.server import ROOT, Server, proportional_mb
from engine import lab
from engine.live.viewer import FASTEST, SLOWEST
from engine.runs.limits import Limits
from engine.runs.processes import ProcessPool

SIZES = (2, 10, 25, 50)
ONE, MIXED = ("gan",), ("gan", "neural_network", "attention_heads", "vae", "gradient_descent")
CROWD = 200  # more than there are places
WATCHERS = (50, 200)  # of one run
QUARTER = 0.25  # of the workers' time goes into pictures at most
PICTURES = 40  # made bare, of each lab
PATIENCE = 20.0  # seconds until so many have come
LEFT = 10.0  # seconds from when the last visitor has left until memory is read


class Seen:
    """What one client saw in the seconds that count."""

    def __init__(self, told: dict[str, Any], seconds: float) -> None:
        self.page, self.status, self.message = told["page"], told["status"], told["message"]
        self.watches, self.full, self.trouble, self.first = (
            told[name] for name in ("watches", "full", "trouble", "first")
        )
        self.pictures = [tuple(each) for each in told["pictures"]]  # time, part, n, version, step, bytes
        self.stages = [each for each in self.pictures if each[1] == "stage"]
        times = [0.0, *(at for at, *_ in self.stages), seconds]
        self.gaps = sorted(late - early for early, late in pairwise(times))

    @property
    def uneven(self) -> float:
        """Of the time between two pictures, the 95th percentile over the median."""
        return self.gaps[int(0.95 * len(self.gaps))] / statistics.median(self.gaps) if self.stages else math.inf

    @property
    def rate(self) -> float:
        """Steps a second; a run that came to its end and began anew goes on counting."""
        steps = [(at, step) for at, *_, step, _ in self.stages]
        done = sum(max(0, late - early) for (_, early), (_, late) in pairwise(steps))
        return done / (steps[-1][0] - steps[0][0]) if len(steps) > 1 else 0.0


@dataclass
class Sitting:
    """What a class saw, and what was used meanwhile: processor seconds of each process that serves, and of clients."""

    seconds: float
    used: dict[str, list[float]]  # by what they do
    own: float
    seen: list[Seen]

    @property
    def workers(self) -> list[float]:
        return self.used["workers"]

    @property
    def stages(self) -> int:
        return sum(len(each.stages) for each in self.seen)

    def cores(self, part: str) -> str:
        """How many cores each process of this kind took."""
        return " + ".join(f"{cpu / self.seconds:.2f}" for cpu in self.used[part])

    def web_row(self, who: str) -> Row:
        web, pictures = sum(self.used["web"]), sum(len(each.pictures) for each in self.seen)
        note = (f"{pictures / self.seconds:.0f} pictures a second; cores: web process {self.cores('web')}, "
                f"workers {self.cores('workers')}, the clients themselves {self.own / self.seconds:.2f}")  # fmt: skip
        return Row(f"{who}: web process, a delivered picture", 1e3 * web / pictures if pictures else math.inf,
                   "ms", 0.5, at_least=False, note=note)  # fmt: skip


class House(Protocol):
    """What serves a class."""

    url: str

    def parts(self) -> dict[str, list[int]]: ...


@contextmanager
def attended(house: House, pages: Sequence[str], *, count: int, watchers: int = 0, seconds: float) -> Iterator[Sitting]:
    """A class that has been looked on for `seconds`, and is still there."""
    parts = house.parts()
    pids = [pid for theirs in parts.values() for pid in theirs]
    request = {"url": house.url, "pages": pages, "count": count, "watchers": watchers, "pids": pids,
               "ramp": max(2.0, count / 10), "settle": 4.0, "seconds": seconds}  # fmt: skip
    clients = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.clients"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, encoding="utf-8",
    )  # fmt: skip
    assert clients.stdin is not None and clients.stdout is not None
    try:
        print(json.dumps(request), file=clients.stdin, flush=True)
        told = json.loads(clients.stdout.readline())
        cpu = iter(told["cpu"])
        used = {part: [next(cpu) for _ in theirs] for part, theirs in parts.items()}
        seen = [Seen(each, told["seconds"]) for each in told["clients"]]
        yield Sitting(told["seconds"], used, told["own_cpu"], seen)
        clients.stdin.close()
        clients.wait(timeout=30)
    finally:
        clients.kill()
        clients.wait()


# ---------------------------------------------------------------------- a class


def _possible(sitting: Sitting, costs: Sequence[float]) -> dict[str, float]:
    """Pictures that the workers have time for, and those for which it is time."""
    each = math.ceil(len(sitting.seen) / len(sitting.workers))  # runs on a bench
    pace = min(SLOWEST, max(FASTEST, FASTEST * each / 3))  # see engine.live.viewer
    time_for = QUARTER * sum(sitting.workers) / statistics.mean(costs)
    return {"by the workers' time": time_for, "by the pace": len(sitting.seen) * sitting.seconds / pace}


def class_rows(topic: Topic, who: str, sitting: Sitting, costs: Sequence[float]) -> None:
    """What each of a class got; `costs` is the processor time of a picture, bare, for each of them."""
    seen, count = sitting.seen, len(sitting.seen)
    firsts = [each.first for each in seen if each.first is not None]
    first = f"{statistics.median(firsts):.2g} s, at most {max(firsts):.2g}" if firsts else "never"
    note = f"Play to the first changed picture: {first}"
    troubles = [each.trouble or each.message for each in seen if not each.stages]
    note += f"; one that does not: {troubles[0] or 'says nothing'}" if troubles else ""
    topic.add(Row(f"{who}: clients that move", sum(bool(each.stages) for each in seen), "", count, note=note))
    by, possible = min(_possible(sitting, costs).items(), key=lambda pair: pair[1])
    rates = sorted(len(each.stages) / sitting.seconds for each in seen)
    curves = sum(len(each.pictures) for each in seen) - sitting.stages
    note = (f"{sitting.stages / sitting.seconds:.0f} stages a second of {possible / sitting.seconds:.0f} {by}, and "
            f"{curves / sitting.seconds:.0f} of curves; each {statistics.median(rates):.1f} stages, {rates[0]:.1f} to "
            f"{rates[-1]:.1f}")  # fmt: skip
    topic.add(Row(f"{who}: pictures delivered, of those that are possible", sitting.stages / possible, "",
                  0.6 if count >= 25 else None, note=note))  # fmt: skip
    worst = max(seen, key=lambda each: each.uneven)
    note = f"the worst of all; median {statistics.median(worst.gaps):.2g} s, longest {worst.gaps[-1]:.2g} s"
    topic.add(Row(f"{who}: p95 gap over median gap", worst.uneven, "", 3.0, at_least=False, note=note))
    same: dict[str, list[float]] = {}
    for each in seen:
        same.setdefault(each.page, []).append(each.rate)
    apart = {page: max(rates) / min(rates) if min(rates) else math.inf for page, rates in same.items()}
    page = max(apart, key=lambda page: apart[page])
    note = f"{page}: {min(same[page]):.3g} to {max(same[page]):.3g} steps a second"
    topic.add(Row(f"{who}: steps, the most over the fewest", apart[page], "", 1.5, at_least=False, note=note))
    topic.add(sitting.web_row(who))


def bare_costs(topic: Topic, classes: Sequence[tuple[Sequence[str], int]]) -> dict[str, float]:
    """Processor time of a picture, bare, of each lab in these classes."""
    costs = {}
    with Bare() as bare:
        for slug in dict.fromkeys(slug for pages, _ in classes for slug in pages):
            costs[slug] = bare.ask(slug, {}, pictures=PICTURES)["cpu"]
            topic.add(Row(f"{slug}: processor time of a picture, bare", 1e3 * costs[slug], "ms"))
    return costs


def name(pages: Sequence[str], size: int) -> str:
    return f"{pages[0] if len(pages) == 1 else 'five labs'}, {size} clients"


# ------------------------------------------------------------ crowds and watchers


def _crowd(topic: Topic, *, count: int, seconds: float) -> None:
    """More visitors than places: each runs, waits with a place or is told that it is full."""
    with Server(roomy=False) as server:
        workers = len(server.workers())
        topic.add(Row("web process at rest, before anybody came", proportional_mb(server.process.pid), "MB"))
        with attended(server, ONE, count=count, seconds=seconds) as sitting:
            fates = Counter(_fate(each) for each in sitting.seen)
            note = ", ".join(f"{number} {fate}" for fate, number in fates.most_common()) + f"; {workers} workers"
            note += f"; {sum(bool(each.stages) for each in sitting.seen)} see it move"
            lost = sum(number for fate, number in fates.items() if fate not in FATES)
            topic.add(Row(f"{count} clients: without a place or a word", lost, "", 0.0, at_least=False, note=note))
            topic.add(sitting.web_row(f"{count} clients"))
            topic.add(Row(f"web process, {count} visitors", proportional_mb(server.process.pid), "MB"))
        time.sleep(LEFT)
        note = f"{LEFT:.0f} s after the last one left"
        topic.add(Row(f"web process, after {count} visitors", proportional_mb(server.process.pid), "MB", note=note))


FATES = ("run", "wait with a place", "are told that it is full")


def _fate(seen: Seen) -> str:
    if seen.stages or seen.status == "running":
        return FATES[0]
    if seen.status == "waiting" and any(sign.isdigit() for sign in seen.message):
        return FATES[1]
    return FATES[2] if seen.full else f"are left with {(seen.trouble or seen.message or seen.status or 'nothing')!r}"


def _watchers(topic: Topic, *, count: int, seconds: float) -> None:
    """Many who watch one run: a picture has one number for all who get it, so each moment has one number."""
    who = f"{count} watchers of one run"
    with Server(roomy=False) as server, attended(server, ONE, count=1, watchers=count, seconds=seconds) as sitting:
        watching = [each for each in sitting.seen if each.watches]
        drawn = {(n, part, version, step) for each in sitting.seen for _, part, n, version, step, _ in each.pictures}
        moments = {tuple(moment) for _, *moment in drawn}
        rates = sorted(len(each.stages) / sitting.seconds for each in watching)
        note = f"each {statistics.median(rates):.1f} stages a second, {rates[0]:.1f} to {rates[-1]:.1f}"
        topic.add(Row(f"{who}: who see it move", sum(bool(each.stages) for each in watching), "", count, note=note))
        note = f"{len(drawn) / sitting.seconds:.1f} drawn a second"
        topic.add(Row(f"{who}: pictures drawn of one moment", len(drawn) / len(moments) if moments else math.inf, "",
                      1.0, at_least=False, note=note))  # fmt: skip
        topic.add(sitting.web_row(who))


# ------------------------------------------------------------------------- sizes


def _sizes(topic: Topic, labs: Sequence[str], *, pictures: int) -> None:
    """Kilobytes of a picture that goes to one client which confirms each: stage and curves, as on a page."""
    pool, means = ProcessPool(Limits(workers=1), device="cpu"), []
    try:
        pool.warm()
        for slug in labs:
            run = pool.open(slug, lab(slug).Config())
            run.play()
            with Viewer(pool, run) as viewer:
                until = time.monotonic() + PATIENCE
                while viewer.pictures <= pictures and time.monotonic() < until and run.report().status == "running":
                    time.sleep(0.2)
            run.close()
            first, *stages = viewer.sizes["stage"] or [math.inf]  # the first one can build on nothing
            means.append(statistics.mean(stages or [first]) / 1e3)
            curves = statistics.mean(viewer.sizes["curves"] or [0]) / 1e3
            note = (f"{len(stages)} stages, {min(stages or [first]) / 1e3:.0f} to {max(stages or [first]) / 1e3:.0f} "
                    f"kB, after one of {first / 1e3:.0f}; curves {curves:.0f} kB")  # fmt: skip
            topic.add(Row(f"{slug}: sent for a picture", means[-1], "kB", 64.0, at_least=False, note=note))
    finally:
        pool.close()
    topic.add(Row("all labs: sent for a picture, median", statistics.median(means), "kB", 40.0, at_least=False))


def measure(labs: Sequence[str], *, quick: bool) -> list[Topic]:
    """A class on one lab and on five, a crowd, watchers of one run, and what is sent to each.  Needs those labs."""
    seconds = 5.0 if quick else 15.0
    about = Topic(
        "A class",
        "Raw clients of Streamlit's socket and that of a run, in a process of their own: each opens a page, all press "
        f"Play at once, and each confirms every picture, stage and curves, as soon as it comes. {seconds:g} s count, "
        "from 4 s after Play; each row has a fresh server with its default limits. Possible is the smaller of two "
        "numbers of stages: a quarter of the workers' processor time by what one takes bare (frame, view and packing "
        "in one process, at the defaults), and one for each client and pace. "
        f"Five labs: {', '.join(MIXED)}.",
    )
    crowds = Topic(
        "A crowd",
        f"{CROWD} clients on {ONE[0]}, as above, of whom each runs, waits with a place or is told that it is full; and "
        "many who watch one run. A picture has the same number for all who get it: of one moment, one is drawn. Memory "
        "is the proportional set size.",
    )
    sent = Topic(
        "What is sent",
        "To one client which confirms each picture of a run at the lab's defaults: the mean of the stages that come "
        "after the first one, which is whole.",
    )
    classes = [(pages, size) for pages in (ONE, MIXED) if set(pages) <= set(labs) for size in SIZES]
    costs = bare_costs(about, classes)
    for pages, size in classes:
        who = name(pages, size)
        with Server(roomy=False) as server, attended(server, pages, count=size, seconds=seconds) as sitting:
            class_rows(about, who, sitting, [costs[each.page] for each in sitting.seen])
            if (pages, size) == (ONE, SIZES[-1]):
                about.add(Row(f"{who}: SIGTERM with sockets open, until no process is left", server.stop(), "s"))
    if set(ONE) <= set(labs):
        _crowd(crowds, count=CROWD, seconds=seconds)
        for count in WATCHERS:
            _watchers(crowds, count=count, seconds=seconds)
    _sizes(sent, labs, pictures=20 if quick else 60)
    return [topic for topic in (about, crowds, sent) if topic.rows]
