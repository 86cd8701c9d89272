"""When a worker is gone: another one goes on with its runs, from the newest copy of each."""

from __future__ import annotations

import dataclasses
import logging
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from engine.runs.pool import Pool, PoolError, WorkerLost
from engine.runs.records import Record

log = logging.getLogger(__name__)

Ask = Callable[[str, str, tuple[Any, ...]], Any]  # verb, id of the run and arguments, for one worker and none after it


class Recovery(Pool):
    """A pool whose workers may be lost.  Thread-safe."""

    def blame(self, run_id: str) -> None:
        """A worker was lost, or had to be ended, with this run in hand."""
        record = self._records.get(run_id)
        if record is not None:
            record.crashes += 1

    def adopt(self, records: Sequence[Record], ask: Ask, why: str) -> None:
        """Let a worker take over these runs, whole groups, of which it is the place; `why` says of the old one what
        happened to it.

        Whoever may do it again comes last.  If this worker is lost too, somebody else will do the same.
        """
        for record in sorted(records, key=lambda record: record.crashes):
            try:
                self._resume(record, ask, why)
            except WorkerLost:
                return
            except Exception as error:
                if self._closed(record):  # meanwhile
                    continue
                log.warning("Run %s could not be taken over: %s", record.run_id, error)
                self._lose(record, "The worker that trained this was lost, and the run with it. Reset starts it again.")
        for leader in [record for record in records if record.together[0] is record and len(record.together) > 1]:
            try:
                self._regroup(leader)
            except PoolError as error:
                log.warning("The runs beside %s do not stand together any more: %s", leader.run_id, error)

    def _resume(self, record: Record, ask: Ask, why: str) -> None:
        if record.crashes >= self.limits.crashes:
            self._lose(record, f"This run brought down its worker {record.crashes} times, so it was stopped. Reset, "
                               "and try smaller settings.")  # fmt: skip
            return
        if self._closed(record):
            return
        past, step = self.unpack(record), 0
        if past is None:
            ask("open", record.run_id, (record.slug, record.config))
        else:
            step = pickle.loads(past if isinstance(past, bytes) else past.read_bytes())["step"]
            ask("adopt", record.run_id, (past,))
            self.discard(record)
        if self._closed(record):  # meanwhile: whoever closed it may have found no worker yet to tell
            ask("close", record.run_id, ())
            return
        ask("note", record.run_id, (f"The worker that trained this {why}; the run went on in a new one from step "
                                    f"{step:,}.",))  # fmt: skip
        self._do_queued(record)

    def _lose(self, record: Record, message: str) -> None:
        record.look = dataclasses.replace(record.look, status="lost", message=message, curves={})
