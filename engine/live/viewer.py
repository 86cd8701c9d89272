"""The viewers of the runs on one bench, in the worker: a picture is made when somebody has room for it, not before.

A viewer confirms each picture when it is on the canvas.  Two to four are unconfirmed at most; the next one shows
whatever is newest then, so nothing queues, and a slow viewer sees fewer pictures and none that is old.  What many
watch is drawn once.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.live import protocol
from engine.runs.bench import Bench
from engine.runs.timeline import Timeline

PARTS = ("stage", "curves")
FASTEST, SLOWEST = 0.04, 0.5  # seconds between two pictures of a stage, alone and in a full class
CURVES = 1.0  # seconds between two pictures of curves: they move less
SHARE = 0.25  # of the worker's time goes into pictures at most, while anything trains
FORGETS = 30.0  # seconds without a confirmation after which a viewer counts as gone asleep
SAID = 2.0  # seconds between two sentences while a run trains

Clock = Callable[[], float]


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
    seats: dict[str, Seat] = field(default_factory=lambda: {part: Seat() for part in PARTS})


@dataclass
class Watched:
    """What is remembered of a run that has viewers: the last picture's number, its pace, and what was said of it."""

    number: int
    drawing: float = 0.01  # seconds that a picture took, smoothed
    rate: tuple[float, int, float | None] = (0.0, 0, None)  # when and at which step it was last taken; steps a second
    said: tuple[float, str] = (-math.inf, "")


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

    def hear(self, viewer: int, run_id: str, message: Mapping[str, Any]) -> None:
        """Take in what a viewer says.  What is malformed does nothing."""
        known = self.viewers.get(viewer)
        match message:
            case {"type": "hello"}:
                self._welcome(viewer, run_id, message)
            case {"type": "leave"}:
                self.viewers.pop(viewer, None)
            case {"type": "ack", "n": int(n)} if known is not None:
                self._confirmed(known, n)
            case {"type": "seen", "value": bool(visible)} if known is not None:
                known.visible = visible
            case {"type": "do" | "turn" | "pick", "id": str(asked)} if known is not None:
                self._tell([viewer], did=asked[:64], refused="Only the browser that began this run may steer it.")

    def _welcome(self, number: int, run_id: str, message: Mapping[str, Any]) -> None:
        if run_id not in self.bench.runs:
            return
        wanted = message.get("parts")
        parts = [part for part in PARTS if not isinstance(wanted, list) or part in wanted]
        viewer = self.viewers[number] = Viewer(run_id, str(message.get("may", "watch")), parts)
        # Numbers go on growing where a run is taken over by another worker: they begin with the time.
        self.runs.setdefault(run_id, Watched(int(1000 * time.time())))
        self._tell([number], may=viewer.may, config=self.bench.runs[run_id].config.to_params())

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
                self._draw(self.bench.runs[run_id], self.runs[run_id], part, ready)
        for run_id in self.runs:
            now = _state(self.bench.runs[run_id])
            if wondering := [number for number in self._of(run_id) if self.viewers[number].told != now]:
                self._tell(wondering)

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

    def _draw(self, timeline: Timeline, watched: Watched, part: str, ready: Sequence[int]) -> None:
        began = self.clock()
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
        header = {"n": watched.number, "base": None, "part": part, "keep": False, **self._told(timeline, watched)}
        self.send(ready, protocol.picture(scene, header))
        took = self.clock() - began
        watched.drawing += 0.2 * (took - watched.drawing)
        if not self.bench.resting:
            self.rests_until = self.clock() + took * (1 / SHARE - 1)

    def _tell(self, numbers: Sequence[int], **more: Any) -> None:
        """A status for viewers of one run."""
        run_id = self.viewers[numbers[0]].run_id
        timeline = self.bench.runs[run_id]
        for number in numbers:
            self.viewers[number].told = _state(timeline)
        self.send(numbers, protocol.status(self._told(timeline, self.runs[run_id]) | more))

    def _told(self, timeline: Timeline, watched: Watched) -> dict[str, Any]:
        """What every message says of a run."""
        run_id = next(name for name, other in self.bench.runs.items() if other is timeline)
        return {
            "run": run_id, "version": timeline.version, "step": timeline.experiment.step_count,
            "last_step": timeline.last_step, "status": timeline.status, "message": timeline.message,
            "say": self._say(timeline, watched), "busy": timeline.target is not None,
            "rate": self._rate(timeline, watched),
            "marks": [[i.step, ""] for i in {i.step: i for i in timeline.interventions}.values()],
        }  # fmt: skip

    def _say(self, timeline: Timeline, watched: Watched) -> str:
        """What to look at now: made anew every two seconds while the run trains, and at rest."""
        say = getattr(timeline.views, "say", None)
        if say is None or timeline.target is not None or timeline.status == "failed":
            return watched.said[1]
        now = self.clock()
        if timeline.status != "running" or now - watched.said[0] > SAID:
            watched.said = (now, str(say(timeline.view())))
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
    return timeline.status, timeline.message, timeline.version, timeline.target is not None
