"""How a pool fares, as it tells whoever watches over a server: the contract over every home."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
import ray
from cluster import ON_RAY, Bounded
from pools import at_rest, home, read_by, until, within
from visitor import wait_until

from engine.contract.reading import ReadError
from engine.runs.actor import NAMESPACE
from engine.runs.inline import InlinePool
from engine.runs.pool import Pool
from engine.runs.processes import ProcessPool
from engine.runs.vitals import BOUNDS, Work

LAB = "faulty"


@pytest.fixture(params=["inline", "processes", pytest.param("ray", marks=ON_RAY)])
def anywhere(request: pytest.FixtureRequest) -> Iterator[Pool]:
    yield from home(request)


def counted(**runs: int) -> Counter[tuple[str, str]]:
    return Counter({(LAB, status): count for status, count in runs.items()})


def rested(pool: Pool | Bounded) -> None:
    """Wait until benches have told of the end of all that was there before: they do so once a second."""
    wait_until(lambda: not pool.vitals().runs, "the runs of other tests to be told of no more")


def test_runs_are_counted_by_what_they_do(anywhere: Pool, faulty: type) -> None:
    rested(anywhere)
    before = anywhere.vitals().work.steps[LAB]
    stays, ends, fails, plays = (
        anywhere.open(LAB, faulty(**how))
        for how in ({}, {"fault": "nan", "at": 3}, {"fault": "raise", "at": 4}, {"seed": 2})
    )
    waits = anywhere.open(LAB, faulty())
    stays.step(5)
    for run in (ends, fails):
        run.play()
        until(run, at_rest)
    until(stays, at_rest)
    stays.seek(2)
    stays.seek(5)
    until(stays, at_rest)
    wait_until(
        lambda: anywhere.vitals().runs == counted(paused=2, diverged=1, failed=1, waiting=1),
        "the statuses of five runs",
    )
    vitals = anywhere.vitals()
    assert (vitals.taken, vitals.places) == (4, 4)
    # Five, two before the loss was no number, three before the error; a replay trains nothing.
    assert vitals.work.steps[LAB] - before == 5 + 2 + 3
    plays.play()
    until(plays, lambda look: look.step > 3)
    wait_until(lambda: anywhere.vitals().runs[LAB, "running"] == 1, "a run that plays")
    plays.pause()
    waits.close()
    stays.close()
    wait_until(lambda: anywhere.vitals().runs == counted(paused=1, diverged=1, failed=1), "two runs less")


def test_a_parked_run_is_counted_as_one(pool: Pool, faulty: type) -> None:
    rested(pool)
    run = pool.open(LAB, faulty())
    until(run, at_rest)
    run_id = run.id
    wait_until(lambda: within(pool, lambda there: bool(there.park(there._records[run_id]))), "the run to be parked")
    wait_until(lambda: pool.vitals().runs == counted(parked=1), "one parked run")
    assert pool.vitals().taken == 0


def test_what_is_read_is_counted_by_what_became_of_it(pool: Pool) -> None:
    with read_by(pool, "misread", "engine.labs.faulty:misread"):
        before = pool.vitals().reads
        pool.read("misread", b"abcd")
        for how in ("refuse", "raise"):
            with pytest.raises(ReadError):
                pool.read("misread", b"abc", how=how)
    assert pool.vitals().reads - before == Counter({("misread", "read"): 1, ("misread", "refused"): 2})


def test_a_bench_that_answers_is_counted(anywhere: Pool) -> None:
    wait_until(lambda: anywhere.answering() == len(anywhere.vitals().benches), "every bench")
    for bench in anywhere.vitals().benches.values():
        assert bench.answers and (bench.resident_mb is None) == isinstance(anywhere, InlinePool)
        assert bench.resident_mb is None or bench.resident_mb > 50


def test_workers_that_die_or_hang_are_counted_and_nothing_falls(processes: ProcessPool, faulty: type) -> None:
    """While a worker says nothing its runs have no status: a wrong one would be worse."""
    first, second = (processes.open(LAB, faulty(seed=seed)) for seed in (1, 2))
    for run in (first, second):
        run.play()
        until(run, lambda look: look.step > 50)
    steps = [wait_until(lambda: processes.vitals().work.steps[LAB], "steps to be told of")]
    wait_until(lambda: processes.vitals().runs == counted(running=2), "both to play")
    dies, hangs = (processes._records[run.id].place for run in (first, second))
    assert {dies, hangs} == {0, 1}

    def told(**runs: int) -> bool:
        vitals = processes.vitals()
        steps.append(vitals.work.steps[LAB])
        assert sum(vitals.runs.values()) == 2
        return vitals.runs == counted(**runs)

    for place, how, reason in ((dies, signal.SIGKILL, "lost"), (hangs, signal.SIGSTOP, "hung")):
        os.kill(processes.pids()[place], how)
        wait_until(lambda: told(running=1, unknown=1), f"a worker that is {reason} to be noticed")
        wait_until(lambda: told(running=2), "a new worker with its run")
        assert processes.vitals().restarts[place, reason] == 1
    assert steps == sorted(steps)
    assert processes.answering() == 2 and processes.vitals().restarts.total() == 2


@ON_RAY
@pytest.mark.timeout(300)
def test_a_bench_of_a_cluster_that_dies_is_counted_and_nothing_falls(rays: Bounded, faulty: type) -> None:
    rays.wait_ready(120.0)
    rested(rays)
    run = rays.open(LAB, faulty(seed=1))
    run.play()
    until(run, lambda look: look.step > 50)
    before, place = rays.vitals(), rays._do("known", run.id).place
    steps = [wait_until(lambda: rays.vitals().work.steps[LAB], "steps to be told of")]
    ray.kill(ray.get_actor(f"bench-{place}", NAMESPACE), no_restart=False)

    def back() -> bool:
        vitals = rays.vitals()
        steps.append(vitals.work.steps[LAB])
        assert sum(vitals.runs.values()) == 1
        again = vitals.restarts - before.restarts == Counter({(place, "lost"): 1})
        return again and vitals.runs == counted(running=1) and steps[-1] > steps[0]

    wait_until(back, "another life of the bench, with its run", 120)
    assert steps == sorted(steps)
    run.close()


def test_a_picture_is_counted_in_the_first_class_that_it_keeps_to() -> None:
    work = Work()
    for seconds in (0.0005, 0.001, 0.0015, BOUNDS[-1], 60.0):
        work.drew(seconds)
    assert work.drawn == Counter({0: 2, 1: 1, len(BOUNDS) - 1: 1, len(BOUNDS): 1})
    both = work + work
    assert both.drawing == 2 * work.drawing and both.drawn[0] == 4 and work.drawn[0] == 2
