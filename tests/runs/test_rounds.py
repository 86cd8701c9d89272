"""A bench goes round: slices, turns and what interrupts them, on a clock that only moves when something is done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from engine.runs.bench import Bench
from engine.runs.limits import Limits
from engine.runs.timeline import Timeline

ROUND = Limits().round_seconds


class Course:
    """A bench whose runs take as long for a step as they are told to, all of them at play."""

    def __init__(self, faulty: type, costs: list[Callable[[], float]]) -> None:
        self.now = 1000.0
        self.bench = Bench(clock=lambda: self.now)
        for number, cost in enumerate(costs):
            self.bench.call("open", f"run{number}", "faulty", faulty(seed=number))
            self._takes(self.bench.runs[f"run{number}"], cost)
            self.bench.call("play", f"run{number}")
        self.turns: dict[str, list[float]] = defaultdict(list)  # when each had its turns
        self.lasted: list[float] = []  # and for how long

    def _takes(self, hosted: Timeline, cost: Callable[[], float]) -> None:
        experiment: Any = hosted.experiment
        step = experiment.step

        def slow() -> dict[str, float]:
            self.now += cost()
            made: dict[str, float] = step()
            return made

        experiment.step = slow

    def go(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            run_id, began = self.bench.next_run(), self.now
            assert run_id is not None
            self.turns[run_id].append(began)
            self.bench.tick()
            self.lasted.append(self.now - began)

    @property
    def steps(self) -> list[int]:
        return [hosted.experiment.step_count for hosted in self.bench.runs.values()]

    @property
    def longest_round(self) -> float:
        return max(b - a for at in self.turns.values() for a, b in pairwise(at))


@pytest.mark.parametrize(("runs", "step", "slice_"), [
    (1, 0.001, 0.02), (10, 0.001, 0.02), (15, 0.001, 0.02), (50, 0.001, 0.006), (50, 0.0035, 0.0035), (50, 0.02, 0.02),
])  # fmt: skip
def test_slices_shrink_to_one_step_at_least_so_that_a_round_is_short(
    faulty: type, runs: int, step: float, slice_: float
) -> None:
    course = Course(faulty, [lambda: step] * runs)
    course.go(3 * max(ROUND, runs * step))
    assert max(course.lasted) == pytest.approx(slice_)  # none is begun that would end too late
    assert runs == 1 or course.longest_round <= max(0.75 * ROUND, runs * step) + 1e-9  # the rest is for pictures
    assert max(course.steps) - min(course.steps) <= max(1, round(slice_ / step))


def test_fifty_alike_make_as_many_steps_as_each_other(faulty: type) -> None:
    pace = iter(range(10**9))
    course = Course(faulty, [lambda: (0.001, 0.004, 0.002, 0.0005)[next(pace) % 4]] * 50)  # the machine has other work
    course.go(8)
    assert max(course.steps) < 1.2 * min(course.steps)


def test_whoever_is_in_hand_when_somebody_wants_something_keeps_the_rest_of_the_turn(faulty: type) -> None:
    course = Course(faulty, [lambda: 0.001] * 3)
    unlucky = course.bench.runs["run1"].experiment
    asked: list[int] = []

    def interrupted() -> bool:
        steps = unlucky.step_count
        if asked[-1:] == [steps] or steps % 5 or not course.turns or course.bench.next_run() != "run1":
            return False
        asked.append(steps)
        return True

    course.bench.interrupted = interrupted
    course.go(2)
    assert len(asked) > 10
    assert max(course.steps) - min(course.steps) <= 20  # a slice


def test_a_turn_that_was_cut_short_is_over_when_its_run_pauses(faulty: type) -> None:
    course = Course(faulty, [lambda: 0.001] * 2)
    course.bench.interrupted = lambda: True
    course.bench.tick()
    assert course.steps[0] == 5 and course.bench.next_run() == "run0"
    course.bench.call("pause", "run0")
    course.bench.interrupted = lambda: False
    course.bench.tick()
    course.bench.call("play", "run0")
    assert course.steps == [5, 20] and course.bench.next_run() == "run0"
    course.bench.tick()
    assert course.steps[0] == 25  # a turn of its own, not the rest of the old one


def test_a_run_on_its_way_to_another_step_takes_turns_like_one_that_trains(faulty: type) -> None:
    course = Course(faulty, [lambda: 0.001] * 50)
    course.go(4 * ROUND)
    course.turns.clear()
    course.bench.call("seek", "run0", 1)
    course._takes(course.bench.runs["run0"], lambda: 0.001)
    course.go(3 * ROUND)
    assert course.longest_round <= 0.75 * ROUND + 1e-9


def test_a_run_that_is_slowed_down_keeps_moments_to_drag_through(faulty: type) -> None:
    course = Course(faulty, [lambda: 0.0015] * 4)
    for number in range(4):
        course.bench.call("speed", f"run{number}", 30.0)
    while min(course.steps) < 200:
        if course.bench.tick() is False:
            course.now += 0.001
    kept = [[each.step for each in hosted.checkpoints] for hosted in course.bench.runs.values()]
    assert all(len(steps) >= 5 for steps in kept), kept  # of training alone there were two
    assert max(b - a for steps in kept for a, b in pairwise(steps)) <= 40  # a quarter of a second for each of the four
