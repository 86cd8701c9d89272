"""What a pool knows of its runs, and who may do what with them: everybody may look, whoever has the key may steer."""

from __future__ import annotations

import abc
import hmac
import math
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.contract.knobs import Config
from engine.runs.history import Look
from engine.runs.run import PoolError, Run

FOREIGN = "Only the browser that began this run may steer it. Take over a copy to go on from here."
GONE = "This run was put away because nobody watched it. Reset starts it again."


@dataclass(frozen=True)
class Away:
    """Where a parked run lies: in a file, or in the memory of a bench."""

    file: Path | None
    place: int
    megabytes: float = 0.0


def _new_id() -> str:
    return secrets.token_urlsafe(9)


def _new_key() -> str:
    return secrets.token_urlsafe(24)


@dataclass(eq=False)
class Record:
    """What the pool knows of one run without asking its bench.  Neither owner nor key appear in a log."""

    slug: str
    config: Config
    owner: str = field(default="", repr=False)  # the browser that began it; "": none, and only the key counts
    key: str = field(default_factory=_new_key, repr=False)
    run_id: str = field(default_factory=_new_id)
    place: int | None = None  # None: waiting, or parked
    asked: float = field(default_factory=time.monotonic)
    look: Look = field(default_factory=lambda: Look(status="waiting"))
    queued: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)  # wishes of a run that waits
    dump: bytes | None = field(default=None, repr=False)  # the newest copy, from which a lost run goes on: pickled
    crashes: int = 0
    left: float = math.inf  # when the page that watched it was left
    parked: bool = False  # put away because nobody asked: it has no place, and waits for none
    away: Away | None = None  # where its past lies until it is on a bench again
    together: list[Record] = field(default_factory=list, repr=False)  # those of one group have one list: leader first
    marches: bool = True  # with those of its group; else it was kept with another past
    shown: bool = False  # whether somebody has asked for it since it was opened
    slide: bool = False  # whether it was opened from a slide: it has no owner, and its page alone has its key

    def __post_init__(self) -> None:
        self.together.append(self)


def same(secret: str, said: object) -> bool:
    """Whether somebody says a secret, in a time that tells nothing about it.  No secret is never said right."""
    text = said if isinstance(said, str) else ""
    return hmac.compare_digest(secret.encode(), text.encode("utf-8", "surrogatepass")) and bool(secret)


class Records(abc.ABC):
    """The runs of a pool, by id.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._records: dict[str, Record] = {}

    @abc.abstractmethod
    def handle(self, record: Record, key: str = "") -> Run:
        """A `Run` for a record, which may act if `key` is that of the record."""

    # --------------------------------------------------------------- public

    def ids(self) -> list[str]:
        """The ids of all runs."""
        return list(self._records)

    def find(self, run_id: str) -> Run | None:
        """The run with this id, to look at only; None if its lease has ended or it was lost."""
        record = self._there(run_id)
        return self.handle(record) if record else None

    def mine(self, run_id: str, owner: str) -> Run | None:
        """The run with this id, with its key, if `owner` began it; else None."""
        record = self._there(run_id)
        return self.handle(record, record.key) if record and same(record.owner, owner) else None

    def steer(self, run_id: str, key: str) -> Run:
        """The run with this id, to act on.  Raises `PoolError` for an unknown run, and for a wrong key."""
        self.require(run_id, key)
        return self.handle(self._record(run_id), key)

    def may(self, run_id: str, key: object) -> bool:
        """Whether `key`, which may be anything that a browser sent, is that of the run or of the one that leads it."""
        record = self._records.get(run_id)
        return record is not None and any([same(each.key, key) for each in (record, record.together[0])])

    def require(self, run_id: str, key: str) -> None:
        """Raise `PoolError`, with a sentence, unless there is such a run and this is its key."""
        self._record(run_id)
        if not self.may(run_id, key):
            raise PoolError(FOREIGN)

    # --------------------------------------------------------------- inside

    def _there(self, run_id: str) -> Record | None:
        with self._lock:
            record = self._records.get(run_id)
        return None if record is None or record.look.status == "lost" else record

    def _record(self, run_id: str) -> Record:
        with self._lock:
            if run_id not in self._records:
                raise PoolError(GONE)
            return self._records[run_id]

    def _closed(self, record: Record) -> bool:
        """Whether a run has been closed: somebody may have it in hand still."""
        return self._records.get(record.run_id) is not record

    def _waiting(self) -> list[Record]:
        return [r for r in self._records.values() if r.place is None and not r.parked]

    def _queue(self) -> list[Record]:
        """The runs that wait, each with those whom it leads."""
        return [r for r in self._waiting() if r.together[0] is r]

    def _taken(self, place: int) -> int:
        return sum(r.place == place for r in self._records.values())
