"""What only a cluster can go through: machines, actors and web processes that end, and runs that do not."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from cluster import ON_RAY, PATIENT, Bounded, Machines
from pools import answered, at_rest, bare, drawn, until
from relayed import HELLO, watching
from sockets import run

from engine import runs
from engine.contract.reading import ReadError
from engine.runs.actor import NAMESPACE
from engine.runs.cluster import share_of_a_gpu
from engine.runs.inline import InlinePool
from engine.runs.pool import PoolError
from engine.runs.ray import RayPool
from engine.runs.run import Run

pytestmark = [ON_RAY, pytest.mark.timeout(300)]
ANNA, SHARE = "a" * 22, "PLAYGROUND_GPU_SHARE"


@pytest.fixture
def pool(rays: Bounded) -> Iterator[Bounded]:
    rays.wait_ready(120.0)
    yield rays
    rays.limits = PATIENT
    for run_id in rays.ids():
        rays.close_run(run_id)


@pytest.fixture
def elsewhere(pool: Bounded) -> Iterator[RayPool]:
    """What another web process has: it is known to the desk under another number."""
    other = RayPool()
    yield other
    other.close()


def wait(wanted: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    """Wait for it: on a busy machine a process that imports every lab is there after a minute."""
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def place(pool: RayPool, run: Run) -> int | None:
    found: int | None = pool._do("known", run.id).place
    return found


def state(bench: int) -> Any:
    return ray.get(ray.get_actor(f"bench-{bench}", NAMESPACE).state.remote())


def copied(pool: RayPool, run: Run) -> int | None:
    """The step of the newest copy of a run that the desk has."""
    dump: bytes | None = pool._do("_record", run.id).dump
    return None if dump is None else pickle.loads(dump)["step"]


def one_on_each(pool: RayPool, faulty: type) -> list[Run]:
    """Two runs, ordered by their benches."""
    runs = [pool.open("faulty", faulty(seed=5), ANNA), pool.open("faulty", faulty(seed=6), ANNA)]
    return sorted(runs, key=lambda each: str(place(pool, each)))


def as_a_bare_loop(run_of: Run, config: object) -> None:
    """Pause a run, and see that it has learned what it would have without a bench."""
    run_of.pause()
    look = until(run_of, at_rest)
    steps, values = look.curves["loss"]
    losses, weights = bare(config, look.step)
    assert values.tolist() == [losses[s - 1] for s in steps]
    np.testing.assert_array_equal(drawn(look).weights, weights)


async def sees_it_go_on(browser: Any, steps: int = 1) -> int:
    """Wait for a picture that is so many steps on; where it stands."""
    first = (await browser.until(lambda m: m.get("part") == "stage"))["step"]
    step: int = (await browser.until(lambda m: m.get("part") == "stage" and m["step"] >= first + steps))["step"]
    return step


def born(bench: int) -> str:
    """Which life of its the bench lives; "" while it has none."""
    try:
        life: str = ray.get(ray.get_actor(f"bench-{bench}", NAMESPACE).state.remote(), timeout=5.0).born
    except (ray.exceptions.RayError, ValueError):
        return ""
    return life


def test_bytes_are_read_on_a_bench(pool: Bounded) -> None:
    """Before any is killed: a bench that dies on the way costs what it reads, as it must."""
    with pytest.raises(KeyError):
        pool.read("nothing", b"")
    with pytest.raises(ReadError, match="damaged"):
        pool.read("packed_points", b"?", paper="cloud")
    table = pool.read("table", b"x,y,kind\n" + b"1,2,a\n3,4,b\n" * 20_000, how={})
    assert table["columns"] == ("x", "y", "kind")


def test_a_machine_that_is_lost_costs_no_run(pool: Bounded, cluster: Machines, faulty: type) -> None:
    pool.limits = dataclasses.replace(PATIENT, runs_per_worker=4, restart_timeout=1.0)
    away = state(0).node != ray.get_runtime_context().get_node_id()  # whether it is the first bench that is not here
    there, here = one_on_each(pool, faulty)[:: 1 if away else -1]
    config = until(there, at_rest).config
    beside = pool.open("faulty", faulty(seed=9), beside=there)
    before = [place(pool, each) for each in (there, beside, here)]
    assert before[0] == before[1] != before[2] and state(before[0] or 0).node != state(before[2] or 0).node
    for each in (there, here):
        each.speed(200.0)  # not so far that its history is thinned
        each.play()

    async def work() -> None:
        async with watching(pool, there.id) as (browser, _), watching(pool, here.id) as (neighbour, _):
            browser.say({**HELLO, "key": there.key})
            neighbour.say(HELLO)
            step = await sees_it_go_on(browser, 20)
            await asyncio.sleep(0.5)  # a copy has been sent
            await asyncio.to_thread(cluster.lose)
            told = await browser.until(lambda m: "went on in a new one" in m.get("message", ""))
            assert told["status"] == "running"
            assert await sees_it_go_on(browser) > step / 2
            browser.say({"type": "do", "id": "d" * 12, "verb": "pause"})  # it still may, and is answered
            assert (await browser.until(lambda m: m.get("did") == "d" * 12))["refused"] is None
            await sees_it_go_on(neighbour)

    run(work())
    assert place(pool, there) == place(pool, beside) == place(pool, here) == before[2]
    mine = pool.mine(there.id, ANNA)
    assert mine is not None and mine.key == there.key and [each.id for each in mine.group()] == [there.id, beside.id]
    as_a_bare_loop(there, config)
    cluster.get_back()
    pool.wait_ready(120.0)
    there.close()
    here.close()
    assert {place(pool, each) for each in one_on_each(pool, faulty)} == {0, 1}  # the lost bench is there again


def test_a_bench_that_is_killed_is_started_again_with_its_runs(pool: Bounded, faulty: type) -> None:
    run_of, other = one_on_each(pool, faulty)
    config, bench = until(run_of, at_rest).config, place(pool, run_of)
    assert bench is not None
    for each in (run_of, other):
        each.speed(200.0)
        each.play()
    born = state(bench).born
    until(run_of, lambda look: look.step > 50)

    async def work() -> None:
        async with watching(pool, run_of.id) as (browser, _):
            browser.say(HELLO)
            await sees_it_go_on(browser)
            ray.kill(ray.get_actor(f"bench-{bench}", NAMESPACE), no_restart=False)
            await browser.until(lambda m: "went on in a new one" in m.get("message", ""))
            await sees_it_go_on(browser)

    run(work())
    assert place(pool, run_of) == bench and state(bench).born != born
    assert answered(other).message == ""
    as_a_bare_loop(run_of, config)


def test_whoever_brings_down_a_bench_is_known_from_what_it_has_left(pool: Bounded, faulty: type) -> None:
    pool.limits = dataclasses.replace(PATIENT, crashes=1)
    neighbour, guilty = pool.open("faulty", faulty(fault="die", at=3)), pool.open("faulty", faulty(fault="die", at=3))
    innocent = pool.open("faulty", faulty(seed=2))
    assert place(pool, innocent) == place(pool, neighbour)
    innocent.step(4)
    until(innocent, at_rest)
    with contextlib.suppress(PoolError):  # its answer may be lost with the bench
        neighbour.play()
    look = until(neighbour, lambda look: look.status == "lost", 120)
    assert "brought down" in look.message and pool.find(neighbour.id) is None
    innocent.step(3)
    assert until(innocent, lambda look: at_rest(look) and look.step == 7).status == "paused"
    assert until(guilty, at_rest).status == "paused"


def test_a_hanging_bench_is_ended_and_started_again(pool: Bounded, faulty: type) -> None:
    pool.limits = dataclasses.replace(PATIENT, hang_after=3.0, crashes=1)
    run_of = pool.open("faulty", faulty(fault="hang", at=3))
    with contextlib.suppress(PoolError):
        run_of.play()
    assert "brought down" in until(run_of, lambda look: look.status == "lost", 120).message


def test_two_web_processes_have_the_same_runs_and_see_the_same_pictures(
    pool: Bounded, elsewhere: RayPool, faulty: type
) -> None:
    run_of = pool.open("faulty", faulty(seed=3), ANNA)
    there = elsewhere.mine(run_of.id, ANNA)
    assert there is not None and there.key == run_of.key and elsewhere.mine(run_of.id, "b" * 22) is None
    assert elsewhere.number != pool.number and elsewhere.limits == pool.limits

    async def work() -> None:
        async with watching(pool, run_of.id) as (steers, _), watching(elsewhere, run_of.id) as (looks, _):
            steers.say({**HELLO, "key": run_of.key})
            looks.say(HELLO)
            assert (await steers.until(lambda m: "may" in m))["may"] == "steer"
            assert (await looks.until(lambda m: "may" in m))["may"] == "watch"
            steers.say({"type": "do", "id": "d" * 12, "verb": "step", "value": 30})
            ours, theirs = [
                await each.until(lambda m: m.get("part") == "stage" and m["step"] == 30 and m["status"] == "paused")
                for each in (steers, looks)
            ]
            assert all(ours[name] == theirs[name] for name in ("run", "rows", "say", "marks", "version", "last_step"))
            looks.say({**HELLO, "key": there.key})  # the same browser, by way of the other process
            looks.say({"type": "do", "id": "e" * 12, "verb": "step"})
            await steers.until(lambda m: m.get("part") == "stage" and m["step"] == 31)
            await asyncio.to_thread(there.close)
            for each in (steers, looks):
                assert (await each.until(lambda m: m.get("status") == "lost"))["message"] == "This run has ended."

    run(work())


def test_a_run_is_left_when_nobody_looks_in_any_web_process(pool: Bounded, elsewhere: RayPool, faulty: type) -> None:
    pool.limits = dataclasses.replace(PATIENT, leave_after=1.0)
    run_of = pool.open("faulty", faulty(), ANNA)

    def parked() -> bool:
        return bool(elsewhere._do("known", run_of.id).parked)

    async def work() -> None:
        async with watching(elsewhere, run_of.id) as (stays, _):
            stays.say(HELLO)
            await stays.until(lambda m: m.get("part") == "stage")
            async with watching(pool, run_of.id) as (goes, _):
                goes.say(HELLO)
                await goes.until(lambda m: m.get("part") == "stage")
            await asyncio.sleep(2.5)
            assert not await asyncio.to_thread(parked)
        await asyncio.to_thread(wait, parked, "parked")
        async with watching(pool, run_of.id) as (back, _):
            back.say({**HELLO, "key": run_of.key})
            told = await back.until(lambda m: m.get("part") == "stage")
            assert told["status"] == "paused" and "nobody was watching" in told["message"]

    run(work())


CLIENT = """
import sys, time, ray
from engine.runs.actor import NAMESPACE
ray.init(sys.argv[1], namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
import engine
from engine.runs.ray import RayPool
pool = RayPool()
run = pool.open("faulty", engine.lab("faulty").Config(seed=4), "a" * 22)
watch = pool.watch(run.id, lambda payload: payload and print(run.id, flush=True))
pool.tell(watch, {"type": "hello", "may": "steer", "parts": ["stage"]})
run.play()
time.sleep(600)
"""


def test_a_web_process_that_is_killed_leaves_its_runs_and_nobody_who_watches(
    pool: Bounded, cluster: Machines, faulty: type
) -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, cluster.address],
        stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert client.stdout is not None
    run_id = client.stdout.readline().strip()
    found = pool.mine(run_id, ANNA)
    assert found is not None
    bench = place(pool, found)
    seat = ray.get_actor(f"bench-{bench}", NAMESPACE)
    assert ray.get(seat.watched.remote()) == 1
    os.kill(client.pid, signal.SIGKILL)
    client.wait()
    wait(lambda: ray.get(seat.watched.remote()) == 0, "forgotten")
    step = answered(found).step
    until(found, lambda look: look.status == "running" and look.step > step)  # and it is its owner's, by another way


def known_again(pool: RayPool, run: Run) -> bool:
    """Whether the desk is back, which takes longer on a busy machine than anybody's question waits for it."""
    with contextlib.suppress(PoolError):
        return pool.mine(run.id, ANNA) is not None
    return False


def test_a_desk_that_is_killed_knows_the_runs_again(pool: Bounded, faulty: type) -> None:
    run_of = pool.open("faulty", faulty(seed=3), ANNA)
    beside = pool.open("faulty", faulty(seed=4), beside=run_of)
    run_of.play()
    others = [pool.open("faulty", faulty(seed=5)) for _ in range(2)]
    waits, last = (pool.open("faulty", faulty(seed=seed), ANNA) for seed in (6, 7))
    waits.retell([], 12)
    pool.sweep()  # who waits is written down

    async def work() -> None:
        async with watching(pool, run_of.id) as (browser, _), watching(pool, last.id) as (queuer, _):
            browser.say(HELLO)
            queuer.say({**HELLO, "key": last.key})
            await queuer.until(lambda m: "number 2 in the queue" in m.get("message", ""))
            await sees_it_go_on(browser)
            ray.kill(pool._desk, no_restart=False)
            await sees_it_go_on(browser)  # pictures need no desk
            await asyncio.to_thread(wait, lambda: known_again(pool, run_of), "the run")
            await sees_it_go_on(browser)
            await asyncio.to_thread(others[0].close)
            await queuer.until(lambda m: "number 1 in the queue" in m.get("message", ""))
            await asyncio.to_thread(others[1].close)
            told = await queuer.until(lambda m: m.get("part") == "stage")
            assert (told["status"], told["step"]) == ("paused", 0)

    run(work())
    assert until(waits, at_rest).step == 12 and pool.mine(last.id, ANNA) is not None
    last.close()
    waits.close()
    mine = pool.mine(run_of.id, ANNA)
    assert mine is not None and mine.key == run_of.key
    assert [each.id for each in mine.group()] == [run_of.id, beside.id]
    mine.pause()
    step = until(mine, at_rest).step
    bench = place(pool, mine)
    wait(lambda: copied(pool, mine) == step, "a copy")
    ray.kill(ray.get_actor(f"bench-{bench}", NAMESPACE), no_restart=False)
    look = until(mine, lambda look: "went on in a new one" in look.message)
    assert look.step == step


def test_what_is_parked_outlives_its_bench_and_the_desk(pool: Bounded, faulty: type) -> None:
    pool.limits = dataclasses.replace(PATIENT, leave_after=0.1)
    run_of = pool.open("faulty", faulty(seed=3), ANNA)
    run_of.step(40)
    until(run_of, at_rest)
    run_of.seek(20)
    until(run_of, at_rest)
    bench = place(pool, run_of)
    life = born(bench)
    run_of.leave()
    wait(lambda: pool._do("known", run_of.id).parked, "parked")
    pool.limits = PATIENT
    ray.kill(ray.get_actor(f"bench-{bench}", NAMESPACE), no_restart=False)
    ray.kill(pool._desk, no_restart=False)

    def sought() -> bool:  # an act of its owner, which is refused until somebody has noticed
        with contextlib.suppress(PoolError):
            run_of.seek(30)
            return True
        return False

    wait(sought, "an answer")
    look = until(run_of, lambda look: at_rest(look) and look.step == 30)
    assert look.last_step == 40
    mine = pool.mine(run_of.id, ANNA)
    assert mine is not None and mine.key == run_of.key
    wait(lambda: born(bench) not in ("", life), "the bench's next life")


def test_a_server_is_in_the_cluster_that_its_environment_names(
    pool: Bounded, cluster: Machines, faulty: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.open("faulty", faulty())
    monkeypatch.delenv("PLAYGROUND_POOL", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    try:
        there = runs.start()
        assert isinstance(there, RayPool) and there is runs.current() and there.stats() == pool.stats()
        wait(lambda: there.answering() == 2, "two that answer")
        wait(lambda: pool.vitals().runs == {("faulty", "paused"): 1}, "what the benches tell")
        vitals = there.vitals()
        assert vitals.taken == 1 and all(
            each.resident_mb and each.resident_mb > 100 for each in vitals.benches.values()
        )
    finally:
        runs.stop()
    assert pool.stats()["places"] > 0  # for the others it is there still
    monkeypatch.setenv("PLAYGROUND_POOL", "inline")
    try:
        assert isinstance(runs.start(), InlinePool)
    finally:
        runs.stop()


def test_the_share_of_a_gpu_is_a_number() -> None:
    assert [share_of_a_gpu(said) for said in ({}, {SHARE: ".25"}, {SHARE: "1"})] == [0, 0.25, 1]
    for wrong in ("much", "-1", "2", "nan"):
        with pytest.raises(ValueError, match=f"{SHARE}='{wrong}' is no number from 0"):
            share_of_a_gpu({SHARE: wrong})


def test_a_server_without_ray_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "engine.runs.ray")
    with pytest.raises(ValueError, match=r"requirements-ray\.txt"):
        runs.start("ray")
    assert runs.started() is None
