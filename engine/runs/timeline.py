"""One run on a bench: an experiment with its past, which can be rewound."""

from __future__ import annotations

import bisect
import dataclasses
import gc
import logging
import math
import time
import traceback
from collections.abc import Callable
from functools import cached_property
from types import ModuleType
from typing import Any

import engine
from engine.contract import registry
from engine.contract.device import resolve
from engine.contract.experiment import Experiment
from engine.contract.knobs import Config, ConfigError
from engine.contract.states import pack, unpack
from engine.contract.view import View
from engine.runs import marks, memory
from engine.runs.history import Checkpoint, History, Intervention, Look
from engine.runs.limits import Limits
from engine.runs.run import PoolError

CHANGES = 20_000  # by hand in the past of one run, with every value of a drag: all of them are in each of its copies
log = logging.getLogger(__name__)

LONG = (
    "One step took {seconds:.0f} seconds, in which everybody else on this server waits, so this run was paused. Take "
    "smaller settings; Play makes one more step."
)


class Timeline:
    """One run on a bench: an experiment with its past."""

    def __init__(self, slug: str, config: Config, device: str, limits: Limits) -> None:
        self.slug, self.device, self.limits = slug, device, limits
        self.clock: Callable[[], float] = time.monotonic
        self.speed: float | None = None
        self.version = 0
        self.acted: dict[str, str | None] = {}  # acts by their ids, the oldest first: why one was refused, if it was
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
        self.until: int | None = None  # step to stop at, None for no end
        self.reached: tuple[int, int] | None = None  # the last such step at which it stopped, and the version then
        self.facts: dict[str, float | str] | None = None  # those of that moment; None before it, and when it is no more
        self.waits: dict[str, Any] = {}  # live knobs that were turned at an earlier moment: Play goes on with them
        self.rough = False  # whether the timeline is being dragged: a moment near the one asked for is shown
        self.target: int | None = None  # step that a replay is on its way to
        self.back_to: int | None = None  # an earlier step to look at when a link's story has been told
        self.then = "paused"  # status when it has arrived
        self.due = 0.0
        self.checkpoint_due, self.spent = 0.0, 0.0  # seconds of training, and of waiting that nobody else needed
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
        began = self.clock()
        state = pack(self.experiment.state_dict())
        self.checkpoints.insert(at, Checkpoint(step, self.applied, state))
        while len(self.checkpoints) > 3 and (
            len(self.checkpoints) > self.limits.checkpoints
            or sum(len(c.state) for c in self.checkpoints) > self.limits.checkpoint_mb * 1e6
        ):
            del self.checkpoints[1:-1:2]
        # Checkpoints may cost one per cent of the training at most.
        pause = max(self.limits.checkpoint_seconds, 100 * (self.clock() - began))
        self.checkpoint_due = self.spent + pause

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

    @property
    def playing(self) -> bool:
        """Whether it trains, or will when it has come to the step that it is on its way to."""
        return self.status == "running" or (self.target is not None and self.then == "running")

    @property
    def here(self) -> int:
        """The step on screen, or the one that it is on its way to."""
        on_the_way = self.target if self.back_to is None else self.back_to
        return self.experiment.step_count if on_the_way is None else on_the_way

    @property
    def wanted(self) -> Config:
        """What Play goes on with: the config of this moment, and the live knobs that wait."""
        try:
            return dataclasses.replace(self.config, **self.waits) if self.waits else self.config
        except ConfigError:  # they do not go together with the knobs of this moment
            return self.config

    def seek(self, step: int, *, rough: bool = False) -> None:
        """Show the moment after `step`, or with `rough` that of the nearest checkpoint."""
        telling = self.target is not None and self.recorded < self.last_step
        whole = self.target is None and self.status != "failed"  # what is on screen is a moment of the run
        self._leave()
        self.status, self.then, self.message, self.to_do, self.until = "paused", "paused", "", None, None
        self.back_to, self.rough = None, rough
        step = max(0, min(int(step), self.last_step))
        if telling:  # a link's story: what comes after `step` is known only when it has been told to its end
            self.back_to = step if step < self.last_step else None
        elif not rough:
            if whole and self._leads_to(step):
                self.target, self.version = step, self.version + 1
            else:
                self.restore(step)
        else:
            step = min([0, *(c.step for c in self.checkpoints)], key=lambda known: abs(known - step))
            if not whole or step != self.experiment.step_count:
                self.restore(step)
                self.arrive()

    def _leads_to(self, step: int) -> bool:
        """Whether no checkpoint is nearer to a later step than this moment is."""
        here = self.experiment.step_count
        return here <= step and not any(here < c.step <= step for c in self.checkpoints)

    def _leave(self) -> None:
        """Before another moment is shown: the way back to the end is to be short."""
        self.dirty = True
        at_the_end = self.experiment.step_count == self.last_step
        if self.target is None and self.status not in ("diverged", "failed") and at_the_end:
            self.save()

    def start(self) -> None:
        """Train on from this moment with the knobs that wait; what was once learned after it is forgotten."""
        self.forget_future()
        self.status, self.rough, self.due, self.dirty = "paused", False, 0.0, True
        if self.waits:
            wanted, self.waits = self.wanted, {}
            try:
                self.intervene(wanted)
            except ConfigError as error:  # the lab will not have it
                self.message = str(error)
                return
        self.status = "done" if self.experiment.done else "running"

    def forget_future(self) -> None:
        """From here on, what was once learned after this step is no longer what will happen."""
        step = self.experiment.step_count
        if step < self.last_step:
            self.history.cut(step)
            self.checkpoints = [c for c in self.checkpoints if c.step <= step]
            self.last_step = self.recorded = step
            self.version += 1
            if self.reached is None or self.reached[0] > step:
                self.reached = self.facts = None
        del self.interventions[self.applied :]

    def look_as(self, config: Config) -> None:
        """Look at the moment on screen as `config` says: nothing is done to the run, so nothing is recorded."""
        seen = self.config.seen_as(config)
        self.experiment.update(seen)
        self.looks = self.config = seen
        self.version += 1
        self.dirty = True

    def intervene(self, change: Any, *, held: bool = False) -> None:
        """Do something to the run at this step; `held` on the way of a drag, whose end makes the mark."""
        self.arrive()
        done = self.interventions[: self.applied]
        if len(done) >= CHANGES or len(marks.steps(done)) >= marks.MOST:
            raise PoolError("This run has been changed so often that no further change is kept. Reset begins it again.")
        looks = self.looks
        if isinstance(change, Config):
            self.looks = change
        try:
            self.apply(change)
        except ConfigError:  # refused: nothing has changed
            self.looks = looks
            raise
        self.forget_future()
        if self.status in ("diverged", "done"):
            self.status, self.message = "paused", ""
        self.interventions.append(Intervention(self.experiment.step_count, change, held))
        self.applied += 1
        self.version += 1
        self.reached = self.facts = None
        if not held:
            self.save()
        self.dirty = True

    def again(self) -> None:
        """Come to this very moment once more: something broke off half way."""
        self.then = self.status
        self.status = "paused"
        self.restore(self.experiment.step_count)

    def let_go(self) -> None:
        """A drag has ended: if its end changed nothing more, the last value on its way makes the mark."""
        if self.interventions and self.interventions[-1].held:
            self.interventions[-1] = dataclasses.replace(self.interventions[-1], held=False)
            self.version += 1
            self.dirty = True

    def apply(self, change: Any) -> None:
        if isinstance(change, Config):
            config = change.seen_as(self.looks)
            self.experiment.update(config)
            self.config = config
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
        now = self.clock()
        while self.experiment.step_count < self.target and not self.experiment.done:
            before = now
            metrics = self.experiment.step()
            step = self.experiment.step_count
            if not math.isfinite(math.fsum(metrics.values())):  # only when a link's story is told for the first time
                self._diverge(step)
                return
            if step > self.recorded:
                self.history.add(step, metrics)
                self.recorded = step
            self._apply_due()
            now = self.clock()
            if now + (now - before) > deadline:
                return
        self.last_step = max(self.recorded, self.experiment.step_count)
        self.target = None
        self.version += 1
        if self.back_to is not None:
            self._leave()
            step, self.back_to = min(self.back_to, self.last_step), None
            if self.then == "diverged":
                self.then, self.message = "paused", ""
            self.restore(step)
            return
        self.status, self.then = self.then, "paused"
        if self.status == "running":
            self.start()

    # -------------------------------------------------------------- training

    def advance(self, deadline: float, interrupted: Callable[[], bool]) -> None:
        """Train until `deadline`, or until somebody wants something: one step at least.

        A further one is not begun that would end after `deadline` if it took as long as the one before.
        """
        if not self.history.rows and not self.checkpoints:
            self.save()
        experiment, history = self.experiment, self.history
        began = now = self.clock()
        worked = time.thread_time()
        look_up = now + 0.004
        while True:
            before = now
            metrics = experiment.step()
            step = experiment.step_count
            if not math.isfinite(math.fsum(metrics.values())):
                self._diverge(step)
                break
            history.add(step, metrics)
            self.last_step = self.recorded = step
            if self.to_do is not None:
                self.to_do -= 1
            if step == self.until:
                self.reached, self.facts = (step, self.version), self.measured()
            if experiment.done:
                self.status, self.to_do, self.until = "done", None, None
                self.save()
                break
            if self.to_do == 0 or step == self.until:
                self.status, self.to_do, self.until = "paused", None, None
                break
            now = self.clock()
            if now - before > (most := self.limits.step_seconds) and time.thread_time() - worked > most:
                self.status, self.to_do, self.until = "paused", None, None
                self.message = LONG.format(seconds=now - before)
                break
            if self.speed is not None:
                self.due = max(self.due + 1 / self.speed, now - 0.1)
                if self.due > now:
                    break
            if now + (now - before) > deadline:
                break
            if now >= look_up:
                if interrupted():
                    break
                look_up = now + 0.004
        self.spent += now - began
        self.dirty = True
        if self.status == "running" and self.spent >= self.checkpoint_due:
            self.save()

    def _diverge(self, step: int) -> None:
        self.message = (
            f"At step {step} a number grew beyond all bounds. What you see is the last moment before. "
            "A smaller learning rate usually helps; drag the timeline back, or reset."
        )
        self.status, self.then, self.to_do, self.until = "paused", "diverged", None, None
        self.last_step = self.recorded = step - 1
        self.restore(step - 1)

    def fail(self, error: Exception) -> None:
        log.error("A run of %s failed at step %d.", self.slug, self.experiment.step_count, exc_info=error)
        self.target = None
        self.status = "failed"
        said = str(error) or type(error).__name__
        if memory.lacks(error):
            said = f"{memory.SAID}."
            self._let_go(error)
        elif not isinstance(error, ConfigError):
            said = f"The lab stopped with an error: {said.rstrip('.')}."
        self.message = f"{said} Reset starts it again."

    def _let_go(self, error: Exception) -> None:
        """Give back the memory of a run that wanted too much: else the others on its bench would find none."""
        traceback.clear_frames(error.__traceback__)
        config = self.first_config
        del self.experiment
        self._frame = None
        gc.collect()
        self.begin(config)  # where even that is too much the worker ends, and another one takes over the others
        self.status = "failed"

    # ------------------------------------------------------------- looking

    @cached_property
    def views(self) -> ModuleType:
        """The lab's ``view.py``.  To find it takes a third of a millisecond, and a picture asks three times."""
        return registry.view(self.slug)

    def view(self, *, beside: bool = False) -> View:
        """This moment as the lab's view takes it.  A frame is made once for each moment."""
        moment = (self.experiment.step_count, self.version)
        if self._frame is None or self._frame[0] != moment:
            self._frame = (moment, self.experiment.frame())
        frame = self._frame[1]
        return View(frame, self.config, self.history.curves(-1), moment[0], self.last_step, beside)

    def measured(self) -> dict[str, float | str]:
        """The numbers and words of this moment that texts may name; none where the lab knows none."""
        return dict(self.views.facts(self.view())) if hasattr(self.views, "facts") else {}

    def report(self) -> Look:
        """This moment, without its stage and its metrics."""
        return Look(
            status=self.status, message=self.message, config=self.config, wanted=self.wanted,
            step=self.experiment.step_count, last_step=self.last_step, speed=self.speed, busy=self.target is not None,
            version=self.version, changed_at=marks.steps(self.interventions),
            reached=None if self.reached is None else self.reached[0], facts=self.facts,
        )  # fmt: skip

    def look(self, since: int | None, *, beside: bool = False) -> Look:
        """This moment; there is no stage while it is on its way to another one, and when the lab has failed.

        Metrics are those after step `since`; None for none.  `beside` is for half of the width.
        """
        there = self.target is None and self.status != "failed"
        stage = self.views.stage(self.view(beside=beside)).to_bytes() if there else None
        curves = {} if since is None else self.history.curves(since)
        return dataclasses.replace(self.report(), stage=stage, curves=curves)
