"""Benches in actors of Ray: started wherever Ray has room for them, watched, and given their runs again.

Ray places them, starts again what has died and says under which name each is found.  What it does not know is done
here: that a bench hangs, which runs one had and, in `engine.runs.keeping`, what they were like.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import ray

from engine.runs.actor import State
from engine.runs.cluster import in_hand, seat, shares
from engine.runs.keeping import Bench, Keeping
from engine.runs.limits import Limits
from engine.runs.pool import PoolError
from engine.runs.records import Record
from engine.runs.recovery import Ask
from engine.runs.vitals import BenchVitals, Told
from engine.runs.worker import WARMING, Silence

log = logging.getLogger(__name__)

ROUND = 0.2  # seconds between two looks at the benches
LOST_IT = "was lost"  # what happened to a bench that did not just stop answering


class Benches(Keeping):
    """A pool over all machines of a cluster, as its desk has it.  Thread-safe."""

    def __init__(self, limits: Limits, device: str, audience: str, workers: int | None, gpus: float) -> None:
        super().__init__(limits)
        self._told, self._wanted, self._gpus = (limits, device, audience), workers, gpus
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
        self.wait_ready(self.limits.start_timeout)
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
