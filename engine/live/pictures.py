"""What is in a picture: a run alone, or beside others of its group, and what it depends on."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from engine.contract.described import describe
from engine.contract.view import View
from engine.live.protocol import Scene
from engine.runs.bench import Bench
from engine.runs.timeline import Timeline

Moment = tuple[Hashable, ...]


class Pictures:
    """Makes the scenes of the runs on a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._axes: dict[str, Hashable] = {}  # what each stage that stands beside others shows by itself
        self._curves: dict[str, tuple[Moment, Scene | None]] = {}  # each run's own, as they are drawn into others

    def moment(self, run_id: str, part: str, narrow: bool = False) -> Moment:
        """What a picture of a part depends on: two that are alike in it are the same.  `narrow`: others are beside."""
        timeline = self.bench.runs[run_id]
        if part == "curves":
            others = self.bench.beside(run_id)[1:]
            now = (timeline.experiment.step_count, timeline.last_step, timeline.version)
            return (now, *[(each, self._known(each)) for each in others]) if others else now
        joined = tuple(self._axes.get(each) for each in self.bench.beside(run_id)[1:]) if narrow else ()
        return (timeline.experiment.step_count, timeline.version, narrow, joined)

    def make(self, run_id: str, part: str, narrow: bool = False) -> Scene | None:
        """The scene of a part; None where the lab draws none.  Raises whatever the lab raises."""
        timeline, others = self.bench.runs[run_id], self.bench.beside(run_id)[1:]
        scene = _made(timeline, part, narrow)
        if scene is None or not others or (part == "stage" and not narrow):
            return scene
        if part == "curves":
            known = [(each, theirs) for each in others if (theirs := self._ghost(each)) is not None]
            scene.beside([(describe(self.bench.runs[each].config, timeline.config), theirs) for each, theirs in known])
        else:
            self._axes[run_id] = scene.axes()
            scene.beside(axes=[self._axes[each] for each in others if each in self._axes])
        return scene

    def forget(self) -> None:
        """Runs that are closed are not remembered."""
        for known in (self._axes, self._curves):
            for run_id in [each for each in known if each not in self.bench.runs]:
                del known[run_id]

    def _known(self, run_id: str) -> Moment | None:
        """The moment of a run's curves; one that is on its way or has failed is seen as it was last."""
        timeline = self.bench.runs[run_id]
        if timeline.target is None and timeline.status != "failed":
            return (timeline.experiment.step_count, timeline.last_step, timeline.version)
        return self._curves[run_id][0] if run_id in self._curves else None

    def _ghost(self, run_id: str) -> Scene | None:
        """The curves of a run, to be drawn into those of another."""
        moment, known = self._known(run_id), self._curves.get(run_id)
        if moment is None or (known is not None and known[0] == moment):
            return known[1] if known is not None else None
        timeline = self.bench.runs[run_id]
        try:
            self._curves[run_id] = (moment, _made(timeline, "curves", False))
        except Exception as error:  # the lab's own code: it costs the run that it is about, and no other
            timeline.fail(error)
            return None
        return self._curves[run_id][1]


def _made(timeline: Timeline, part: str, narrow: bool) -> Scene | None:
    make: Callable[[View], Scene] | None = getattr(timeline.views, part, None)
    return make(timeline.view(beside=narrow)) if make else None
