"""Benches in actors of Ray: started wherever Ray has room for them, watched, and given their runs again.

Ray places them, starts again what has died and says under which name each is found.  What it does not know is done
here: that a bench hangs, which runs one had and what they were like.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import pickle
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray

from engine.runs.actor import LOST, State
from engine.runs.cluster import in_hand, seat, shares
from engine.runs.limits import Limits
from engine.runs.pool import PoolError, WorkerLost
from engine.runs.records import Away, Record
from engine.runs.recovery import Ask, Recovery
from engine.runs.vitals import BenchVitals, Told
from engine.runs.worker import WARMING, Silence

log = logging.getLogger(__name__)

ROUND = 0.2  # seconds between two looks at the benches
LOST_IT = "was lost"  # what happened to a bench that did not just stop answering


class Bench:
    """The desk's side of one bench, which may live several times."""

    def __init__(self, place: int, seat: Any) -> None:
        self.place, self.seat = place, seat
        self.state: State | None = None  # what it said last in this life; None: it is not up
        self.ready = threading.Event()
        self.silence, self.asked = Silence(), None
        self.lost_at, self.born, self.adopted = 0.0, "", ""
        self.handing_over = threading.Lock()
        self.told, self.ended = Told(), "lost"  # the last that it told of this life, and how it ended

    def ask(self, born: str, verb: str, run_id: str, args: tuple[Any, ...], cards: dict[str, bytes],
            timeout: float) -> Any:  # fmt: skip
        """Do something in this life of it.  Raises what the bench raises, and `WorkerLost` if that has ended."""
        try:
            packed = ray.get(self.seat.ask.remote(born, verb, run_id, args, cards), timeout=timeout)
        except ray.exceptions.GetTimeoutError:
            raise PoolError("The worker is busy with one long step; this page goes on when it is done.") from None
        except ray.exceptions.RayError:
            raise WorkerLost(LOST) from None
        _, ok, answer = pickle.loads(packed)
        if ok:
            return answer
        raise answer


class Benches(Recovery):
    """A pool over all machines of a cluster, as its desk has it.  Thread-safe."""

    def __init__(self, limits: Limits, device: str, audience: str, workers: int | None, gpus: float) -> None:
        super().__init__(limits)
        self._told, self._wanted, self._gpus = (limits, device, audience), workers, gpus
        self._benches: list[Bench] = []
        self._arrivals: dict[str, int] = {}  # see `engine.runs.desk.Known`
        self._counted = itertools.count(time.time_ns())  # another desk after this one counts on
        self._newest: dict[str, tuple[str, int]] = {}  # the copy that there is of a run: life of its bench, and number
        self._closing = threading.Event()
        self._recall(self._grow())
        threading.Thread(target=self._watch, name="desk-watcher", daemon=True).start()

    # ------------------------------------------------------------------ home

    def places(self) -> dict[int, int]:
        room = {}
        up = [bench for bench in self._benches if bench.state is not None]
        for bench in up or self._benches:  # at first none is up: whoever comes waits for one
            full = bench.state is not None and bench.state.resident_mb > self.limits.worker_memory_mb
            room[bench.place] = self._taken(bench.place) if full else self.limits.runs_per_worker
        return room

    def send(self, place: int, verb: str, run_id: str, args: tuple[Any, ...], timeout: float) -> Any:
        bench = self._benches[place]
        if not bench.ready.wait(min(timeout, 0.2) if verb in ("peek", "report") else timeout):
            raise PoolError("A worker is starting; your run begins in a moment.")
        return bench.ask(bench.born, verb, run_id, args, self._cards(verb, run_id, args), timeout)

    def ready(self, place: int) -> bool:
        return self._benches[place].ready.is_set()

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            self._records.clear()
        ray.wait([bench.seat.end.remote() for bench in self._benches], num_returns=len(self._benches), timeout=1.0)
        for bench in self._benches:
            ray.kill(bench.seat, no_restart=True)
        self.discard_all()

    def warm(self) -> None:
        deadline = time.monotonic() + self.limits.start_timeout
        for bench in self._benches:
            if not bench.ready.wait(max(0.0, deadline - time.monotonic())):
                raise PoolError(f"The workers were not ready within {self.limits.start_timeout:.0f} seconds.")
        asked = [bench.seat.ask.remote(bench.born, "warm", "", (), {}) for bench in self._benches]
        _, late = ray.wait(asked, num_returns=len(asked), timeout=max(0.0, deadline - time.monotonic()))
        if late:
            raise PoolError(f"The workers had not imported every lab within {self.limits.start_timeout:.0f} seconds.")

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until every bench takes calls.  Raises `PoolError` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        for bench in self._benches:
            if not bench.ready.wait(max(0.0, deadline - time.monotonic())):
                raise PoolError(f"The workers were not ready within {timeout:.0f} seconds.")

    def _greet(self, record: Record) -> None:
        self._arrivals[record.run_id] = next(self._counted)

    def _ended(self, run_id: str) -> None:
        self._arrivals.pop(run_id, None)
        self._newest.pop(run_id, None)

    def keep(self, run_id: str, born: str, number: int, copy: bytes) -> None:
        """The newest copy of a run, by a bench."""
        with self._lock:
            record = self._records.get(run_id)
            if record is not None and record.place is not None and self._benches[record.place].born == born:
                life, last = self._newest.get(run_id, ("", 0))
                if life != born or number > last:
                    self._newest[run_id], record.dump = (born, number), copy

    # ------------------------------------------------------------------ benches

    def _grow(self) -> list[Bench]:
        """Have as many benches as the cluster has room for, or as many as are wanted; those that were there already."""
        found = []
        for place in range(len(self._benches), self._wanted or shares(self._gpus)):
            actor, was_there = seat(place, self._gpus, self._told)
            self._benches.append(Bench(place, actor))
            if was_there:
                found.append(self._benches[place])
        return found

    def _watch(self) -> None:
        looked = swept = time.monotonic()
        while not self._closing.wait(ROUND):
            now = time.monotonic()
            try:
                self._look_round(now - looked)
                if now - swept > 1.0:
                    swept = now
                    self._grow()
                    self.sweep()
            except (PoolError, ray.exceptions.RayError) as error:
                log.warning("A round met an obstacle: %s", error)
            except Exception:  # without its rounds the desk would see no bench die: the next one may do better
                log.exception("A round failed.")
            looked = now

    def _look_round(self, passed: float) -> None:
        """Ask every bench how it fares.  One that does not answer is silent."""
        for bench in self._benches:
            bench.asked = bench.asked or bench.seat.state.remote()
        answered, _ = ray.wait([bench.asked for bench in self._benches], num_returns=len(self._benches), timeout=ROUND)
        for bench in self._benches:
            if bench.asked in answered:
                asked, bench.asked = bench.asked, None
                try:
                    self._heard(bench, ray.get(asked))
                except ray.exceptions.RayError:
                    self._gone(bench, LOST_IT)
            if (state := bench.state) is not None:
                starting = not state.ready or state.in_hand == WARMING
                patience = self.limits.start_timeout if starting else self.limits.hang_after
                if bench.silence.after(state.beat, passed) > patience:
                    self._gone(bench, "did not answer any more")
                    ray.kill(bench.seat, no_restart=False)

    def _heard(self, bench: Bench, state: State) -> None:
        """A bench says how it fares."""
        if bench.state is not None and state.born != bench.state.born:
            self._gone(bench, LOST_IT)
        if bench.born not in ("", state.born):
            with self._lock:
                self._restarts[bench.place, bench.ended] += 1
                self._done += bench.told.work
                bench.told = Told()
        bench.state, bench.born, bench.told = state, state.born, state.told or bench.told
        if state.ready:
            bench.ready.set()

    def _gone(self, bench: Bench, why: str) -> None:
        """A bench has ended, or must; if that is news, somebody sees to its runs."""
        state, bench.state, bench.asked = bench.state, None, None
        if state is not None:
            bench.ended = "lost" if why == LOST_IT else "hung"
            bench.ready.clear()
            bench.silence = Silence()
            log.warning("Bench %d %s.", bench.place, why)
            threading.Thread(target=self._hand_over, args=(bench, state, why), daemon=True).start()

    def _hand_over(self, bench: Bench, state: State, why: str) -> None:
        """Give the runs of a bench that is gone to its next life, or to others if Ray has no room for that."""
        with bench.handing_over:
            until = time.monotonic() + self.limits.restart_timeout
            while not bench.ready.wait(ROUND):
                if self._closing.is_set():
                    return
                others = any(other.ready.is_set() for other in self._benches)
                if bench.state is None and others and time.monotonic() > until:
                    self.blame(in_hand(state))
                    self._move(bench, why)
                    return
            if (born := bench.born) == state.born:  # it could not be reached for a moment, and has its runs
                return
            self.blame(in_hand(state))
            if born != bench.adopted:
                bench.adopted = born
                self.adopt(self._at(bench), self._asker(bench), why)

    def _at(self, bench: Bench) -> list[Record]:
        with self._lock:
            return [record for record in self._records.values() if record.place == bench.place]

    def _asker(self, bench: Bench) -> Ask:
        """Asks a bench in the life that it has now, and in none after it."""
        born = bench.born
        return lambda verb, run_id, args: bench.ask(born, verb, run_id, args, self._cards(verb, run_id, args), 30.0)

    def _move(self, bench: Bench, why: str) -> None:
        """Give the runs of a bench to others that have room, or places in the queue."""
        for leader in [record for record in self._at(bench) if record.together[0] is record]:
            with self._lock:
                group = [*leader.together]
                place = self._free_place(len(group))
                for record in group:
                    record.place, record.asked = place, time.monotonic()
            if place is not None and self._benches[place].ready.wait(self.limits.start_timeout):
                self.adopt(group, self._asker(self._benches[place]), why)
        self.admit()

    # ------------------------------------------------------------------ watching over it

    def bench_vitals(self) -> dict[int, BenchVitals]:
        found = {}
        for bench in self._benches:
            state, silent = bench.state, bench.silence.seconds
            answers = state is not None and state.ready and silent < self.limits.hang_after / 2
            resident_mb = state.resident_mb if state is not None else None
            found[bench.place] = BenchVitals(answers, silent, resident_mb, bench.told)
        return found

    # ------------------------------------------------------------------ what is put away

    def park(self, record: Record) -> bool:
        """The same, and the desk's machine has what was put away: a bench may be lost."""
        place, group = record.together[0].place, [*record.together]
        if not super().park(record) or place is None:
            return False
        self._benches[place].seat.drop.remote([each.run_id for each in group])
        for each in [each for each in group if each.away is not None and each.away.file is None]:
            with contextlib.suppress(PoolError, KeyError):  # somebody has it again already, or it is as if it had died
                packed: bytes = self.send(place, "parked", each.run_id, (), self.limits.start_timeout)
                each.dump, file = packed, None
                if self._files():
                    file = self._file(each)
                    file.write_bytes(packed)
                each.away = Away(file, place) if file is not None else None
                self.send(place, "unpark", each.run_id, (), 2.0)
        return True

    def unpack(self, record: Record) -> bytes | Path | None:
        """The same as bytes: another machine may not have the file."""
        packed = super().unpack(record)
        return packed.read_bytes() if isinstance(packed, Path) else packed

    # ------------------------------------------------------------------ what a desk after this one needs

    def _cards(self, verb: str, run_id: str, args: tuple[Any, ...]) -> dict[str, bytes]:
        """What a bench is to keep of its runs, by which another desk after this one knows them."""
        if verb not in ("open", "adopt", "group", "branch"):
            return {}
        names = [run_id, *(args[:1] if verb == "branch" else ())]
        with self._lock:
            found = [record for name in names if (record := self._records.get(name)) is not None]
            return {each.run_id: _card(each) for record in found for each in record.together}

    def _recall(self, benches: Sequence[Bench]) -> None:
        """Know the runs of benches that are there already: the desk before this one has ended without a word."""
        asked = [bench.seat.roll.remote() for bench in benches]
        if asked:
            ray.wait(asked, num_returns=len(asked), timeout=self.limits.restart_timeout)
        groups: list[list[str]] = []
        for bench, answer in zip(benches, asked, strict=True):
            try:
                bench.born, cards = ray.get(answer, timeout=0)
            except ray.exceptions.RayError as error:
                log.warning("Bench %d does not say which runs it has: %s", bench.place, error)
                continue
            for packed in cards.values():
                told = pickle.loads(packed)
                groups.append(told.pop("group"))
                record = self._records[told["run_id"]] = Record(place=bench.place, **told)
                self._greet(record)
        for names in groups:
            there = [self._records[name] for name in names if name in self._records]
            for record in there:
                record.together = there
        if self._records:
            log.warning("The desk has started again, and has found %d runs.", len(self._records))
            threading.Thread(target=self._copy_all, args=([*self._records.values()],), daemon=True).start()

    def _copy_all(self, records: Sequence[Record]) -> None:
        """Have a copy of each: what the desk before this one had is gone."""
        for record in records:
            with contextlib.suppress(PoolError, KeyError):
                if record.place is not None and record.dump is None:
                    told = self.send(record.place, "dump", record.run_id, (), 30.0)
                    record.dump = record.dump or pickle.dumps(told, protocol=5)


def _card(record: Record) -> bytes:
    names = ("slug", "config", "owner", "key", "run_id", "crashes", "marches", "slide")
    told = {name: getattr(record, name) for name in names}
    return pickle.dumps({**told, "shown": True, "group": [each.run_id for each in record.together]})
