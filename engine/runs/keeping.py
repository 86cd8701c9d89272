"""What the desk keeps of runs, and where: so that a bench may end, or the desk itself, and none of them is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import pickle
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray

from engine.runs.actor import State
from engine.runs.limits import Limits
from engine.runs.pool import LOST, PoolError, WorkerLost
from engine.runs.records import Away, Record
from engine.runs.recovery import Recovery
from engine.runs.vitals import Told
from engine.runs.worker import Silence

log = logging.getLogger(__name__)

CARD = ".card"  # the ending of a file that tells of another one
WAITS = ".waits"  # and of one that tells of a run that waits


class Bench:
    """The desk's side of one bench, which may live several times."""

    def __init__(self, place: int, seat: Any) -> None:
        self.place, self.seat = place, seat
        self.state: State | None = None  # what it said last in this life; None: it is not up
        self.ready = threading.Event()
        self.silence, self.asked = Silence(), None
        self.born, self.adopted = "", ""
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


class Keeping(Recovery):
    """A pool whose benches are actors, and what it keeps of their runs.  Thread-safe."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._benches: list[Bench] = []
        self._arrivals: dict[str, int] = {}  # see `engine.runs.desk.Known`
        self._counted = itertools.count(time.time_ns())  # another desk after this one counts on
        self._newest: dict[str, tuple[str, int]] = {}  # the copy that there is of a run: life of its bench, and number
        self._noted: dict[str, tuple[int, tuple[object, ...]]] = {}  # of who waits: since when, and what is written

    def _greet(self, record: Record) -> None:
        self._arrivals[record.run_id] = next(self._counted)
        self._strike_out(record.run_id)

    def _ended(self, run_id: str) -> None:
        self._arrivals.pop(run_id, None)
        self._newest.pop(run_id, None)
        self._strike_out(run_id)

    def keep(self, run_id: str, born: str, number: int, copy: bytes) -> None:
        """The newest copy of a run, by a bench."""
        with self._lock:
            record = self._records.get(run_id)
            if record is not None and record.place is not None and self._benches[record.place].born == born:
                life, last = self._newest.get(run_id, ("", 0))
                if life != born or number > last:
                    self._newest[run_id], record.dump = (born, number), copy

    # ------------------------------------------------------------------ what is put away

    def park(self, record: Record) -> bool:
        """The same, and the desk's machine has what was put away: a bench may be lost."""
        place, group = record.together[0].place, [*record.together]
        if not super().park(record) or place is None:
            return False
        dropped = self._benches[place].seat.drop.remote([each.run_id for each in group])
        ray.wait([dropped], timeout=2.0)  # before one of them comes back there: Ray keeps no order
        for each in group:
            with contextlib.suppress(PoolError, KeyError):  # somebody has it again already, or it is as if it had died
                self._fetch(each, place)
            self._describe(each)
        return True

    def _fetch(self, record: Record, place: int) -> None:
        """Have what a bench has put away in its memory: in a file here, or in the desk's own memory."""
        away, file = record.away, None
        if away is None or away.file is not None:
            return
        packed: bytes = self.send(place, "parked", record.run_id, (), self.limits.start_timeout)
        if self._files():
            with contextlib.suppress(OSError):  # a full disk
                file = self._file(record)
                file.write_bytes(packed)
        with self._lock:
            if not record.parked or record.away is not away:
                return
            record.away = dataclasses.replace(away, file=file) if file is not None else None
            record.dump = record.dump if file is not None else packed
        self.send(place, "unpark", record.run_id, (), 2.0)

    def _describe(self, record: Record) -> None:
        """Write beside the file of a parked run what a desk after this one needs to know of it."""
        away = record.away
        if away is not None and away.file is not None:
            with contextlib.suppress(OSError):
                told = (_card(record), record.look, away.megabytes)
                away.file.with_suffix(CARD).write_bytes(pickle.dumps(told, protocol=5))

    def discard(self, record: Record) -> None:
        if record.away is not None and record.away.file is not None:
            with contextlib.suppress(OSError):
                record.away.file.with_suffix(CARD).unlink(missing_ok=True)
        super().discard(record)

    def _made(self, parent: Path) -> Path:
        """The same for every desk of this cluster."""
        folder = parent / f"pool-{ray.get_runtime_context().gcs_address.replace(':', '-')}"
        folder.mkdir(exist_ok=True)
        return folder

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

    def sweep(self) -> None:
        """The same, and write down who waits.  What was parked before has its file until it has a place."""
        super().sweep()
        with self._lock:
            waiting = [record for record in self._waiting() if record.away is None] if self._files() else []
            for record in waiting:
                since, written = self._noted.get(record.run_id, (0, ()))
                group = [each.run_id for each in record.together]
                now = (len(record.queued), record.marches, *group)
                if now != written:
                    self._noted[record.run_id] = since, _ = since or next(self._counted), now
                    told = pickle.dumps((since, _card(record), record.look, record.queued, record.dump), protocol=5)
                    with contextlib.suppress(OSError):  # a full disk
                        self._file(record).with_suffix(WAITS).write_bytes(told)

    def _strike_out(self, run_id: str) -> None:
        """A run waits no longer."""
        if self._noted.pop(run_id, None) is not None:
            with contextlib.suppress(OSError):
                (Path(self._files()) / run_id).with_suffix(WAITS).unlink(missing_ok=True)

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
        groups += self._recall_parked() + self._recall_waiting()
        for names in groups:
            there = [self._records[name] for name in names if name in self._records]
            for record in there:
                record.together = there
        if self._records:
            log.warning("The desk has started again, and has found %d runs.", len(self._records))
            threading.Thread(target=self._copy_all, args=([*self._records.values()],), daemon=True).start()

    def _recall_parked(self) -> list[list[str]]:
        """The same of those that are put away here; their groups."""
        groups = []
        for path in Path(self._files()).glob(f"*{CARD}") if self._files() else ():
            file = path.with_suffix("")
            try:
                card, look, megabytes = pickle.loads(path.read_bytes())
                told, seconds = pickle.loads(card), time.time() - file.stat().st_mtime
            except Exception as error:  # half written, or by another version
                log.warning("A parked run cannot be known again: %s", error)
                continue
            if told["run_id"] not in self._records:
                groups.append(told.pop("group"))
                record = Record(look=look, parked=True, away=Away(file, 0, megabytes), **told)
                record.asked -= seconds
                self._records[record.run_id] = record
        return groups

    def _recall_waiting(self) -> list[list[str]]:
        """The same of those that wait, in their order."""
        found, groups = [], []
        for path in Path(self._files()).glob(f"*{WAITS}") if self._files() else ():
            try:
                found.append(pickle.loads(path.read_bytes()))
            except Exception as error:
                log.warning("A run that waits cannot be known again: %s", error)
        for since, card, look, queued, dump in sorted(found, key=lambda told: told[0]):
            told = pickle.loads(card)
            self._noted[told["run_id"]] = since, ()
            if told["run_id"] in self._records:
                self._strike_out(told["run_id"])
                continue
            groups.append(told.pop("group"))
            record = Record(look=look, queued=queued, dump=dump, **told)
            self._records[record.run_id] = record
        return groups

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
