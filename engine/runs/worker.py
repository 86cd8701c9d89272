"""A worker: one bench behind a channel.

`main` is a worker process behind a pipe, which `engine.runs.processes` starts, never somebody by hand; `work` is what
a worker does all day, wherever it lives.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import pickle
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, NoReturn, Protocol

from engine.contract.folder import name_temporary
from engine.contract.knobs import ConfigError
from engine.contract.reading import ReadError
from engine.runs import logs, memory, reading
from engine.runs.audience import Audience, addressed, gather
from engine.runs.limits import Limits
from engine.runs.pool import LOOKS, PoolError
from engine.runs.vitals import TOLD_EVERY, Told

PULSE = struct.Struct("dd24s")  # time of the last sign of life, resident MB, id of the run in hand
WARMING, READING = "warming up", "reading a file"  # in place of a run's id
# A run is as it was after these.
READS = ("peek", "report", "read", "warm", "moment", *LOOKS)  # or as easily come to again
DRAWS = ("peek", "curves", "inside", "answer", "facts", "moment")  # and what these take counts as drawing
SERVED_EVERY = 0.01  # seconds between two looks at who wants a picture, while something trains
MEASURED_EVERY = 0.25  # seconds between two measurements of the resident memory

log = logging.getLogger(__name__)


class Pulse:
    """Signs of life in memory shared with the parent, who reads them without asking."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, PULSE.size)
        self._resident_mb, self._measure_at = 0.0, 0.0

    def beat(self, run_id: str = "") -> None:
        """I am alive, and at work on this run, in so much memory."""
        now = time.monotonic()
        if now >= self._measure_at:  # not each time: it takes a tenth of a millisecond
            self._resident_mb, self._measure_at = memory.resident_mb(), now + MEASURED_EVERY
        PULSE.pack_into(self._memory, 0, now, self._resident_mb, run_id.encode())

    def read(self) -> tuple[float, float, str]:
        """(monotonic seconds, resident MB, run id) of the last beat."""
        at, resident_mb, run_id = PULSE.unpack_from(self._memory)
        return at, resident_mb, run_id.rstrip(b"\0").decode()


class Silence:
    """How long a worker has given no sign of life."""

    def __init__(self) -> None:
        self._beat, self.seconds = 0.0, 0.0

    def after(self, beat: float, passed: float) -> float:
        """Seconds of silence, given that this is its last beat and `passed` have gone by since the last question.

        A machine that stood still, or was too busy for us, was so for the worker too: such a gap counts half a second.
        """
        self.seconds = self.seconds + min(passed, 0.5) if beat == self._beat else 0.0
        self._beat = beat
        return self.seconds


class Channel(Protocol):
    """What a worker hears its owner by, and answers."""

    def poll(self, milliseconds: float, /) -> object:
        """Wait so long for a message at most; something true if there is one."""

    def recv(self) -> Any:
        """The next message."""

    def ready(self) -> None:
        """Say that from now on there are answers."""

    def reply(self, number: int, message: bytes) -> None:
        """Answer a message: number, whether it could be done, and answer or error, pickled."""

    def keep(self, run_id: str, copy: bytes) -> None:
        """Give away a copy of a run, pickled, from which another worker can go on."""

    def show(self, viewers: Sequence[int], payload: bytes | str) -> None:
        """Send something to some viewers."""

    def tell(self, told: Told) -> None:
        """Say how the bench fares."""


class _Pipe:
    """A channel to another process."""

    def __init__(self, fd: int) -> None:
        self._pipe: Connection[Any, Any] = Connection(fd)
        waiting = select.poll()  # `Connection.poll` makes a selector for each call
        waiting.register(fd, select.POLLIN)
        self.poll, self.recv = waiting.poll, self._pipe.recv

    def ready(self) -> None:
        self._send("ready", None, None)

    def reply(self, number: int, message: bytes) -> None:
        self._pipe.send_bytes(message)

    def keep(self, run_id: str, copy: bytes) -> None:
        self._send("copy", run_id, copy)

    def show(self, viewers: Sequence[int], payload: bytes | str) -> None:
        self._pipe.send_bytes(addressed(viewers, payload))

    def tell(self, told: Told) -> None:
        self._send("told", None, told)

    def _send(self, *message: Any) -> None:
        """As `Connection.send`, which pickles by an older protocol: arrays are copied once less."""
        self._pipe.send_bytes(pickle.dumps(message, protocol=5))


def _die_with_parent(lifeline: int) -> None:
    """The parent holds the other end.  When it is gone, however it went, the pipe closes, and we end at once.

    On Linux the kernel sends SIGIO then, which ends a process that does not handle it.  A thread that reads would do
    everywhere, but in a process of two threads every allocation of memory is slower: 3 % of a small network's steps.
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
        if not select.select([lifeline], [], [], 0)[0]:  # it has not been closed before we listened
            return
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(0)


def main(pipe_fd: int, pulse_fd: int, lifeline_fd: int) -> None:
    for unwanted in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the parent decides
        signal.signal(unwanted, signal.SIG_IGN)
    _die_with_parent(lifeline_fd)
    logs.begin_ours("worker")
    pulse, pipe = Pulse(pulse_fd), _Pipe(pipe_fd)
    pulse.beat()
    work(pipe, pulse, *pipe.recv())


def work(channel: Channel, pulse: Pulse, limits: Limits, device: str, audience: str) -> NoReturn:
    """Train, draw and answer, until `channel` raises that it is closed."""
    name_temporary()
    import torch

    from engine.runs.bench import Bench
    from engine.runs.warming import Warming

    torch.set_num_threads(1)  # faster than two for networks this small, and fair
    torch.optim.SGD([torch.zeros(1)])  # the first optimiser imports half of torch, and takes longer than torch itself
    bench, cold = Bench(limits, device), Warming(lambda: pulse.beat(WARMING))
    bench.interrupted = lambda: bool(channel.poll(0))  # asked hundreds of times a second
    viewers = gather(audience, bench, channel.show)
    if device == "cpu" or not torch.cuda.is_available():  # the drivers of GPUs map far more than there is
        memory.bound(limits.worker_memory_mb + limits.spare_memory_mb)
    pulse.beat()  # first: from "ready" on, less patience is had with silence
    channel.ready()
    owed: set[str] = set()  # runs to which somebody did something: a copy of each is to be sent
    if channel.poll(500):  # ms: what the pool asks for first, to use every lab or to take over runs, is urgent
        _answer(bench, viewers, cold, channel, pulse, owed)
    os.nice(4)  # from here on pages come first: a visitor notices a late picture sooner than a slower epoch
    copies, news, serve_at = _copies(bench, channel, pulse), _news(bench, channel), 0.0
    while True:
        run_id = bench.next_run()
        pulse.beat(run_id or "")
        if run_id is not None:
            bench.tick()
            _send_owed(bench, channel, pulse, owed)
        elif cold and bench.resting and not channel.poll(500):  # nobody wanted anything for half a second
            cold.one()
        if run_id is None or time.monotonic() >= serve_at:  # slices are shorter where many train
            viewers.serve()
            serve_at = time.monotonic() + SERVED_EVERY
        idle = 0.0 if run_id is not None or (cold and bench.resting) else min(bench.idle_for(), viewers.pause())
        while channel.poll(1000 * idle):  # ms
            _answer(bench, viewers, cold, channel, pulse, owed)
            _send_owed(bench, channel, pulse, owed)
            run_id = bench.next_run()
            idle = 0.0 if run_id is not None else min(bench.idle_for(), viewers.pause())
        next(copies)
        next(news)


def _answer(bench: Any, viewers: Audience, cold: Any, channel: Channel, pulse: Pulse, owed: set[str]) -> None:
    number, verb, run_id, args = channel.recv()
    pulse.beat(READING if verb == "read" else run_id)
    began = time.monotonic()
    if verb == "hear":  # nobody waits for an answer
        if viewers.hear(number, run_id, *args):
            owed.update(bench.beside(run_id))  # what is done to one, others do too
        return
    try:
        if verb == "read":
            answer, ok = reading.read(*args, megabytes=bench.limits.read_memory_mb), True
        elif verb == "warm":
            answer, ok = cold.all_own(), True
        else:
            answer, ok = bench.call(verb, run_id, *args), True
    except (ConfigError, KeyError, PoolError, ReadError) as error:
        answer, ok = error, False
    except Exception as error:  # the caller gets its sentence: an error of a lab's own need not survive the way
        log.exception("A worker could not do %s.", verb)
        answer, ok = PoolError(f"{type(error).__name__}: {error}"), False
    try:
        message = pickle.dumps((number, ok, answer), protocol=5)
    except Exception as error:  # a lab may answer anything: what cannot be sent costs its run, and no other
        bench.runs[run_id].fail(error)
        message = pickle.dumps((number, True, None), protocol=5)
    channel.reply(number, message)
    if verb in DRAWS:
        viewers.drew(time.monotonic() - began)
    if verb not in READS:
        owed.update(bench.beside(run_id))  # what is done to one, others do too


def _send_copy(bench: Any, channel: Channel, pulse: Pulse, run_id: str) -> None:
    """Send the parent a copy of a run, unless nothing has changed or it is on its way to another step."""
    hosted = bench.runs.get(run_id)
    if hosted is not None and hosted.dirty and hosted.target is None:
        pulse.beat(run_id)
        try:
            copy = pickle.dumps(bench.dump(run_id), protocol=5)
        except Exception as error:  # the lab's own state: it costs its run, which goes on nowhere else
            hosted.fail(error)
            return
        channel.keep(run_id, copy)


def _send_owed(bench: Any, channel: Channel, pulse: Pulse, owed: set[str]) -> None:
    """What a visitor did must not be lost: copies of such runs, as soon as each is where it was to go."""
    for run_id in [name for name in owed if name not in bench.runs or bench.runs[name].target is None]:
        owed.discard(run_id)
        _send_copy(bench, channel, pulse, run_id)


def _copies(bench: Any, channel: Channel, pulse: Pulse) -> Iterator[None]:
    """Send the parent a copy of every run that moved, again and again, one with each step: no run waits for all."""
    while True:
        took = 0.0
        for run_id in list(bench.runs):
            began = time.monotonic()
            _send_copy(bench, channel, pulse, run_id)
            took += time.monotonic() - began
            if not bench.resting:
                yield
        due = time.monotonic() + max(bench.limits.recovery_seconds, 100 * took)
        while time.monotonic() < due:
            yield


def _news(bench: Any, channel: Channel) -> Iterator[None]:
    """Tell the owner of the bench, again and again, where there is something new."""
    told, due = Told(), 0.0
    while True:
        now = time.monotonic()
        if now >= due:
            due = now + TOLD_EVERY
            if (newest := bench.told()) != told:
                told = newest
                channel.tell(told)
        yield


if __name__ == "__main__":
    try:
        main(*(int(fd) for fd in sys.argv[1:4]))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the parent closed the pipe: we are no longer wanted
