"""One run on a bench: an experiment with its past.

The past is a bounded history of metrics, thinned checkpoints, and what the visitor did on the way.  With them a run
goes back to any step exactly (see docs/decisions/rewind-by-replay.md), and goes on in another process.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # metric -> (steps (N,), values (N,))
ACTIVE = ("waiting", "running")


@dataclass(frozen=True)
class Look:
    """What `Run.peek` returns, and without ``stage`` and ``curves`` `Run.report`: one moment of a run.

    ``step`` is the moment on screen, ``last_step`` how far the run has come; they differ after a rewind.  ``stage`` is
    the scene that the lab's view makes of this moment, packed; None on the way to another moment.  ``curves`` holds the
    metrics after the step that was asked for, up to ``last_step``.  ``message`` is a sentence for the visitor.
    """

    status: str  # waiting, running, paused, done, diverged, failed, lost
    message: str = ""
    config: Any = None
    wanted: Any = None  # what Play goes on with: `config`, and what was turned at an earlier moment
    step: int = 0
    last_step: int = 0
    stage: bytes | None = None
    curves: Curves = field(default_factory=dict)
    speed: float | None = None
    busy: bool = False  # still on the way to the step that was asked for
    changed_at: tuple[int, ...] = ()  # steps at which something was changed by hand
    reached: int | None = None  # the step at which Play was to stop, and did
    facts: Mapping[str, float | str] | None = None  # those of that moment, until knobs are turned or it is no more
    version: int = 0  # grows with every change of what is on screen other than by training

    @property
    def active(self) -> bool:
        """Whether another look soon will show something new."""
        return self.busy or self.status in ACTIVE


class History:
    """Metrics of every step, thinned to a bounded number of rows: the older ones lose every second one."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.stride = 1
        self.steps: list[int] = []
        self.rows: list[dict[str, float]] = []
        self.last: tuple[int, dict[str, float]] | None = None
        self._drawn: tuple[int, int, Curves] = (1, 0, {})  # stride, rows and curves of what was last drawn

    def add(self, step: int, metrics: dict[str, float]) -> None:
        self.last = (step, metrics)
        if step % self.stride and step > 1:
            return
        self.steps.append(step)
        self.rows.append(metrics)
        if len(self.steps) > self.limit:
            self.stride *= 2
            kept = [i for i, s in enumerate(self.steps) if s % self.stride == 0 or i == 0]
            self.steps = [self.steps[i] for i in kept]
            self.rows = [self.rows[i] for i in kept]

    def cut(self, step: int) -> None:
        """Forget everything after `step`."""
        keep = bisect.bisect_right(self.steps, step)
        self._drawn = (self.stride, 0, {})
        del self.steps[keep:], self.rows[keep:]
        if self.last is not None and self.last[0] > step:
            self.last = (self.steps[-1], self.rows[-1]) if self.steps else None

    def curves(self, since: int) -> Curves:
        """The rows after step `since`, with the newest always among them."""
        start = bisect.bisect_right(self.steps, since)
        found = self._whole() if start == 0 else _curves(self.steps[start:], self.rows[start:])
        if self.last is None or self.last[0] <= since or (self.steps[start:] and self.steps[-1] == self.last[0]):
            return found
        return _joined(found, _curves([self.last[0]], [self.last[1]]))

    def _whole(self) -> Curves:
        """All rows.  A picture asks for them again and again, so only what is new is looked at."""
        stride, count, known = self._drawn
        if stride != self.stride:
            count, known = 0, {}
        if count < len(self.steps):
            known = _joined(known, _curves(self.steps[count:], self.rows[count:]))
            self._drawn = (self.stride, len(self.steps), known)
        return dict(known)


def _curves(steps: list[int], rows: list[dict[str, float]]) -> Curves:
    """The metrics in `rows`, each at the `steps` at which it is a number."""
    curves: Curves = {}
    at = np.asarray(steps, dtype=np.int64)
    for name in dict.fromkeys(name for row in rows for name in row):
        values = np.array([row.get(name, math.nan) for row in rows])
        there = ~np.isnan(values)
        curves[name] = (at[there], values[there])
    return curves


def _joined(first: Curves, second: Curves) -> Curves:
    """Two stretches of curves, one after the other."""
    joined = {**first, **second}
    for name in first.keys() & second.keys():
        (steps, values), (more, further) = first[name], second[name]
        joined[name] = np.concatenate([steps, more]), np.concatenate([values, further])
    return joined


@dataclass(frozen=True)
class Checkpoint:
    step: int
    applied: int  # interventions that were already in it
    state: bytes  # a packed state_dict


@dataclass(frozen=True)
class Intervention:
    """Something the visitor did to a run at a step: a `Config` with new live knobs, or an edit of its state."""

    step: int
    change: Any  # Config or mapping
    held: bool = False  # a value on the way of a drag: the one at its end makes the mark
