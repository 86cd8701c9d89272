"""Which runs of a pool are shown together: the leader first, all on one bench, and placed and closed as one."""

from __future__ import annotations

import abc
import logging
import math
import time
from collections.abc import Sequence
from typing import Any

from engine.runs.limits import Limits
from engine.runs.records import GONE, Record, Records
from engine.runs.run import PoolError, Run

log = logging.getLogger(__name__)

TOGETHER = 4  # runs of a group


class PoolFull(PoolError):
    """There is no place for another run, not even in the queue."""


class Grouped(Records):
    """The groups of a pool.  Thread-safe."""

    limits: Limits

    @abc.abstractmethod
    def send(self, place: int, verb: str, run_id: str, args: tuple[Any, ...], timeout: float) -> Any:
        """Carry a call to a bench and return its answer.  Raises what the bench raises, or `PoolError`."""

    @abc.abstractmethod
    def places(self) -> dict[int, int]:
        """Each bench that takes new runs, with the number that it can hold."""

    # --------------------------------------------------------------- public

    def group(self, run_id: str, key: str = "") -> list[Run]:
        """Like `Run.group`.  Raises `PoolError` for an unknown run."""
        with self._lock:
            members = [*self._record(run_id).together]
        return [self.handle(each, each.key if self.may(each.run_id, key) else "") for each in members]

    def lead(self, run_id: str, key: str) -> None:
        """Like `Run.lead`."""
        self.require(run_id, key)
        with self._lock:
            record = self._record(run_id)
            record.together.remove(record)
            record.together.insert(0, record)
        self._regroup(record)

    def march(self, run_id: str, on: bool, key: str) -> None:
        """Like `Run.march`."""
        self.require(run_id, key)
        record = self._record(run_id)
        record.marches = on
        self._regroup(record)

    def marches(self, run_id: str) -> bool:
        """Like `Run.marches`."""
        return self._record(run_id).marches

    # --------------------------------------------------------------- inside

    def _join(self, record: Record, other: Record, *, first: bool = False) -> None:
        """Let a new run into the group of another one, where that is.  Raises `PoolFull` if there is no room."""
        with self._lock:
            group, rooms = other.together, self.places()
            if len(group) >= TOGETHER:
                raise PoolFull(f"{TOGETHER} runs stand beside each other at most. Close a comparison first.")
            if other.place is None:
                full = len(group) >= max(rooms.values(), default=0)
            else:
                full = self._taken(other.place) >= rooms.get(other.place, 0)
            if full:
                raise PoolFull(
                    "There is no place beside this run just now. Close a comparison, or try again in a minute."
                )
            record.place, record.together = other.place, group
            group.insert(0 if first else len(group), record)
            self._records[record.run_id] = record

    def _regroup(self, record: Record) -> None:
        """Tell the bench of a run who stands beside it.  A worker that is lost is told when another takes its place."""
        with self._lock:
            there = [each for each in record.together if each.look.status != "lost"]
            told = {each.run_id: each.marches for each in there}
        if there and record.place is not None:
            try:
                self.send(record.place, "group", there[0].run_id, (told,), self.limits.answer_timeout)
            except KeyError:  # on their way to another worker, which is told
                log.info("The runs beside %s are not on their bench yet.", there[0].run_id)

    def _touched(self, record: Record) -> None:
        """Somebody asked for a run, which keeps those beside it too."""
        for each in record.together:
            each.asked, each.left, each.shown = time.monotonic(), math.inf, True

    def _leaving(self, record: Record) -> Sequence[Record]:
        """Who goes with a run that is closed: all whom it leads, and itself last."""
        with self._lock:
            led = record.together[1:] if record.together[0] is record else []
            return [*reversed(led), record]

    def _expected(self, run: Run) -> Record:
        """The record of a run that another one is to stand beside.  Raises `PoolError` unless it may be steered."""
        self.require(run.id, run.key)
        record = self._there(run.id)
        if record is None:
            raise PoolError(GONE)
        return record
