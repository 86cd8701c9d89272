"""A run as recorded moments: a copy of it is taken from one to the next, and what a viewer would see there is kept.

The copy is a run like any other: it waits for a place, counts among those of its owner, and has its slices between
those of others.  It is closed when all is recorded, or nobody wants it any more.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.contract.knobs import Config
from engine.live.keys import difference
from engine.live.protocol import Arrays
from engine.runs.moments import Moment
from engine.runs.pool import Pool
from engine.runs.run import PoolError

MOST = 240  # moments: a film of sixteen seconds
GROUP = 12  # of them follow each other in which the first is whole, and the others are differences to it
PATIENCE = 45.0  # seconds for a worker that was lost, or is busy with others


@dataclass(frozen=True)
class Shot:
    """A recorded moment: its step, what to look at, and for each part a message of `engine.live.keys`, compressed."""

    step: int
    say: str
    parts: dict[str, bytes]

    @property
    def size(self) -> int:
        return sum(map(len, self.parts.values()))


class Recorder:
    """Records a run.  Call `advance` until it is `done`, then `close`, which may be called at any time.

    Raises `PoolError` like `Pool.copy`.
    """

    def __init__(self, pool: Pool, run_id: str, owner: str, *, most: int = MOST) -> None:
        self.pool, self.most, self.look = pool, most, pool.report(run_id)
        self.copy = pool.copy(run_id, owner)
        self.story: dict[str, Any] = {}  # what it takes to repeat it: see `Run.story`
        self.steps: list[int] | None = None
        self.shots: list[Shot] = []
        self.marks: list[tuple[int, str]] = []
        self.last_step, self.said = 0, ""
        self._key: dict[str, Arrays] = {}
        self._moved = time.monotonic()

    @property
    def done(self) -> bool:
        return self.steps is not None and len(self.shots) == len(self.steps)

    @property
    def config(self) -> Config:
        """What the run is set to now."""
        config: Config = self.look.config or self.story["config"]
        return config

    def advance(self) -> bool:
        """Go on by a moment; False if there is none yet, and it is to be asked again soon.

        Raises `PoolError`, with a sentence, when the lab fails, or its worker cannot be reached for long.
        """
        try:
            moment = self._next()
        except PoolError as error:
            if self.pool.find(self.copy.id) is None or time.monotonic() - self._moved > PATIENCE:
                raise
            self.said = str(error)
            return False
        if moment is None:
            self._wait()
            return False
        self._moved, self.said = time.monotonic(), ""
        self._keep(moment)
        return True

    def _next(self) -> Moment | None:
        if self.steps is None:
            look = self.copy.report()
            if look.status == "waiting" or look.busy:
                return None
            self.story = self.copy.story()
            self.steps = self.pool.call("moments", self.copy.id, self.most, timeout=20.0)
        if self.steps is None:  # the lab's own state
            return None
        step = self.steps[len(self.shots)]
        found: Moment | None = self.pool.call("moment", self.copy.id, step, key=self.copy.key, timeout=20.0)
        return found

    def _wait(self) -> None:
        look = self.copy.report()
        if look.status == "failed":
            raise PoolError(look.message)
        self.said = look.message if look.status == "waiting" else ""
        if look.status == "waiting" or look.busy:
            self._moved = time.monotonic()

    def _keep(self, moment: Moment) -> None:
        first = len(self.shots) % GROUP == 0
        scenes = {name: scene for name in ("stage", "curves") if (scene := getattr(moment, name)) is not None}
        parts = {}
        for name, scene in scenes.items():
            key = None if first else self._key.get(name)
            told = {"n": len(self.shots), "base": None if key is None else len(self.shots) // GROUP * GROUP}
            parts[name] = zlib.compress(difference(scene, told, key), 6)
            if first:
                self._key[name] = scene.arrays
        self.marks, self.last_step = list(moment.marks), moment.last_step
        self.shots.append(Shot(moment.step, moment.say, parts))

    def fitting(self, size: int) -> list[int]:
        """The shots to keep so that all weigh `size` bytes at most: of each group as many as go, its first always."""
        groups = [range(first, min(first + GROUP, len(self.shots))) for first in range(0, len(self.shots), GROUP)]
        kept: list[int] = []
        for each in range(GROUP, 0, -1):
            kept = [int(k) for group in groups for k in _evenly(group, each)]
            if sum(self.shots[k].size for k in kept) <= size:
                break
        return kept

    def close(self) -> None:
        """Give the copy's place back."""
        with contextlib.suppress(PoolError):  # it is gone
            self.copy.close()


def _evenly(group: range, count: int) -> list[int]:
    """So many of a group, its first and, of two and more, its last among them."""
    places: list[Any] = np.unique(np.linspace(0, len(group) - 1, min(count, len(group))).round()).astype(int).tolist()
    return [group[place] for place in places]
