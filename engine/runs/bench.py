"""A bench: many experiments in one process, taking turns.

A bench knows no process, no thread and no visitor.  Its owner calls `Bench.call` for what somebody wants and
`Bench.tick` for training, in any order, from one thread.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import pickle
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.contract import weights
from engine.contract.figure import Figure
from engine.contract.knobs import Config, ConfigError
from engine.contract.view import Answer
from engine.runs import acts, copies, memory, moments, retelling
from engine.runs.groups import Group
from engine.runs.history import Intervention, Look
from engine.runs.limits import Limits
from engine.runs.run import PoolError
from engine.runs.timeline import Timeline
from engine.runs.vitals import Told, Work

log = logging.getLogger(__name__)


class Bench:
    """Hosts runs and shares this thread among them in slices."""

    def __init__(
        self, limits: Limits | None = None, device: str = "auto", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits, self.device, self.clock = limits or Limits(), device, clock
        self.runs: dict[str, Timeline] = {}
        self.parked: dict[str, bytes] = {}  # runs that are parked here since nothing can be written
        self._turns: deque[str] = deque()
        self._cut: tuple[str, float] = ("", 0.0)  # whose turn a wish has interrupted, and the seconds left of it
        self._groups: dict[Timeline, Group] = {}
        self.interrupted: Callable[[], bool] = lambda: False
        self.work = Work()

    def call(self, verb: str, run_id: str, *args: Any) -> Any:
        """Do `verb` for a run.

        Raises `KeyError` for a run that is not here, `ConfigError` for a config that the lab refuses and `PoolError`
        for a run that cannot begin or a pick that cannot be done; any other error inside the lab ends in status
        ``failed`` instead.
        """
        handler: Callable[..., Any] = getattr(self, f"_do_{verb}")
        if verb in ("open", "adopt", "parked", "unpark"):
            return handler(run_id, *args)
        hosted = self.runs[run_id]
        try:
            return handler(hosted, *args)
        except (ConfigError, PoolError):
            raise
        except Exception as error:  # the lab's own code: whatever it raises must not take the bench down
            hosted.fail(error)
            return hosted.look(0) if verb == "peek" else None

    # ---------------------------------------------------------------- verbs

    def _do_open(self, run_id: str, slug: str, config: Config) -> None:
        try:
            hosted = Timeline(slug, config, self.device, self.limits)
        except ConfigError:
            raise
        except Exception as error:  # the lab's own code: there is no run yet that could say it
            log.exception("The lab %s cannot begin.", slug)
            if memory.lacks(error):
                raise PoolError(f"{memory.SAID}.") from None
            said = (str(error) or type(error).__name__).rstrip(".")
            raise PoolError(f"The lab cannot begin, because of an error in it: {said}.") from error
        self._host(run_id, hosted)

    def _do_adopt(self, run_id: str, dump: Mapping[str, Any] | bytes | Path) -> None:
        """Go on with a dump; a large one comes pickled, or in a file."""
        packed = dump.read_bytes() if isinstance(dump, Path) else dump
        told: Mapping[str, Any] = pickle.loads(packed) if isinstance(packed, bytes) else packed
        self._host(run_id, copies.adopt(told, self.limits))

    def _host(self, run_id: str, hosted: Timeline) -> None:
        former = self.runs.get(run_id)
        if former is None:
            self._turns.append(run_id)
        elif group := self._groups.pop(former, None):
            group.part(former)
        self.runs[run_id], hosted.clock = hosted, self.clock

    def _do_close(self, hosted: Timeline) -> None:
        run_id = next(name for name, other in self.runs.items() if other is hosted)
        del self.runs[run_id]
        self._turns.remove(run_id)
        if group := self._groups.pop(hosted, None):
            group.part(hosted)

    def _do_park(self, hosted: Timeline, folder: str, message: str) -> dict[str, tuple[Look, bool, float]] | None:
        """Put a run and those beside it away as they are, paused with `message`: into files, or into memory.

        Returns how each is, whether it lies in `folder`, in a file of its name, and its megabytes.  None, and nothing
        has happened, if one of them trains or is on its way to another step, or if the lab's own state cannot be kept,
        over which its run fails.
        """
        run_id = next(name for name, other in self.runs.items() if other is hosted)
        there = {name: self.runs[name] for name in self.beside(run_id)}
        if any(map(_busy, there.values())):
            return None
        packed: dict[str, bytes] = {}
        for name, each in there.items():
            try:
                packed[name] = pickle.dumps(copies.parked(each, message), protocol=5)
            except Exception as error:  # the lab's own state
                each.fail(error)
                return None
        told: dict[str, tuple[Look, bool, float]] = {}
        for name, each in there.items():
            look = each.report()
            paused = dataclasses.replace(look, message=message) if look.status == "paused" else look
            told[name] = (paused, copies.written(folder, name, packed[name]), len(packed[name]) / 1e6)
            if not told[name][1]:
                self.parked[name] = packed[name]
            self._do_close(each)
        return told

    def _do_parked(self, run_id: str) -> bytes:
        """What is kept in memory of a parked run."""
        return self.parked[run_id]

    def _do_unpark(self, run_id: str) -> None:
        self.parked.pop(run_id, None)

    def _do_group(self, hosted: Timeline, marching: Mapping[str, bool]) -> None:
        """Show runs together: their ids, the leader's first, and whether each marches.  They take on its pace."""
        runs = {run_id: self.runs[run_id] for run_id in marching if run_id in self.runs}
        group = Group(list(runs.values()), [run for run_id, run in runs.items() if not marching[run_id]])
        group.succeed([self._groups[run] for run in group.runs if run in self._groups])
        if any(run.speed != group.runs[0].speed for run in group.runs):
            group.speed(group.runs[0].speed)
        self._groups |= dict.fromkeys(group.runs, group)

    def _do_play(self, hosted: Timeline, steps: int | None = None, until: int | None = None) -> None:
        self._group(hosted).play(hosted, steps, until)

    def _do_pause(self, hosted: Timeline, message: str = "") -> None:
        self._group(hosted).pause(hosted, message)

    def _do_speed(self, hosted: Timeline, steps_per_second: float | None) -> None:
        self._group(hosted).speed(steps_per_second)

    def _do_reset(self, hosted: Timeline, config: Config | None = None) -> None:
        self._group(hosted).reset(hosted, config or hosted.wanted)

    def _do_update(self, hosted: Timeline, changes: Mapping[str, Any] | Config) -> tuple[Config, int]:
        """Turn knobs: see `acts.turn`.  A whole Config acts at once, and may differ only in live knobs."""
        if not isinstance(changes, Config):
            acts.turn(hosted, changes, self._group(hosted))
            return hosted.wanted, hosted.version
        hosted.config.require_live(changes)
        if changes != hosted.config.seen_as(changes):
            hosted.waits = {}
            hosted.intervene(changes)
        elif changes != hosted.config:
            hosted.look_as(changes)
        return hosted.wanted, hosted.version

    def _do_look_as(self, hosted: Timeline, config: Config) -> None:
        hosted.look_as(config)

    def _do_edit(self, hosted: Timeline, change: Mapping[str, Any]) -> None:
        hosted.intervene(dict(change))

    def _do_pick(self, hosted: Timeline, picked: Mapping[str, Any], held: bool = False) -> tuple[str, ...]:
        return acts.pick(hosted, picked, self._group(hosted), held)

    def _do_let_go(self, hosted: Timeline) -> None:
        hosted.let_go()

    def _do_seek(self, hosted: Timeline, step: int, rough: bool = False) -> None:
        self._group(hosted).seek(hosted, step, rough=rough)

    def _do_retell(
        self, hosted: Timeline, interventions: Sequence[Intervention], step: int, at: int | None = None
    ) -> str:
        """From the beginning to `step`, doing again what a visitor did on the way, and back to `at`; used by links.

        Edits that the lab refuses are left out.  Returns what to say about them, after "In the link," or "".
        """
        hosted.begin(hosted.first_config)
        told = sorted(interventions, key=lambda i: i.step)
        looks = next((i.change for i in reversed(told) if isinstance(i.change, Config)), hosted.first_config)
        told = retelling.doings(hosted.first_config, told)
        refused: dict[int, ConfigError] = {}
        if not all(isinstance(i.change, Config) for i in told):
            refused = retelling.refused(hosted, told)
            hosted.begin(hosted.first_config)
        hosted.looks = looks
        hosted.interventions = [i for place, i in enumerate(told) if place not in refused]
        hosted.last_step = hosted.target = step
        hosted.back_to = at
        if not refused:
            return ""
        place, error = next(iter(refused.items()))
        if len(refused) == 1:
            return f"the change by hand at step {told[place].step:,} is left out: {error}"
        return f"{len(refused)} changes by hand are left out; the first, at step {told[place].step:,}: {error}"

    def _do_peek(self, hosted: Timeline, since: int | None, beside: bool = False) -> Look:
        return hosted.look(since, beside=beside)

    def _do_note(self, hosted: Timeline, message: str) -> None:
        """Tell those who watch something, until they do something themselves."""
        hosted.message = message

    def _do_report(self, hosted: Timeline) -> Look:
        return hosted.report()

    def _do_curves(self, hosted: Timeline) -> Any:
        return hosted.views.curves(hosted.view()) if hasattr(hosted.views, "curves") else None

    def _do_inside(self, hosted: Timeline) -> list[Figure]:
        hosted.arrive()
        figures = list(hosted.views.inside(hosted.view())) if hasattr(hosted.views, "inside") else []
        for figure in figures:
            if not isinstance(figure, Figure):
                raise TypeError(f"inside in view.py must return figures; a {type(figure).__name__} is none")
        return figures

    def _do_answer(self, hosted: Timeline, pick: Mapping[str, Any]) -> Answer:
        hosted.arrive()
        return acts.answer(hosted, pick)

    def _do_facts(self, hosted: Timeline) -> dict[str, float | str]:
        hosted.arrive()
        return hosted.measured()

    def _do_moments(self, hosted: Timeline, most: int) -> list[int]:
        """The steps of a recording of so many moments at most: see `engine.runs.moments`."""
        return moments.steps(hosted, most)

    def _do_moment(self, hosted: Timeline, step: int) -> moments.Moment | None:
        """The moment after `step` with its pictures; None while the run is on its way there."""
        if hosted.target is None and hosted.experiment.step_count != step:
            hosted.seek(step)
        return moments.moment(hosted) if hosted.target is None else None

    def _do_dump(self, hosted: Timeline) -> dict[str, Any]:
        return copies.dump(hosted)

    def _do_copy(self, hosted: Timeline) -> bytes:
        """The run as it is now, pickled: it goes on meanwhile, here or elsewhere."""
        return pickle.dumps(copies.twin(hosted), protocol=5)

    def _do_branch(self, hosted: Timeline, new_id: str, step: int, config: Config) -> None:
        """A new run with the same past up to `step`, and `config` from there on."""
        self._host(new_id, copies.branch(hosted, step, config))

    def _do_weights(self, hosted: Timeline) -> bytes:
        """The model as a safetensors file that says which lab made it, with which config, and what the lab adds."""
        hosted.arrive()
        about = {"lab": hosted.slug, "config": json.dumps(hosted.config.to_params())}
        if hasattr(hosted.experiment, "about"):
            about |= hosted.experiment.about()
        return weights.write(hosted.experiment.model, about)

    def _do_story(self, hosted: Timeline) -> dict[str, Any]:
        """What was done to get here: the first config, the interventions so far, the step; and how it went on.

        All of it is looked at as the run is now.
        """
        hosted.arrive()
        done = [
            dataclasses.replace(i, change=i.change.seen_as(hosted.looks)) if isinstance(i.change, Config) else i
            for i in hosted.interventions
        ]
        return {
            "config": hosted.first_config.seen_as(hosted.looks), "interventions": done[: hosted.applied],
            "step": hosted.experiment.step_count, "later": done[hosted.applied :], "last_step": hosted.last_step,
        }  # fmt: skip

    def dump(self, run_id: str) -> dict[str, Any]:
        """Everything that another bench needs to go on with a run.  Raises what the lab raises."""
        return copies.dump(self.runs[run_id])

    def told(self) -> Told:
        """Which runs there are now, and what has been done so far."""
        runs = Counter((each.slug, "running" if each.playing else each.status) for each in self.runs.values())
        return Told(runs, self.work + Work())

    # -------------------------------------------------------------- together

    def _group(self, hosted: Timeline) -> Group:
        return self._groups.get(hosted) or Group([hosted])

    def group(self, run_id: str) -> Group:
        """The group of a run; one that stands alone is a group of its own."""
        return self._group(self.runs[run_id])

    def beside(self, run_id: str) -> list[str]:
        """The ids of the runs in the group of `run_id`: its own first, then in their order.  None if it is not here."""
        here = self.runs.get(run_id)
        if here is None or here not in self._groups:
            return [run_id] if here is not None else []
        names = {run: name for name, run in self.runs.items()}
        return [run_id, *(names[run] for run in self._groups[here].runs if run is not here)]

    # ------------------------------------------------------------- training

    def next_run(self) -> str | None:
        """The id of the run whose turn is next, or None if nothing is to do."""
        now = self.clock()
        for _ in range(len(self._turns)):
            hosted = self.runs[self._turns[0]]
            if hosted.target is not None or (hosted.due <= now and self._trains(hosted)):
                return self._turns[0]
            self._turns.rotate(-1)
        return None

    def tick(self) -> bool:
        """Give the next run that has something to do its slice.  False if there is none.

        A slice that somebody's wish has cut short goes on with the next call: else whoever happens to be in hand would
        pay for it.
        """
        run_id = self.next_run()
        if run_id is None:
            return False
        hosted, (whose, left), heard = self.runs[run_id], self._cut, False
        before = hosted.recorded
        deadline = self.clock() + (left if whose == run_id else self.slice)

        def interrupted() -> bool:
            nonlocal heard
            heard = self.interrupted()
            return heard

        try:
            if hosted.target is not None:
                hosted.replay(deadline)
            else:
                hosted.advance(deadline, interrupted)
        except Exception as error:  # the lab's own code: whatever it raises must not take the bench down
            hosted.fail(error)
        if hosted.recorded > before:
            self.work.steps[hosted.slug] += hosted.recorded - before
        if group := self._groups.get(hosted):
            group.measure()
        if hosted.status == "running" and hosted.target is None:
            # Who is slowed down has time for checkpoints, which the timeline goes by while it is dragged.
            hosted.spent += max(0.0, hosted.due - self.clock()) / sum(map(_busy, self.runs.values()))
        if heard:
            self._cut = (run_id, deadline - self.clock())
        else:
            self._cut = ("", 0.0)
            self._turns.rotate(-1)
        return True

    @property
    def slice(self) -> float:
        """Seconds for which a run trains at a stretch.

        So short that a round, in which everybody who trains has had a turn, lasts ``limits.round_seconds`` with the
        pictures in between; only steps that are longer than such a slice make a round longer.
        """
        share = self.limits.round_seconds * (1 - self.limits.drawing_share)
        return min(self.limits.slice_ms / 1000, share / max(1, sum(map(_busy, self.runs.values()))))

    def _trains(self, hosted: Timeline) -> bool:
        """Whether a run trains, and nobody who marches with it is behind."""
        group = self._groups.get(hosted)
        return hosted.status == "running" and (group is None or group.may_go(hosted))

    @property
    def resting(self) -> bool:
        """Whether no run trains or is on its way to another step."""
        return not any(map(_busy, self.runs.values()))

    def idle_for(self) -> float:
        """Seconds until a slowed-down run is due again, at most a quarter of a second."""
        now = self.clock()
        due = [h.due - now for h in self.runs.values() if self._trains(h)]
        return max(0.0, min([0.25, *due]))


def _busy(hosted: Timeline) -> bool:
    """Whether a run trains or is on its way to another step."""
    return hosted.status == "running" or hosted.target is not None
