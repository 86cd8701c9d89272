"""A browser's end of the relay, with two queues in place of a socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from scene_format import Screen

from engine.live.relay import relay
from engine.runs.pool import Pool

HELLO = {"type": "hello", "key": None, "parts": None, "panels": None, "beside": False}


class Browser:
    """The other end of a socket: what it says, and what it got."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[str | None] = asyncio.Queue()
        self.got: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.screen = Screen()

    async def receive(self) -> str:
        text = await self.says.get()
        if text is None:
            raise EOFError
        return text

    async def send(self, payload: bytes | str) -> None:
        await self.got.put(json.loads(payload) if isinstance(payload, str) else self.screen.read(payload)[0])

    def say(self, message: Any) -> None:
        self.says.put_nowait(message if isinstance(message, str | None) else json.dumps(message))

    async def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 60.0) -> dict[str, Any]:
        """What comes until `wanted` holds of it; pictures on the way are confirmed."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self.got.get()
                if "part" in message:
                    self.say({"type": "ack", "n": message["n"], "run": message["run"]})
                if wanted(message):
                    return message


@contextlib.asynccontextmanager
async def watching(pool: Pool, run_id: str) -> AsyncIterator[tuple[Browser, asyncio.Task[None]]]:
    browser = Browser()
    task = asyncio.create_task(relay(pool, run_id, receive=browser.receive, send=browser.send))
    try:
        yield browser, task
    finally:
        browser.say(None)
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)
