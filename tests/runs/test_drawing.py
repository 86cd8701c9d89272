"""Pictures are made where the run trains: what leaves its bench are packed scenes, figures, facts and answers."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from pools import at_rest, bare, drawn, until

from engine.contract.figure import Text
from engine.contract.view import Edit
from engine.runs.history import History
from engine.runs.pool import Pool, PoolError
from engine.scene.scene import Scene


def test_curves_figures_facts_and_answers_come_from_the_moment_on_screen(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=4))
    run.step(30)
    until(run, at_rest)
    run.seek(10)
    until(run, at_rest)
    losses, weights = bare(faulty(seed=4), 30)[0], bare(faulty(seed=4), 10)[1]
    scene = run.curves()
    assert isinstance(scene, Scene)
    steps, values = scene.arrays[scene.rows[0][0]["series"][0]["xy"]]
    assert steps.tolist() == list(range(1, 31))  # the future is still drawn
    np.testing.assert_allclose(values, losses, rtol=1e-6)
    assert run.inside() == [Text("step 10 of 30")]
    assert run.facts() == {"weights": pytest.approx(float(weights.sum()))}
    assert run.answer({"index": 1}) == Edit({"index": 1, "value": 100.0})
    assert until(run, at_rest).step == 10  # asking has changed nothing


def test_half_of_the_width_is_another_picture_of_the_same_moment(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty())
    until(run, at_rest)
    for beside in (True, False, False, True):
        look = until(run, lambda look: not look.busy, since=None, beside=beside)
        assert drawn(look).beside is beside and look.curves == {}


def test_a_run_that_waits_has_nothing_to_draw_yet(pool: Pool, faulty: type) -> None:
    running = [pool.open("faulty", faulty()) for _ in range(4)]
    waiting = pool.open("faulty", faulty())
    assert waiting.peek().status == "waiting" and waiting.peek().stage is None
    for ask in (waiting.curves, waiting.inside, waiting.facts, lambda: waiting.answer({"index": 0})):
        with pytest.raises(PoolError, match="waiting for a place"):
            ask()
    for run in (*running, waiting):
        run.close()


def test_a_picture_that_cannot_be_drawn_costs_this_run_a_sentence_and_no_other(pool: Pool, faulty: type) -> None:
    broken, good = pool.open("faulty", faulty(fault="frame")), pool.open("faulty", faulty())
    look = until(broken, lambda look: look.status == "failed")
    assert look.message == "The lab stopped with an error: nothing to see. Reset starts it again."
    assert broken.inside() == [] and broken.curves() is None
    good.step(3)
    assert drawn(until(good, at_rest)).step == 3


def test_curves_that_are_asked_for_again_and_again_are_those_of_all_rows() -> None:
    dice, history, rows = random.Random(1), History(limit=50), {}
    for step in range(1, 400):
        rows[step] = {"loss": dice.random()} | ({"late": float(step)} if step > 120 and step % 3 else {})
        history.add(step, rows[step])
        if dice.random() < 0.3:
            history.curves(-1)
        if step == 200:
            history.cut(150)
            rows = {at: row for at, row in rows.items() if at <= 150}
        if step in (130, 200, 399):
            kept = [
                *history.steps,
                *([history.last[0]] if history.last and history.last[0] not in history.steps else []),
            ]
            for name, (steps, values) in history.curves(-1).items():
                told = [(at, rows[at][name]) for at in kept if not math.isnan(rows[at].get(name, math.nan))]
                assert list(zip(steps.tolist(), values.tolist(), strict=True)) == told
