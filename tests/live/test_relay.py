"""The relay without a server: two queues in place of a socket, and pools of both kinds."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from pools import pool_of, until
from relayed import HELLO, Browser, watching
from sockets import run

from engine.live import protocol
from engine.live.relay import Closed, relay
from engine.runs.pool import Pool
from engine.runs.processes import ProcessPool


@pytest.fixture(scope="module")
def processes(faulty: type) -> Iterator[Pool]:
    with pool_of("processes") as pool:
        yield pool


def test_a_run_that_plays_is_seen_playing_to_its_end(processes: Pool, faulty: type) -> None:
    run_of = processes.open("faulty", faulty())

    async def work() -> None:
        async with watching(processes, run_of.id) as (browser, _):
            browser.say(HELLO)
            assert (await browser.until(lambda m: "may" in m))["may"] == "watch"
            await browser.until(lambda m: m.get("part") == "stage" and m["step"] == 0)
            run_of.step(300)
            steps = []
            while not steps or steps[-1] < 300:
                steps.append((await browser.until(lambda m: m.get("part") == "stage"))["step"])
            assert steps == sorted(set(steps))
            await browser.until(lambda m: m.get("part") == "curves" and m["last_step"] == 300)

    run(work())


def test_only_who_says_the_key_may_steer_and_no_worker_hears_it(
    processes: Pool, faulty: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of, other = processes.open("faulty", faulty(), "a" * 22), processes.open("faulty", faulty(), "a" * 22)
    heard: list[Any] = []
    tell = processes.hear
    monkeypatch.setattr(processes, "hear", lambda *args: (heard.append(args), tell(*args)))

    async def work() -> None:
        async with watching(processes, run_of.id) as (browser, _):
            for key, may in ((None, "watch"), (other.key, "watch"), (run_of.key, "steer"), (7, "watch"), ([], "watch"),
                             ("a" * 22, "watch"), ("\ud800" * 12, "watch"), (run_of.key, "steer")):  # fmt: skip
                browser.say({**HELLO, "key": key, "may": "steer"})
                assert (await browser.until(lambda m: "may" in m))["may"] == may, key

    run(work())
    assert heard and run_of.key not in repr(heard)
    run_of.close()
    other.close()


def test_before_its_hello_nothing_counts_and_nothing_comes(processes: Pool, faulty: type) -> None:
    run_of = processes.open("faulty", faulty())

    async def work() -> None:
        async with watching(processes, run_of.id) as (browser, task):
            for message in ({"type": "ack", "n": 1}, {"type": "do", "id": "x", "verb": "play"}, "[]", "what", "{}"):
                browser.say(message)
            await asyncio.sleep(0.3)
            assert browser.got.empty() and not task.done()
            browser.say(HELLO)
            await browser.until(lambda m: "may" in m)

    run(work())


def test_an_unknown_run_and_one_that_ends_close_the_socket_with_a_sentence(processes: Pool, faulty: type) -> None:
    run_of = processes.open("faulty", faulty())

    async def work() -> None:
        browser = Browser()
        with pytest.raises(Closed) as closed:
            await relay(processes, "A" * 16, receive=browser.receive, send=browser.send)
        assert closed.value.code == protocol.UNKNOWN and (await browser.got.get())["message"].endswith(".")
        async with watching(processes, run_of.id) as (browser, task):
            browser.say(HELLO)
            await browser.until(lambda m: m.get("part") == "stage")
            await asyncio.to_thread(run_of.close)
            assert (await browser.until(lambda m: m.get("status") == "lost"))["message"] == "This run has ended."
            with pytest.raises(Closed):
                await task

    run(work())


@pytest.mark.parametrize(("messages", "code"), [
    (["x" * (protocol.LONGEST + 1)], protocol.LARGE),
    ([{"type": "do", "id": "1", "verb": "step"}] * 101, protocol.PACE),
    ([{"type": "seen", "value": True}] * 501, protocol.PACE),
])  # fmt: skip
def test_too_much_closes_the_socket_and_no_other(processes: Pool, faulty: type, messages: list[Any], code: int) -> None:
    run_of = processes.open("faulty", faulty())

    async def work() -> None:
        async with watching(processes, run_of.id) as (browser, task), watching(processes, run_of.id) as (other, _):
            other.say(HELLO)
            for message in messages:  # counted before the hello too
                browser.say(message)
            await browser.until(lambda m: m.get("status") == "lost")
            with pytest.raises(Closed) as closed:
                await task
            assert closed.value.code == code
            await other.until(lambda m: m.get("part") == "stage")

    run(work())
    run_of.close()


def test_a_run_that_waits_says_its_place_and_is_seen_when_it_has_one(faulty: type) -> None:
    with pool_of("inline") as pool:
        running = [pool.open("faulty", faulty()) for _ in range(4)]
        waiting = pool.open("faulty", faulty(seed=7))

        async def work() -> None:
            async with watching(pool, waiting.id) as (browser, _):
                browser.say(HELLO)
                told = await browser.until(lambda m: m["status"] == "waiting")
                assert "number 1 in the queue" in told["message"]
                await asyncio.to_thread(running[0].close)
                assert (await browser.until(lambda m: m.get("part") == "stage"))["status"] == "paused"

        run(work())


def test_who_watches_goes_on_watching_when_the_worker_is_killed(faulty: type) -> None:
    with pool_of("processes") as pool:
        assert isinstance(pool, ProcessPool)
        run_of = pool.open("faulty", faulty())
        run_of.speed(20)
        run_of.play()
        until(run_of, lambda look: look.step >= 10)

        async def work() -> None:
            async with watching(pool, run_of.id) as (browser, _):
                browser.say(HELLO)
                before = await browser.until(lambda m: m.get("part") == "stage" and m["step"] >= 10)
                place = pool._records[run_of.id].place
                assert place is not None
                os.kill(pool.pids()[place], signal.SIGKILL)
                after = await browser.until(lambda m: m.get("part") == "stage" and m["step"] > before["step"] + 20)
                assert after["n"] > before["n"] and after["status"] == "running"

        run(work())


def test_a_run_that_is_lost_is_told_to_those_who_watch_one_beside_it(faulty: type) -> None:
    with pool_of("processes") as pool:
        assert isinstance(pool, ProcessPool)
        leader = pool.open("faulty", faulty())
        other = pool.open("faulty", faulty(seed=1), beside=leader)
        leader.play()

        async def work() -> None:
            async with watching(pool, leader.id) as (browser, _):
                browser.say(HELLO)
                await browser.until(lambda m: m.get("part") == "stage" and m["step"] > 10)
                pool._lose(pool._records[other.id], "It is lost.")
                told = await browser.until(lambda m: m["run"] == other.id and m["status"] == "lost")
                assert told["message"] == "It is lost."
                await browser.until(lambda m: m.get("part") == "stage" and m["run"] == leader.id)

        run(work())


def test_nobody_is_remembered_who_has_left(processes: Pool, faulty: type) -> None:
    run_of = processes.open("faulty", faulty())

    async def work() -> None:
        async with watching(processes, run_of.id) as (browser, _):
            browser.say(HELLO)
            await browser.until(lambda m: m.get("part") == "stage")

    run(work())
    assert processes._watches == {}
