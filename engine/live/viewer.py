"""The viewers of the runs on one bench, in the worker: a picture is made when somebody has room for it, not before.

A viewer confirms each picture when it is on the canvas.  Two to four are unconfirmed at most; the next one shows
whatever is newest then, so nothing queues, and a slow viewer sees fewer pictures and none that is old.  What many
watch is drawn once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.live import protocol
from engine.live.seats import PARTS, Viewer, Watched
from engine.live.steering import steer
from engine.runs.bench import Bench
from engine.runs.marks import marks
from engine.runs.timeline import Timeline

FASTEST, SLOWEST = 0.04, 0.5  # seconds between two pictures of a stage, alone and in a full class
CURVES = 1.0  # seconds between two pictures of curves: they move less
SHARE = 0.25  # of the worker's time goes into pictures at most, while anything trains
FORGETS = 30.0  # seconds without a confirmation after which a viewer counts as gone asleep
RESTS = 0.3  # seconds after which a run that came to rest is said to rest
SAID = 2.0  # seconds between two sentences while a run trains

Clock = Callable[[], float]


class Viewers:
    """The audience of one bench: see `engine.runs.audience.Audience`."""

    def __init__(
        self, bench: Bench, send: Callable[[Sequence[int], bytes | str], None], clock: Clock = time.monotonic
    ) -> None:
        self.bench, self.send, self.clock = bench, send, clock
        self.viewers: dict[int, Viewer] = {}
        self.runs: dict[str, Watched] = {}
        self.rests_until = 0.0  # pictures wait till then: they have had their share of the time

    # ------------------------------------------------------------------ what viewers say

    def hear(self, viewer: int, run_id: str, message: Mapping[str, Any]) -> bool:
        """Take in what a viewer says; whether it did something to the run.  What is malformed does nothing."""
        known = self.viewers.get(viewer)
        match message:
            case {"type": "hello"}:
                self._welcome(viewer, run_id, message)
            case {"type": "leave"} if known is not None:
                del self.viewers[viewer]
                if known.holds and known.run_id in self.bench.runs:
                    self.bench.call("let_go", known.run_id)
            case {"type": "ack", "n": int(n)} if known is not None:
                self._confirmed(known, n)
            case {"type": "seen", "value": bool(visible)} if known is not None:
                known.visible = visible
            case {"type": "do" | "turn" | "pick", "id": str()} if known is not None and run_id in self.bench.runs:
                return self._steered(viewer, known, message)
        return False

    def _steered(self, number: int, viewer: Viewer, message: Mapping[str, Any]) -> bool:
        """Do what a viewer asks, if it may, and answer; whether a copy of the run should be made at once."""
        did = message["id"][:64]
        if viewer.may != "steer":
            self._tell([number], did=did, refused="Only the browser that began this run may steer it.")
            return False
        outcome = steer(self.bench, viewer.run_id, message)
        timeline = self.bench.runs[viewer.run_id]
        config = {"config": timeline.wanted.to_params()} if message["type"] == "turn" else {}
        self._tell([number], did=did, refused=outcome.refused, **config)
        held = message.get("held") is True
        if message["type"] == "pick" and outcome.new:
            viewer.holds, turned = held, tuple(dict.fromkeys((*viewer.turned, *outcome.turned)))
            viewer.turned = turned if held else ()
            if turned and not held:
                wanted, knobs = timeline.wanted, timeline.wanted.knobs()
                texts = {name: knobs[name].format(getattr(wanted, name)) for name in turned}
                self.send([number], protocol.event("turned", {"id": did, "knobs": texts, "version": timeline.version}))
        return outcome.new and outcome.refused is None and not held and message.get("rough") is not True

    def _welcome(self, number: int, run_id: str, message: Mapping[str, Any]) -> None:
        if run_id not in self.bench.runs:
            return
        wanted, before = message.get("parts"), self.viewers.get(number)
        parts = [part for part in PARTS if not isinstance(wanted, list) or part in wanted]
        viewer = self.viewers[number] = Viewer(run_id, str(message.get("may", "watch")), parts)
        if before is not None and before.run_id == run_id:
            viewer.holds, viewer.turned = before.holds, before.turned
        # Numbers go on growing where a run is taken over by another worker: they begin with the time.
        self.runs.setdefault(run_id, Watched(int(1000 * time.time())))
        self._tell([number], may=viewer.may, config=self.bench.runs[run_id].wanted.to_params())

    def _confirmed(self, viewer: Viewer, n: int) -> None:
        now = self.clock()
        for seat in viewer.seats.values():
            while seat.way and seat.way[0][0] <= n:
                _, sent = seat.way.popleft()
                viewer.trip += 0.2 * (now - sent - viewer.trip)

    # ------------------------------------------------------------------ what viewers get

    def serve(self) -> None:
        """Make the pictures that somebody has room for, and say what has changed besides."""
        self._forget_closed()
        for run_id, part in self._due():
            if self.clock() >= self.rests_until or self.bench.resting:
                ready = [number for number in self._of(run_id) if self._wants(number, part)]
                self._draw(run_id, part, ready)
        for run_id, watched in self.runs.items():
            timeline, numbers = self.bench.runs[run_id], self._of(run_id)
            now, config = _state(timeline), timeline.wanted
            if wondering := [number for number in numbers if not self.viewers[number].knows(now, config)]:
                self._tell(wondering)
            self._announce(timeline, watched, [n for n in numbers if self.viewers[n].may == "steer"])

    def _announce(self, timeline: Timeline, watched: Watched, steering: Sequence[int]) -> None:
        """Tell those who steer that the run has come to the step it was to stop at, or to rest, if they do not know."""
        reached, rest, now = timeline.reached, _rest(timeline), self.clock()
        if rest != watched.rest[0]:
            watched.rest = (rest, now)
        resting = rest is not None and now - watched.rest[1] >= RESTS
        if to_tell := [n for n in steering if reached is not None and self.viewers[n].reached != reached]:
            step, version = reached or (0, 0)
            self.send(to_tell, protocol.event("reached", {"step": step, "version": version}))
        if to_tell_rest := [n for n in steering if resting and self.viewers[n].rested != rest]:
            told = dict(zip(("step", "status", "version"), rest or (), strict=True))
            self.send(to_tell_rest, protocol.event("rested", told))
        for number in steering:
            self.viewers[number].reached = reached
            self.viewers[number].rested = rest if resting else None

    def _due(self) -> list[tuple[str, str]]:
        """The runs and parts of which somebody wants a picture, whoever has waited longest first."""
        since: dict[tuple[str, str], float] = {}
        for number, viewer in self.viewers.items():
            for part in PARTS:
                if self._wants(number, part):
                    asked = (viewer.run_id, part)
                    since[asked] = min(since.get(asked, math.inf), viewer.seats[part].due)
        return sorted(since, key=since.__getitem__)

    def pause(self) -> float:
        """Seconds until somebody may want something: a moment, or as long as nobody is there."""
        return FASTEST if any(viewer.visible for viewer in self.viewers.values()) else math.inf

    def _of(self, run_id: str) -> list[int]:
        return [number for number, viewer in self.viewers.items() if viewer.run_id == run_id]

    def _wants(self, number: int, part: str) -> bool:
        """Whether a viewer has this part in sight, has not seen this moment, and has room for a picture."""
        viewer, now = self.viewers[number], self.clock()
        seat, timeline = viewer.seats[part], self.bench.runs[viewer.run_id]
        if not viewer.visible or part not in viewer.parts or timeline.target is not None or timeline.status == "failed":
            return False
        if seat.seen == _moment(timeline, part) or now < seat.due:
            return False
        if seat.way and now - seat.way[0][1] > FORGETS:
            seat.way.clear()  # confirmations were lost with a connection that came back, or a tab sleeps: ask once more
        return len(seat.way) < self._room(viewer, part)

    def _room(self, viewer: Viewer, part: str) -> int:
        """How many pictures may be on their way: enough to fill the time of a round trip, and no more."""
        every = max(self._pace(part), self.runs[viewer.run_id].drawing)
        return min(4, max(2, 1 + math.ceil(viewer.trip / every)))

    def _pace(self, part: str) -> float:
        watched = len({viewer.run_id for viewer in self.viewers.values() if viewer.visible})
        pace = min(SLOWEST, max(FASTEST, FASTEST * watched / 3))
        return pace if part == "stage" else max(CURVES, pace)

    def _draw(self, run_id: str, part: str, ready: Sequence[int]) -> None:
        timeline, watched, began = self.bench.runs[run_id], self.runs[run_id], self.clock()
        moment = _moment(timeline, part)
        try:
            make = getattr(timeline.views, part, None)
            scene = make(timeline.view()) if make else None
        except Exception as error:  # the lab's own code: whatever it raises must not take the bench down
            timeline.fail(error)
            return
        watched.number += 1
        for number in ready:
            seat = self.viewers[number].seats[part]
            seat.seen, seat.due = moment, began + self._pace(part)
            if scene is not None:
                seat.way.append((watched.number, began))
                self.viewers[number].told = _state(timeline)
        if scene is None:  # this lab draws no curves
            return
        header = {"n": watched.number, "base": None, "part": part, "keep": False, **self._told(run_id, watched)}
        self.send(ready, protocol.picture(scene, header))
        took = self.clock() - began
        watched.drawing += 0.2 * (took - watched.drawing)
        if not self.bench.resting:
            self.rests_until = self.clock() + took * (1 / SHARE - 1)

    def _tell(self, numbers: Sequence[int], **more: Any) -> None:
        """A status for viewers of one run; with its knobs, if somebody does not know them."""
        run_id = self.viewers[numbers[0]].run_id
        timeline = self.bench.runs[run_id]
        told, config = self._told(run_id, self.runs[run_id]), timeline.wanted
        if any(self.viewers[number].config != config for number in numbers):
            more = {"config": config.to_params()} | more
        for number in numbers:
            self.viewers[number].told, self.viewers[number].config = _state(timeline), config
        self.send(numbers, protocol.status(told | more))

    def _told(self, run_id: str, watched: Watched) -> dict[str, Any]:
        """What every message says of a run."""
        timeline = self.bench.runs[run_id]
        say = self._say(timeline, watched)  # first: the lab may fail over it
        return {
            "run": run_id, "version": timeline.version, "step": timeline.experiment.step_count,
            "last_step": timeline.last_step, "status": _status(timeline), "message": timeline.message, "say": say,
            "busy": timeline.target is not None, "rate": self._rate(timeline, watched),
            "marks": self._marks(timeline, watched),
        }  # fmt: skip

    def _marks(self, timeline: Timeline, watched: Watched) -> list[tuple[int, str]]:
        now = (timeline.version, len(timeline.interventions))
        if watched.marks[0] != now:
            watched.marks = (now, marks(timeline.first_config, timeline.interventions))
        return watched.marks[1]

    def _say(self, timeline: Timeline, watched: Watched) -> str:
        """What to look at now: made anew every two seconds while the run trains, and at rest."""
        say = getattr(timeline.views, "say", None)
        if say is None or timeline.target is not None or timeline.status == "failed":
            return watched.said[1]
        now = self.clock()
        if timeline.status != "running" or now - watched.said[0] > SAID:
            try:
                watched.said = (now, str(say(timeline.view())))
            except Exception as error:  # the lab's own code: whatever it raises must not take the bench down
                timeline.fail(error)
        return watched.said[1]

    def _rate(self, timeline: Timeline, watched: Watched) -> float | None:
        """Steps a second, taken over about a second; None while nothing trains."""
        now, step = self.clock(), timeline.experiment.step_count
        since, before, rate = watched.rate
        if timeline.status != "running":
            watched.rate = (now, step, None)
        elif now - since > 0.7:
            watched.rate = (now, step, max(0.0, (step - before) / (now - since)) if now - since < 5 else None)
        else:
            return rate
        return watched.rate[2]

    def _forget_closed(self) -> None:
        """Viewers of runs that are gone go too, and runs that nobody watches are not remembered."""
        for number, viewer in list(self.viewers.items()):
            if viewer.run_id not in self.bench.runs:
                del self.viewers[number]
        watched = {viewer.run_id for viewer in self.viewers.values()}
        for run_id in [run_id for run_id in self.runs if run_id not in watched]:
            del self.runs[run_id]


def _moment(timeline: Timeline, part: str) -> tuple[object, ...]:
    """What a picture of a part depends on."""
    step = timeline.experiment.step_count
    return (step, timeline.version) if part == "stage" else (step, timeline.last_step, timeline.version)


def _state(timeline: Timeline) -> tuple[object, ...]:
    """What a viewer is told of even if there is no new picture."""
    return _status(timeline), timeline.message, timeline.version, timeline.target is not None


def _status(timeline: Timeline) -> str:
    """The status to show: a run that is on its way to where it will train plays already."""
    return "running" if timeline.playing else timeline.status


def _rest(timeline: Timeline) -> tuple[object, ...] | None:
    """Step, status and version of a run that rests; None for one that trains, is on its way or is being dragged."""
    if timeline.status == "running" or timeline.target is not None or timeline.rough:
        return None
    return timeline.experiment.step_count, timeline.status, timeline.version
