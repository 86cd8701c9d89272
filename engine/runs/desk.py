"""The desk: the one actor of a Ray cluster that knows the runs of every web process, and says on which bench each is.

It is a pool without anybody who watches: who does is known to `engine.runs.ray`, in each web process.  Ray starts it,
places the benches and starts again what has died; the desk gives a bench its runs back, or gives them to others.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.contract.knobs import ConfigError
from engine.contract.reading import ReadError
from engine.runs import logs
from engine.runs.benches import Benches
from engine.runs.history import Look
from engine.runs.limits import Limits
from engine.runs.pool import PoolError
from engine.runs.records import Record
from engine.runs.run import Run

VANISHED = 5.0  # seconds without a word from a web process after which those who watch there are gone


class Ticket(NamedTuple):
    """A `Run`, as it travels between a web process and the desk."""

    run_id: str
    slug: str
    key: str


@dataclass(frozen=True)
class Known:
    """What a web process knows of a run that somebody there watches."""

    place: int | None  # as in `engine.runs.watching.Standing`
    parked: bool
    group: tuple[str, ...]
    keys: tuple[str, ...] = field(repr=False)  # that steer it: its own, and its leader's
    arrival: int  # grows when it comes to a bench, where those who watch say hello then
    looks: Mapping[str, Look]  # of it if it is on no bench, and of those lost beside it
    refused: str  # as in `Standing`


@dataclass
class Web:
    """A web process."""

    heard: float  # when it last said something
    watches: set[str] = field(default_factory=set)  # runs that somebody there looks at
    told: dict[str, Known | None] = field(default_factory=dict)


class Desk(Benches):
    """The pool of a cluster.  Thread-safe."""

    def __init__(self, limits: Limits, device: str, audience: str, workers: int | None, gpus: float) -> None:
        logs.begin_ours("desk")
        self._webs: dict[int, Web] = {}
        super().__init__(limits, device, audience, workers, gpus)

    def handle(self, record: Record, key: str = "") -> Any:
        return Ticket(record.run_id, record.slug, key)

    def sweep(self) -> None:
        """The same, and see which web processes are gone."""
        for number, web in [*self._webs.items()]:
            if time.monotonic() - web.heard > VANISHED:
                self.part(number)
        super().sweep()

    # ------------------------------------------------------------------ for web processes

    def do(self, name: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> bytes:
        """Do what a web process asks of its pool: whether it could be done, and answer or error, pickled."""
        given = [Run(self, *each) if isinstance(each, Ticket) else each for each in args]
        more = {key: Run(self, *each) if isinstance(each, Ticket) else each for key, each in options.items()}
        try:
            return pickle.dumps((True, getattr(self, name)(*given, **more)), protocol=5)
        except (ConfigError, KeyError, PoolError, ReadError, ValueError) as error:
            return pickle.dumps((False, error), protocol=5)

    def _require_size(self, kind: str, data: bytes) -> None:
        """The web process has: here is only what stands for the bytes."""

    def bounds(self) -> Limits:
        return self.limits

    def bring_back(self, run_id: str) -> None:
        """Somebody wants a parked run."""
        if record := self._records.get(run_id):
            self.wake_soon(record)

    def known(self, run_id: str) -> Known:
        """What a web process needs to know of a run that is watched there.  Raises `PoolError` for an unknown one."""
        with self._lock:
            record = self._record(run_id)
            place = None if record.look.status == "lost" else record.place
            keys = tuple(dict.fromkeys(each.key for each in (record, record.together[0])))
            group = tuple(each.run_id for each in record.together)
            arrival, refused = self._arrivals.get(run_id, 0), self.held_back(record)
            return Known(place, record.parked, group, keys, arrival, self.away(run_id), refused)

    def exchange(
        self, number: int, looked_at: Collection[str], looked_away: Sequence[Sequence[str]], watches: Mapping[str, bool]
    ) -> tuple[bool, dict[str, Known | None]]:
        """A web process says which runs were looked at since last time, which groups are no more, and which it watches,
        and whether by somebody who has said hello.

        Returns whether it was unknown, so that all who watch there must say hello again, and what has changed of the
        runs that it watches; None for one that is closed.
        """
        web = self._webs.get(number)
        fresh = web is None
        if web is None:
            web = self._webs[number] = Web(time.monotonic())
        web.heard, web.watches = time.monotonic(), {run_id for run_id, greeted in watches.items() if greeted}
        for record in [found for run_id in looked_at if (found := self._records.get(run_id)) is not None]:
            self._touched(record)
        for group in looked_away:
            self._looked_away(group)
        now: dict[str, Known | None] = {}
        for run_id in watches:
            try:
                now[run_id] = self.known(run_id)
            except PoolError:
                now[run_id] = None
        changed = {run_id: known for run_id, known in now.items() if web.told.get(run_id, fresh) != known}
        web.told = now
        return fresh, changed

    def part(self, number: int) -> None:
        """A web process is gone, and those who watched there."""
        web = self._webs.pop(number, None)
        for bench in self._benches:
            bench.seat.forget.remote(number)
        for run_id in web.watches if web is not None else ():
            if record := self._records.get(run_id):
                self._looked_away([each.run_id for each in record.together])

    def _looked_away(self, group: Sequence[str]) -> None:
        """Nobody in one web process looks at these runs any more: unless somebody in another does, they are left."""
        if not any(web.watches & set(group) for web in [*self._webs.values()]):
            for record in [found for run_id in group if (found := self._records.get(run_id)) is not None]:
                record.left = time.monotonic()
