"""Who may steer a run, and copies of it: in every home of benches."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import numpy as np
import pytest
from pools import at_rest, bare, drawn, pool_of, until, within

from engine.runs.pool import Pool, PoolError, PoolFull
from engine.runs.processes import ProcessPool
from engine.runs.records import Record
from engine.runs.run import Run

ANNA, BERT = "a" * 22, "b" * 22
ACTS: dict[str, Callable[[Run], object]] = {
    "play": Run.play, "pause": Run.pause, "step": Run.step, "speed": lambda run: run.speed(1.0), "reset": Run.reset,
    "seek": lambda run: run.seek(0), "edit": lambda run: run.edit({"index": 0, "value": 9.0}), "close": Run.close,
    "update": lambda run: run.update(until(run, at_rest).config),
    "look_as": lambda run: run.look_as(until(run, at_rest).config),
    "branch": lambda run: run.branch(0, until(run, at_rest).config), "retell": lambda run: run.retell([], 3),
    "lead": Run.lead, "march": lambda run: run.march(False),
}  # fmt: skip


def found(pool: Pool, run: Run) -> Run:
    there = pool.find(run.id)
    assert there is not None
    return there


def test_whoever_finds_a_run_may_look_and_nothing_else(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=3), ANNA)
    run.step(7)
    until(run, at_rest)
    other = found(pool, run)
    assert other.key == "" and until(other, at_rest).step == 7
    assert other.story()["step"] == 7 and other.weights() and other.curves() is not None
    assert other.inside() is not None and other.facts() is not None
    for name, act in ACTS.items():
        with pytest.raises(PoolError, match="Only the browser that began this run may steer it"):
            act(other)
            pytest.fail(f"{name} was done")
    assert until(run, at_rest).step == 7 and until(run, at_rest).speed is None


def test_every_method_of_a_run_that_acts_is_among_those_that_are_tried() -> None:
    looks = {"peek", "curves", "inside", "answer", "facts", "weights", "story", "leave", "keep_weights", "report",
             "group", "marches"}  # fmt: skip
    assert {name for name in vars(Run) if not name.startswith("_")} == looks | set(ACTS)


def test_the_owner_finds_the_run_with_its_key(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(), ANNA)
    assert re.fullmatch(r"[A-Za-z0-9_-]{12,64}", run.key) and re.fullmatch(r"[A-Za-z0-9_-]{12,64}", run.id)
    mine = pool.mine(run.id, ANNA)
    assert mine is not None and (mine.id, mine.key) == (run.id, run.key)
    mine.step(3)
    assert until(run, at_rest).step == 3
    assert pool.mine(run.id, BERT) is None and pool.mine(run.id, "") is None and pool.mine("nobody", ANNA) is None
    nobodys = pool.open("faulty", faulty())
    assert pool.mine(nobodys.id, "") is None and nobodys.key != run.key
    nobodys.step(1)


def test_a_key_steers_its_own_run_only(pool: Pool, faulty: type) -> None:
    run, other = pool.open("faulty", faulty(), ANNA), pool.open("faulty", faulty(), ANNA)
    pool.steer(run.id, run.key).step(2)
    assert until(run, at_rest).step == 2
    for wrong in (other.key, "", run.key[:-1], f"{run.key}x", "\ud800", "ä"):
        assert not pool.may(run.id, wrong)
        with pytest.raises(PoolError, match="may steer it"):
            pool.steer(run.id, wrong)
    assert pool.may(run.id, run.key) and not pool.may("nobody", run.key)
    assert not any(pool.may(run.id, wrong) for wrong in (None, 7, [run.key], {"key": run.key}))
    with pytest.raises(PoolError, match="put away"):
        pool.steer("nobody", run.key)


def test_a_branch_belongs_to_whom_its_parent_belongs(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(), ANNA)
    run.step(10)
    until(run, at_rest)
    branch = run.branch(4, faulty(rate=1.0))
    assert branch.key != run.key and pool.mine(branch.id, ANNA) is not None and pool.mine(branch.id, BERT) is None
    branch.step(1)
    assert until(branch, at_rest).step == 5


def test_a_stranger_who_leaves_does_not_end_the_lease(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(), ANNA)
    run_id = run.id

    def left() -> float:
        ago: float = within(pool, lambda there: time.monotonic() - there._records[run_id].left)
        return ago

    found(pool, run).leave()
    assert left() < -1e6
    run.leave()
    assert left() >= 0


def test_what_is_secret_is_not_in_what_a_log_would_say_of_a_record(faulty: type) -> None:
    record = Record("faulty", faulty(), ANNA)
    assert record.key not in repr(record) and ANNA not in repr(record)


# ------------------------------------------------------------------ copies


def test_a_copy_has_the_whole_past_and_goes_its_own_way(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=3), ANNA)
    run.step(40)
    until(run, at_rest)
    run.update(faulty(seed=3, rate=0.5))
    run.step(260)
    there = until(run, at_rest)
    copy = pool.copy(run.id, BERT)
    look = until(copy, at_rest)
    assert (look.status, look.step, look.last_step, look.changed_at) == ("paused", 300, 300, (40,))
    assert look.config == there.config and look.curves["loss"][1].tolist() == there.curves["loss"][1].tolist()
    np.testing.assert_array_equal(drawn(look).weights, drawn(there).weights)
    assert pool.mine(copy.id, BERT) is not None and pool.mine(copy.id, ANNA) is None and copy.id != run.id
    for step in (17, 130, 300):
        copy.seek(step)
        run.seek(step)
        np.testing.assert_array_equal(drawn(until(copy, at_rest)).weights, drawn(until(run, at_rest)).weights)
    copy.seek(17)
    np.testing.assert_array_equal(drawn(until(copy, at_rest)).weights, bare(faulty(seed=3), 17)[1])
    copy.step(5)
    assert until(copy, at_rest).last_step == 22 and until(run, at_rest).last_step == 300
    again = pool.copy(copy.id, ANNA)
    assert until(again, at_rest).step == 22


def test_copying_a_run_that_trains_leaves_it_as_it_is(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=5), ANNA)
    run.speed(100)  # on no machine is it done before it has been copied
    run.play()
    copies = []
    for step in (20, 100):
        until(run, lambda look, step=step: look.step > step)
        copies.append(pool.copy(found(pool, run).id, BERT))
    run.pause()
    end = until(run, at_rest)
    looks = [end]
    for copy in copies:
        look = until(copy, at_rest)
        assert look.status == "paused" and 20 < look.step <= end.step
        copy.speed(None)
        copy.step(50)
        looks += [look, until(copy, at_rest)]
        assert looks[-1].step == look.step + 50
    losses, _ = bare(faulty(seed=5), max(look.step for look in looks))
    for look in looks:
        steps, values = look.curves["loss"]
        assert steps[-1] == look.step and values.tolist() == [losses[step - 1] for step in steps]
        np.testing.assert_array_equal(drawn(look).weights, bare(faulty(seed=5), look.step)[1])


def test_a_copy_of_a_run_that_looks_back_looks_back_and_knows_what_came_later(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=2), ANNA)
    run.step(200)
    until(run, at_rest)
    run.seek(50)
    copy = pool.copy(run.id, BERT)  # perhaps on its way there still
    look = until(copy, at_rest)
    assert (look.step, look.last_step) == (50, 200) and look.curves["loss"][0][-1] == 200
    copy.seek(200)
    np.testing.assert_array_equal(drawn(until(copy, at_rest)).weights, bare(faulty(seed=2), 200)[1])
    assert until(run, at_rest).step == 50


def test_a_copy_of_a_run_whose_link_is_being_told_gets_there_too(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=2), ANNA)
    run.retell([], 3_000, 40)
    copy = pool.copy(run.id, BERT)
    look = until(copy, lambda look: at_rest(look) and look.step == 40)
    assert look.last_step == 3_000 and look.curves["loss"][0][-1] == 3_000
    assert until(run, lambda look: at_rest(look) and look.step == 40).last_step == 3_000


@pytest.mark.parametrize("fault", ["nan", "raise"])
def test_a_copy_of_a_run_that_came_to_grief_says_so(pool: Pool, faulty: type, fault: str) -> None:
    run = pool.open("faulty", faulty(fault=fault, at=8), ANNA)
    run.play()
    there = until(run, at_rest)
    look = until(pool.copy(run.id, BERT), at_rest)
    assert (look.status, look.message) == (there.status, there.message)


def test_a_copy_waits_for_a_place_and_then_stands_where_the_other_stood(pool: Pool, faulty: type) -> None:
    runs = [pool.open("faulty", faulty(seed=i), ANNA) for i in range(4)]
    runs[1].step(30)
    until(runs[1], at_rest)
    copy, further = pool.copy(runs[1].id, BERT), pool.copy(runs[1].id, BERT)
    said = copy.peek()
    assert said.status == "waiting" and "number 1" in said.message and said.config.seed == 1
    with pytest.raises(PoolFull):
        pool.copy(runs[1].id, BERT)
    with pytest.raises(PoolError, match="may steer it"):
        found(pool, further).play()
    runs[1].close()  # what it was copied from may go meanwhile
    look = until(copy, lambda look: look.status == "paused" and not look.busy)
    assert (look.step, look.config.seed) == (30, 1)
    further.close()
    with pytest.raises(PoolError, match="put away"):
        pool.copy(runs[1].id, BERT)


def test_a_copy_of_a_run_that_waits_waits_too_and_begins_like_it(faulty: type) -> None:
    with pool_of("inline") as pool:
        runs = [pool.open("faulty", faulty(seed=i), ANNA) for i in range(4)]
        waits = pool.open("faulty", faulty(seed=9), ANNA)
        waits.retell([], 12)
        waits.play()
        copy = pool.copy(waits.id, BERT)
        for run in runs:
            run.close()
        look = until(copy, at_rest)
        assert (look.status, look.step, look.config.seed) == ("paused", 12, 9)
        assert until(waits, lambda look: look.step > 12).config.seed == 9


def test_a_copy_outlives_its_worker(processes: ProcessPool, faulty: type) -> None:
    run = processes.open("faulty", faulty(seed=3), ANNA)
    run.step(30)
    until(run, at_rest)
    copy = processes.copy(run.id, BERT)
    place = processes._records[copy.id].place
    assert place is not None and place != processes._records[run.id].place  # where there is most room
    processes._workers[place].process.kill()
    look = until(copy, lambda look: "went on" in look.message and at_rest(look))
    assert look.step == 30
    np.testing.assert_array_equal(drawn(look).weights, bare(faulty(seed=3), 30)[1])
