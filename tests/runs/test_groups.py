"""Runs side by side: those who march do the same and stop at the same step, and a group is placed and closed as one."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
from collections.abc import Iterator, Mapping

import pytest
from cluster import ON_RAY, PATIENT
from pools import SMALL, at_rest, drawn, places, pool_of, until

from engine.contract.knobs import ConfigError
from engine.runs.bench import Bench
from engine.runs.inline import InlinePool
from engine.runs.limits import Limits
from engine.runs.pool import Pool, PoolError, PoolFull
from engine.runs.processes import ProcessPool
from engine.runs.run import Run
from engine.runs.timeline import Timeline

ROOM = dataclasses.replace(SMALL, workers=2, runs_per_worker=6, hang_after=60.0)  # nobody hangs here


class Uneven(Bench):
    """A bench of two runs that march; the first makes three steps in a slice, and the second one."""

    def __init__(self, *configs: object, kept: tuple[int, ...] = ()) -> None:
        super().__init__(Limits(slice_ms=1e-6))
        for number, config in enumerate(configs):
            self.call("open", f"run{number}", "faulty", config)
        self.call("group", "run0", {name: number not in kept for number, name in enumerate(self.runs)})
        self.apart = 0

    def tick(self) -> bool:
        run = self.next_run()
        ticked = super().tick()
        if run == "run0":
            leader = self.runs[run]
            for _ in range(2):
                if leader.status == "running" and leader.target is None:
                    leader.advance(-math.inf, lambda: False)
        steps = [each.here for each in self.runs.values() if each.playing and each not in self.group("run0").kept]
        self.apart = max(self.apart, max(steps, default=0) - min(steps, default=0))
        return ticked

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick()

    def settle(self) -> None:
        while self.tick():
            pass

    @property
    def steps(self) -> list[int]:
        return [each.experiment.step_count for each in self.runs.values()]

    @property
    def statuses(self) -> list[str]:
        return [each.status for each in self.runs.values()]


@pytest.fixture
def bench(faulty: type) -> Uneven:
    return Uneven(faulty(seed=0), faulty(seed=1))


@pytest.mark.parametrize("ticks", [1, 2, 3, 4, 5, 10, 11])
def test_they_stop_at_the_same_step_when_they_are_paused(bench: Uneven, ticks: int) -> None:
    bench.call("play", "run0")
    bench.ticks(ticks)
    furthest = max(bench.steps)
    bench.call("pause", "run0")
    bench.call("pause", "run1")  # whoever is paused, and however often
    bench.settle()
    assert bench.steps == [furthest, furthest] and bench.statuses == ["paused", "paused"]
    assert bench.apart <= 3  # a slice


def test_they_stop_at_the_same_step_at_the_end_of_until_step_and_seek(bench: Uneven) -> None:
    bench.call("play", "run0", None, 50)
    bench.settle()
    assert bench.steps == [50, 50] and [each.reached for each in bench.runs.values()] == [(50, 1), (50, 1)]
    bench.call("play", "run1", 1)
    bench.settle()
    assert bench.steps == [51, 51]
    bench.call("play", "run0", 7)
    bench.settle()
    assert bench.steps == [58, 58]
    bench.call("seek", "run0", 20)
    bench.settle()
    assert bench.steps == [20, 20] and [each.last_step for each in bench.runs.values()] == [58, 58]
    bench.call("play", "run0", None, 30)
    bench.settle()
    assert bench.steps == [30, 30] and bench.apart <= 3
    bench.call("seek", "run0", 10)
    bench.call("play", "run0")  # on its way there
    bench.ticks(40)
    bench.call("pause", "run0")
    bench.settle()
    assert bench.steps[0] == bench.steps[1] > 10


def test_the_facts_of_the_step_where_all_stop_are_kept_until_something_changes(bench: Uneven, faulty: type) -> None:
    def kept() -> list[Mapping[str, float | str] | None]:
        return [bench.call("report", run_id).facts for run_id in bench.runs]

    bench.call("play", "run0", None, 50)
    bench.ticks(5)
    assert kept() == [None, None]
    bench.settle()
    there = [bench.call("facts", run_id) for run_id in bench.runs]
    assert kept() == there and there[0] != there[1] and bench.call("report", "run1").reached == 50
    bench.call("play", "run0", 20)
    bench.settle()
    bench.call("seek", "run0", 60)
    bench.settle()
    assert kept() == there != [bench.call("facts", run_id) for run_id in bench.runs]
    adopted = Bench()
    adopted.call("adopt", "run0", bench.dump("run0"))
    assert adopted.call("report", "run0").facts == there[0]
    bench.call("update", "run1", {"rate": 0.02})
    bench.call("play", "run1", 1)
    bench.settle()
    assert kept() == [there[0], None]
    bench.call("seek", "run0", 40)
    bench.call("play", "run0", 1)
    bench.settle()
    assert kept() == [None, None]
    bench.call("reset", "run0")
    bench.call("play", "run0", None, 50)
    bench.settle()
    assert kept()[0] == there[0]


def test_one_that_ended_before_the_step_where_the_others_stop_has_its_facts_kept_too(faulty: type) -> None:
    bench = Uneven(faulty(), faulty(fault="nan", at=20))
    bench.call("play", "run0", None, 50)
    bench.settle()
    assert bench.statuses == ["paused", "diverged"] and bench.steps[1] < 20
    assert [bench.call("report", run_id).facts for run_id in bench.runs] == [
        bench.call("facts", run_id) for run_id in bench.runs
    ]


def test_steps_that_are_asked_for_faster_than_they_are_made_are_all_made(bench: Uneven) -> None:
    for _ in range(9):
        bench.call("play", "run0", 1)
        bench.tick()
    bench.settle()
    assert bench.steps == [9, 9]
    bench.call("play", "run0")
    bench.ticks(6)
    stood = max(bench.steps)
    bench.call("play", "run0", 1)  # Step while it plays: one more, and it stops
    bench.settle()
    assert bench.steps == [stood + 1] * 2


@pytest.mark.parametrize("told", ["run0", "run1"])
def test_a_step_while_one_is_catching_up_is_one_more_for_all(bench: Uneven, told: str) -> None:
    bench.call("play", "run0")
    while not bench.steps[0] > bench.steps[1] > 5:
        bench.tick()
    furthest = bench.steps[0]
    bench.call("pause", "run0")
    bench.call("play", told, 1)
    bench.settle()
    assert bench.steps == [furthest + 1] * 2


def test_the_pace_is_that_of_all(bench: Uneven) -> None:
    bench.call("speed", "run1", 0.5)
    assert [each.speed for each in bench.runs.values()] == [0.5, 0.5]
    bench.call("open", "later", "faulty", bench.runs["run0"].config)
    bench.call("group", "run0", {"run0": True, "run1": True, "later": True})
    assert bench.runs["later"].speed == 0.5
    bench.call("play", "run0")
    bench.settle()
    steps = max(bench.steps)
    assert bench.idle_for() > 0 and steps < 5  # those who wait for the others do not keep the worker awake
    bench.call("pause", "run0")
    bench.settle()
    assert bench.steps == [steps] * 3


def test_who_lags_behind_catches_up_before_the_others_go_on(bench: Uneven) -> None:
    bench.call("group", "run0", {"run0": False, "run1": True})
    bench.call("play", "run0", 40)  # it does not march: it obeys alone
    bench.settle()
    assert bench.steps == [40, 0]
    bench.call("group", "run0", {"run0": True, "run1": True})
    bench.call("play", "run0")
    bench.ticks(10)
    assert bench.steps == [40, 10]
    bench.call("pause", "run0")  # and is not kept from pausing by those who wait for it
    bench.settle()
    assert bench.steps == [40, 10]
    bench.call("play", "run1", None, 45)
    bench.settle()
    assert bench.steps == [45, 45]
    bench.call("seek", "run0", 10_000)
    bench.settle()
    assert bench.steps == [45, 45]


def test_a_seek_is_clamped_to_each_end(bench: Uneven) -> None:
    bench.call("play", "run0", 20)
    bench.settle()
    bench.call("group", "run0", {"run0": True, "run1": False})
    bench.call("play", "run0", 30)
    bench.settle()
    bench.call("group", "run0", {"run0": True, "run1": True})
    bench.call("seek", "run0", 35)
    bench.settle()
    assert bench.steps == [35, 20]


def test_who_is_done_or_diverged_stays_and_the_others_go_on(faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Uneven(faulty(fault="nan", at=10), faulty(), faulty(seed=2))
    experiment = bench.runs["run2"].experiment
    monkeypatch.setattr(
        type(experiment), "done", property(lambda self: self.config.seed == 2 and self.step_count >= 15)
    )
    bench.call("play", "run0", None, 40)
    bench.settle()
    assert bench.steps == [9, 40, 15] and bench.statuses == ["diverged", "paused", "done"]
    bench.call("play", "run0", 1)
    bench.settle()
    assert bench.steps == [9, 41, 15]
    bench.call("play", "run0")
    bench.ticks(20)
    bench.call("pause", "run0")
    bench.settle()
    assert bench.steps[0] == 9 and bench.steps[1] > 41 and bench.steps[2] == 15
    bench.call("reset", "run0")
    bench.settle()
    assert bench.steps == [0, 0, 0] and bench.statuses == ["paused"] * 3


def test_a_restart_restarts_all_with_their_own_knobs_and_plays_on(faulty: type) -> None:
    bench = Uneven(faulty(), faulty(rate=0.5), faulty(rate=0.7), kept=(2,))
    bench.call("play", "run2", 5)
    bench.call("play", "run0", None, 30)
    bench.ticks(12)
    bench.call("update", "run0", {"width": "5", "seen": "4"})
    assert [each.status for each in bench.runs.values()][:2] == ["running", "running"]
    bench.settle()
    assert bench.steps == [30, 30, 5]
    configs = [each.config for each in bench.runs.values()]
    assert configs == [faulty(width=5, seen=4), faulty(rate=0.5, seen=4), faulty(rate=0.7, seen=4)]
    bench.call("update", "run1", {"rate": "0.1"})  # a live knob is that of one run
    assert [each.config.rate for each in bench.runs.values()] == [0.1, 0.1, 0.7]


def test_a_new_seed_is_one_for_all_who_had_the_same(faulty: type) -> None:
    """Else what a lesson says of two runs with one difference would be said of two that chance sets apart as well."""
    bench = Uneven(faulty(), faulty(rate=0.5), faulty(rate=0.7), kept=(2,))
    bench.call("update", "run0", {"seed": "4"})
    assert [each.config for each in bench.runs.values()] == [faulty(seed=4), faulty(rate=0.5, seed=4), faulty(rate=0.7)]
    others = Uneven(faulty(), faulty(seed=9))  # two runs of two seeds stay that
    others.call("update", "run0", {"seed": "4"})
    assert [each.config.seed for each in others.runs.values()] == [4, 9]


def test_looking_is_for_all_also_by_a_pick_and_costs_nobody_a_run(
    faulty: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.contract.view import Turn

    bench = Uneven(faulty(), faulty(), faulty(), kept=(1,))
    monkeypatch.setattr(bench.runs["run0"].views, "answer", lambda view, pick: Turn({"seen": 3}))
    bench.call("pick", "run1", {"panel": "frame"})
    assert [each.config.seen for each in bench.runs.values()] == [3, 3, 3]
    look_as = Timeline.look_as

    def refuses(self: Timeline, config: object) -> None:
        if self is bench.runs["run2"]:
            raise ConfigError("seen", 5, "not here")
        look_as(self, config)  # type: ignore[arg-type]

    monkeypatch.setattr(Timeline, "look_as", refuses)
    bench.call("update", "run0", {"seen": "5"})
    assert [each.config.seen for each in bench.runs.values()] == [5, 5, 3] and bench.statuses == ["paused"] * 3


def test_a_lab_that_fails_in_one_run_costs_only_that_one(faulty: type) -> None:
    bench = Uneven(faulty(), faulty(fault="raise", at=8))
    bench.call("play", "run0", 20)
    bench.settle()
    assert bench.steps == [20, 7] and bench.statuses == ["paused", "failed"]
    with pytest.raises(ConfigError):
        bench.call("update", "run0", {"fault": "refuse"})
    assert bench.steps == [20, 7]


@pytest.mark.parametrize("told", ["run0", "run1"])
def test_who_cannot_be_kept_does_not_keep_the_others_from_pausing(faulty: type, told: str) -> None:
    bench = Uneven(faulty(fault="state", at=8), faulty())
    bench.call("play", "run0")
    while not bench.steps[0] > max(bench.steps[1], 9):
        bench.tick()
    bench.call("pause", told)
    bench.settle()
    assert bench.statuses == ["failed", "paused"] and bench.steps[0] == bench.steps[1]


# ------------------------------------------------------------------ in a pool


@pytest.fixture(params=["inline", "processes", pytest.param("ray", marks=ON_RAY)])
def roomy(request: pytest.FixtureRequest, faulty: type) -> Pool:
    names = {"inline": "at_hand", "processes": "elsewhere", "ray": "in_a_cluster"}
    pool: Pool = request.getfixturevalue(names[request.param])
    return pool


@pytest.fixture
def in_a_cluster(rays: Pool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    rays.wait_ready(120.0)
    monkeypatch.setattr(rays, "limits", dataclasses.replace(PATIENT, runs_per_worker=ROOM.runs_per_worker))
    yield rays
    for run_id in rays.ids():
        rays.close_run(run_id)


@pytest.fixture
def at_hand(faulty: type) -> Iterator[Pool]:
    with pool_of("inline", ROOM) as pool:
        yield pool


@pytest.fixture(scope="module")
def workers_with_room(faulty: type) -> Iterator[Pool]:
    with pool_of("processes", ROOM) as pool:
        yield pool


@pytest.fixture
def elsewhere(workers_with_room: Pool) -> Iterator[Pool]:
    workers_with_room.wait_ready()
    yield workers_with_room
    for run_id in list(workers_with_room._records):
        workers_with_room.close_run(run_id)


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


def test_a_group_acts_as_one_wherever_it_is(roomy: Pool, faulty: type) -> None:
    leader = roomy.open("faulty", faulty(), "me")
    other = roomy.open("faulty", faulty(seed=1), "me", beside=leader)
    kept = roomy.open("faulty", faulty(seed=2), "me", beside=leader, marches=False)
    assert ids(leader.group()) == [leader.id, other.id, kept.id] == ids(kept.group())
    assert [run.marches for run in leader.group()] == [True, True, False]
    assert len(set(places(roomy, leader, other, kept))) == 1
    leader.step(30)
    assert [until(run, at_rest).step for run in (leader, other, kept)] == [30, 30, 0]
    leader.play()
    until(other, lambda look: look.step > 50)
    leader.pause()
    assert until(leader, at_rest).step == until(other, at_rest).step > 50
    leader.seek(10)
    assert [until(run, at_rest).step for run in (leader, other)] == [10, 10]
    leader.update({"seen": "6"})
    assert [drawn(until(run, at_rest)).seen for run in (leader, other, kept)] == [6, 6, 6]
    kept.lead()
    assert ids(leader.group()) == [kept.id, leader.id, other.id]
    kept.step(5)
    assert [until(run, at_rest).step for run in (leader, other, kept)] == [10, 10, 5]
    kept.march(True)
    kept.step(1)  # the laggard comes along no further than this: the others have been there
    assert [until(run, at_rest).step for run in (leader, other, kept)] == [10, 10, 6]
    other.close()
    assert ids(kept.group()) == [kept.id, leader.id]
    kept.close()
    assert [roomy.find(run.id) for run in (leader, other, kept)] == [None, None, None]
    kept.close()  # gone already


def test_four_stand_together_and_a_fifth_is_refused_with_a_sentence(roomy: Pool, faulty: type) -> None:
    leader = roomy.open("faulty", faulty())
    for _ in range(3):
        last = roomy.open("faulty", faulty(), beside=leader)
    for refused in (
        lambda: roomy.open("faulty", faulty(), beside=last),
        lambda: leader.branch(0, faulty(), beside=True),
    ):
        with pytest.raises(PoolFull, match=r"^4 runs stand beside each other at most.*\.$"):
            refused()
    assert len(leader.group()) == 4 and len(roomy.ids()) == 4
    last.close()
    assert len(roomy.open("faulty", faulty(), beside=leader).group()) == 4


def test_a_branch_leads_and_its_parent_is_kept_beside_it(roomy: Pool, faulty: type) -> None:
    parent = roomy.open("faulty", faulty())
    other = roomy.open("faulty", faulty(seed=1), beside=parent)
    parent.step(40)
    until(other, at_rest)
    branch = parent.branch(15, faulty(rate=0.5), beside=True)
    assert ids(branch.group()) == [branch.id, parent.id, other.id]
    assert [run.marches for run in branch.group()] == [True, False, True]
    branch.step(30)
    assert [until(run, at_rest).step for run in (branch, parent, other)] == [45, 40, 45]
    alone = branch.branch(5, faulty())
    assert ids(alone.group()) == [alone.id]
    with pytest.raises(ConfigError):
        branch.branch(5, faulty(width=9), beside=True)
    assert len(branch.group()) == 3


def test_whoever_knows_the_key_of_the_leader_steers_all(roomy: Pool, faulty: type) -> None:
    leader = roomy.open("faulty", faulty(), "me")
    other = roomy.open("faulty", faulty(), "me", beside=leader)
    assert roomy.may(other.id, leader.key) and not roomy.may(leader.id, other.key)
    roomy.steer(other.id, leader.key).step(3)
    assert until(leader, at_rest).step == 3
    assert [run.key for run in leader.group()] == [leader.key, other.key]
    only_looking = roomy.find(leader.id)
    assert only_looking is not None and [run.key for run in only_looking.group()] == ["", ""]
    for act in (only_looking.lead, lambda: only_looking.march(False), only_looking.close,
                lambda: roomy.open("faulty", faulty(), "you", beside=only_looking)):  # fmt: skip
        with pytest.raises(PoolError, match="Only the browser that began this run"):
            act()
    with pytest.raises(ValueError, match="beside"):
        roomy.open("gan", faulty(), beside=leader)
    leader.close()
    with pytest.raises(PoolError):
        roomy.open("faulty", faulty(), beside=leader)


def test_a_full_bench_takes_nobody_beside_its_runs(faulty: type) -> None:
    with pool_of("inline", dataclasses.replace(SMALL, workers=1, runs_per_worker=2)) as pool:
        leader = pool.open("faulty", faulty())
        pool.open("faulty", faulty())
        with pytest.raises(PoolFull, match=r"no place beside this run"):
            pool.open("faulty", faulty(), beside=leader)
        assert leader.group()[0].id == leader.id and len(leader.group()) == 1


def test_a_group_waits_and_is_placed_as_one(faulty: type) -> None:
    with pool_of("inline", dataclasses.replace(SMALL, workers=1, runs_per_worker=2)) as pool:
        first, second = pool.open("faulty", faulty()), pool.open("faulty", faulty())
        leader = pool.open("faulty", faulty())
        other = pool.open("faulty", faulty(seed=1), beside=leader)
        last = pool.open("faulty", faulty())
        assert "number 1" in other.peek().message and "number 2" in last.peek().message
        with pytest.raises(PoolFull):  # no bench is so large
            pool.open("faulty", faulty(), beside=leader)
        leader.step(4)
        first.close()
        assert leader.peek().status == other.peek().status == "waiting"
        second.close()
        assert [until(run, at_rest).step for run in (leader, other)] == [4, 4] and last.peek().status == "waiting"
        leader.close()
        assert pool.find(other.id) is None and until(last, at_rest).status == "paused"


def test_who_looks_at_one_of_them_keeps_all(faulty: type) -> None:
    with pool_of("inline", ROOM) as pool:
        assert isinstance(pool, InlinePool)
        leader = pool.open("faulty", faulty())
        other = pool.open("faulty", faulty(), beside=leader)
        records = [pool._records[run.id] for run in (leader, other)]
        for record in records:
            record.asked -= 10_000.0
        other.peek()
        pool.sweep()
        assert pool.find(leader.id) is not None
        pool.leave(leader.id, leader.key)
        assert all(record.left < math.inf for record in records)
        for record in records:
            record.asked -= 10_000.0
        pool.sweep()
        assert pool.find(leader.id) is None and pool.find(other.id) is None


def test_a_group_is_recovered_together(faulty: type) -> None:
    with pool_of("processes", dataclasses.replace(ROOM, workers=1, recovery_seconds=1000.0)) as pool:
        assert isinstance(pool, ProcessPool)
        leader = pool.open("faulty", faulty())
        other = pool.open("faulty", faulty(seed=1), beside=leader)
        kept = pool.open("faulty", faulty(seed=2), beside=leader, marches=False)
        leader.step(20)

        def settled() -> list[int]:
            return [until(run, at_rest).step for run in (leader, other, kept)]

        assert settled() == [20, 20, 0]
        leader.update({"seen": "2"})  # after an act there is a copy of all
        leader.story()
        os.kill(pool.pids()[0], signal.SIGKILL)
        until(leader, lambda look: "went on in a new one" in look.message)
        until(kept, lambda look: "went on in a new one" in look.message)
        assert settled() == [20, 20, 0]
        leader.step(5)
        assert settled() == [25, 25, 0]
        assert [run.marches for run in leader.group()] == [True, True, False]
