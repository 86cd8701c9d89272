"""A bench in an actor of Ray: a worker whose day goes by in a thread, and what carries words to it and pictures away.

`Seat` is the actor.  The desk (`engine.runs.desk`) calls it for what somebody wants; each web process sends what those
who watch say, and waits for pictures, past the desk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import pickle
import secrets
import tempfile
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from engine.runs import logs
from engine.runs.audience import UNHEARD
from engine.runs.limits import Limits
from engine.runs.pool import LOST, WorkerLost
from engine.runs.vitals import Told
from engine.runs.worker import PULSE, Pulse, work

log = logging.getLogger(__name__)

NAMESPACE, DESK = "playground", "desk"  # where the actors are found, and the name of one
LAST_WORDS = "playground-bench-"  # how the name of a file begins that tells what a bench has in hand
ASKED_WITHIN = 3_600.0  # seconds after which nobody asks for them any more
WAITS = 10.0  # seconds that a web process waits for pictures until it is told that there are none

Payload = tuple[Sequence[int], bytes | str]  # for which viewers, and what
Words = tuple[int, str, Mapping[str, Any]]  # viewer, run, message


@dataclass(frozen=True)
class State:
    """How a bench fares."""

    born: str  # a name for this life of it: Ray starts one that has died again under the name that it had
    ready: bool
    beat: float  # the time of its last sign of life, by its own clock
    resident_mb: float
    in_hand: str  # the run that it is at work on
    node: str
    last_words: str  # the file in which that stands too
    told: Told | None  # the last that its worker told of it


class Mailbox:
    """The channel of a worker to the event loop that this was made in."""

    def __init__(self, desk: Callable[[str, bytes], None]) -> None:
        self.loop, self._desk = asyncio.get_running_loop(), desk
        self.born, self.answers = asyncio.Event(), dict[int, asyncio.Future[bytes]]()
        self.pictures: defaultdict[int, Pictures] = defaultdict(Pictures)  # by web process
        self._messages: deque[tuple[int, str, str, tuple[Any, ...]]] = deque()
        self._there = threading.Event()
        self.told: Told | None = None

    def put(self, *message: Any) -> None:
        self._messages.append(message)
        self._there.set()

    def __len__(self) -> int:
        return len(self._messages)

    # ---------------------------------------------- what the worker calls, in its thread

    def poll(self, milliseconds: float, /) -> object:
        if not self._messages and milliseconds > 0:
            self._there.clear()
            if not self._messages:
                self._there.wait(None if milliseconds == math.inf else milliseconds / 1000)
        return bool(self._messages)

    def recv(self) -> Any:
        return self._messages.popleft()

    def ready(self) -> None:
        self.loop.call_soon_threadsafe(self.born.set)

    def reply(self, number: int, message: bytes) -> None:
        self.loop.call_soon_threadsafe(self._answered, number, message)

    def keep(self, run_id: str, copy: bytes) -> None:
        self.loop.call_soon_threadsafe(self._desk, run_id, copy)

    def show(self, viewers: Sequence[int], payload: bytes | str) -> None:
        self.loop.call_soon_threadsafe(self._sort, viewers, payload)

    def tell(self, told: Told) -> None:
        self.told = told  # the desk asks for it

    # ---------------------------------------------------------------- in the event loop

    def _answered(self, number: int, message: bytes) -> None:
        answer = self.answers.pop(number, None)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _sort(self, viewers: Sequence[int], payload: bytes | str) -> None:
        of: defaultdict[int, list[int]] = defaultdict(list)
        for viewer in viewers:
            of[web_of(viewer)].append(viewer)
        for web, theirs in of.items():
            self.pictures[web].put((theirs, payload))


class Pictures:
    """What waits for one web process."""

    def __init__(self) -> None:
        self._waiting: list[Payload] = []
        self._there = asyncio.Event()

    def put(self, payload: Payload) -> None:
        self._waiting.append(payload)
        self._there.set()

    async def take(self) -> list[Payload]:
        """All of it; nothing after a while without any."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._there.wait(), WAITS)
        return self.clear()

    def clear(self) -> list[Payload]:
        taken, self._waiting = self._waiting, []
        self._there.clear()
        return taken


class Seat:
    """One bench.  Every method but the first is a coroutine, so that none waits for another."""

    def __init__(self, limits: Limits, device: str, audience: str) -> None:
        logs.begin_ours("bench")
        self.born, self._told = secrets.token_hex(8), (limits, device, audience)
        _tidy()
        file, self._last_words = tempfile.mkstemp(prefix=f"{LAST_WORDS}{os.getpid()}-")
        os.truncate(file, PULSE.size)
        self._pulse = Pulse(file)
        os.close(file)
        self._pulse.beat()
        self._box: Mailbox | None = None
        self._asked, self._copies = 0, 0
        self._cards: dict[str, bytes] = {}  # what the desk knows of the runs here
        self._viewers: defaultdict[int, dict[int, str]] = defaultdict(dict)  # web process -> viewer -> run

    @property
    def _mail(self) -> Mailbox:
        """The way to the worker, which begins with the first question: only then does the event loop run."""
        if self._box is None:
            self._box = Mailbox(self._keep)
            threading.Thread(target=self._work, args=(self._box,), name="bench", daemon=True).start()
        return self._box

    def _work(self, box: Mailbox) -> None:
        try:
            work(box, self._pulse, *self._told)
        except BaseException:  # Ray starts another one, and the desk gives that the runs
            log.exception("A bench stopped.")
            os._exit(1)

    def _keep(self, run_id: str, copy: bytes) -> None:
        self._copies += 1
        with contextlib.suppress(ValueError, ray.exceptions.RayError):  # the desk is gone: it asks when it is back
            ray.get_actor(DESK, NAMESPACE).keep.remote(run_id, self.born, self._copies, copy)

    # ------------------------------------------------------------------ for the desk

    async def state(self) -> State:
        beat, resident_mb, in_hand = self._pulse.read()
        node = ray.get_runtime_context().get_node_id()
        born, told = self._mail.born.is_set(), self._mail.told
        return State(self.born, born, beat, resident_mb, in_hand, node, self._last_words, told)

    async def ask(self, born: str, verb: str, run_id: str, args: tuple[Any, ...], cards: Mapping[str, bytes]) -> bytes:
        """Do something in this life, and in no other: number, whether it could be done, and answer or error, pickled.

        `cards` are to be kept as long as these runs are here.
        """
        mail = self._mail
        if born != self.born:
            return pickle.dumps((0, False, WorkerLost(LOST)))
        self._cards |= cards
        if verb == "close":
            self._drop(run_id)
        given = [await each if isinstance(each, ray.ObjectRef) else each for each in args]
        self._asked += 1
        answer: asyncio.Future[bytes] = mail.loop.create_future()
        mail.answers[self._asked] = answer
        mail.put(self._asked, verb, run_id, tuple(given))
        return await answer

    async def drop(self, run_ids: Sequence[str]) -> None:
        """These runs have been parked."""
        for run_id in run_ids:
            self._drop(run_id)

    def _drop(self, run_id: str) -> None:
        """A run is not here any more: whoever watches it says hello where it comes back."""
        self._cards.pop(run_id, None)
        for viewers in self._viewers.values():
            for viewer in [each for each, watched in viewers.items() if watched == run_id]:
                del viewers[viewer]

    async def roll(self) -> tuple[str, dict[str, bytes]]:
        """This life of the bench, and what the desk has said of the runs here."""
        return self.born, self._cards

    async def end(self) -> None:
        """The pool ends: nothing is left of this bench."""
        Path(self._last_words).unlink(missing_ok=True)

    # ------------------------------------------------------------------ for web processes

    async def hear(self, words: Sequence[Words]) -> None:
        """What those who watch say."""
        for viewer, run_id, message in words:
            if message.get("type") == "leave":
                self._viewers[web_of(viewer)].pop(viewer, None)
            elif message.get("type") == "hello" and run_id in self._cards:  # else it has just gone
                self._viewers[web_of(viewer)][viewer] = run_id
            if len(self._mail) < UNHEARD:
                self._mail.put(viewer, "hear", run_id, (message,))

    async def pictures(self, web: int) -> list[Payload]:
        """What there is for the viewers of a web process, as soon as there is something."""
        return await self._mail.pictures[web].take()

    async def watched(self) -> int:
        """How many watch runs here."""
        return sum(map(len, self._viewers.values()))

    async def forget(self, web: int) -> None:
        """A web process is gone, and all its viewers with it."""
        for viewer, run_id in self._viewers.pop(web, {}).items():
            self._mail.put(viewer, "hear", run_id, ({"type": "leave"},))
        self._mail.pictures[web].clear()


def web_of(viewer: int) -> int:
    """The web process that a viewer is in, which is part of the viewer's number."""
    return viewer >> 32


def _tidy() -> None:
    """Take away what benches of this machine have left and nobody asked for: their cluster ended without a word."""
    for path in Path(tempfile.gettempdir()).glob(f"{LAST_WORDS}*"):
        pid = path.name.removeprefix(LAST_WORDS).partition("-")[0]
        with contextlib.suppress(OSError):
            if not Path(f"/proc/{pid}").exists() and time.time() - path.stat().st_mtime > ASKED_WITHIN:
                path.unlink()


def last_words(file: str) -> str:
    """The run that a bench that is gone had in hand, as it stands in a file on its machine."""
    path = Path(file)
    with path.open("rb") as there:
        run_id: str = PULSE.unpack(there.read(PULSE.size))[2].rstrip(b"\0").decode()
    path.unlink()
    return run_id
