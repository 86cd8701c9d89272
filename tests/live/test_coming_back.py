"""Parking as sockets see it: who keeps a run, what is said of one that is put away, and who brings it back."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pools import SMALL, at_rest, pool_of, until
from relayed import HELLO, watching
from sockets import run

from engine.runs.pool import Pool
from engine.runs.run import Run

SENTENCE = "Paused because nobody was watching. Press Play to go on."
QUICK = dataclasses.replace(SMALL, leave_after=0.2, pause_after=400.0, hang_after=60.0)


@pytest.fixture(params=["inline", "processes"], scope="module")
def home(request: pytest.FixtureRequest, faulty: type, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYGROUND_DATA", str(tmp_path_factory.mktemp("data")))
        with pool_of(request.param, QUICK) as pool:
            yield pool


@pytest.fixture
def pool(home: Pool) -> Iterator[Pool]:
    yield home
    for run_id in list(home._records):
        home.close_run(run_id)


async def parked(pool: Pool, of: Run) -> None:
    async with asyncio.timeout(60):
        while not pool._records[of.id].parked:
            await asyncio.to_thread(pool.sweep)
            await asyncio.sleep(0.05)


def played(pool: Pool, faulty: type) -> Run:
    made = pool.open("faulty", faulty(), "a" * 22)
    made.step(30)
    until(made, at_rest)
    return made


def hidden(pool: Pool, of: Run) -> None:
    pool._records[of.id].asked -= QUICK.pause_after + 1


def test_whoever_comes_back_says_hello_and_finds_it_paused(pool: Pool, faulty: type) -> None:
    of = played(pool, faulty)

    async def work() -> None:
        async with watching(pool, of.id) as (browser, _):
            browser.say({**HELLO, "key": of.key})
            await browser.until(lambda m: m.get("part") == "stage")
            await asyncio.to_thread(pool.sweep)
            assert not pool._records[of.id].parked
        await parked(pool, of)
        async with watching(pool, of.id) as (browser, _):
            browser.say({**HELLO, "key": of.key})
            told = await browser.until(lambda m: "may" in m)
            assert (told["may"], told["status"], told["message"], told["step"]) == ("steer", "paused", SENTENCE, 30)
            await browser.until(lambda m: m.get("part") == "stage" and m["step"] == 30)

    run(work())


def test_another_who_only_watches_keeps_it(pool: Pool, faulty: type) -> None:
    of = played(pool, faulty)

    async def work() -> None:
        async with watching(pool, of.id) as (other, _):
            other.say(HELLO)
            await other.until(lambda m: "may" in m)
            async with watching(pool, of.id) as (browser, _):
                browser.say({**HELLO, "key": of.key})
                await browser.until(lambda m: "may" in m)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(pool.sweep)
            assert not pool._records[of.id].parked

    run(work())


@pytest.mark.parametrize("back", ["seen", "do"])
def test_a_hidden_tab_does_not_keep_it_and_brings_it_back(pool: Pool, faulty: type, back: str) -> None:
    of = played(pool, faulty)

    async def work() -> None:
        async with watching(pool, of.id) as (browser, _):
            browser.say({**HELLO, "key": of.key})
            await browser.until(lambda m: m.get("part") == "stage")
            browser.say({"type": "seen", "value": False})
            await asyncio.sleep(0.3)
            hidden(pool, of)
            browser.say({"type": "seen", "value": False})  # it says so again and again
            await asyncio.sleep(0.2)
            await parked(pool, of)
            told = await browser.until(lambda m: m.get("message") == SENTENCE)
            assert (told["status"], told["step"]) == ("paused", 30)
            if back == "seen":
                browser.say({"type": "seen", "value": True})
                assert (await browser.until(lambda m: "may" in m))["status"] == "paused"
            else:
                browser.say({"type": "do", "id": "act-00000001", "verb": "step", "value": 2})
                answer = await browser.until(lambda m: m.get("did") == "act-00000001")
                assert answer["refused"] is None
                await asyncio.to_thread(until, of, lambda look: look.step == 32)

    run(work())


def test_what_a_stranger_does_brings_nothing_back(pool: Pool, faulty: type) -> None:
    of = played(pool, faulty)

    async def work() -> None:
        async with watching(pool, of.id) as (browser, _):
            browser.say(HELLO)
            await browser.until(lambda m: "may" in m)
            browser.say({"type": "seen", "value": False})
            await asyncio.sleep(0.3)
            hidden(pool, of)
            await parked(pool, of)
            for message in ({"type": "do", "id": "act-00000001", "verb": "step"}, {"type": "ack", "n": 10**15}):
                browser.say(message)
            await asyncio.sleep(0.5)
            assert pool._records[of.id].parked

    run(work())


def test_where_every_place_is_taken_its_place_in_the_queue_is_said(pool: Pool, faulty: type) -> None:
    of = played(pool, faulty)
    pool._records[of.id].left = time.monotonic() - 1

    async def work() -> None:
        await parked(pool, of)
        others: list[Any] = [pool.open("faulty", faulty()) for _ in range(4)]
        async with watching(pool, of.id) as (browser, _):
            browser.say({**HELLO, "key": of.key})
            assert "number 1 in the queue" in (await browser.until(lambda m: m["status"] == "waiting"))["message"]
            await asyncio.to_thread(others[0].close)
            told = await browser.until(lambda m: "may" in m)
            assert (told["status"], told["step"], told["message"]) == ("paused", 30, SENTENCE)

    run(work())
