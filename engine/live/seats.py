"""What is remembered of those who watch, and of what they watch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.contract.knobs import Config
from engine.live.keys import Keys

PARTS = ("stage", "curves")


@dataclass
class Seat:
    """What one viewer has of one part: pictures on their way (number, time), when the next is due, what it saw."""

    way: deque[tuple[int, float]] = field(default_factory=deque)
    keys: set[int] = field(default_factory=set)  # the key pictures that it has confirmed, of those that are kept
    due: float = 0.0
    seen: tuple[object, ...] = ()


@dataclass
class Viewer:
    """Somebody who watches a run: the parts in sight, and how long a picture takes until it is confirmed.

    With `beside` the stages of those beside that run are in sight too.
    """

    run_id: str
    may: str
    parts: Sequence[str] = PARTS
    beside: bool = False
    visible: bool = True
    trip: float = 0.0  # seconds from sending a picture to its confirmation, smoothed
    told: dict[str, tuple[object, ...]] = field(default_factory=dict)  # the status of each run that it knows
    configs: dict[str, Config] = field(default_factory=dict)  # and the knobs
    reached: tuple[object, ...] | None = None  # what it was told of the run's coming to a step
    rested: tuple[object, ...] | None = None  # and of its coming to rest
    turned: tuple[str, ...] = ()  # knobs that it has turned in a drag that goes on
    holds: str = ""  # the run in which there is one
    seats: dict[tuple[str, str], Seat] = field(default_factory=dict)  # by run and part

    def seat(self, run_id: str, part: str) -> Seat:
        seat = self.seats.get((run_id, part))
        if seat is None:
            seat = self.seats[run_id, part] = Seat()
        return seat

    def knows(self, run_id: str, state: tuple[object, ...], config: Config) -> bool:
        """Whether it was told this state of a run, and these knobs."""
        known = self.configs.get(run_id)
        return self.told.get(run_id) == state and (known is config or known == config)


@dataclass(frozen=True)
class Said:
    """A sentence about a run: when it was made, of which step and version, and whether the run was at rest."""

    at: float = -math.inf
    step: int = -1
    version: int = -1
    rests: bool = False
    text: str = ""


@dataclass
class Watched:
    """What is remembered of a run that has viewers: the last picture's number, its pace, and what was said of it."""

    number: int
    drawing: float = 0.01  # seconds that a picture took, smoothed
    rate: tuple[float, int, float | None] = (0.0, 0, None)  # when and at which step it was last taken; steps a second
    said: Said = Said()
    rest: tuple[tuple[object, ...] | None, float] = (None, 0.0)  # the moment in which it rests, and since when
    marks: tuple[tuple[object, ...], list[tuple[int, str]]] = ((), [])  # those on the timeline, and what they depend on
    trip: float = 0.0  # the longest of its viewers
    keys: dict[str, Keys] = field(default_factory=lambda: {part: Keys() for part in PARTS})


def in_sight(viewer: Viewer, group: Sequence[str]) -> list[tuple[str, str, bool]]:
    """What a viewer has in sight: of which runs which part, and if that is narrow since others stand beside it."""
    if not viewer.visible:
        return []
    narrow = viewer.beside and len(group) > 1
    stages = [(run_id, "stage", narrow) for run_id in (group if narrow else group[:1])]
    return [each for each in (*stages, (viewer.run_id, "curves", False)) if each[1] in viewer.parts]
