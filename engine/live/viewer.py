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
from engine.live.pictures import Pictures
from engine.live.seats import PARTS, Said, Viewer, Watched, in_sight
from engine.live.steering import steer
from engine.runs.bench import Bench
from engine.runs.marks import marks
from engine.runs.timeline import Timeline

FASTEST, SLOWEST = 0.04, 0.5  # seconds between two pictures of a stage, alone and in a full class
CURVES, SELDOM = 1.0, 4  # seconds between two pictures of curves at least, and by what that is longer than a stage's
AHEAD = 0.1  # seconds of rest that pictures may be in debt before training has its turn: several are made at a stretch
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
        self.pictures, self.pace = Pictures(bench), FASTEST  # seconds between two pictures of a stage
        self.viewers: dict[int, Viewer] = {}
        self.shown: dict[int, list[tuple[str, str, bool]]] = {}  # what each has in sight: run, part, if it is narrow
        self.runs: dict[str, Watched] = {}
        self.rests_until = -math.inf  # pictures wait till then: they have had their share of the time
        self.says_at = -math.inf  # and what is said besides till then

    # ------------------------------------------------------------------ what viewers say

    def hear(self, viewer: int, run_id: str, message: Mapping[str, Any]) -> bool:
        """Take in what a viewer says; whether it did something to the run.  What is malformed does nothing."""
        known = self.viewers.get(viewer)
        match message:
            case {"type": "hello"}:
                self._welcome(viewer, run_id, message)
            case {"type": "leave"} if known is not None:
                del self.viewers[viewer]
                if known.holds in self.bench.runs:
                    self.bench.call("let_go", known.holds)
            case {"type": "ack", "n": int(n)} if known is not None:
                self._confirmed(known, message.get("run", known.run_id), n)
            case {"type": "seen", "value": bool(visible)} if known is not None:
                known.visible = visible
            case {"type": "do" | "turn" | "pick", "id": str()} if known is not None and run_id in self.bench.runs:
                return self._steered(viewer, known, message)
        return False

    def _steered(self, number: int, viewer: Viewer, message: Mapping[str, Any]) -> bool:
        """Do what a viewer asks, if it may, and answer; whether a copy of the run should be made at once."""
        did, _ = message["id"][:64], self._around()
        if viewer.may != "steer":
            self._tell([number], viewer.run_id, did=did, refused="Only the browser that began this run may steer it.")
            return False
        outcome = steer(self.bench, viewer.run_id, message)
        run_id = message.get("run")
        run_id = run_id if run_id in self.bench.beside(viewer.run_id) else viewer.run_id
        timeline, began = self.bench.runs[run_id], self.clock()
        config = {"config": timeline.wanted.to_params()} if message["type"] == "turn" else {}
        self._tell([number], run_id, did=did, refused=outcome.refused, **config)
        self._spent(began)
        held = message.get("held") is True
        if message["type"] == "pick" and outcome.new:
            viewer.holds, turned = run_id if held else "", tuple(dict.fromkeys((*viewer.turned, *outcome.turned)))
            viewer.turned = turned if held else ()
            if turned and not held:
                wanted, knobs = timeline.wanted, timeline.wanted.knobs()
                texts = {name: knobs[name].format(getattr(wanted, name)) for name in turned}
                told = {"id": did, "knobs": texts, "version": timeline.version}
                self.send([number], protocol.event("turned", {**_of(run_id, viewer), **told}))
        return outcome.new and outcome.refused is None and not held and message.get("rough") is not True

    def _welcome(self, number: int, run_id: str, message: Mapping[str, Any]) -> None:
        if run_id not in self.bench.runs:
            return
        wanted, before, began = message.get("parts"), self.viewers.get(number), self.clock()
        parts = [part for part in PARTS if not isinstance(wanted, list) or part in wanted]
        viewer = self.viewers[number] = Viewer(run_id, str(message.get("may", "watch")), parts)
        viewer.beside = message.get("beside") is True
        if before is not None and before.run_id == run_id:
            viewer.holds, viewer.turned = before.holds, before.turned
        self._around()
        self._tell([number], run_id, may=viewer.may, config=self.bench.runs[run_id].wanted.to_params())
        self._spent(began)

    def _confirmed(self, viewer: Viewer, run_id: object, n: int) -> None:
        now = self.clock()
        for (of, part), seat in viewer.seats.items():
            watched = self.runs.get(of) if of == run_id else None
            while watched is not None and seat.way and seat.way[0][0] <= n:
                number, sent = seat.way.popleft()
                viewer.trip += 0.2 * (now - sent - viewer.trip)
                seat.keys = {each for each in (*seat.keys, number) if each in watched.keys[part].kept}

    # ------------------------------------------------------------------ what viewers get

    def serve(self) -> None:
        """Make the pictures that somebody has room for, and say what has changed besides."""
        began, draws = self.clock(), self.bench.resting or self.clock() >= self.rests_until
        if not draws and began < self.says_at:  # to look at every viewer after each slice would cost a class dear
            return
        self.says_at = began + FASTEST
        around = self._around()
        for shown in self._due() if draws else []:
            if self.rests_until > self.clock() + AHEAD and not self.bench.resting:
                break
            self._draw(*shown, [n for n in around[shown[0]] if shown in self.shown[n] and self._wants(n, *shown)])
            began = self._spent(began)
        for run_id, numbers in around.items():
            timeline = self.bench.runs[run_id]
            now, config = _state(timeline), timeline.wanted
            if wondering := [number for number in numbers if not self.viewers[number].knows(run_id, now, config)]:
                self._tell(wondering, run_id)
            steering = [n for n in numbers if self.viewers[n].run_id == run_id and self.viewers[n].may == "steer"]
            self._announce(run_id, self.runs[run_id], steering)
        self._spent(began)

    def drew(self, seconds: float) -> None:
        """Somebody else had something drawn for so long: while anything trains, that counts as ours."""
        if not self.bench.resting:
            since = self.clock() - seconds - self.bench.slice  # we are asked only when a slice has ended
            self.rests_until = max(self.rests_until, since) + seconds / self.bench.limits.drawing_share

    def _spent(self, began: float) -> float:
        """All since `began` went into pictures and what is said with them.  Returns the time now."""
        now = self.clock()
        self.drew(now - began)
        return now

    def _around(self) -> dict[str, list[int]]:
        """Who is to know of each run: those who watch it, or one that it stands beside.  Others are forgotten."""
        around: dict[str, list[int]] = {}
        self.shown = {}
        stages: set[str] = set()
        for number, viewer in list(self.viewers.items()):
            if viewer.run_id not in self.bench.runs:
                del self.viewers[number]
                continue
            group = self.bench.beside(viewer.run_id)
            self.shown[number] = seen = in_sight(viewer, group)
            stages.update([run_id for run_id, _, _ in seen])
            for run_id in group:
                around.setdefault(run_id, []).append(number)
        self.pace = min(SLOWEST, max(FASTEST, FASTEST * len(stages) / 3))
        # Numbers go on growing where a run is taken over by another worker: they begin with the time.
        began = int(1000 * time.time())
        self.runs = {run_id: self.runs.get(run_id) or Watched(began) for run_id in around}
        for run_id, numbers in around.items():
            self.runs[run_id].trip = max(self.viewers[number].trip for number in numbers)
        self.pictures.forget()
        return around

    def _announce(self, run_id: str, watched: Watched, steering: Sequence[int]) -> None:
        """Tell those who steer that the run has come to the step it was to stop at, or to rest, if they do not know.

        Whoever marches with it has come there too.
        """
        timeline, group, now = self.bench.runs[run_id], self.bench.group(run_id), self.clock()
        reached, rest = timeline.reached, _rest(group.marching(timeline))
        if reached is not None and any(each.playing and each.here < reached[0] for each in group.marching(timeline)):
            reached = None
        if rest != watched.rest[0]:
            watched.rest = (rest, now)
        resting = rest is not None and now - watched.rest[1] >= RESTS
        if to_tell := [n for n in steering if reached is not None and self.viewers[n].reached != reached]:
            step, version = reached or (0, 0)
            self.send(to_tell, protocol.event("reached", {"step": step, "version": version}))
        if to_tell_rest := [n for n in steering if resting and self.viewers[n].rested != rest]:
            told = dict(zip(("step", "status", "version"), rest[0] if rest else (), strict=True))
            self.send(to_tell_rest, protocol.event("rested", told))
        for number in steering:
            self.viewers[number].reached = reached
            self.viewers[number].rested = rest if resting else None

    def _due(self) -> list[tuple[str, str, bool]]:
        """The runs and parts of which somebody wants a picture, and if narrow; whoever has waited longest first.

        Curves have waited long when they have waited for several stages.
        """
        since: dict[tuple[str, str, bool], float] = {}
        for number, viewer in self.viewers.items():
            for shown in self.shown[number]:
                if self._wants(number, *shown):
                    since[shown] = min(since.get(shown, math.inf), viewer.seat(*shown[:2]).due)
        now = self.clock()
        return sorted(since, key=lambda shown: (since[shown] - now) / self._pace(shown[1]))

    def pause(self) -> float:
        """Seconds until somebody may want something: a moment at most, or as long as nobody is there."""
        if not any(viewer.visible for viewer in self.viewers.values()):
            return math.inf
        due = [
            self.viewers[number].seat(*shown[:2]).due
            for number, seen in self.shown.items() if number in self.viewers
            for shown in seen if shown[0] in self.bench.runs and self._waits(number, *shown)
        ]  # fmt: skip
        first = max(min(due, default=math.inf), -math.inf if self.bench.resting else self.rests_until)
        return min(FASTEST, max(0.0, first - self.clock()))

    def _wants(self, number: int, run_id: str, part: str, narrow: bool) -> bool:
        """Whether a viewer is to get a picture of this part now."""
        return self.clock() >= self.viewers[number].seat(run_id, part).due and self._waits(number, run_id, part, narrow)

    def _waits(self, number: int, run_id: str, part: str, narrow: bool) -> bool:
        """Whether a viewer, who has this part in sight, has not seen this moment and has room for a picture."""
        viewer, now, timeline = self.viewers[number], self.clock(), self.bench.runs[run_id]
        seat = viewer.seat(run_id, part)
        if timeline.target is not None or timeline.status == "failed":
            return False
        if seat.seen == self.pictures.moment(run_id, part, narrow):
            return False
        if seat.way and now - seat.way[0][1] > FORGETS:
            seat.way.clear()  # confirmations were lost with a connection that came back, or a tab sleeps: ask once more
        watched = self.runs[run_id]
        if watched.keys[part].crowded(seat.keys, trip=watched.trip, now=now):
            return False
        return len(seat.way) < self._room(viewer, run_id, part)

    def _room(self, viewer: Viewer, run_id: str, part: str) -> int:
        """How many pictures may be on their way: enough to fill the time of a round trip, and no more."""
        every = max(self._pace(part), self.runs[run_id].drawing)
        return min(4, max(2, 1 + math.ceil(viewer.trip / every)))

    def _pace(self, part: str) -> float:
        return self.pace if part == "stage" else max(CURVES, SELDOM * self.pace)

    def _draw(self, run_id: str, part: str, narrow: bool, ready: Sequence[int]) -> None:
        timeline, watched, began = self.bench.runs[run_id], self.runs[run_id], self.clock()
        moment = self.pictures.moment(run_id, part, narrow)
        try:
            scene = self.pictures.make(run_id, part, narrow)
        except Exception as error:  # the lab's own code: whatever it raises must not take the bench down
            timeline.fail(error)
            return
        watched.number += 1
        for number in ready:
            seat = self.viewers[number].seat(run_id, part)
            # From when it was due: slices and steps would make each a little late, and all of them rare.
            seat.seen, seat.due = moment, max(seat.due, began - self._pace(part) / 2) + self._pace(part)
            if scene is not None:
                seat.way.append((watched.number, began))
                self.viewers[number].told[run_id] = _state(timeline)
        if scene is None:  # this lab draws no curves
            return
        header = {"n": watched.number, "part": part, **self._told(run_id, watched)}
        confirmed = {number: self.viewers[number].seat(run_id, part).keys for number in ready}
        for numbers, message in watched.keys[part].messages(scene, header, confirmed, began):
            self.send(numbers, message)
        took = self.clock() - began
        watched.drawing += 0.2 * (took - watched.drawing)
        self.bench.work.drew(took)

    def _tell(self, numbers: Sequence[int], run_id: str, **more: Any) -> None:
        """A status of a run for some viewers; with its knobs, if somebody does not know them."""
        timeline = self.bench.runs[run_id]
        told, config = self._told(run_id, self.runs[run_id]), timeline.wanted
        if any(self.viewers[number].configs.get(run_id) != config for number in numbers):
            more = {"config": config.to_params()} | more
        for number in numbers:
            self.viewers[number].told[run_id], self.viewers[number].configs[run_id] = _state(timeline), config
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
        """What to look at now: made anew every two seconds while the run trains, at rest, and when anything is done."""
        say = getattr(timeline.views, "say", None)
        if say is None or timeline.target is not None or timeline.status == "failed":
            return watched.said.text
        now, step, said = self.clock(), timeline.experiment.step_count, watched.said
        rests = timeline.status != "running"
        left = said.rests and step != said.step  # what was said at rest, "press Play", holds no longer
        if rests or left or timeline.version != said.version or now - said.at > SAID:
            try:
                watched.said = Said(now, step, timeline.version, rests, str(say(timeline.view())))
            except Exception as error:  # the lab's own code: whatever it raises must not take the bench down
                timeline.fail(error)
        return watched.said.text

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


def _of(run_id: str, viewer: Viewer) -> dict[str, str]:
    """Which run an event is about, unless it is the one of the socket's address."""
    return {} if run_id == viewer.run_id else {"run": run_id}


def _state(timeline: Timeline) -> tuple[object, ...]:
    """What a viewer is told of even if there is no new picture."""
    return _status(timeline), timeline.message, timeline.version, timeline.target is not None


def _status(timeline: Timeline) -> str:
    """The status to show: a run that is on its way to where it will train plays already."""
    return "running" if timeline.playing else timeline.status


def _rest(marching: Sequence[Timeline]) -> tuple[tuple[object, ...], ...] | None:
    """Step, status and version of each, if all rest; None if one trains, is on its way or is being dragged."""
    if any(each.status == "running" or each.target is not None or each.rough for each in marching):
        return None
    return tuple((each.experiment.step_count, each.status, each.version) for each in marching)
