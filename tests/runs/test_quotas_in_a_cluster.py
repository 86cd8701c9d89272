"""Bounds by browser where whoever knows the runs is another process: sentences and refusals travel as they are."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest
from cluster import ON_RAY, Bounded
from pools import SMALL, at_rest, until
from relayed import HELLO, watching
from sockets import run as finish

from engine.contract.reading import ReadError
from engine.runs.pool import Crowded

pytestmark = [ON_RAY, pytest.mark.timeout(300)]
ANNA, BERT = "a" * 22, "b" * 22
CLOSE = "Close a comparison or another tab"


@pytest.fixture
def pool(rays: Bounded) -> Iterator[Bounded]:
    rays.wait_ready(120.0)
    yield rays
    rays.limits = SMALL
    for run_id in rays.ids():
        rays.close_run(run_id)


def test_whoever_comes_back_to_one_too_many_is_told(pool: Bounded, faulty: type) -> None:
    pool.limits = dataclasses.replace(SMALL, runs_per_owner=1)
    away = pool.open("faulty", faulty(seed=3), ANNA)
    away.step(12)
    until(away, at_rest)
    away.leave()
    other = pool.open("faulty", faulty(), ANNA)
    assert "nobody was watching" in away.report().message
    with pytest.raises(Crowded, match=CLOSE):
        pool.open("faulty", faulty(), ANNA)
    assert until(pool.open("faulty", faulty(), BERT), at_rest).status == "paused"

    async def work() -> None:
        async with watching(pool, other.id) as (there, _), watching(pool, away.id) as (browser, _):
            there.say({**HELLO, "key": other.key})
            await there.until(lambda m: "may" in m)
            browser.say({**HELLO, "key": away.key})
            told = await browser.until(lambda m: "may" in m)
            assert (told["may"], told["status"], told["last_step"]) == ("steer", "paused", 12)
            assert CLOSE in told["message"]
            browser.say({"type": "do", "id": "some-act-first", "verb": "step", "value": 1})
            assert CLOSE in (await browser.until(lambda m: m.get("did") == "some-act-first"))["refused"]
            there.say(None)  # the other tab is closed, which the desk hears in a moment
            for number in range(200):
                browser.say({"type": "do", "id": f"some-act-{number:03}", "verb": "step", "value": 1})
                told = await browser.until(lambda m, n=number: m.get("did") == f"some-act-{n:03}")
                if told["refused"] is None:
                    break
                await asyncio.sleep(0.1)
            await asyncio.to_thread(until, away, lambda look: look.step == 13)

    finish(work())


def test_slides_have_their_share_and_large_files_stay_here(pool: Bounded, faulty: type) -> None:
    pool.limits = dataclasses.replace(SMALL, slides_share=0.5)
    for _ in range(2):
        pool.open("faulty", faulty(), slide=True)
    with pytest.raises(Crowded, match="As many slides"):
        pool.open("faulty", faulty(), slide=True)
    assert until(pool.open("faulty", faulty(), ANNA), at_rest).status == "paused"
    with pytest.raises(ReadError, match=r"^The file has 1\.1 MB; at most 1 MB are accepted\.$"):
        pool.read("text", bytes(1_100_000), owner=ANNA)
    points = b"x,y,kind\n" + b"".join(b"%d,%d,%s\n" % (i % 7, i % 5, b"ab"[i % 2 :][:1]) for i in range(30))
    assert pool.read("table", points, owner=ANNA, how={})["points"]
