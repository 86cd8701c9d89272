"""A pool on a cluster of Ray, as one of its web processes has it: any number of these, and any number of machines.

The runs are known to the desk (`engine.runs.desk`), an actor that outlives every web process.  What those who watch say
goes straight to the bench (`engine.runs.actor`), and pictures come straight from it; a few times a second the desk is
told which runs are looked at, and says how these stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import pickle
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import ray

from engine.contract.knobs import Config
from engine.runs import reading
from engine.runs.actor import DESK, NAMESPACE, Words
from engine.runs.audience import WATCHING, Watch
from engine.runs.cluster import connect, environment, share_of_a_gpu
from engine.runs.desk import Desk, Known, Ticket
from engine.runs.history import Look
from engine.runs.limits import Limits
from engine.runs.records import GONE, same
from engine.runs.run import PoolError, Run
from engine.runs.vitals import Vitals
from engine.runs.watching import Standing, Watching

log = logging.getLogger(__name__)

EVERY = 0.25  # seconds between two exchanges with the desk
WELL = 1.0  # and between two questions whether a bench answers
GATHERS = 0.02  # seconds between two calls to a bench: one that brings several pictures, or words, costs as much
AGAIN = 0.2  # seconds until what could not be reached is tried again
PATIENCE = 15.0  # seconds in which a desk that has died is back
CALLS = 256  # that the desk has in hand at a time
# What may be asked twice.
READS = ("bounds", "find", "mine", "may", "require", "known", "peek", "report", "group", "marches", "places", "stats",
         "ids", "wait_ready", "warm")  # fmt: skip


class RayPool(Watching):
    """The runs of a cluster, and those who watch them in this process.  Thread-safe.

    `workers` is how many benches there are, None for one on each core (or share of a GPU) of the cluster; `gpus` is the
    share of one that each has.  Limits, device and these hold if this process is the first.
    """

    def __init__(
        self, limits: Limits | None = None, device: str = "auto", audience: str = WATCHING,
        workers: int | None = None, gpus: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        connect()
        limits = limits or Limits.from_environment()
        if workers is None and "PLAYGROUND_WORKERS" in os.environ:
            workers = limits.workers
        gpus = share_of_a_gpu() if gpus is None else gpus
        self._desk = ray.remote(Desk).options(
            name=DESK, namespace=NAMESPACE, lifetime="detached", get_if_exists=True, max_restarts=-1, num_cpus=0,
            resources={"node:__internal_head__": 0.001}, max_concurrency=CALLS, runtime_env=environment(),
        ).remote(limits, device, audience, workers, gpus)  # fmt: skip
        self.number = secrets.randbits(31)
        self._numbers = itertools.count((self.number << 32) + 1)
        self._known: dict[str, Known | None] = {}  # None: closed
        self._asked: set[str] = set()  # of these, those that somebody has asked about since the last exchange
        self._looked_at: set[str] = set()
        self._looked_away: list[Sequence[str]] = []
        self._words: defaultdict[int, list[Words]] = defaultdict(list)
        self._saying = threading.Lock()
        self._unsaid: defaultdict[int, asyncio.Queue[list[Words]]] = defaultdict(asyncio.Queue)
        self._seats: dict[int, Any] = {}
        self._answering = (0, 0.0)  # how many benches answer, and when that was said
        self.limits: Limits = self._do("bounds", timeout=limits.start_timeout)
        self._tasks: list[asyncio.Task[None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="pool-ray", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Those who watch here are gone.  The runs stay where they are: the pool belongs to every web process."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._desk.part.remote(self.number)

    def shut_down(self) -> None:
        """End every run, every bench and the desk, for all web processes."""
        self.close()
        self._do("close")
        ray.kill(self._desk, no_restart=True)

    # ------------------------------------------------------------------ pages: see `engine.runs.pool.Pool`

    def open(
        self, slug: str, config: Config, owner: str = "", *, beside: Run | None = None, marches: bool = True,
        slide: bool = False,
    ) -> Run:  # fmt: skip
        there = Ticket(beside.id, beside.slug, beside.key) if beside is not None else None
        return self._got(
            self._do("open", slug, config, owner, beside=there, marches=marches, slide=slide, timeout=120.0)
        )

    def copy(self, run_id: str, owner: str) -> Run:
        return self._got(self._do("copy", run_id, owner, timeout=120.0))

    def branch(self, run_id: str, step: int, config: Config, key: str, *, beside: bool = False) -> Run:
        return self._got(self._do("branch", run_id, step, config, key, beside=beside, timeout=60.0))

    def find(self, run_id: str) -> Run | None:
        there = self._do("find", run_id)
        return there and self._got(there)

    def mine(self, run_id: str, owner: str) -> Run | None:
        there = self._do("mine", run_id, owner)
        return there and self._got(there)

    def steer(self, run_id: str, key: str) -> Run:
        return self._got(self._do("steer", run_id, key))

    def group(self, run_id: str, key: str = "") -> list[Run]:
        return [self._got(each) for each in self._do("group", run_id, key)]

    def call(self, verb: str, run_id: str, *args: Any, key: str = "", timeout: float | None = None) -> Any:
        timeout = timeout or self.limits.answer_timeout
        return self._do("call", verb, run_id, *args, key=key, within=timeout, timeout=timeout + 120.0)

    def peek(self, run_id: str, since: int | None = -1, *, beside: bool = False) -> Look:
        look: Look = self._do("peek", run_id, since, beside=beside)
        return look

    def report(self, run_id: str) -> Look:
        look: Look = self._do("report", run_id)
        return look

    def lead(self, run_id: str, key: str) -> None:
        self._do("lead", run_id, key)

    def march(self, run_id: str, on: bool, key: str) -> None:
        self._do("march", run_id, on, key)

    def marches(self, run_id: str) -> bool:
        return bool(self._do("marches", run_id))

    def leave(self, run_id: str, key: str) -> None:
        left = self._desk.do.remote("leave", (run_id, key), {})
        try:
            asyncio.get_running_loop()  # which does not wait
        except RuntimeError:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.get(left, timeout=5.0)

    def end(self, run_id: str, key: str) -> None:
        self._do("end", run_id, key)

    def close_run(self, run_id: str) -> None:
        self._do("close_run", run_id)

    def sweep(self) -> None:
        self._do("sweep")

    def ids(self) -> list[str]:
        return list(self._do("ids"))

    def stats(self) -> Any:
        return self._do("stats")

    def vitals(self) -> Vitals:
        """The same, of the whole cluster.  Raises `PoolError` if the desk does not answer."""
        vitals: Vitals = self._do("vitals", timeout=5.0)
        return vitals

    def answering(self) -> int:
        """The same, as the desk said last; none if it has not said so lately."""
        benches, at = self._answering
        return benches if time.monotonic() - at < self.limits.hang_after / 2 else 0

    def read(self, kind: str, data: bytes, **options: Any) -> Any:
        """The same; the bytes travel straight to the bench."""
        reading.require_size(self.limits, kind, data)
        return self._do("read", kind, ray.put(data), **options, timeout=self.limits.read_timeout + 10.0)

    def wait_ready(self, timeout: float = 60.0) -> None:
        self._do("wait_ready", timeout, timeout=timeout + 10.0)

    def warm(self) -> None:
        self._do("warm", timeout=self.limits.start_timeout + 10.0)

    # --------------------------------------------------------------- watching

    def standing(self, run_id: str) -> Standing:
        known = self._now(run_id)
        return Standing(known.place, known.parked, known.group, known.refused)

    def may(self, run_id: str, key: object) -> bool:
        try:
            return any([same(each, key) for each in self._now(run_id).keys])
        except PoolError:
            return False

    def away(self, run_id: str) -> dict[str, Look]:
        return dict(self._now(run_id).looks)

    def looked_at(self, run_id: str) -> None:
        self._looked_at.add(run_id)

    def looked_away(self, group: Sequence[str]) -> None:
        self._looked_away.append(group)

    def bring_back(self, run_id: str) -> None:
        self._loop.call_soon_threadsafe(self._desk.bring_back.remote, run_id)

    def hear(self, place: int, number: int, run_id: str, message: Mapping[str, Any]) -> None:
        with self._saying:
            first = not self._words
            self._words[place].append((number, run_id, message))
        if first:
            self._loop.call_soon_threadsafe(self._say)

    def unwatch(self, watch: Watch) -> None:
        if self._known.get(watch.run_id) is None:  # the run has been closed, or the desk is not there
            self._watches.pop(watch.number, None)
        else:
            super().unwatch(watch)

    def _now(self, run_id: str) -> Known:
        """What is known of a run; the desk is asked only about one that nobody here watches."""
        self._asked.add(run_id)
        if run_id not in self._known:
            self._known[run_id] = self._do("known", run_id)
        known = self._known[run_id]
        if known is None:
            raise PoolError(GONE)
        return known

    # ------------------------------------------------------------------ inside

    def _got(self, ticket: Ticket) -> Run:
        return Run(self, *ticket)

    def _do(self, name: str, *args: Any, timeout: float = 30.0, **options: Any) -> Any:
        """Let the desk do what a pool does.  Raises what that raises, and `PoolError` if the desk does not answer."""
        if "within" in options:
            options["timeout"] = options.pop("within")
        until = time.monotonic() + PATIENCE
        while True:
            try:
                ok, answer = pickle.loads(ray.get(self._desk.do.remote(name, args, options), timeout=timeout))
            except ray.exceptions.GetTimeoutError:
                raise PoolError("The playground is busy. Please try again in a moment.") from None
            except ray.exceptions.RayActorError:
                if name in READS and time.monotonic() < until:
                    time.sleep(AGAIN)
                    continue
                raise PoolError("The playground is looking for its runs. Please try again in a moment.") from None
            if ok:
                return answer
            raise answer

    # ------------------------------------------------------------------ in a thread and an event loop of its own

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._begin(self._keep_up())
        self._begin(self._keep_well())
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        task.add_done_callback(_say_why)
        self._tasks.append(task)

    def _say(self) -> None:
        """Send on what has been said."""
        with self._saying:
            words, self._words = self._words, defaultdict(list)
        for place, said in words.items():
            if place not in self._seats:
                self._seats[place] = ray.get_actor(f"bench-{place}", NAMESPACE)
                self._begin(self._take_pictures(place))
                self._begin(self._say_to(place))
            self._unsaid[place].put_nowait(said)

    async def _say_to(self, place: int) -> None:
        """Send a bench what has been said, call after call: Ray keeps no order in calls to an actor of coroutines."""
        unsaid = self._unsaid[place]
        while True:
            said = await unsaid.get()
            while not unsaid.empty():
                said = said + unsaid.get_nowait()
            with contextlib.suppress(ray.exceptions.RayError):  # it is gone; where its runs go on, all say hello again
                await self._seats[place].hear.remote(said)
            await asyncio.sleep(GATHERS)

    async def _take_pictures(self, place: int) -> None:
        """Wait for what a bench sends, again and again."""
        while True:
            try:
                for viewers, payload in await self._seats[place].pictures.remote(self.number):
                    with contextlib.suppress(RuntimeError):  # the event loop of whoever watched has just been closed
                        self._deliver(viewers, payload)
                await asyncio.sleep(GATHERS)
            except ray.exceptions.RayError:
                await asyncio.sleep(AGAIN)

    async def _keep_up(self) -> None:
        """Tell the desk who looks at what, and know how that stands."""
        lost = False
        while True:
            watches = {watch.run_id: False for watch in self._who()}
            watches |= {watch.run_id: True for watch in self._who() if watch.hello is not None}
            asked, self._asked = self._asked, set()
            looked_at, self._looked_at = self._looked_at, set()
            left, self._looked_away = self._looked_away, []
            try:
                fresh, told = await self._desk.exchange.remote(self.number, looked_at, left, watches)
            except ray.exceptions.RayError as error:
                if not lost:
                    log.warning("The desk cannot be reached: %s", error)
                lost = True
                self._looked_at |= looked_at
                self._looked_away += left
                await asyncio.sleep(AGAIN)
                continue
            lost = False
            needed = {*watches, *asked, *list(self._asked), *(watch.run_id for watch in self._who())}
            for run_id in [name for name in list(self._known) if name not in needed]:
                del self._known[run_id]
            for run_id, known in told.items():
                self._learn(run_id, known, fresh)
            await asyncio.sleep(EVERY)

    async def _keep_well(self) -> None:
        """Know whether there is a bench that answers."""
        while True:
            with contextlib.suppress(ray.exceptions.RayError):
                _, benches = pickle.loads(await self._desk.do.remote("answering", (), {}))
                self._answering = (benches, time.monotonic())
            await asyncio.sleep(WELL)

    def _learn(self, run_id: str, known: Known | None, fresh: bool) -> None:
        before, self._known[run_id] = self._known.get(run_id), known
        if known is None:
            self._say_ended(run_id)
        elif known.place is not None and (fresh or (before is not None and before.arrival != known.arrival)):
            self._say_hello(run_id, known.place)


def _say_why(task: asyncio.Task[None]) -> None:
    """None of the tasks of a pool ends by itself."""
    if not task.cancelled():
        log.critical("A part of the pool has stopped.", exc_info=task.exception())
