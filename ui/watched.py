"""What a page knows of one run: how it was when it was last asked, and what was inside then."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass, field

from engine.contract.figure import Chart, Figure
from engine.runs.history import Look
from engine.runs.run import PoolError, Run


@dataclass
class Watched:
    """A run on stage, or beside it."""

    run: Run
    label: str = ""
    look: Look = field(default_factory=lambda: Look(status="waiting"))
    figures: list[Figure] = field(default_factory=list)
    opened: tuple[int, int, int] = (-1, -1, -1)  # step, last step and version of `figures`
    held: dict[str, Chart] = field(default_factory=dict)  # what stands still, as it was when the run last rested

    def peek(self) -> Look:
        """Ask again how the run is."""
        self.look = self.run.report()
        return self.look

    def inside(self) -> list[Figure]:
        """What was inside at the moment that was looked at; as it was last while the run cannot be reached."""
        now = (self.look.step, self.look.last_step, self.look.version)
        if self.there and now != self.opened:
            with contextlib.suppress(PoolError):  # busy or lost: the look says so, and the next one asks again
                self.figures, self.opened = self.run.inside(), now
        return copy.deepcopy(self.figures)  # others are drawn into them

    @property
    def there(self) -> bool:
        """Whether there is something to see of it."""
        waits = self.look.busy or self.look.status in ("waiting", "failed", "lost")
        return self.look.config is not None and not waits
