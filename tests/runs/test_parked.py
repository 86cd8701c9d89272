"""Runs that nobody looks at are put away, free their place, and come back as they were: in every home of benches."""

from __future__ import annotations

import dataclasses
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pools import SMALL, at_rest, drawn, keeping_in, later, park, parked, pool_of, until, within
from visitor import wait_until

from engine.runs.pool import Pool, PoolError
from engine.runs.processes import ProcessPool
from engine.runs.run import Run

ANNA = "a" * 22
SENTENCE = "Paused because nobody was watching. Press Play to go on."


@pytest.fixture(autouse=True)
def folder(pool: Pool, tmp_path: Path) -> Iterator[Path]:
    """Another folder in every test."""
    with keeping_in(pool, tmp_path / "data"):
        yield tmp_path / "data"


def whole(run: Run) -> dict[str, Any]:
    """All that there is of a run on its bench, but for the number of its version."""
    run_id = run.id
    told = within(run.pool, lambda there: there.send(there._records[run_id].place, "dump", run_id, (), 10.0))
    history = told.pop("history")
    told.pop("version"), told.pop("message"), told.pop("reached")
    return {**told, "steps": history.steps, "rows": history.rows, "last": history.last}


def lived(pool: Pool, faulty: type, **more: Any) -> Run:
    """A run with a past: steps, a turned knob, an edit, a moment in the middle on screen."""
    run = pool.open("faulty", faulty(seed=3), ANNA, **more)
    run.step(120)
    until(run, at_rest)
    run.update({"rate": "0.5"})
    run.step(40)
    until(run, at_rest)
    run.edit({"index": 0, "value": 2.0})
    run.step(40)
    until(run, at_rest)
    run.seek(150)
    until(run, at_rest)
    return run


def test_a_parked_run_comes_back_as_it_was(pool: Pool, faulty: type, folder: Path) -> None:
    run = lived(pool, faulty)
    before, story, look = whole(run), run.story(), until(run, at_rest)
    checkpoints = kept(pool, run)
    park(pool, run)
    assert pool.stats()["runs"] == 0 and len(list(folder.rglob(run.id))) == 1
    away = run.report()
    assert (away.status, away.message, away.step, away.last_step) == ("paused", SENTENCE, 150, 200)
    run.speed(None)  # an act
    back = until(run, at_rest)
    assert pool.stats()["runs"] == 1 and not list(folder.rglob(run.id))
    assert (back.status, back.message, back.step, back.last_step) == ("paused", SENTENCE, 150, 200)
    assert (back.config, back.changed_at, back.wanted) == (look.config, look.changed_at, look.wanted)
    np.testing.assert_array_equal(drawn(back).weights, drawn(look).weights)
    for name, (steps, values) in look.curves.items():
        assert back.curves[name][0].tolist() == steps.tolist() and back.curves[name][1].tolist() == values.tolist()
    assert whole(run) == before and run.story() == story
    assert set(checkpoints) <= set(kept(pool, run))
    run.seek(30)
    assert until(run, at_rest).step == 30


def kept(pool: Pool, run: Run) -> list[tuple[int, bytes]]:
    """The checkpoints of a run."""
    copy = pickle.loads(pool.call("copy", run.id, timeout=30.0))
    return [(each.step, each.state) for each in copy["checkpoints"]]


def test_a_run_that_trains_goes_on_until_then_and_is_paused_when_it_comes_back(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(), ANNA)
    run.play()
    until(run, lambda look: look.step > 20)
    pool.sweep()
    assert until(run, lambda look: not look.busy).status == "running"
    park(pool, run)
    step = run.report().last_step
    mine = pool.mine(run.id, ANNA)
    assert mine is not None and pool.mine(run.id, "b" * 22) is None
    mine.step(1)
    assert until(run, lambda look: look.last_step == step + 1 and at_rest(look)).message == ""


@pytest.mark.parametrize("ask", [
    lambda run: run.story(), lambda run: run.facts(), lambda run: run.inside(), lambda run: run.weights(),
    lambda run: run.branch(0, run.report().config), lambda run: run.play(), lambda run: run.update({"rate": "0.2"}),
])  # fmt: skip
def test_whatever_needs_a_bench_brings_it_back(pool: Pool, faulty: type, ask: Callable[[Run], object]) -> None:
    run = pool.open("faulty", faulty(), ANNA)
    run.step(5)
    until(run, at_rest)
    park(pool, run)
    assert ask(run) is not None or pool.stats()["runs"] == 1
    assert pool.stats()["runs"] >= 1 and not parked(pool, run)


def test_where_the_bench_is_full_it_waits_with_a_place(pool: Pool, faulty: type) -> None:
    run = lived(pool, faulty)
    park(pool, run)
    others = [pool.open("faulty", faulty()) for _ in range(4)]
    run.play()
    look = run.report()
    assert look.status == "waiting" and "number 1 in the queue" in look.message
    others[0].close()
    look = until(run, lambda look: look.last_step > 150)
    assert look.status == "running"


def test_a_group_is_parked_and_comes_back_as_one(pool: Pool, faulty: type) -> None:
    leader = pool.open("faulty", faulty(seed=0), ANNA)
    other = pool.open("faulty", faulty(seed=1), ANNA, beside=leader)
    leader.play()
    until(leader, lambda look: look.step > 30)
    park(pool, leader)
    assert parked(pool, other) and pool.stats()["runs"] == 0
    steps = [leader.report().step, other.report().step]
    assert steps[0] == steps[1]
    other.step(3)
    assert until(leader, lambda look: at_rest(look) and look.step == steps[0] + 3)
    assert until(other, lambda look: at_rest(look) and look.step == steps[0] + 3)
    assert [each.id for each in leader.group()] == [leader.id, other.id] and pool.stats()["runs"] == 2


def test_one_that_is_wanted_again_is_not_put_away_by_the_next_sweep(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(), ANNA)
    run.leave()
    park(pool, run)
    pool.bring_back(run.id)  # in a cluster the desk hears of it before it hears that somebody looks
    run_id, deadline = run.id, time.monotonic() + 60

    def there_again(there: Any) -> bool:  # to ask the run itself would be to look at it
        place = there._records[run_id].place
        try:
            return place is not None and bool(there.send(place, "report", run_id, (), 1.0))
        except (KeyError, PoolError):
            return False

    while not within(pool, there_again):
        assert time.monotonic() < deadline, "not brought back"
        time.sleep(0.02)
    pool.sweep()
    assert not parked(pool, run)


def test_a_copy_of_a_parked_run_has_its_past(pool: Pool, faulty: type) -> None:
    run = lived(pool, faulty)
    park(pool, run)
    copy = pool.copy(run.id, "b" * 22)
    look = until(copy, at_rest)
    assert (look.step, look.last_step, look.message) == (150, 200, "") and parked(pool, run)
    assert copy.story() == run.story()


def test_it_is_known_until_it_is_dropped(pool: Pool, faulty: type, folder: Path) -> None:
    run = lived(pool, faulty)
    park(pool, run)
    later(pool, run, seconds=pool.limits.drop_after - pool.limits.pause_after - 60)
    pool.sweep()
    assert pool.mine(run.id, ANNA) is not None
    later(pool, run, seconds=61)
    pool.sweep()
    assert pool.mine(run.id, ANNA) is None and not list(folder.rglob(run.id))
    with pytest.raises(PoolError, match="put away"):
        run.play()


def test_where_nothing_can_be_written_it_stays_in_memory(pool: Pool, faulty: type, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with keeping_in(pool, tmp_path / "file" / "data"):
        run = lived(pool, faulty)
        before = whole(run)
        park(pool, run)
        assert pool.stats()["runs"] == 0
        run.speed(None)
        until(run, at_rest)
        assert whole(run) == before


def test_only_so_many_are_kept(pool: Pool, faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "limits", dataclasses.replace(pool.limits, parked=1))
    first, second = pool.open("faulty", faulty(), ANNA), pool.open("faulty", faulty(), ANNA)
    later(pool, first, seconds=5)
    park(pool, second)
    later(pool, first, seconds=pool.limits.pause_after + 10)
    wait_until(lambda: not pool.sweep() and pool.mine(first.id, ANNA) is None, "the first to be let go")
    assert pool.mine(second.id, ANNA) is not None


def test_one_that_has_failed_says_so_when_it_comes_back(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(fault="frame"), ANNA)
    failed = until(run, lambda look: look.status == "failed")
    park(pool, run)
    assert (run.report().status, run.report().message) == ("failed", failed.message)
    run.speed(None)
    look = until(run, at_rest)
    assert (look.status, look.message) == ("failed", failed.message)


@pytest.mark.parametrize("pool", ["inline"], indirect=True)  # of no use here: it has one of its own
def test_memory_that_is_lost_with_its_worker_leaves_the_newest_copy(
    faulty: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "file" / "data"))
    with pool_of("processes", dataclasses.replace(SMALL, workers=1, hang_after=60.0)) as pool:
        assert isinstance(pool, ProcessPool)
        run = pool.open("faulty", faulty(), ANNA)
        run.step(20)
        until(run, at_rest)
        park(pool, run)
        old = pool.pids()
        pool._workers[0].process.kill()
        deadline = time.monotonic() + 60
        while pool.pids() == old or not pool.ready(0):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.step(1)
        assert until(run, lambda look: at_rest(look) and look.step == 21).status == "paused"
