"""The other end of many sockets at once, without a browser."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import urllib.request
from collections.abc import Callable, Coroutine
from typing import Any

from scene_format import Screen
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE = 120.0  # seconds until something that must happen counts as not happening, on a busy machine too


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """`asyncio.run` in a thread of its own: in this one a browser's event loop may be running."""
    found: list[Any] = []

    def target() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def opened(address: str, slug: str, **knobs: str) -> tuple[str, str]:
    """A new run of a server: its id, and its key."""
    asked = urllib.request.Request(f"{address}/runs", json.dumps({"slug": slug, "knobs": knobs}).encode())
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        made = json.load(answer)
    return made["run"], made["key"]


class Socket:
    """One socket of a run: pictures are confirmed as they come."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.screen = socket, Screen()

    @classmethod
    async def to(cls, address: str, run_id: str, **how: Any) -> Socket:
        wanted = {"compression": None, "open_timeout": PATIENCE, "ping_interval": None, **how}
        return cls(await connect(f"{address.replace('http', 'ws')}/live/{run_id}", max_size=None, **wanted))

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hello(self, key: str | None = None) -> dict[str, Any]:
        await self.say(type="hello", key=key, parts=None, panels=None, beside=False)
        return await self.until(lambda message: "may" in message)

    async def do(self, verb: str, value: Any = None) -> None:
        await self.say(type="do", id=secrets.token_hex(8), verb=verb, value=value)

    async def until(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """What comes until `wanted` holds of it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                data = await self.socket.recv()
                if isinstance(data, str):
                    message: dict[str, Any] = json.loads(data)
                else:
                    message, values = self.screen.read(data)
                    message["values"] = values
                    await self.say(type="ack", n=message["n"], run=message["run"])
                if wanted(message):
                    return message

    async def end(self) -> tuple[int, str]:
        """The code with which the server closes this socket, and the sentence that it says before."""
        said = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    data = await self.socket.recv()
                    said = json.loads(data).get("message", "") if isinstance(data, str) else said
        except ConnectionClosed as closed:
            return (closed.rcvd.code if closed.rcvd else 1006), said

    async def close(self) -> None:
        await self.socket.close()
