"""One run on a bench: an experiment with its past, which can be rewound."""

from __future__ import annotations

import bisect
import logging
import math
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import engine
from engine.contract import registry
from engine.contract.device import resolve
from engine.contract.experiment import Experiment
from engine.contract.knobs import Config, ConfigError
from engine.contract.states import pack, unpack
from engine.contract.view import View
from engine.runs.history import Checkpoint, Drawn, History, Intervention, Look
from engine.runs.limits import Limits

log = logging.getLogger(__name__)


class Timeline:
    """One run on a bench: an experiment with its past."""

    def __init__(self, slug: str, config: Config, device: str, limits: Limits) -> None:
        self.slug, self.device, self.limits = slug, device, limits
        self.speed: float | None = None
        self.version = 0
        self.begin(config)

    def begin(self, config: Config) -> None:
        """Start from the beginning.  If the lab refuses the config, nothing has changed."""
        self.experiment: Experiment = self._fresh(config)
        self.first_config = self.config = self.looks = config  # of `looks` only what is looked at counts
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
        self._frame: tuple[tuple[int, int], Any] | None = None  # step and version, and the frame of that moment

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
            self.experiment.update((configs[-1] if configs else self.first_config).seen_as(self.looks))
            self.experiment.load_state_dict(unpack(found.state))
            self.applied = found.applied
        else:
            self.experiment, self.applied = self._fresh(self.first_config.seen_as(self.looks)), 0
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

    def look_as(self, config: Config) -> None:
        """Look at the moment on screen as `config` says: nothing is done to the run, so nothing is recorded."""
        seen = self.config.seen_as(config)
        self.experiment.update(seen)
        self.looks = self.config = seen
        self.version += 1
        self.dirty = True

    def intervene(self, change: Any) -> None:
        self.arrive()
        if isinstance(change, Config):
            self.looks = change
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
            self.config = change.seen_as(self.looks)
            self.experiment.update(self.config)
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

    @property
    def views(self) -> ModuleType:
        """The lab's ``view.py``."""
        return registry.view(self.slug)

    def view(self, *, beside: bool = False) -> View:
        """This moment as the lab's view takes it.  A frame is made once for each moment."""
        moment = (self.experiment.step_count, self.version)
        if self._frame is None or self._frame[0] != moment:
            self._frame = (moment, self.experiment.frame())
        frame = self._frame[1]
        return View(frame, self.config, self.history.curves(-1), moment[0], self.last_step, beside)

    def look(self, since: int | None, drawn: Drawn | None = None, *, beside: bool = False) -> Look:
        """This moment.  There is no stage if there is none, or if that of `drawn` is still the same.

        Metrics are those after step `since`; None for none.  `beside` is for half of the width.
        """
        stage = None
        if self.target is None and self.status != "failed" and drawn != self.moment(beside):
            stage = self.views.stage(self.view(beside=beside)).to_bytes()
        return Look(
            status=self.status, message=self.message, config=self.config, step=self.experiment.step_count,
            last_step=self.last_step, stage=stage, curves={} if since is None else self.history.curves(since),
            speed=self.speed, busy=self.target is not None, version=self.version,
            changed_at=tuple(dict.fromkeys(i.step for i in self.interventions)),
        )  # fmt: skip

    def moment(self, beside: bool) -> Drawn:
        """What a stage depends on."""
        return self.experiment.step_count, self.version, beside

    # ------------------------------------------------------------ recovery

    def dump(self) -> dict[str, Any]:
        """Everything that another bench needs to go on: plain values, picklable."""
        self.dirty = False
        if self.status != "failed":
            self.arrive()
            self.save()
        step = self.experiment.step_count
        return self._told(step, [c for c in self.checkpoints if c.step == step])

    def copied(self) -> dict[str, Any]:
        """Like `dump`, for a second run that is paused where this one is, and can be rewound as far.

        This one notices nothing: if it is on its way to another step, its copy goes the same way.
        """
        step, status, kept = self.experiment.step_count, self.status, list(self.checkpoints)
        if self.target is not None:
            step, status = self.target, self.then
        elif status != "failed":
            here = Checkpoint(step, self.applied, pack(self.experiment.state_dict()))
            kept = sorted([*kept, here], key=lambda c: c.step)
        told = self._told(step, kept)
        if status in ("running", "paused"):
            told |= {"status": "paused", "message": ""}
        return {**told, "to_do": None, "config": self.config}

    def _told(self, step: int, checkpoints: list[Checkpoint]) -> dict[str, Any]:
        """This run at `step`, with `checkpoints`, as `from_dump` takes it."""
        return {
            "slug": self.slug, "device": self.device, "first_config": self.first_config, "looks": self.looks,
            "status": self.status, "message": self.message, "speed": self.speed, "to_do": self.to_do, "step": step,
            "last_step": self.last_step, "recorded": self.recorded, "back_to": self.back_to,
            "history": self.history, "interventions": self.interventions, "checkpoints": checkpoints,
        }  # fmt: skip

    @classmethod
    def from_dump(cls, dump: Mapping[str, Any], limits: Limits) -> Timeline:
        timeline = cls(dump["slug"], dump["first_config"], dump["device"], limits)
        timeline.looks = dump["looks"]
        timeline.history, timeline.interventions = dump["history"], list(dump["interventions"])
        timeline.checkpoints, timeline.last_step = list(dump["checkpoints"]), dump["last_step"]
        timeline.recorded, timeline.back_to = dump["recorded"], dump["back_to"]
        timeline.speed, timeline.to_do, timeline.message = dump["speed"], dump["to_do"], dump["message"]
        if dump["status"] == "failed":
            timeline.status = "failed"
        else:
            timeline.restore(dump["step"])
            timeline.then = dump["status"]
        return timeline
