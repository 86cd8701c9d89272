"""Looking is never recorded as doing: a knob that only looks leaves no mark, no checkpoint and no change in a run."""

from __future__ import annotations

import numpy as np
from pools import at_rest, bare, drawn, until

from engine.contract.knobs import Config
from engine.runs import copies
from engine.runs.history import Intervention
from engine.runs.limits import Limits
from engine.runs.pool import Pool
from engine.runs.timeline import Timeline


def test_looking_leaves_no_mark_and_the_run_as_it_was(pool: Pool, faulty: type[Config]) -> None:
    run = pool.open("faulty", faulty(seed=2))
    run.step(20)
    until(run, at_rest)
    run.update(faulty(seed=2, seen=3))
    look = until(run, at_rest)
    assert look.changed_at == () and (look.config.seen, drawn(look).seen) == (3, 3)
    run.step(20)
    look = until(run, at_rest)
    losses, weights = bare(faulty(seed=2), 40)
    assert look.curves["loss"][1].tolist() == losses and drawn(look).seen == 3
    np.testing.assert_array_equal(drawn(look).weights, weights)


def test_an_earlier_moment_is_looked_at_too_and_its_future_stays(pool: Pool, faulty: type[Config]) -> None:
    run = pool.open("faulty", faulty())
    run.step(30)
    until(run, at_rest)
    run.update(faulty(rate=0.5))
    run.step(30)
    until(run, at_rest)
    run.seek(10)
    until(run, at_rest)
    run.update(faulty(seen=4))  # at step 10 the rate was another one
    look = until(run, at_rest)
    assert (look.step, look.last_step, look.changed_at) == (10, 60, (30,)) and drawn(look).seen == 4
    run.seek(60)
    look = until(run, at_rest)
    assert (look.config.rate, look.config.seen, drawn(look).seen) == (0.5, 4, 4)
    told = run.story()
    assert told["config"].seen == 4 and [i.change.seen for i in told["interventions"]] == [4]


def test_a_done_run_and_a_branch_are_looked_at(pool: Pool, faulty: type[Config]) -> None:
    run = pool.open("faulty", faulty())
    run.step(20)
    until(run, at_rest)
    other = run.branch(10, faulty(rate=0.7, seen=6))
    look = until(other, at_rest)
    assert (look.config.rate, drawn(look).seen, look.changed_at) == (0.7, 6, (10,))
    other.update(faulty(rate=0.7, seen=1))
    other.seek(5)
    assert drawn(until(other, at_rest)).seen == 1
    assert drawn(until(run, at_rest)).seen == 0


def test_a_link_from_before_that_tells_of_looking_leaves_no_mark(pool: Pool, faulty: type[Config]) -> None:
    run = pool.open("faulty", faulty())
    told = [
        Intervention(4, faulty(seen=2)),
        Intervention(6, faulty(seen=2, rate=0.4)),
        Intervention(8, faulty(seen=5, rate=0.4)),
    ]
    run.retell(told, 12)
    look = until(run, lambda look: at_rest(look) and look.step == 12)
    assert (look.changed_at, look.config.rate, drawn(look).seen) == ((6,), 0.4, 5)


def test_no_checkpoint_is_made_and_a_copy_goes_on_looking(faulty: type[Config]) -> None:
    timeline = Timeline("faulty", faulty(), "cpu", Limits())
    timeline.save()
    before = list(timeline.checkpoints)
    for seen in (1, 2, 3):
        timeline.look_as(faulty(seen=seen))
    assert timeline.checkpoints == before and timeline.interventions == []
    again = copies.adopt(copies.dump(timeline), Limits())
    again.arrive()
    assert drawn(again.look(-1)).seen == 3
