"""Those in this process who watch runs, whichever process knows of these and wherever they train."""

from __future__ import annotations

import abc
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.runs.audience import Watch
from engine.runs.history import Look
from engine.runs.limits import Limits
from engine.runs.pool import Crowded, Pool, PoolError, PoolFull
from engine.runs.records import Record


@dataclass(frozen=True)
class Standing:
    """How a run stands, for those who watch it."""

    place: int | None  # the bench that speaks of it; None: it waits, is parked or is lost
    parked: bool
    group: tuple[str, ...]  # the ids of those that are shown together with it, its own among them
    refused: str = ""  # why it cannot come back just now where it is parked


class Watching(abc.ABC):
    """Who watches which run.  Thread-safe."""

    limits: Limits

    def __init__(self) -> None:
        self._watches: dict[int, Watch] = {}
        self._numbers = itertools.count(1)  # of watches
        self._counting = threading.Lock()

    # ------------------------------------------------ what is asked of whoever knows the runs

    @abc.abstractmethod
    def standing(self, run_id: str) -> Standing:
        """How a run stands.  Raises `PoolError` for an unknown one."""

    @abc.abstractmethod
    def may(self, run_id: str, key: object) -> bool:
        """Whether `key`, which may be anything that a browser sent, steers this run."""

    @abc.abstractmethod
    def away(self, run_id: str) -> dict[str, Look]:
        """The look of a run, by its id, if it waits, is parked or lost, and so on no bench; and of those lost
        beside it.
        """

    @abc.abstractmethod
    def looked_at(self, run_id: str) -> None:
        """Somebody looks at a run, which keeps it."""

    @abc.abstractmethod
    def looked_away(self, group: Sequence[str]) -> None:
        """Nobody in this process looks at any of these runs any more."""

    @abc.abstractmethod
    def bring_back(self, run_id: str) -> None:
        """Somebody wants a parked run: let it queue for a place.  Waits for nothing."""

    @abc.abstractmethod
    def hear(self, place: int, number: int, run_id: str, message: Mapping[str, Any]) -> None:
        """Carry what somebody who watches says to the audience of a bench.  Waits for nothing."""

    # --------------------------------------------------------------- public

    def watch(self, run_id: str, deliver: Callable[[bytes | str | None], None], owner: str = "") -> Watch:
        """Watch a run: what its audience sends comes to `deliver`.  `owner` is the browser that watches, if known.

        Raises `PoolError` for an unknown run, and `PoolFull` where as many watch as may, here or in this browser.
        """
        self.standing(run_id)
        with self._counting:
            theirs = len(self.watches(owner))
            if theirs >= self.limits.viewers_per_owner:
                raise PoolFull(
                    f"One browser may show {theirs} pages of this server at once, and yours does. Close another tab of "
                    "the playground, then reload this page."
                )
            if len(self._watches) >= self.limits.viewers:
                raise PoolFull("As many people as this server can show something to are watching. Try again later.")
            watch = Watch(next(self._numbers), run_id, deliver, owner)
            self._watches[watch.number] = watch
        return watch

    def tell(self, watch: Watch, message: Mapping[str, Any]) -> None:
        """Somebody who watches says something, which also keeps the run.

        Raises `PoolError` if it is gone, and `PoolFull` for one who only watches where as many do as may: there is
        room for those who steer.  Raises `Crowded`, with a sentence, for a parked run that cannot come back yet.
        """
        run, kind = self.standing(watch.run_id), message.get("type")
        acts = kind not in ("hello", "ack", "seen")
        if kind == "hello":
            if watch.hello is None and message.get("may") != "steer":
                there = [each for each in self._who() if each.run_id == watch.run_id]
                if sum(w.hello is not None and not w.steers for w in there) >= self.limits.viewers_per_run:
                    raise PoolFull("As many people as can watch one run are watching this one. Try again later.")
            watch.hello, watch.visible = message, True
        if kind == "seen":
            watch.visible = message.get("value") is True
        if watch.steers if acts else watch.visible:  # a hidden tab keeps no run
            self.looked_at(watch.run_id)
            if kind != "ack" and run.parked:
                if run.refused:
                    raise Crowded(run.refused)
                if acts:
                    watch.unheard.append(message)
                self.bring_back(watch.run_id)
                return
        if run.place is not None:
            self.hear(run.place, watch.number, watch.run_id, message)

    def unwatch(self, watch: Watch) -> None:
        """Somebody watches no longer.  Where nobody is left who looks, the run has been left."""
        self._watches.pop(watch.number, None)
        try:
            run = self.standing(watch.run_id)
        except PoolError:  # closed meanwhile
            return
        if watch.hello is not None and not any(w.run_id in run.group and w.hello is not None for w in self._who()):
            self.looked_away(run.group)
        if run.place is not None:
            self.hear(run.place, watch.number, watch.run_id, {"type": "leave"})

    def watches(self, owner: str) -> list[Watch]:
        """Where the browser `owner` watches in this process."""
        return [watch for watch in self._who() if owner and watch.owner == owner]

    def viewers(self) -> Counter[str]:
        """How many in this process have said hello, by what they may do: steer, watch."""
        return Counter("steer" if each.steers else "watch" for each in self._who() if each.hello is not None)

    # --------------------------------------------------------------- inside

    def _who(self, run_id: str | None = None) -> list[Watch]:
        """All who watch now, or those who watch this run."""
        return [watch for watch in [*self._watches.values()] if run_id in (None, watch.run_id)]

    def _say_hello(self, run_id: str, place: int) -> None:
        """Say hello for all who watch a run, on the bench that has it now."""
        for watch in [each for each in self._who(run_id) if each.hello is not None]:
            self.hear(place, watch.number, run_id, watch.hello or {})
            if not watch.visible:
                self.hear(place, watch.number, run_id, {"type": "seen", "value": False})
            while watch.unheard:
                self.hear(place, watch.number, run_id, watch.unheard.pop(0))

    def _say_ended(self, run_id: str) -> None:
        """Tell all who watch a run that it has been closed."""
        for watch in self._who(run_id):
            watch.deliver(None)

    def _deliver(self, numbers: Sequence[int], payload: bytes | str) -> None:
        """What an audience sends, to those whom it is for."""
        for watch in [found for number in numbers if (found := self._watches.get(number)) is not None]:
            watch.deliver(payload)


class WatchedPool(Pool, Watching):
    """A pool whose runs are watched in the process that knows them.  Thread-safe."""

    def __init__(self, limits: Limits | None = None) -> None:
        Watching.__init__(self)
        Pool.__init__(self, limits)

    def standing(self, run_id: str) -> Standing:
        record = self._record(run_id)
        place = None if record.look.status == "lost" else record.place
        group = tuple([each.run_id for each in record.together])
        return Standing(place, record.parked, group, self.held_back(record))

    def looked_at(self, run_id: str) -> None:
        if record := self._records.get(run_id):
            self._touched(record)

    def looked_away(self, group: Sequence[str]) -> None:
        for record in [found for run_id in group if (found := self._records.get(run_id)) is not None]:
            record.left = time.monotonic()

    def bring_back(self, run_id: str) -> None:
        if record := self._records.get(run_id):
            self.wake_soon(record)

    def _greet(self, record: Record) -> None:
        assert record.place is not None
        self._say_hello(record.run_id, record.place)

    def _ended(self, run_id: str) -> None:
        self._say_ended(run_id)
