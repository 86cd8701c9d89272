"""The contract of a pool, over every home; and what only worker processes can go through."""

from __future__ import annotations

import dataclasses
import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from cluster import ON_RAY
from pools import SMALL, answered, at_rest, bare, drawn, home, later, park, pool_of, until
from visitor import wait_until

import engine
from engine.contract.knobs import ConfigError
from engine.runs.inline import InlinePool
from engine.runs.pool import Pool, PoolError, PoolFull
from engine.runs.processes import ProcessPool
from engine.runs.run import Run


@pytest.fixture(params=["inline", "processes", pytest.param("ray", marks=ON_RAY)])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    yield from home(request)


def test_a_run_learns_exactly_what_a_bare_loop_learns(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=3))
    first = until(run, at_rest)
    assert (first.status, first.step) == ("paused", 0) and drawn(first).step == 0
    run.step(40)
    look = until(run, at_rest)
    losses, weights = bare(faulty(seed=3), 40)
    steps, values = look.curves["loss"]
    assert steps.tolist() == list(range(1, 41)) and values.tolist() == losses
    np.testing.assert_array_equal(drawn(look).weights, weights)


def test_play_goes_on_until_pause(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty())
    run.play()
    until(run, lambda look: look.status == "running" and look.step > 20)
    run.pause()
    step = until(run, at_rest).step
    assert until(run, at_rest).status == "paused" and until(run, at_rest).step == step


def test_peek_returns_only_the_metrics_since(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty())
    run.step(10)
    until(run, at_rest)
    assert answered(run, since=7).curves["loss"][0].tolist() == [8, 9, 10]
    assert answered(run, since=10).curves == {}


def test_seek_shows_the_moment_as_it_was_and_the_way_back(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=1))
    run.step(300)
    until(run, at_rest)
    for step in (17, 300, 0, 123):
        run.seek(step)
        look = until(run, at_rest)
        assert (look.step, look.last_step, look.status) == (step, 300, "paused")
        np.testing.assert_array_equal(drawn(look).weights, bare(faulty(seed=1), step)[1])
        assert look.curves["loss"][0][-1] == 300  # the future is still drawn
    run.step(1)
    assert until(run, at_rest).last_step == 124  # and given up when another begins


def test_a_seek_repeats_what_the_visitor_did_on_the_way(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty())
    run.step(50)
    until(run, at_rest)
    run.update(faulty(rate=0.5))
    run.step(50)
    until(run, at_rest)
    run.edit({"index": 1, "value": 7.0})
    edited = drawn(until(run, at_rest)).weights
    assert edited[0, 1] == 7.0
    run.step(50)
    end = until(run, at_rest)
    run.seek(20)
    assert until(run, at_rest).config.rate == 0.1
    run.seek(150)
    back = until(run, at_rest)
    assert back.config.rate == 0.5
    np.testing.assert_array_equal(drawn(back).weights, drawn(end).weights)


def test_a_branch_shares_the_past_and_then_goes_its_own_way(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty())
    run.step(100)
    until(run, at_rest)
    other = run.branch(60, faulty(rate=1.0))
    look = until(other, at_rest)
    assert (look.step, look.config.rate) == (60, 1.0)
    assert look.curves["loss"][1].tolist() == until(run, at_rest).curves["loss"][1][:60].tolist()
    other.step(40)
    theirs = until(other, at_rest).curves["loss"][1]
    ours = until(run, at_rest).curves["loss"][1]
    assert until(run, at_rest).step == 100 and theirs[-1] != ours[-1]
    other.close()
    same = run.branch(60, faulty())
    same.step(40)
    assert until(same, at_rest).curves["loss"][1].tolist() == ours.tolist()
    same.close()
    with pytest.raises(ConfigError, match=r"width = 4.*reset"):
        run.branch(60, faulty(width=4))


def test_a_story_told_again_ends_in_the_same_place_with_the_same_curves(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=2))
    run.step(30)
    until(run, at_rest)
    run.update(faulty(seed=2, rate=0.01))
    run.step(30)
    until(run, at_rest)
    run.edit({"index": 0, "value": 2.0})
    run.step(30)
    end, story = until(run, at_rest), run.story()
    again = pool.open("faulty", story["config"])
    again.retell(story["interventions"], story["step"])
    look = until(again, at_rest)
    assert (look.step, look.config, look.changed_at) == (90, end.config, (30, 60))
    np.testing.assert_array_equal(drawn(look).weights, drawn(end).weights)
    assert look.curves["loss"][1].tolist() == end.curves["loss"][1].tolist()


def test_a_story_told_after_a_rewind_keeps_what_came_later(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=2))
    run.step(30)
    until(run, at_rest)
    run.update(faulty(seed=2, rate=0.01))
    run.step(30)
    until(run, at_rest)
    run.seek(20)
    there, story = until(run, at_rest), run.story()
    assert (story["step"], story["last_step"], story["interventions"], len(story["later"])) == (20, 60, [], 1)
    again = pool.open("faulty", story["config"])
    again.retell(story["later"], story["last_step"], story["step"])
    look = until(again, lambda look: at_rest(look) and look.step == 20)
    assert (look.last_step, look.config) == (60, there.config)
    np.testing.assert_array_equal(drawn(look).weights, drawn(there).weights)
    assert look.curves["loss"][1].tolist() == until(run, at_rest).curves["loss"][1].tolist()


def test_reset_gives_the_same_initial_weights(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty())
    first = drawn(until(run, at_rest)).weights
    run.step(30)
    until(run, at_rest)
    run.reset()
    look = until(run, at_rest)
    assert (look.step, look.last_step, look.curves) == (0, 0, {})
    np.testing.assert_array_equal(drawn(look).weights, first)
    run.reset(faulty(width=5))
    assert drawn(until(run, at_rest)).weights.shape == (1, 5)


def test_a_refused_config_changes_nothing(pool: Pool, faulty: type) -> None:
    with pytest.raises(ConfigError, match="this lab refuses it"):
        pool.open("faulty", faulty(fault="refuse"))
    run = pool.open("faulty", faulty())
    run.step(5)
    until(run, at_rest)
    with pytest.raises(ConfigError):
        run.reset(faulty(fault="refuse"))
    with pytest.raises(ConfigError, match="width"):
        run.update(faulty(width=9))
    assert until(run, at_rest).step == 5


def test_slow_motion_keeps_its_pace(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty())
    run.speed(10.0)
    run.play()
    began = time.monotonic()
    look = until(run, lambda look: look.step >= 3)
    # a busy machine may do less; at full speed it would be hundreds
    assert look.step <= 10 * (time.monotonic() - began) + 5
    run.speed(None)
    until(run, lambda look: look.step > 200)


def test_a_loss_that_is_not_finite_ends_in_diverged_with_the_last_finite_frame(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(fault="nan", at=30))
    run.play()
    look = until(run, at_rest)
    assert (look.status, look.step) == ("diverged", 29)
    assert "learning rate" in look.message
    assert look.curves["loss"][0][-1] == 29 and np.isfinite(drawn(look).weights).all()
    np.testing.assert_array_equal(drawn(look).weights, bare(faulty(fault="nan", at=30), 29)[1])
    run.seek(10)
    assert until(run, at_rest).step == 10


@pytest.mark.parametrize("fault", ["raise", "frame"])
def test_an_error_in_a_lab_ends_in_failed_with_its_message(
    pool: Pool, faulty: type, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = pool.open("faulty", faulty(fault=fault, at=8))
    other = pool.open("faulty", faulty())
    run.play()
    look = until(run, lambda look: look.status == "failed")
    assert ("the dog ate it" if fault == "raise" else "nothing to see") in look.message
    assert "Traceback" not in look.message
    if isinstance(pool, InlinePool):
        assert "Traceback" in caplog.text
    other.step(3)
    assert until(other, at_rest).step == 3
    run.reset(faulty())
    run.step(3)
    assert until(run, at_rest).step == 3


def test_a_lab_that_cannot_begin_says_why(pool: Pool, faulty: type) -> None:
    other = pool.open("faulty", faulty())
    with pytest.raises(PoolError, match=r"cannot begin, because of an error in it: odd are 1 and 3\."):
        pool.open("faulty", faulty(fault="begin"))
    other.step(3)
    assert until(other, at_rest).step == 3


@pytest.mark.parametrize("fault", ["state", "answer"])
def test_what_cannot_be_sent_costs_its_run_and_not_the_worker(processes: ProcessPool, faulty: type, fault: str) -> None:
    processes.wait_ready()
    before = processes.pids()
    runs = [processes.open("faulty", faulty(fault=fault)) for _ in before]  # one in each worker
    others = [processes.open("faulty", faulty()) for _ in before]
    for run in runs:
        run.step(8)
        until(run, at_rest)
        if fault == "answer":
            assert run.answer({"index": 0}) is None
        else:
            run.speed(None)  # after what a visitor does, a copy of the run is sent at once
        said = until(run, lambda look: look.status == "failed").message
        assert ("odd are 5 and 7" if fault == "state" else "pickle") in said
    for other in others:
        other.step(3)
        assert until(other, at_rest).step == 3
    assert processes.pids() == before


def test_admission_running_waiting_full(pool: Pool, faulty: type) -> None:
    runs = [pool.open("faulty", faulty(seed=i)) for i in range(4)]
    first, second = pool.open("faulty", faulty(seed=8)), pool.open("faulty", faulty(seed=9))
    assert first.peek().status == second.peek().status == "waiting"
    assert "number 2" in second.peek().message
    with pytest.raises(PoolFull, match="full"):
        pool.open("faulty", faulty())
    first.play()
    runs[2].close()
    assert until(first, lambda look: look.status == "running").config.seed == 8
    assert "number 1" in second.peek().message
    stats = pool.stats()
    assert (stats["runs"], stats["waiting"], stats["places"]) == (4, 1, 4)


def test_a_newcomer_gets_the_place_of_a_run_that_nobody_watches(faulty: type) -> None:
    with pool_of("inline", dataclasses.replace(SMALL, workers=1)) as pool:
        left, watched = pool.open("faulty", faulty()), pool.open("faulty", faulty())
        later(pool, left, watched, seconds=2 * SMALL.pause_after)
        watched.peek()
        newcomer = pool.open("faulty", faulty(seed=5))
        assert newcomer.peek().status == "paused" and watched.peek().status == "paused"
        assert pool.find(left.id) is not None and pool.stats()["runs"] == 2
        assert "nobody was watching" in left.report().message


def test_a_lease_first_pauses_then_drops(faulty: type) -> None:
    for kind in ("inline", "processes"):
        with pool_of(kind) as pool:
            run = pool.open("faulty", faulty())
            run.play()
            park(pool, run)
            look = answered(run)
            assert look.status == "paused" and "nobody was watching" in look.message
            found = pool.find(run.id)
            assert found is not None and found.id == run.id
            later(pool, run, seconds=2 * SMALL.drop_after)
            wait_until(lambda run=run: not pool.sweep() and pool.find(run.id) is None, "it to be dropped")
            assert run.peek().status == "lost"
            with pytest.raises(PoolError, match="put away"):
                run.play()


def test_a_run_whose_page_was_left_pauses_soon_unless_somebody_looks(pool: Pool, faulty: type) -> None:
    left, found, looked_at = (pool.open("faulty", faulty(seed=i)) for i in range(3))
    for run in (left, found, looked_at):
        run.play()
    left.leave()
    found.leave()
    found.peek()  # a reload, or another tab
    park(pool, left, left=True)
    assert (answered(found).status, answered(looked_at).status) == ("running", "running")
    look = answered(left)
    assert look.status == "paused" and "nobody was watching" in look.message
    left.play()
    pool.sweep()
    until(left, lambda look: look.status == "running")


def test_history_and_checkpoints_stay_bounded(faulty: type) -> None:
    limits = dataclasses.replace(SMALL, history_points=100, checkpoints=10, checkpoint_seconds=1e-4)
    with pool_of("inline", limits) as pool:
        run = pool.open("faulty", faulty())
        run.step(1500)
        look = until(run, at_rest)
        steps = look.curves["loss"][0]
        assert len(steps) <= 102 and steps[0] == 1 and steps[-1] == 1500
        assert np.diff(steps).max() <= 2 * np.median(np.diff(steps))
        assert isinstance(pool, InlinePool)
        hosted = pool._bench.runs[run.id]
        for _ in range(20):  # how many there are by now depends on how long each took
            run.step(1)
            until(run, at_rest)
            hosted.save()
        assert 3 <= len(hosted.checkpoints) <= 10


def test_nobody_watching_means_nothing_is_drawn(faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = []
    lab = engine.lab("faulty")
    original = lab.Experiment.frame
    monkeypatch.setattr(lab.Experiment, "frame", lambda self: (frames.append(1), original(self))[1])
    with pool_of("inline") as pool:
        run = pool.open("faulty", faulty())
        run.peek()
        run.peek()
        assert len(frames) == 1  # the second look saw the same moment
        run.step(50)
        while pool._bench.tick():
            pass
        assert len(frames) == 1


# ------------------------------------------------------------------ processes only


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def wait_gone(pids: list[int], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline, f"left behind: {[p for p in pids if not gone(p)]}"
        time.sleep(0.05)


def place(pool: ProcessPool, run: Run) -> int:
    found = pool._records[run.id].place
    assert found is not None
    return found


def test_looks_that_follow_each_other_tell_everything_once(pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(seed=2))
    run.speed(400)  # on no machine does it come so far, before the looks are done, that its history is thinned
    run.play()
    steps: list[int] = []
    looks = 0
    while len(steps) < 200 or looks < 20:  # as a page does, which processes answer in advance
        look = answered(run, steps[-1] if steps else -1)
        steps.extend(look.curves.get("loss", ([], []))[0])
        assert drawn(look).step == look.step
        looks += 1
        time.sleep(0.005)
    run.pause()
    look = answered(run, steps[-1])
    steps.extend(look.curves.get("loss", ([], []))[0])
    assert look.status == "paused" and drawn(look).step == look.step == look.last_step
    assert steps == list(range(1, look.step + 1))


@pytest.mark.parametrize("act", ["seek", "update", "edit", "reset"])
def test_a_look_after_something_was_done_shows_it(pool: Pool, faulty: type, act: str) -> None:
    run = pool.open("faulty", faulty(seed=2))
    run.play()
    look = answered(run)
    for _ in range(30):
        look = answered(run, max(look.curves.get("loss", ([-1],))[0]))
        time.sleep(0.005)
    since = max(look.curves.get("loss", ([look.step],))[0])
    if act == "seek":
        run.seek(1)
    elif act == "update":
        run.update(faulty(seed=2, rate=0.5))
    elif act == "edit":
        run.edit({"index": 0, "value": 1e6})
    else:
        run.reset(faulty(seed=9))
    look = run.peek(since) if act == "seek" else answered(run, since)  # one that is on its way is busy
    if act == "seek":
        assert look.status == "paused" and (look.busy or drawn(look).step == 1)
        assert drawn(until(run, at_rest)).step == 1
    elif act == "update":
        assert look.config.rate == 0.5
    elif act == "edit":
        assert drawn(look).weights.max() > 1e5 and look.changed_at
    else:
        assert (look.step, look.status, look.config.seed) == (0, "paused", 9)
        np.testing.assert_array_equal(drawn(look).weights, bare(faulty(seed=9), 0)[1])


def test_a_picture_that_came_too_late_comes_with_the_next_look(processes: ProcessPool, faulty: type) -> None:
    run = processes.open("faulty", faulty(fault="slow", at=1))
    run.step(3)
    while processes.send(place(processes, run), "dump", run.id, (), 5.0)["step"] < 3:
        pass
    worker = processes.pids()[place(processes, run)]
    os.kill(worker, signal.SIGSTOP)
    try:
        with pytest.raises(PoolError, match="one long step"):
            processes.send(place(processes, run), "peek", run.id, (-1, None), 0.1)
    finally:
        os.kill(worker, signal.SIGCONT)
    look = answered(run)
    assert drawn(look).step == look.step == 3


def test_a_killed_worker_is_replaced_and_the_run_goes_on(processes: ProcessPool, faulty: type) -> None:
    run, other = processes.open("faulty", faulty(seed=5)), processes.open("faulty", faulty(seed=6))
    assert place(processes, run) != place(processes, other)
    run.play()
    other.play()
    until(run, lambda look: look.step > 200)
    time.sleep(0.5)  # a copy has been sent
    killed = processes.pids()[place(processes, run)]
    before = answered(other).step
    os.kill(killed, signal.SIGKILL)
    look = until(run, lambda look: "went on in a new one" in look.message)
    assert look.status in ("running", "paused")
    run.curves()  # a page asks for them by itself: the sentence stays for whoever looks
    assert "went on in a new one" in answered(run).message
    step = int(look.message.split("step ")[1].split(".")[0].replace(",", ""))
    assert step > 100
    until(run, lambda look: look.status == "running" and look.step > step)
    after = answered(other)
    assert after.status == "running" and after.step > before and after.message == ""
    run.pause()
    look = until(run, at_rest)
    steps, values = look.curves["loss"]
    losses, weights = bare(faulty(seed=5), look.step)
    assert values.tolist() == [losses[s - 1] for s in steps]  # exactly as if nothing had happened
    np.testing.assert_array_equal(drawn(look).weights, weights)
    assert gone(killed)


def test_of_a_run_that_is_closed_nothing_is_kept(processes: ProcessPool, faulty: type) -> None:
    """Nor by whoever carried its last copy and waits for the next one."""
    run = processes.open("faulty", faulty())
    record = weakref.ref(processes._records[run.id])
    run.step(5)
    wait_until(lambda: record().dump is not None, "a copy of it")
    run.close()
    wait_until(lambda: gc.collect() >= 0 and record() is None, "its record to be gone")


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_run_that_is_closed_while_its_worker_is_replaced_is_not_taken_over(
    processes: ProcessPool, faulty: type, when: str
) -> None:
    """Else it would train on where nobody could ever end it: who closed it found no worker to tell."""
    run = processes.open("faulty", faulty())
    record, asked = processes._records[run.id], []

    def new_worker(verb: str, run_id: str, args: tuple[object, ...]) -> None:
        asked.append(verb)
        if verb in ("open", "adopt"):
            processes.close_run(run_id)

    if when == "before":
        run.close()
    processes.adopt([record], new_worker, "was lost")
    assert asked in ([], ["open", "close"], ["adopt", "close"]) and bool(asked) == (when == "meanwhile")


def test_a_run_that_its_new_worker_has_not_got_yet_says_so(processes: ProcessPool, faulty: type) -> None:
    """It is no error: a page that asks in this moment shows a sentence."""
    run = processes.open("faulty", faulty())
    processes.send(processes._records[run.id].place, "close", run.id, (), 5.0)
    for ask in (run.story, run.curves, run.play, lambda: processes.copy(run.id, "somebody")):
        with pytest.raises(PoolError, match="on its way to another worker"):
            ask()


class Late(InlinePool):
    """A bench that does what it is told, and is late with its answer."""

    late = ""  # the verb

    def send(self, place: int, verb: str, run_id: str, args: tuple[object, ...], timeout: float) -> object:
        answer = super().send(place, verb, run_id, args, timeout)
        if verb == self.late:
            raise PoolError("The worker is busy.")
        return answer


def test_a_bench_that_answers_too_late_keeps_no_run_that_nobody_knows(faulty: type) -> None:
    pool = Late(SMALL)
    run = pool.open("faulty", faulty())
    run.step(3)
    until(run, lambda look: look.step == 3 and at_rest(look))
    pool.late = "branch"
    with pytest.raises(PoolError, match="busy"):
        run.branch(2, faulty(), beside=True)
    pool.late = "open"
    with pytest.raises(PoolError, match="busy"):
        pool.open("faulty", faulty())
    assert pool.ids() == [run.id] and sum(pool.bench_vitals()[0].told.runs.values()) == 1
    pool.close()


def test_a_hanging_worker_is_found_and_replaced(processes: ProcessPool, faulty: type) -> None:
    run = processes.open("faulty", faulty(fault="hang", at=10))
    neighbour = next(
        r
        for r in [processes.open("faulty", faulty(seed=i)) for i in range(2)]
        if place(processes, r) == place(processes, run)
    )
    hung = processes.pids()[place(processes, run)]
    run.step(5)
    until(run, at_rest)
    neighbour.play()
    until(neighbour, lambda look: look.step > 3)
    run.play()
    look = until(neighbour, lambda look: "went on in a new one" in look.message, 60)
    assert "did not answer" in look.message
    look = until(run, lambda look: look.status == "lost", 120)
    assert "brought down its worker 3 times" in look.message
    until(neighbour, lambda look: look.status == "running" and look.step > 10)
    wait_gone([hung])


def test_a_run_that_kills_its_workers_is_given_up(processes: ProcessPool, faulty: type) -> None:
    run = processes.open("faulty", faulty(fault="die"))
    run.play()
    look = until(run, lambda look: look.status == "lost", 120)
    assert "brought down" in look.message
    assert processes.find(run.id) is None
    again = processes.open("faulty", faulty())
    again.step(3)
    assert until(again, at_rest).step == 3


def test_closing_leaves_no_process(faulty: type) -> None:
    with pool_of("processes") as pool:
        assert isinstance(pool, ProcessPool)
        pids = pool.pids()
        pool.open("faulty", faulty(fault="hang", at=1)).play()
    wait_gone(pids)


PARENT = """
import sys, time
from engine.runs.limits import Limits
from engine.runs.processes import ProcessPool
pool = ProcessPool(Limits(workers=2))
pool.wait_ready()
import engine
run = pool.open("faulty", engine.lab("faulty").Config(fault=sys.argv[1], at=2))
run.play()
print(*pool.pids(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("fault", ["none", "hang"])
def test_workers_die_with_a_parent_that_was_killed(fault: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, fault],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=Path(__file__).resolve().parents[2],
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    wait_gone(pids)


@pytest.mark.skipif(
    sys.platform != "linux" or torch.cuda.is_available(), reason="counts threads in /proc; CUDA has some"
)
def test_a_worker_has_one_thread_also_when_pandas_is_there(processes: ProcessPool) -> None:
    run = processes.open("cnn_filters", engine.lab("cnn_filters").Config())  # scikit-learn's digits, and so pandas
    run.step(2)
    until(run, lambda look: look.last_step == 2)
    for pid in processes.pids():
        assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
