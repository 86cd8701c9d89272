"""Two thousand sockets at once, on a server as anybody starts it."""

from __future__ import annotations

import asyncio
import resource
import urllib.request
from collections import Counter

import pytest
from sockets import Socket, opened, run
from websockets.exceptions import ConnectionClosed

from engine.live import protocol
from engine.runs.limits import Limits

pytestmark = [pytest.mark.truths, pytest.mark.timeout(600)]
SLUG, CROWD, AT_ONCE = "gradient_descent", 2_000, 100


def test_two_thousand_sockets_leave_a_server_that_answers(server: str) -> None:
    """A run is shown to as many as may watch it; the others are told so, its owner gets in, and pages are answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 0 else max(soft, min(hard, 4 * CROWD)), hard))
    run_id, key = opened(server, SLUG)
    gate, refused = asyncio.Semaphore(AT_ONCE), Counter[int]()

    async def come() -> Socket | None:
        async with gate:
            socket = await Socket.to(server, run_id)
            try:
                await socket.hello()
            except ConnectionClosed as closed:
                refused[closed.rcvd.code if closed.rcvd else 1006] += 1
                return None
            return socket

    async def work() -> None:
        came = await asyncio.gather(*(come() for _ in range(CROWD)))
        there = [socket for socket in came if socket is not None]
        assert len(there) == Limits().viewers_per_run and set(refused) == {protocol.MANY}
        for path in ("/_stcore/health", f"/embed/{SLUG}", "/"):
            with await asyncio.to_thread(urllib.request.urlopen, f"{server}{path}", timeout=60) as answer:
                assert answer.status == 200
        owner = await Socket.to(server, run_id)
        assert (await owner.hello(key))["may"] == "steer"
        await owner.do("play", 30)
        await asyncio.gather(*(s.until(lambda m: m.get("part") == "stage" and m["step"] == 30) for s in there))
        await asyncio.gather(*(socket.close() for socket in (owner, *there)))

    run(work())
