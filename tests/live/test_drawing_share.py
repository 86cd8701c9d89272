"""Pictures take a quarter of a worker at most while anything trains there: on a clock that only work moves."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from engine.live.viewer import Viewers
from engine.runs.bench import Bench
from engine.scene.scene import Scene


class Class:
    """Runs at play, each with somebody who confirms at once.  A step, a frame, a view and a sentence take their time.

    `large`: seconds for the view of the first run.
    """

    def __init__(self, faulty: type, patch: pytest.MonkeyPatch, runs: int, *, large: float = 0.002) -> None:
        self.now, self.drawing, self.large = 1000.0, 0.0, large
        self.bench = Bench(clock=lambda: self.now)
        self.viewers = Viewers(self.bench, self.deliver, clock=lambda: self.now)
        self.pictures: Counter[int] = Counter()
        self.sent: list[tuple[int, str]] = []
        for number in range(runs):
            self.bench.call("open", f"run{number}", "faulty", faulty(seed=number))
            self.make_slow(self.bench.runs[f"run{number}"].experiment)
        views = self.bench.runs["run0"].views
        self.stage, self.curves = views.stage, views.curves
        patch.setattr(views, "stage", self.slow_stage)
        patch.setattr(views, "curves", self.slow_curves)
        patch.setattr(views, "say", self.slow_say, raising=False)
        for number in range(runs):
            self.viewers.hear(number, f"run{number}", {"type": "hello", "parts": None, "may": "steer"})
            self.bench.call("play", f"run{number}")
        self.drawing = 0.0

    def deliver(self, whom: Any, what: bytes | str) -> None:
        for number in whom if isinstance(what, bytes) else ():
            self.pictures[number] += 1
            self.sent.append((number, f"run{number}"))

    def passes(self, seconds: float, *, drawn: bool = True) -> None:
        self.now += seconds
        self.drawing += seconds if drawn else 0

    def make_slow(self, experiment: Any) -> None:
        step, frame = experiment.step, experiment.frame
        experiment.step = lambda: (self.passes(0.001, drawn=False), step())[1]
        experiment.frame = lambda: (self.passes(0.003), frame())[1]

    def slow_stage(self, view: Any) -> Scene:
        self.passes(self.large if view.config.seed == 0 else 0.002)
        return self.stage(view)

    def slow_curves(self, view: Any) -> Scene:
        self.passes(0.004)
        return self.curves(view)

    def slow_say(self, view: Any) -> str:
        self.passes(0.002)
        return "Look."

    def go(self, seconds: float) -> list[float]:
        """Let them train and be drawn; how long each round took."""
        end, turns = self.now + seconds, dict.fromkeys(self.bench.runs, self.now)
        rounds = []
        while self.now < end:
            run_id = self.bench.next_run()
            assert run_id is not None
            rounds.append(self.now - turns[run_id])
            turns[run_id] = self.now
            self.bench.tick()
            self.viewers.serve()
            for number, of in self.sent:
                self.viewers.hear(number, of, {"type": "ack", "n": 10**15})
            self.sent.clear()
        return rounds


@pytest.mark.parametrize("runs", [1, 8, 50])
def test_frame_view_and_what_is_said_take_a_quarter_at_most(
    faulty: type, monkeypatch: pytest.MonkeyPatch, runs: int
) -> None:
    klass = Class(faulty, monkeypatch, runs)
    began = klass.now
    rounds = klass.go(3)
    assert klass.drawing <= 0.25 * (klass.now - began) + 0.05
    assert runs == 1 or klass.drawing >= 0.15 * (klass.now - began)  # and they are drawn
    assert max(rounds) <= 0.4 + 0.02  # a picture may have begun just before
    assert max(klass.pictures.values()) - min(klass.pictures.values()) <= 2


def test_what_a_page_asks_for_counts_too(faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    klass = Class(faulty, monkeypatch, 8)
    klass.now += 1.0
    klass.viewers.drew(1.0)  # what stands inside
    before = sum(klass.pictures.values())
    klass.go(2.9)
    assert sum(klass.pictures.values()) == before
    klass.go(0.5)
    assert sum(klass.pictures.values()) > before


def test_where_nothing_trains_nothing_waits_for_its_share(faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    klass = Class(faulty, monkeypatch, 8)
    klass.go(0.5)
    for run_id in klass.bench.runs:
        klass.bench.call("pause", run_id)
    klass.pictures.clear()
    klass.now += 2
    klass.viewers.serve()
    assert sum(klass.pictures.values()) > 1 and not klass.viewers._due()  # all of them, without a pause


def test_a_large_picture_keeps_nobody_from_theirs(faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    klass = Class(faulty, monkeypatch, 8, large=0.2)
    klass.go(4)
    others = [klass.pictures[number] for number in range(1, 8)]
    assert min(others) >= klass.pictures[0] - 1 > 0 and max(others) - min(others) <= 3
