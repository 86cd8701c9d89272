"""The default home of benches: worker processes that can be killed, and are replaced.

Workers are started with `subprocess`, not `multiprocessing`: its spawn would run the server's main script again in
every child, and fork would copy a process full of threads.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import pickle
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO, Any

from engine.runs.audience import PICTURE, UNHEARD, WATCHING, opened
from engine.runs.limits import Limits
from engine.runs.pool import LOST, PoolError, WorkerLost
from engine.runs.recovery import Recovery
from engine.runs.vitals import BenchVitals, Told
from engine.runs.watching import WatchedPool
from engine.runs.worker import PULSE, WARMING, Pulse, Silence

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow, which pandas imports: see `worker._die_with_parent`
}
UNLESS_SET = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # docs/decisions/huge-pages-in-a-worker.md
HEAVY = 65_536  # bytes: a pipe takes so many while the worker is busy, and whoever sends more waits


class _Worker:
    """The parent's side of one worker process."""

    def __init__(self, limits: Limits, device: str, audience: str) -> None:
        self.silence = Silence()
        self.told: Told | None = None  # the last that it told of its bench
        self.ready = threading.Event()
        self.served = False  # whether it ever was ready: one that dies before that is tried again more slowly
        self.pending: dict[int, Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        ours, theirs = Pipe()
        self.pipe: Connection[Any, Any] = ours
        lifeline, self._lifeline = os.pipe()
        with _in_memory() as shared:
            shared.truncate(PULSE.size)
            self.pulse = Pulse(shared.fileno())
            fds = (theirs.fileno(), shared.fileno(), lifeline)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "engine.runs.worker", *map(str, fds)],
                cwd=ROOT, pass_fds=fds, stdin=subprocess.DEVNULL,
                env={**UNLESS_SET, **os.environ, **ENVIRONMENT},
            )  # fmt: skip
        theirs.close()
        os.close(lifeline)
        self.pipe.send((limits, device, audience))
        self._words: deque[bytes] = deque()  # what is said and waits, since the worker is at work
        self._said = threading.Semaphore(0)  # one for each of them, and one at the end
        self._room = select.poll()
        self._room.register(ours.fileno(), select.POLLOUT)
        threading.Thread(target=self._pass_on, name="pool-words", daemon=True).start()

    def ask(self, verb: str, run_id: str, args: tuple[Any, ...]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._sending:
            number = next(self._numbers)
            self.pending[number] = future
            try:
                self.pipe.send((number, verb, run_id, args))
            except (OSError, ValueError):
                self.pending.pop(number, None)
                raise WorkerLost(LOST) from None
        return future

    def tell(self, number: int, run_id: str, message: Mapping[str, Any]) -> None:
        """Pass on what somebody who watches says, some time: whoever calls this must not wait for a worker at work.

        If the worker is gone its successor is told hello again, and what was not answered is asked again.  Where there
        is room it goes at once: to wake a thread for each word would cost as much as all the rest of its way.
        """
        words = pickle.dumps((number, "hear", run_id, (message,)), protocol=5)
        if self._sending.acquire(blocking=False):
            try:
                if not self._words and (ours := self._room.poll(0)) and ours[0][1] == select.POLLOUT:
                    with contextlib.suppress(OSError, ValueError):
                        self.pipe.send_bytes(words)
                    return
            finally:
                self._sending.release()
        if len(self._words) < UNHEARD:
            self._words.append(words)
            self._said.release()

    def _pass_on(self) -> None:
        """Carry words to the worker, in the order in which they were said: it may be long until it takes them."""
        while self._said.acquire() and self._words:
            with self._sending, contextlib.suppress(OSError, ValueError, IndexError):  # it is gone, and what waited too
                self.pipe.send_bytes(self._words.popleft())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._words.clear()
        self._said.release()
        with contextlib.suppress(OSError):
            os.close(self._lifeline)


def _in_memory() -> IO[bytes]:
    """A file for two processes, in memory where the system has such: perhaps no folder can be written."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("playground"), "r+b")
    return tempfile.TemporaryFile()


class ProcessPool(WatchedPool, Recovery):
    """Benches in worker processes, which are watched: one that dies or hangs is replaced, and its runs go on."""

    def __init__(self, limits: Limits | None = None, device: str = "auto", audience: str = WATCHING) -> None:
        super().__init__(limits)
        self.device, self.audience = device, audience
        self._closing = threading.Event()
        self._failed_starts = 0
        self._workers = [self._spawn(place) for place in range(self.limits.workers)]
        self._watcher = threading.Thread(target=self._watch, name="pool-watcher", daemon=True)
        self._watcher.start()

    # ------------------------------------------------------------------ home

    def places(self) -> dict[int, int]:
        room = {}
        for place, worker in enumerate(self._workers):
            full = worker.pulse.read()[1] > self.limits.worker_memory_mb
            room[place] = self._taken(place) if full else self.limits.runs_per_worker
        return room

    def send(self, place: int, verb: str, run_id: str, args: tuple[Any, ...], timeout: float) -> Any:
        worker = self._workers[place]
        if not worker.ready.wait(min(timeout, 0.2) if verb in ("peek", "report") else timeout):
            raise PoolError("A worker is starting; your run begins in a moment.")
        try:
            return worker.ask(verb, run_id, args).result(timeout)
        except FutureTimeout:
            raise PoolError("The worker is busy with one long step; this page goes on when it is done.") from None

    def hear(self, place: int, number: int, run_id: str, message: Mapping[str, Any]) -> None:
        self._workers[place].tell(number, run_id, message)

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            self._records.clear()
        for worker in self._workers:
            worker.kill()
        self._watcher.join(timeout=5)
        self.discard_all()

    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until every worker takes calls.

        Raises `PoolError` after `timeout` seconds, and as soon as a worker has ended before it was ready.
        """
        deadline = time.monotonic() + timeout
        for place in range(len(self._workers)):
            while not self._workers[place].ready.wait(0.05):
                if self._failed_starts:
                    raise PoolError("A worker ended before it was ready; what it said stands above in the log.")
                if time.monotonic() > deadline:
                    raise PoolError(f"The workers were not ready within {timeout:.0f} seconds.")

    def warm(self) -> None:
        deadline = time.monotonic() + self.limits.start_timeout
        self.wait_ready(self.limits.start_timeout)
        answers = [worker.ask("warm", "", ()) for worker in self._workers]
        for answer in answers:
            try:
                answer.result(max(0.0, deadline - time.monotonic()))
            except FutureTimeout:
                raise PoolError(
                    f"The workers had not imported every lab within {self.limits.start_timeout:.0f} seconds."
                ) from None

    # -------------------------------------------------------------- watching

    def _spawn(self, place: int) -> _Worker:
        worker = _Worker(self.limits, self.device, self.audience)
        threading.Thread(target=self._read, args=(worker,), name=f"pool-reader-{place}", daemon=True).start()
        return worker

    def _read(self, worker: _Worker) -> None:
        """Carry answers from a worker to whoever waits for them, until it is gone."""
        try:
            while True:
                self._heard(worker, worker.pipe.recv_bytes())
        except (EOFError, OSError):
            pass  # it died or was killed: the watcher sees that too
        except Exception:  # what it sent cannot be read here, so nothing more would be: another one takes its place
            log.exception("An answer of worker %d cannot be read.", worker.process.pid)
            worker.process.kill()
        worker.ready.clear()
        for future in list(worker.pending.values()):
            future.set_exception(WorkerLost(LOST))
        worker.pending.clear()

    def _heard(self, worker: _Worker, message: bytes) -> None:
        """Do what one message of a worker asks.  While its thread waits for the next one, nothing of this is held."""
        if message.startswith(PICTURE):
            self._deliver(*opened(message))
            return
        head, ok, answer = pickle.loads(message)
        if head == "ready":
            self._failed_starts, worker.served = 0, True
            worker.ready.set()
        elif head == "told":
            worker.told = answer
        elif head == "copy":
            record = self._records.get(ok)
            if record is not None:
                record.dump = answer
        else:
            future = worker.pending.pop(head, None)
            if future is not None:
                future.set_result(answer) if ok else future.set_exception(answer)

    def _watch(self) -> None:
        looked = swept = time.monotonic()
        while not self._closing.wait(0.1):
            now = time.monotonic()
            for place, worker in enumerate(self._workers):
                starting = not worker.ready.is_set() or worker.pulse.read()[2] == WARMING
                patience = self.limits.start_timeout if starting else self.limits.hang_after
                if worker.process.poll() is not None:
                    self._replace(place, "was lost")
                elif worker.silence.after(worker.pulse.read()[0], now - looked) > patience:
                    self._replace(place, "did not answer any more")
            looked = now
            if now - swept > 1.0:
                swept = now
                try:
                    self.sweep()
                except PoolError as error:
                    log.warning("A sweep met an obstacle: %s", error)

    def _replace(self, place: int, why: str) -> None:
        """Put a new worker in the place of one that is gone, and its runs onto it."""
        old = self._workers[place]
        guilty = old.pulse.read()[2]
        self._restarts[place, "hung" if old.process.poll() is None else "lost"] += 1
        old.kill()
        log.warning("Worker %d %s (run in hand: %s).", old.process.pid, why, guilty or "none")
        if not old.served:
            self._failed_starts += 1
            if self._closing.wait(min(30.0, 2.0 ** (self._failed_starts - 1))):
                return
        worker = self._spawn(place)
        with self._lock:  # whoever adds up what was done sees either of them, and not both
            self._workers[place] = worker
            if old.told is not None:
                self._done += old.told.work
        threading.Thread(target=self._hand_over, args=(place, worker, guilty, why), daemon=True).start()

    def _hand_over(self, place: int, worker: _Worker, guilty: str, why: str) -> None:
        """Give a new worker the runs of the old one, from their newest copies."""
        self.blame(guilty)
        with self._lock:
            records = [r for r in self._records.values() if r.place == place]
        while not worker.ready.wait(0.2):
            if worker.process.poll() is not None or self._closing.is_set():
                return  # the watcher replaces it
        self.adopt(records, lambda verb, run_id, args: worker.ask(verb, run_id, args).result(30), why)

    # -------------------------------------------------------------- watching over it

    def bench_vitals(self) -> dict[int, BenchVitals]:
        found, now = {}, time.monotonic()
        for place, worker in enumerate(self._workers):
            beat, resident_mb, _ = worker.pulse.read()
            silent = max(0.0, now - beat)
            answers = worker.ready.is_set() and silent < self.limits.hang_after / 2
            found[place] = BenchVitals(answers, silent, resident_mb, worker.told)
        return found

    # --------------------------------------------------------------- reading

    def ready(self, place: int) -> bool:
        return self._workers[place].ready.is_set()

    @contextlib.contextmanager
    def luggage(self, data: bytes) -> Iterator[bytes | Path]:
        if len(data) <= HEAVY:
            yield data
            return
        with contextlib.ExitStack() as kept:
            carried: bytes | Path = data
            with contextlib.suppress(OSError):  # on a full disk: through the pipe, whoever waits
                file = kept.enter_context(tempfile.NamedTemporaryFile())
                file.write(data)
                file.flush()
                carried = Path(file.name)
            yield carried
