"""What is remembered of those who watch, and of what they watch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.contract.knobs import Config

PARTS = ("stage", "curves")


@dataclass
class Seat:
    """What one viewer has of one part: pictures on their way (number, time), when the next is due, what it saw."""

    way: deque[tuple[int, float]] = field(default_factory=deque)
    due: float = 0.0
    seen: tuple[object, ...] = ()


@dataclass
class Viewer:
    """Somebody who watches a run: the parts in sight, and how long a picture takes until it is confirmed."""

    run_id: str
    may: str
    parts: Sequence[str] = PARTS
    visible: bool = True
    trip: float = 0.0  # seconds from sending a picture to its confirmation, smoothed
    told: tuple[object, ...] = ()  # the status that it knows
    config: Config | None = None  # and the knobs
    reached: tuple[object, ...] | None = None  # what it was told of the run's coming to a step
    rested: tuple[object, ...] | None = None  # and of its coming to rest
    turned: tuple[str, ...] = ()  # knobs that it has turned in a drag that goes on
    holds: bool = False  # whether there is one
    seats: dict[str, Seat] = field(default_factory=lambda: {part: Seat() for part in PARTS})

    def knows(self, state: tuple[object, ...], config: Config) -> bool:
        """Whether it was told this state of its run, and these knobs."""
        return self.told == state and (self.config is config or self.config == config)


@dataclass
class Watched:
    """What is remembered of a run that has viewers: the last picture's number, its pace, and what was said of it."""

    number: int
    drawing: float = 0.01  # seconds that a picture took, smoothed
    rate: tuple[float, int, float | None] = (0.0, 0, None)  # when and at which step it was last taken; steps a second
    said: tuple[float, str] = (-math.inf, "")
    rest: tuple[tuple[object, ...] | None, float] = (None, 0.0)  # the moment in which it rests, and since when
    marks: tuple[tuple[object, ...], list[tuple[int, str]]] = ((), [])  # those on the timeline, and what they depend on
