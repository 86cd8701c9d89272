"""Runs that nobody looks at are parked: paused, put away with their whole past, and their place is free.

They lie as files in the data folder, or in their worker's memory where nothing can be written.  Whoever comes back to
one gets it as it was, paused, or in the queue where every place is taken.  A group is parked and comes back as one.
"""

from __future__ import annotations

import abc
import contextlib
import logging
import math
import pickle
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from engine.contract.folder import data_folder
from engine.runs.grouped import Grouped
from engine.runs.history import Look
from engine.runs.limits import Limits
from engine.runs.records import Away, Record
from engine.runs.run import PoolError

log = logging.getLogger(__name__)

SENTENCE = "Paused because nobody was watching. Press Play to go on."


class Parking(Grouped):
    """What a pool does with runs that nobody looks at.  Thread-safe."""

    limits: Limits

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None

    # ------------------------------------------------------------------ going

    def park(self, record: Record) -> bool:
        """Pause a run and those beside it, put them away and free their places; whether that is done.

        It is not while one of them still goes to the step where all of them stop, or when a bench does not answer: then
        it is tried again.
        """
        leader = record.together[0]
        place = leader.place
        if place is None or leader.look.status == "lost":
            return False
        try:
            for each in leader.together:
                self.send(place, "pause", each.run_id, (SENTENCE,), 2.0)
            told: dict[str, tuple[Look, bool, float]] | None = self.send(
                place, "park", leader.run_id, (self._files(), SENTENCE), 10.0
            )
        except (PoolError, KeyError) as error:
            log.info("Run %s could not be parked: %s", leader.run_id, error)
            return False
        if told is None:
            return False
        with self._lock:
            for each in leader.together:
                if each.run_id in told:
                    each.look, in_file, megabytes = told[each.run_id]
                    each.away = Away(self._file(each) if in_file else None, place, megabytes)
                    each.config = each.look.config
                    each.place, each.parked = None, True
        return True

    def _files(self) -> str:
        """The folder for parked runs of this pool; "" where there can be none."""
        if self._folder is None:
            try:
                parent = data_folder() / "parked"
                parent.mkdir(parents=True, exist_ok=True)
                _tidy(parent, time.time() - 2 * self.limits.drop_after - 3600)
                self._folder = self._made(parent)
            except OSError as error:
                log.info("Runs are parked in memory: %s", error)
                return ""
        return str(self._folder)

    def _made(self, parent: Path) -> Path:
        """A folder of this pool in that of all."""
        return Path(tempfile.mkdtemp(prefix="pool-", dir=parent))

    def _file(self, record: Record) -> Path:
        return Path(self._files()) / record.run_id

    # ----------------------------------------------------------------- coming back

    def wake(self, record: Record) -> bool:
        """Let a parked run, and those beside it, queue for a place again; whether it was parked."""
        with self._lock:
            if not record.parked:
                return False
            for each in record.together:
                each.parked, each.asked, each.left = False, time.monotonic(), math.inf  # somebody wants it
                self._records[each.run_id] = self._records.pop(each.run_id)  # behind those who wait already
        return True

    def awake(self, record: Record) -> None:
        """The same, and wait until it has a place, if there is one."""
        if self.wake(record):
            self.admit()

    def wake_soon(self, record: Record) -> None:
        """The same, waiting for nothing."""
        if self.wake(record):
            threading.Thread(target=self.admit, name="pool-waking", daemon=True).start()

    @abc.abstractmethod
    def admit(self) -> None:
        """Give free places to runs that wait, first come first served."""

    def unpack(self, record: Record) -> bytes | Path | None:
        """What a bench adopts to go on with a run that was put away, or that is a copy; None for one that begins.

        Of one that is lost with the memory of its worker, or whose file is gone, it is the newest copy of before.
        """
        if record.away is not None:
            if record.away.file is not None and record.away.file.exists():
                return record.away.file
            if record.away.file is None:
                with contextlib.suppress(PoolError, KeyError):
                    packed: bytes = self.send(record.away.place, "parked", record.run_id, (), self.limits.start_timeout)
                    return packed
            log.warning("What was put away of run %s is gone.", record.run_id)
        return record.dump

    def past(self, record: Record) -> dict[str, Any] | None:
        """A parked run as plain values; None if it has never had a place."""
        packed = self.unpack(record)
        if isinstance(packed, Path):
            packed = packed.read_bytes()
        told: dict[str, Any] | None = None if packed is None else pickle.loads(packed)
        return told

    def discard(self, record: Record) -> None:
        """What was put away of a run is not needed any more."""
        away, record.away = record.away, None
        if away is not None and away.file is not None:
            with contextlib.suppress(OSError):
                away.file.unlink(missing_ok=True)
        elif away is not None:
            with contextlib.suppress(PoolError, KeyError):
                self.send(away.place, "unpark", record.run_id, (), 2.0)

    def discard_all(self) -> None:
        """The pool ends."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _tidy(parent: Path, before: float) -> None:
    """Take away what pools have left that ended without a word."""
    for folder in parent.glob("pool-*"):
        with contextlib.suppress(OSError):
            newest = max([each.stat().st_mtime for each in (folder, *folder.iterdir())])
            if newest < before:
                shutil.rmtree(folder, ignore_errors=True)
