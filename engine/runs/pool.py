"""Pools: where benches live, and who is let in.

`Pool` holds what is common to every home: the records of runs, admission, leases.  A home says where a run can be
placed and carries calls there: `InlinePool` in this process, `engine.runs.processes.ProcessPool` in worker processes.
Who watches is known to `engine.runs.watching`.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import logging
import math
import pickle
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.contract.knobs import Config
from engine.contract.reading import ReadError
from engine.runs import reading
from engine.runs.grouped import PoolFull as PoolFull
from engine.runs.history import Look
from engine.runs.limits import Limits
from engine.runs.quotas import Crowded as Crowded
from engine.runs.quotas import Quotas
from engine.runs.records import GONE, Record
from engine.runs.run import PoolError as PoolError
from engine.runs.run import Run
from engine.runs.vitals import BenchVitals, Vitals, Work, fares

log = logging.getLogger(__name__)


LOOKS = ("weights", "story", "curves", "inside", "answer", "facts", "copy", "moments")  # verbs that change nothing
ASKS = (*LOOKS, "branch", "moment")  # and want an answer at once, as these do

ON_ITS_WAY = "This run is on its way to another worker. Please try again in a moment."
LOST = "The worker that trained this was lost; another one is taking over."


class WorkerLost(PoolError):
    """The worker ended before it answered."""


class Pool(Quotas):
    """Places runs on benches.  Thread-safe."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__()
        self.limits = limits or Limits()
        self.readers = dict(reading.READERS)  # kind -> "module:function"
        self._reading: Counter[int] = Counter()  # what is being read at each place
        self._done = Work()  # by benches that are no more
        self._restarts: Counter[tuple[int, str]] = Counter()
        self._reads: Counter[tuple[str, str]] = Counter()
        self._brought: Counter[str] = Counter()  # and by whom it was brought
        self._turn = threading.Condition(self._lock)  # something has been

    # ------------------------------------ what a home does, besides `places` and `send`

    @abc.abstractmethod
    def _greet(self, record: Record) -> None:
        """A run has come to a bench: say hello there for all who watch it."""

    @abc.abstractmethod
    def _ended(self, run_id: str) -> None:
        """A run has been closed: tell all who watch it."""

    @abc.abstractmethod
    def close(self) -> None:
        """End every run and every process."""

    def warm(self) -> None:
        """Wait until every bench has used each of our own labs once, so that no visitor waits for imports.

        Raises `PoolError`, a sentence, if that fails or takes more than ``limits.start_timeout`` seconds.  A bench in
        this process imports what is asked for, when it is.
        """

    # --------------------------------------------------------------- public

    def open(
        self, slug: str, config: Config, owner: str = "", *, beside: Run | None = None, marches: bool = True,
        slide: bool = False,
    ) -> Run:  # fmt: skip
        """A new run of `owner` at step 0, paused; it waits if all places are taken.

        With `beside` it is the last in the group of that run, of which the key must be known, and where that is; see
        `Run.march` for `marches`; one for a `slide` has no owner.  Raises `PoolFull` if the queue is full too, or there
        is no room beside that run, `Crowded` if the owner, or all slides, have as many as may be, `PoolError` if the
        other run is gone, and `ConfigError` if the lab refuses the config.
        """
        record = Record(slug, config, owner, marches=marches, slide=slide)
        if beside is None:
            return self._admitted(record)
        other = self._expected(beside)
        if other.slug != slug:
            raise ValueError(f"A run of {slug} cannot stand beside one of {other.slug}.")
        self.awake(other)
        self.make_room_for(record)
        self._make_room_beside(other)
        self._join(record, other)
        if record.place is not None:
            self._start(record)
        return self.handle(record, record.key)

    def copy(self, run_id: str, owner: str) -> Run:
        """A new run of `owner` with the whole past of another one, paused where that stands now.

        It is one run, whatever stands beside the other, which notices nothing.  It is placed like a new one, and waits
        like one.  Raises `PoolError` for a run that is gone or does not answer, and `PoolFull`.
        """
        source = self._there(run_id)
        if source is None:
            raise PoolError(GONE)
        record = Record(source.slug, source.config, owner)
        past = self.past(source) if source.place is None else None
        if past is not None:  # it is parked, or waits for a place again
            told = {**past, "acted": {}, "message": "" if past["status"] == "paused" else past["message"]}
            record.dump, record.config = pickle.dumps(told, protocol=5), past.get("config", record.config)
        elif source.place is None:  # it has no past yet, but what its link tells
            record.queued = [wish for wish in source.queued if wish[0] != "play"]
        else:
            packed: bytes | None = self.call("copy", run_id, timeout=30.0)
            if packed is None:  # the lab's own state: the run has failed over it, and says so
                raise PoolError("This run cannot be copied: its lab stopped with an error.")
            record.dump, record.config = packed, pickle.loads(packed)["config"]
        record.look = Look(status="waiting", config=record.config)  # what is known until its bench has answered
        return self._admitted(record)

    def handle(self, record: Record, key: str = "") -> Run:
        return Run(self, record.run_id, record.slug, key)

    def _admitted(self, record: Record) -> Run:
        """Give a new run a place, or one in the queue."""
        self.make_room_for(record)
        if self._free_place() is None:
            self._make_room()
        with self._lock:
            waits = bool(self._waiting()) or self._free_place() is None
            if said := self.refused(record, waits=waits):
                raise Crowded(said)
            if waits:
                if len(self._queue()) >= self.limits.waiting:
                    raise PoolFull(
                        "The playground is full: every place is taken and the queue is full too. "
                        "Please try again in a few minutes; what you set stays in the link."
                    )
                self._records[record.run_id] = record
                return self.handle(record, record.key)
            record.place = self._free_place()
            self._records[record.run_id] = record
        self._start(record)
        return self.handle(record, record.key)

    def call(self, verb: str, run_id: str, *args: Any, key: str = "", timeout: float | None = None) -> Any:
        """Do something to a run; see `engine.runs.bench.Bench` for the verbs.

        It waits `timeout` seconds, or ``limits.answer_timeout``.  What only looks (`LOOKS`) needs no key.  Raises
        `PoolError` for everything else without the right one, and for a run that another worker is just about to take
        over.
        """
        if verb not in LOOKS:
            self.require(run_id, key)
        record = self._record(run_id)
        self.awake(record)
        self._touched(record)
        with self._lock:
            if record.place is None:
                if verb in ASKS:
                    raise PoolError("This run has not started yet: it is waiting for a place.")
                record.queued.append((verb, args))
                return None
        try:
            return self.send(record.place, verb, run_id, args, timeout or self.limits.answer_timeout)
        except KeyError:  # its new worker is there, and has not got it yet
            raise PoolError(ON_ITS_WAY) from None

    def peek(self, run_id: str, since: int | None = -1, *, beside: bool = False) -> Look:
        """Like `Run.peek`.  An unknown run gives status ``lost``."""
        return self._look(self._records.get(run_id), "peek", since, beside)

    def report(self, run_id: str) -> Look:
        """Like `Run.report`.  An unknown run gives status ``lost``."""
        return self._look(self._records.get(run_id), "report")

    def _look(self, record: Record | None, verb: str, *args: Any) -> Look:
        if record is None:
            return Look(status="lost", message=GONE)
        with self._lock:
            self._touched(record)
            if record.parked:
                return record.look
            if record.place is None:
                return self._waiting_look(record)
        if record.look.status == "lost":
            return record.look
        try:
            look: Look = self.send(record.place, verb, record.run_id, args, 0.5)
        except PoolError as error:  # what was known last is shown until the bench answers again
            known = record.look
            return known if known.status == "lost" else dataclasses.replace(known, message=str(error), busy=True)
        except KeyError:
            return dataclasses.replace(record.look, busy=True)
        record.look = dataclasses.replace(look, stage=None, curves={})
        return look

    def away(self, run_id: str) -> dict[str, Look]:
        """The look of a run, by its id, if it waits, is parked or lost, and so on no bench; and of those lost
        beside it.
        """
        with self._lock:
            record = self._record(run_id)
            if record.parked:
                return {run_id: dataclasses.replace(record.look, message=self.held_back(record) or record.look.message)}
            if record.place is None:
                return {run_id: self._waiting_look(record)}
            return {each.run_id: each.look for each in record.together if each.look.status == "lost"}

    def leave(self, run_id: str, key: str) -> None:
        """Like `Run.leave`: whoever only looked has nothing to leave.  Takes no lock and no time."""
        record = self._records.get(run_id)
        if record is not None and self.may(run_id, key):
            for each in record.together:
                each.left = time.monotonic()

    def branch(self, run_id: str, step: int, config: Config, key: str, *, beside: bool = False) -> Run:
        """Like `Run.branch`: on the bench of its parent, since its past is there."""
        self.require(run_id, key)
        parent = self._record(run_id)
        self.awake(parent)
        record = Record(parent.slug, config, parent.owner, slide=parent.slide)
        self.make_room_for(record)
        self._make_room_beside(parent)
        with self._lock:
            if parent.place is None or self._taken(parent.place) >= self.places().get(parent.place, 0):
                raise PoolFull("There is no place for a branch just now. Close a comparison, or try again in a minute.")
            record.place = parent.place
            if beside:
                self._join(record, parent, first=True)
            self._records[record.run_id] = record
        try:
            self.call("branch", run_id, record.run_id, step, config, key=key, timeout=30.0)
            if beside:
                parent.marches = False
                self._regroup(record)
        except Exception:
            self._forget(record.run_id)
            self._take_back(record)
            raise
        return self.handle(record, record.key)

    def end(self, run_id: str, key: str) -> None:
        """Like `Run.close`."""
        if run_id in self._records:
            self.require(run_id, key)
            self.close_run(run_id)

    def close_run(self, run_id: str) -> None:
        """Forget a run, with those whom it leads, and let the next one in."""
        there = self._records.get(run_id)
        for record in self._leaving(there) if there is not None else ():
            self._forget(record.run_id)
            self.discard(record)
            self._take_back(record)
        self.admit()

    def _take_back(self, record: Record) -> None:
        """A run is here no more: its bench is told so, also one that was late with an answer and may yet begin it."""
        if record.place is not None:
            try:
                self.send(record.place, "close", record.run_id, (), 2.0)
            except (PoolError, KeyError) as error:
                log.info("Run %s was gone before it was closed: %s", record.run_id, error)

    def sweep(self) -> None:
        """Park runs that nobody looks at for a while, close those left for long, let the next ones in."""
        now = time.monotonic()
        with self._lock:
            idle = [(r, now - r.asked) for r in self._records.values() if r.together[0] is r]
        for record, seconds in idle:
            waits = record.place is None and not record.parked
            gone = seconds > self.limits.pause_after or now - record.left > self.limits.leave_after
            if seconds > (self.limits.pause_after if waits else self.limits.drop_after):
                self.close_run(record.run_id)
            elif gone and record.place is not None:
                self.park(record)
        for record in self._over():
            self.close_run(record.run_id)
        self.admit()

    def admit(self) -> None:
        """Give free places to runs that wait, first come first served."""
        while True:
            with self._lock:
                waiting = self._queue()
                place = self._free_place(len(waiting[0].together)) if waiting else None
                if place is None:
                    return
                group = [*waiting[0].together]
                for record in group:
                    record.place = place
            try:
                self._start(*group, kept=True)
            except Exception as error:
                log.warning("A waiting run of %s could not start: %s", group[0].slug, error)

    def stats(self) -> dict[str, int]:
        """How many runs there are with a place, how many wait for one, and how many places there are."""
        with self._lock:
            placed = sum(r.place is not None for r in self._records.values())
            return {"runs": placed, "waiting": len(self._waiting()), "places": sum(self.places().values())}

    def bench_vitals(self) -> dict[int, BenchVitals]:
        """How each bench fares, by its number, as far as that is known here.  Waits for none."""
        return {}

    def answering(self) -> int:
        """How many benches have given a sign of life lately.  Takes no lock and no time."""
        return sum(bench.answers for bench in self.bench_vitals().values())

    def vitals(self) -> Vitals:
        """How the pool fares.  No bench is asked."""
        with self._lock:
            benches, stats = self.bench_vitals(), self.stats()
            return Vitals(
                runs=fares(self._records.values(), benches), places=stats["places"], taken=stats["runs"],
                benches=benches, restarts=Counter(self._restarts), reads=Counter(self._reads),
                work=sum([b.told.work for b in benches.values() if b.told is not None], self._done),
            )  # fmt: skip

    # --------------------------------------------------------------- inside

    def _free_place(self, runs: int = 1) -> int | None:
        """Where least is going on, among the places with room for so many."""
        free = {place: self._taken(place) for place, room in self.places().items() if self._taken(place) + runs <= room}
        return min(free, key=free.__getitem__) if free else None

    def _make_room(self, place: int | None = None) -> None:
        """Park the run that nobody has asked about for longest, if that is long enough.

        With `place` it is one on that bench.
        """
        with self._lock:
            wanted = [r for r in self._records.values() if r.place is not None and place in (None, r.place)]
            idle = min(wanted, key=lambda r: r.asked, default=None)
        if idle is not None and time.monotonic() - idle.asked > self.limits.pause_after:
            self.park(idle)

    def _make_room_beside(self, record: Record) -> None:
        """The same on the bench of a run, if that is full."""
        if record.place is not None and self._taken(record.place) >= self.places().get(record.place, 0):
            self._make_room(record.place)

    def _waiting_look(self, record: Record) -> Look:
        position = self._queue().index(record.together[0]) + 1
        message = f"Every place is taken just now. You are number {position} in the queue, and start by yourself."
        return Look(status="waiting", message=message, config=record.config)

    def _start(self, *records: Record, kept: bool = False) -> None:
        """Begin runs of one group, the leader first, on the bench where it has a place.

        Raises what the bench says to the first, and then none has begun.  With `kept`, runs of a worker that is lost
        meanwhile stay for the one that takes over.
        """
        for record in records:
            record.asked = math.inf  # its lease begins when it has started
        started: list[Record] = []
        for record in records:
            try:
                assert record.place is not None
                self._begin(record, record.place)
                started.append(record)
            except Exception as error:
                if kept and isinstance(error, WorkerLost):
                    self._touched(record)
                    return
                if not started:
                    for each in records:
                        self._forget(each.run_id)
                    self._take_back(record)
                    raise
                log.warning("A run of %s could not start beside another one: %s", record.slug, error)
                self._forget(record.run_id)
                self._take_back(record)
        for record in filter(self._closed, started):  # meanwhile, when there may have been no bench yet to tell
            self._take_back(record)
        started = [record for record in started if not self._closed(record)]
        if not started:
            return
        try:
            if len(started[0].together) > 1:
                self._regroup(started[0])
            for record in reversed(started):  # who leads last: what it does all do
                self._do_queued(record)
        except Exception:
            for record in started:
                self._forget(record.run_id)
                self._take_back(record)
            raise

    def _do_queued(self, record: Record) -> None:
        assert record.place is not None
        for verb, args in record.queued:
            said = self.send(record.place, verb, record.run_id, args, self.limits.answer_timeout)
            if verb == "retell" and said:
                self.send(record.place, "note", record.run_id, (f"In the link, {said}",), self.limits.answer_timeout)
        record.queued.clear()
        record.asked = time.monotonic()
        self._greet(record)

    def _begin(self, record: Record, place: int) -> None:
        """Open a run on a bench; a copy, and one that was parked, goes on with its past."""
        past = self.unpack(record)
        if past is None:
            self.send(place, "open", record.run_id, (record.slug, record.config), self.limits.start_timeout)
            return
        with contextlib.ExitStack() as kept:
            if isinstance(past, bytes):
                past = kept.enter_context(self.luggage(past))
            self.send(place, "adopt", record.run_id, (past,), self.limits.start_timeout)
        self.discard(record)

    def _forget(self, run_id: str) -> Record | None:
        with self._lock:
            record = self._records.pop(run_id, None)
            if record is not None and len(record.together) > 1:
                record.together.remove(record)
                record.together = [record]
        self._ended(run_id)
        return record

    # -------------------------------------------------------------- reading

    def read(self, kind: str, data: bytes, *, owner: str = "", **options: Any) -> Any:
        """What a visitor brought, read in a worker: a file that kills its reader kills no page.

        `kind` is a key of `engine.runs.reading.READERS`; its reader says which options it takes and what it returns:
        plain values.  Where least is being read, and then fewest runs are, it holds up the runs for as long as it
        takes; where as much is being read as may be, in all or for the browser `owner`, it waits.  Raises `ReadError`,
        a sentence for the visitor, for what cannot be used or is too large, for a worker that was lost over it, and
        after ``limits.read_timeout`` seconds.
        """
        reader = self.readers[kind]
        became = "refused"
        try:
            self._require_size(kind, data)
            with self._reader(owner) as place, self.luggage(data) as carried:
                found = self.send(place, "read", "", (reader, carried, options), self.limits.read_timeout)
            became = "read"
            return found
        except WorkerLost:
            became = "lost"
            raise ReadError(
                "This could not be read: the worker that read it was lost. Another one takes its place; if it happens "
                "again, bring something smaller."
            ) from None
        except PoolError:
            became = "late"
            raise ReadError(
                f"This could not be read within {self.limits.read_timeout:g} seconds: the workers are busy. Please "
                "try again in a minute."
            ) from None
        finally:
            with self._lock:
                self._reads[kind, became] += 1

    def _require_size(self, kind: str, data: bytes) -> None:
        reading.require_size(self.limits, kind, data)

    @contextlib.contextmanager
    def _reader(self, owner: str) -> Iterator[int]:
        """The place where something is to be read that `owner` brought, when its turn has come."""

        def free() -> bool:
            mine = self._brought[owner] if owner else 0
            return self._reading.total() < self.limits.reading and mine < self.limits.reading_per_owner

        with self._turn:
            if not self._turn.wait_for(free, self.limits.read_timeout):
                raise ReadError("Too many files are being read just now. Please try again in a minute.")
            place = min(self.places(), key=lambda p: (not self.ready(p), self._reading[p], self._taken(p)))
            self._reading[place] += 1
            self._brought[owner] += 1
        try:
            yield place
        finally:
            with self._turn:
                self._reading[place] -= 1
                self._brought[owner] -= 1
                if not self._brought[owner]:
                    del self._brought[owner]
                self._turn.notify_all()

    def ready(self, place: int) -> bool:
        """Whether this bench takes calls by now."""
        return True

    @contextlib.contextmanager
    def luggage(self, data: bytes) -> Iterator[bytes | Path]:
        """`data` as they travel to a bench: themselves, or a file that holds them until they were read."""
        yield data
