"""Quotas: how many runs one browser may have, and how many the slides have together.

A browser is known by its cookie (`Record.owner`), never by its address: a lecture hall is one address.  Runs of slides
have no owner, since a slide on another site gets no cookie; they have a share of the whole.  What nobody sees makes
room first, so that whoever looks at one page at a time meets no bound, and nothing is lost.
"""

from __future__ import annotations

import abc
import contextlib
import threading
import time
from collections import Counter

from engine.runs.grouped import PoolFull
from engine.runs.parked import Parking
from engine.runs.records import Record

GRACE = 15.0  # seconds that a slide has to connect to a run that it has opened
UNSEEN = 45.0  # seconds without a sign of life, which a page in sight gives every 30


class Crowded(PoolFull):
    """One browser, or the slides together, have as many runs as they may; others are not full."""


class Quotas(Parking):
    """Who may have one more run.  Thread-safe."""

    # ---------------------------------------------------------------- asking

    def refused(self, record: Record, runs: int = 1, *, waits: bool = False) -> str:
        """Why there may not be so many more `runs` like this one, placed or, if it `waits`, in the queue; or ""."""
        limits = self.limits
        with self._lock:
            alike = [r for r in self._records.values() if self._counts(r, record)]
            queued = sum(r.place is None and r.together[0] is r for r in alike)
            places = sum(self.places().values()) if record.slide else 0
        if record.slide:
            if len(alike) + runs > max(1, int(limits.slides_share * places)) or (
                waits and queued >= max(1, int(limits.slides_share * limits.waiting))
            ):
                return (
                    "As many slides as this server can play at once are being played. Please try again in a minute, or "
                    "open the lab's own page."
                )
        elif record.owner and len(alike) + runs > limits.runs_per_owner:
            return (
                f"One browser may have {limits.runs_per_owner} runs open here, and yours has them already. Close a "
                "comparison or another tab of the playground, then try again; nothing is lost."
            )
        elif record.owner and waits and queued >= limits.waiting_per_owner:
            return (
                f"Every place is taken, and {limits.waiting_per_owner} runs of your browser are in the queue already, "
                "as many as one may have there. Close another tab of the playground, or try again in a few minutes; "
                "what you set stays in the link."
            )
        return ""

    def _counts(self, record: Record, wanted: Record) -> bool:
        """Whether a run counts beside the one that is wanted."""
        same = record.slide if wanted.slide else bool(wanted.owner) and record.owner == wanted.owner
        return same and record is not wanted and not record.parked and record.look.status != "lost"

    # ----------------------------------------------------------- making room

    def make_room_for(self, record: Record, runs: int = 1) -> None:
        """Put away what nobody sees of whoever wants so many more `runs`, as far as that is needed.

        Raises `Crowded`, with a sentence, where that does not do.
        """
        for idle in self._unseen(record) if self.refused(record, runs) else ():
            if record.slide:
                self.close_run(idle.run_id)
            elif not self.park(idle):  # those of a group go to where all of them stop, which takes a moment
                time.sleep(0.1)
                self.park(idle)
            if not self.refused(record, runs):
                return
        if said := self.refused(record, runs):
            raise Crowded(said)

    @abc.abstractmethod
    def close_run(self, run_id: str) -> None:
        """Forget a run, with those whom it leads, and let the next one in."""

    def _unseen(self, record: Record) -> list[Record]:
        """The leaders of groups that count beside this run and that nobody sees, the longest unseen first.

        A slide's is closed for that, so only those that no slide shows.
        """
        with self._lock:
            there = [r for r in self._records.values() if self._counts(r, record) and r.together[0] is r]
            idle = [r for r in there if r.place is not None and r.together is not record.together]
            return sorted([r for r in idle if self._is_unseen(r)], key=lambda r: min(r.asked, r.left))

    def _is_unseen(self, record: Record) -> bool:
        """Whether no page shows a run that was left, or is in sight; a slide in a hidden tab shows it still."""
        now = time.monotonic()
        if record.slide:
            return record.left <= now or (not record.shown and now - record.asked > GRACE)
        return record.left <= now or now - record.asked > UNSEEN

    # ----------------------------------------------------------- coming back

    def awake(self, record: Record) -> None:
        """Like `Parking.awake`.  Raises `Crowded` where its owner has as many other runs as may be: it stays parked."""
        if record.parked:
            self.make_room_for(record, len(record.together))
        super().awake(record)

    def wake_soon(self, record: Record) -> None:
        """Like `Parking.wake_soon`; where its owner has as many other runs as may be it stays parked."""
        if not record.parked or not self.refused(record, len(record.together)):
            super().wake_soon(record)
        elif not self.held_back(record):
            threading.Thread(target=self._wake_after, args=(record,), name="pool-waking", daemon=True).start()

    def _wake_after(self, record: Record) -> None:
        with contextlib.suppress(Crowded):  # another one was quicker; whoever wants this one asks again
            self.awake(record)

    def held_back(self, record: Record) -> str:
        """Why a parked run cannot come back just now, since its owner has others; or ""."""
        said = self.refused(record, len(record.together)) if record.parked else ""
        return said if said and not self._unseen(record) else ""

    # ------------------------------------------------------------- in the end

    def _over(self) -> list[Record]:
        """Who leads groups that are to be closed: slides' that nobody shows, and what is parked beyond bounds."""
        now, limits = time.monotonic(), self.limits
        with self._lock:
            leaders = [r for r in self._records.values() if r.together[0] is r]
        found = [r for r in leaders if r.slide and now > self._ends(r)]
        kept, megabytes, whose = 0, 0.0, Counter[str]()
        for record in sorted([r for r in leaders if r.parked and r not in found], key=lambda r: -r.asked):
            megabytes += sum(each.away.megabytes for each in record.together if each.away is not None)
            most = max(1, int(limits.slides_share * limits.parked)) if record.slide else limits.parked_per_owner
            counts = record.slide or bool(record.owner)
            whose[record.owner] += counts
            too_many = kept >= limits.parked or (counts and whose[record.owner] > most)
            if too_many or (kept and megabytes > limits.parked_mb):
                found.append(record)
            else:
                kept += 1
        return found

    def _ends(self, record: Record) -> float:
        """When a slide's run is closed: soon after it was opened if it is never shown, later after it was left."""
        if not record.shown:
            return record.asked + self.limits.leave_after
        return record.left + self.limits.slide_after
