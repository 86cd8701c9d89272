"""One run on a bench: an experiment with its past.

The past is a bounded history of metrics, thinned checkpoints, and what the visitor did on the way.  With them a run
goes back to any step exactly (see docs/decisions/rewind-by-replay.md), and goes on in another process.
"""

from __future__ import annotations

import bisect
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import engine
from engine.device import resolve
from engine.lab import Config, ConfigError, Experiment
from engine.limits import Limits
from engine.packing import pack, unpack

log = logging.getLogger(__name__)

Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # metric -> (steps (N,), values (N,))
ACTIVE = ("waiting", "running")


def newest(curves: Curves, otherwise: int) -> int:
    """The last step that any of the curves tells of, at least `otherwise`."""
    return max([otherwise, *(int(steps[-1]) for steps, _ in curves.values() if len(steps))])


@dataclass(frozen=True)
class Look:
    """What `Run.peek` returns: everything a page needs to draw one moment of a run.

    ``step`` is the moment on screen, ``last_step`` how far the run has come; they differ after a rewind.  ``curves``
    holds the metrics after the step that was asked for, up to ``last_step``.  ``message`` is a sentence for
    the visitor.
    """

    status: str  # waiting, running, paused, done, diverged, failed, lost
    message: str = ""
    config: Any = None
    step: int = 0
    last_step: int = 0
    frame: Any = None
    curves: Curves = field(default_factory=dict)
    speed: float | None = None
    busy: bool = False  # still on the way to the step that was asked for
    changed_at: tuple[int, ...] = ()  # steps at which something was changed by hand
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
        del self.steps[keep:], self.rows[keep:]
        if self.last is not None and self.last[0] > step:
            self.last = (self.steps[-1], self.rows[-1]) if self.steps else None

    def curves(self, since: int) -> Curves:
        """The rows after step `since`, with the newest always among them."""
        start = bisect.bisect_right(self.steps, since)
        steps, rows = self.steps[start:], self.rows[start:]
        if self.last is not None and self.last[0] > since and (not steps or steps[-1] != self.last[0]):
            steps, rows = [*steps, self.last[0]], [*rows, self.last[1]]
        curves: Curves = {}
        at = np.asarray(steps, dtype=np.int64)
        for name in dict.fromkeys(name for row in rows for name in row):
            values = np.array([row.get(name, math.nan) for row in rows])
            there = ~np.isnan(values)
            curves[name] = (at[there], values[there])
        return curves


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


class Hosted:
    """One run on a bench: an experiment with its past."""

    def __init__(self, slug: str, config: Config, device: str, limits: Limits) -> None:
        self.slug, self.device, self.limits = slug, device, limits
        self.speed: float | None = None
        self.version = 0
        self.begin(config)

    def begin(self, config: Config) -> None:
        """Start from the beginning.  If the lab refuses the config, nothing has changed."""
        self.experiment: Experiment = self._fresh(config)
        self.first_config = self.config = config
        self.status, self.message = "paused", ""
        self.history = History(self.limits.history_points)
        self.checkpoints: list[Checkpoint] = []
        self.interventions: list[Intervention] = []
        self.applied = 0
        self.last_step = 0  # how far the timeline goes
        self.recorded = 0  # how far the history goes: less than `last_step` only while a link's story is being told
        self.to_do: int | None = None  # steps left to play, None for no end
        self.target: int | None = None  # step that a replay is on its way to
        self.back_to: int | None = None  # an earlier step to look at when a link's story has been told
        self.then = "paused"  # status when it has arrived
        self.due = 0.0
        self.checkpoint_due, self.trained = 0.0, 0.0  # seconds of training
        self.version += 1
        self.dirty = True

    def _fresh(self, config: Config) -> Experiment:
        experiment: Experiment = engine.lab(self.slug).Experiment(config, resolve(self.device))
        return experiment

    # ------------------------------------------------------------------ past

    def save(self) -> None:
        """Keep a checkpoint of this moment, and thin the old ones."""
        step = self.experiment.step_count
        at = bisect.bisect_right([c.step for c in self.checkpoints], step)
        if at and self.checkpoints[at - 1].step == step:
            at -= 1
            del self.checkpoints[at]
        began = time.perf_counter()
        state = pack(self.experiment.state_dict())
        self.checkpoints.insert(at, Checkpoint(step, self.applied, state))
        while len(self.checkpoints) > 3 and (
            len(self.checkpoints) > self.limits.checkpoints
            or sum(len(c.state) for c in self.checkpoints) > self.limits.checkpoint_mb * 1e6
        ):
            del self.checkpoints[1:-1:2]
        # Checkpoints may cost one per cent of the training at most.
        pause = max(self.limits.checkpoint_seconds, 100 * (time.perf_counter() - began))
        self.checkpoint_due = self.trained + pause

    def restore(self, step: int) -> None:
        """Go to the last checkpoint at or before `step`; `advance` walks the rest of the way."""
        before = [c for c in self.checkpoints if c.step <= step]
        if before:
            found = before[-1]
            configs = [i.change for i in self.interventions[: found.applied] if isinstance(i.change, Config)]
            self.experiment.update(configs[-1] if configs else self.first_config)
            self.experiment.load_state_dict(unpack(found.state))
            self.applied = found.applied
        else:
            self.experiment, self.applied = self._fresh(self.first_config), 0
        self.config = self.experiment.config
        self.target, self.version = step, self.version + 1

    def seek(self, step: int) -> None:
        self.dirty = True
        here = self.experiment.step_count
        if self.target is None and self.status not in ("diverged", "failed") and here == self.last_step:
            self.save()  # so that the way back is short
        self.status, self.then, self.message, self.to_do, self.back_to = "paused", "paused", "", None, None
        self.restore(max(0, min(int(step), self.last_step)))

    def forget_future(self) -> None:
        """From here on, what was once learned after this step is no longer what will happen."""
        step = self.experiment.step_count
        if step < self.last_step:
            self.history.cut(step)
            self.checkpoints = [c for c in self.checkpoints if c.step <= step]
            self.last_step = self.recorded = step
        del self.interventions[self.applied :]

    def intervene(self, change: Any) -> None:
        self.arrive()
        self.apply(change)
        self.forget_future()
        if self.status in ("diverged", "done"):
            self.status, self.message = "paused", ""
        self.interventions.append(Intervention(self.experiment.step_count, change))
        self.applied += 1
        self.version += 1
        self.save()
        self.dirty = True

    def apply(self, change: Any) -> None:
        if isinstance(change, Config):
            self.experiment.update(change)
            self.config = change
        elif hasattr(self.experiment, "edit"):
            self.experiment.edit(change)
        else:
            raise ConfigError("edit", change, "this lab has nothing that can be set by hand")

    def _apply_due(self) -> None:
        step = self.experiment.step_count
        while self.applied < len(self.interventions) and self.interventions[self.applied].step <= step:
            self.apply(self.interventions[self.applied].change)
            self.applied += 1

    def arrive(self) -> None:
        """Finish a replay now."""
        while self.target is not None:
            self.replay(math.inf)

    def replay(self, deadline: float) -> None:
        """Walk towards `target`, repeating exactly what happened."""
        assert self.target is not None
        self._apply_due()
        while self.experiment.step_count < self.target and not self.experiment.done:
            metrics = self.experiment.step()
            step = self.experiment.step_count
            if not math.isfinite(math.fsum(metrics.values())):  # only when a link's story is told for the first time
                self._diverge(step)
                return
            if step > self.recorded:
                self.history.add(step, metrics)
                self.recorded = step
            self._apply_due()
            if time.monotonic() > deadline:
                return
        self.last_step = max(self.recorded, self.experiment.step_count)
        self.target, self.status = None, self.then
        self.version += 1
        if self.back_to is not None:
            self.seek(self.back_to)

    # -------------------------------------------------------------- training

    def advance(self, deadline: float, interrupted: Callable[[], bool]) -> None:
        """Train until `deadline`, or until somebody wants something."""
        if not self.history.rows and not self.checkpoints:
            self.save()
        experiment, history = self.experiment, self.history
        began = now = time.monotonic()
        look_up = now + 0.004
        while True:
            metrics = experiment.step()
            step = experiment.step_count
            if not math.isfinite(math.fsum(metrics.values())):
                self._diverge(step)
                break
            history.add(step, metrics)
            self.last_step = self.recorded = step
            if self.to_do is not None:
                self.to_do -= 1
            if experiment.done:
                self.status = "done"
                self.save()
                break
            if self.to_do == 0:
                self.status, self.to_do = "paused", None
                break
            now = time.monotonic()
            if self.speed is not None:
                self.due = max(self.due + 1 / self.speed, now - 0.1)
                if self.due > now:
                    break
            if now >= deadline:
                break
            if now >= look_up:
                if interrupted():
                    break
                look_up = now + 0.004
        self.trained += now - began
        self.dirty = True
        if self.status == "running" and self.trained >= self.checkpoint_due:
            self.save()

    def _diverge(self, step: int) -> None:
        self.message = (
            f"At step {step} a number grew beyond all bounds. What you see is the last moment before. "
            "A smaller learning rate usually helps; drag the timeline back, or reset."
        )
        self.status, self.then = "paused", "diverged"
        self.last_step = self.recorded = step - 1
        self.restore(step - 1)

    def fail(self, error: Exception) -> None:
        log.error("A run of %s failed at step %d.", self.slug, self.experiment.step_count, exc_info=error)
        self.target = None
        self.status = "failed"
        said = str(error) or type(error).__name__
        if not isinstance(error, ConfigError):
            said = f"The lab stopped with an error: {said.rstrip('.')}."
        self.message = f"{said} Reset starts it again."

    # ------------------------------------------------------------- looking

    def look(self, since: int, drawn: tuple[int, int] | None = None) -> Look:
        """This moment.  The frame is None if there is none, or if `drawn`, a (step, version), is still true."""
        frame = None
        if self.target is None and self.status != "failed" and drawn != (self.experiment.step_count, self.version):
            frame = self.experiment.frame()
        return Look(
            status=self.status, message=self.message, config=self.config, step=self.experiment.step_count,
            last_step=self.last_step, frame=frame, curves=self.history.curves(since), speed=self.speed,
            busy=self.target is not None, version=self.version,
            changed_at=tuple(dict.fromkeys(i.step for i in self.interventions)),
        )  # fmt: skip

    # ------------------------------------------------------------ recovery

    def dump(self) -> dict[str, Any]:
        """Everything that another bench needs to go on: plain values, picklable."""
        self.dirty = False
        if self.status != "failed":
            self.arrive()
            self.save()
        step = self.experiment.step_count
        kept = [c for c in self.checkpoints if c.step == step]
        return {
            "slug": self.slug, "device": self.device, "first_config": self.first_config, "status": self.status,
            "message": self.message, "speed": self.speed, "to_do": self.to_do, "step": step,
            "last_step": self.last_step, "history": self.history, "interventions": self.interventions,
            "checkpoints": kept,
        }  # fmt: skip

    @classmethod
    def from_dump(cls, dump: Mapping[str, Any], limits: Limits) -> Hosted:
        hosted = cls(dump["slug"], dump["first_config"], dump["device"], limits)
        hosted.history, hosted.interventions = dump["history"], list(dump["interventions"])
        hosted.checkpoints, hosted.last_step = list(dump["checkpoints"]), dump["last_step"]
        hosted.recorded = hosted.last_step
        hosted.speed, hosted.to_do, hosted.message = dump["speed"], dump["to_do"], dump["message"]
        if dump["status"] == "failed":
            hosted.status = "failed"
        else:
            hosted.restore(dump["step"])
            hosted.then = dump["status"]
        return hosted
