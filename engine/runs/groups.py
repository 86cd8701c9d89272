"""Runs that are shown together: what is done to one of them, the others that march with it do too.

Nobody who marches is more than a slice ahead of the others, and all stop at the same step.  A run that was kept with
another past stands beside them and does not march.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Sequence

from engine.contract.knobs import Config, ConfigError
from engine.runs.timeline import Timeline


def play(hosted: Timeline, steps: int | None = None, until: int | None = None) -> None:
    """Train `steps` more, or to the step `until`, or on and on; from the step it is on its way to, when it is there."""
    if hosted.target is not None:
        if hosted.then != "diverged":
            hosted.then, hosted.to_do, hosted.until, hosted.message, hosted.dirty = "running", steps, until, "", True
        return
    if hosted.status == "done" and hosted.experiment.step_count < hosted.last_step:
        hosted.status = "paused"
    if hosted.status in ("paused", "running"):
        hosted.to_do, hosted.until, hosted.message = steps, until, ""
        hosted.start()


def pause(hosted: Timeline, message: str = "") -> None:
    if not hosted.playing:
        return
    hosted.to_do = hosted.until = None
    hosted.message, hosted.dirty = message, True
    if hosted.target is not None:
        hosted.then = "paused"
    else:
        hosted.status = "paused"
        hosted.save()


def _going(hosted: Timeline) -> int:
    """The step where it is, or will be when it has made those that were asked for a moment ago."""
    return hosted.here + (hosted.to_do or 0 if hosted.playing else 0)


class Group:
    """Runs on one bench that are shown together: `runs`, the leader first, and those of them that were `kept`."""

    def __init__(self, runs: Sequence[Timeline], kept: Iterable[Timeline] = ()) -> None:
        self.runs, self.kept = list(runs), list(kept)
        self._since: dict[Timeline, int] = {}  # the step from which each plays, or has played last

    def succeed(self, former: Iterable[Group]) -> None:
        """Take the place of other groups."""
        for group in former:
            self._since |= {run: step for run, step in group._since.items() if run in self.runs}

    def part(self, run: Timeline) -> None:
        """A run leaves."""
        self.runs = [each for each in self.runs if each is not run]
        self.kept = [each for each in self.kept if each is not run]
        self._since.pop(run, None)

    def marching(self, run: Timeline) -> list[Timeline]:
        """Those who obey when something is done to `run`: itself first, and who marches with it."""
        if run in self.kept:
            return [run]
        return [run, *(other for other in self.runs if other is not run and other not in self.kept)]

    def playing(self, run: Timeline) -> bool:
        """Whether one of those who obey with `run` trains."""
        return any(each.playing for each in self.marching(run))

    def at_its_end(self, run: Timeline) -> bool:
        """Whether Play would make none of those who obey with `run` train."""
        return not any(map(_ready, self.marching(run)))

    def may_go(self, run: Timeline) -> bool:
        """Whether nobody who marches with `run` has to catch up with it first."""
        return all(run.here <= other.here for other in self.marching(run) if other.playing)

    def _moved(self, run: Timeline) -> bool:
        """Whether a run has trained since it began to play last."""
        return run.here > self._since.get(run, -1)

    def measure(self) -> None:
        """Take the facts of those who were at their end before the step to which another one of them has come."""
        furthest = max([each.reached[0] for each in self.runs if each.reached is not None], default=-1)

        def take(each: Timeline) -> None:
            each.facts = each.measured()

        _all([each for each in self.runs if each.facts is None and _ended(each, furthest)], None, take)

    # ------------------------------------------------------------------ verbs

    def play(self, run: Timeline, steps: int | None = None, until: int | None = None) -> None:
        """Train `steps` more than where `run` is going, or to the step `until`, or on and on."""
        marching = self.marching(run)
        ready = [each for each in marching if _ready(each)]
        ahead = [_going(each) for each in ready if each.playing or (run.playing and self._moved(each))]
        for each in marching:
            if not each.playing:
                self._since[each] = each.here
        goal = until
        if steps is not None and ready:
            from_here = _going(run) if run in ready else min(each.here for each in ready)
            goal = max([from_here, *ahead]) + steps  # also for one that is just catching up

        def go(each: Timeline) -> None:
            if goal is not None and each.here >= goal:
                pause(each)
            else:
                play(each, None if steps is None or goal is None else goal - each.here, until)

        _all(ready, run, go)

    def pause(self, run: Timeline, message: str = "") -> None:
        """Stop, all at the step to which the first of them has come since they began to play."""
        marching = self.marching(run)
        goal = max((each.here for each in marching if self._moved(each)), default=0)

        def stop(each: Timeline) -> None:
            if each.playing and each.here < goal:
                play(each, goal - each.here)
                each.message = message
            else:
                pause(each, message)

        _all(marching, run, stop)

    def seek(self, run: Timeline, step: int, *, rough: bool = False) -> None:
        """Show the moment after `step`, or the nearest one that a run has."""
        _all(self.marching(run), run, lambda each: each.seek(step, rough=rough))

    def speed(self, steps_per_second: float | None) -> None:
        """Train so many steps a second, also those that were kept."""
        for each in self.runs:
            each.speed, each.due, each.dirty = steps_per_second, 0.0, True

    def reset(self, run: Timeline, config: Config) -> None:
        """Begin again: `run` with `config`, the others with their own.  Raises what the lab says to `config`.

        Those who had a seed of `run` have it still: what sets two runs apart is not to become chance as well.
        """
        before, seeds = run.wanted, [name for name in config.knobs() if name.endswith("seed")]
        run.begin(config)
        self._since.clear()

        def follow(each: Timeline) -> None:
            shared = [name for name in seeds if getattr(each.wanted, name) == getattr(before, name)]
            wanted = each.wanted.seen_as(config)
            each.begin(dataclasses.replace(wanted, **{name: getattr(config, name) for name in shared}))

        _all(self.marching(run)[1:], run, follow)
        self.look_as(run, config)

    def restart(self, run: Timeline, config: Config) -> None:
        """Like `reset`, and play on if they played.  Raises what the lab says to `config`."""
        playing, to_do, until = self.playing(run), run.to_do, run.until
        self.reset(run, config)
        if playing:
            self.play(run, to_do, until)

    def look_as(self, run: Timeline, config: Config) -> None:
        """Look at the others, kept or not, as `config` of `run` says."""
        _all([each for each in self.runs if each is not run], run, lambda each: _look_as(each, config))


def _all(runs: Sequence[Timeline], told: Timeline | None, act: Callable[[Timeline], None]) -> None:
    """Do something to `runs`.  What the lab raises over the one that was `told` is raised when all have done it."""
    for each in runs:
        if each is not told:
            try:
                act(each)
            except Exception as error:  # the lab's own code: it costs the run that it is about, and no other
                each.fail(error)
    if told is not None and told in runs:
        act(told)


def _look_as(run: Timeline, config: Config) -> None:
    with contextlib.suppress(ConfigError):  # it does not go together with the other knobs of this run, which looks on
        if run.config.seen_as(config) != run.config:
            run.look_as(config)


def _ended(run: Timeline, step: int) -> bool:
    """Whether a run stands at its end, which is at `step` or before it."""
    return run.status in ("done", "diverged") and run.target is None and run.here == run.last_step <= step


def _ready(run: Timeline) -> bool:
    """Whether Play would make it train."""
    if run.target is not None:
        return run.then != "diverged"
    return run.status in ("paused", "running") or (run.status == "done" and run.here < run.last_step)
