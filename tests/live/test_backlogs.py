"""What waits for somebody who does not take it: a browser that reads nothing, a worker that is at work."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from pools import pool_of
from sockets import run

from engine.live import relay as relays
from engine.live.relay import Outbox, relay
from engine.runs import audience
from engine.runs.processes import ProcessPool

HELLO = {"type": "hello", "key": None, "parts": [], "panels": None, "beside": False}


def test_a_worker_that_takes_nothing_keeps_nobody_waiting(faulty: type) -> None:
    with pool_of("processes") as pool:
        assert isinstance(pool, ProcessPool)
        run_of = pool.open("faulty", faulty())
        place = pool._records[run_of.id].place
        assert place is not None
        worker = pool._workers[place]
        watch = pool.watch(run_of.id, lambda payload: None)
        pool.tell(watch, HELLO)
        os.kill(worker.process.pid, signal.SIGSTOP)
        try:
            for _ in range(2 * audience.UNHEARD):
                pool.tell(watch, {"type": "seen", "value": True})
            assert pool._workers[place] is worker  # nobody waited until it was replaced
            assert 0 < len(worker._words) <= audience.UNHEARD
        finally:
            os.kill(worker.process.pid, signal.SIGCONT)
        run_of.step(3)  # it goes on where it stood


def test_who_reads_nothing_is_left_and_nothing_more_is_kept_for_them(faulty: type) -> None:
    with pool_of("inline") as pool:
        run_of = pool.open("faulty", faulty())

        async def work() -> None:
            says: asyncio.Queue[str] = asyncio.Queue()

            async def send(payload: bytes | str) -> None:
                await asyncio.Event().wait()  # what lies between us and the browser is full

            task = asyncio.create_task(relay(pool, run_of.id, receive=says.get, send=send))
            while not pool._watches:
                await asyncio.sleep(0)
            (watch,) = pool._watches.values()
            for _ in range(3 * relays.BEHIND // 100_000):
                watch.deliver(b"\0" * 100_000)
            await asyncio.wait_for(task, 30)
            assert pool._watches == {}

        run(work())


def test_a_browser_that_reads_slowly_gets_all_that_was_sent_in_order() -> None:
    async def work() -> list[Any]:
        outbox, got = Outbox(), []
        for number in range(10):
            outbox.put(f"{number}".zfill(relays.BEHIND // 20))
        for number in range(10, 200):  # one out, one in: what has been read no longer counts
            got.append(await outbox.get())
            outbox.put(f"{number}".zfill(relays.BEHIND // 20))
        assert not outbox.full.is_set() and outbox.queue.qsize() == 10
        return got

    assert [int(text[-3:]) for text in run(work())] == list(range(190))
