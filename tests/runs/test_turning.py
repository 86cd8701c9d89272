"""Knobs turned by name, as the page does it: merged onto what the run does, in the order in which they come."""

from __future__ import annotations

import pytest
from pools import at_rest, bare, until

from engine.contract.knobs import Config, ConfigError
from engine.runs.history import Intervention
from engine.runs.marks import marks
from engine.runs.pool import Pool


def test_knobs_are_merged_and_what_the_run_does_now_is_returned(pool: Pool, faulty: type[Config]) -> None:
    run = pool.open("faulty", faulty(seed=2))
    run.step(10)
    until(run, at_rest)
    config, version = run.update({"rate": 0.5})
    assert config == faulty(seed=2, rate=0.5)
    config, later = run.update({"seen": 3, "rate": "0.4"})  # a text, as in a link
    assert config == faulty(seed=2, rate=0.4, seen=3) and later > version
    assert run.update({}) == (config, later)
    for refused in ({"rate": 99.0}, {"rat": 0.5}, {"fault": "refuse"}, {"seen": 1, "width": 0}):
        with pytest.raises(ConfigError):
            run.update(refused)
    assert run.update({}) == (config, later)
    assert until(run, at_rest).changed_at == (10,)


def test_knobs_turned_at_an_earlier_moment_wait_there_and_begin_with_a_reset(pool: Pool, faulty: type[Config]) -> None:
    run = pool.open("faulty", faulty(seed=2))
    run.step(20)
    until(run, at_rest)
    run.seek(10)
    assert run.update({"rate": 0.5, "seen": 4})[0] == faulty(seed=2, rate=0.5, seen=4)
    look = until(run, at_rest)
    assert (look.step, look.last_step, look.config.rate, look.config.seen) == (10, 20, 0.1, 4)
    run.reset()
    look = until(run, at_rest)
    assert (look.config, look.changed_at) == (faulty(seed=2, rate=0.5, seen=4), ())
    run.step(5)
    assert until(run, at_rest).curves["loss"][1].tolist() == bare(faulty(seed=2, rate=0.5), 5)[0]


def test_marks_say_what_was_changed_and_a_drag_is_one(faulty: type[Config]) -> None:
    told = [
        Intervention(3, faulty(rate=0.2), held=True),
        Intervention(5, faulty(rate=0.3), held=True),
        Intervention(6, faulty(rate=0.4)),
        Intervention(6, {"index": 0}),
        Intervention(8, faulty(rate=0.5, seen=4)),
        Intervention(8, faulty(rate=0.4, seen=4)),
        Intervention(9, faulty(rate=0.1, seen=4), held=True),
    ]
    assert marks(faulty(), told) == [(6, "rate 0.4, changed by hand"), (8, "set back")]
