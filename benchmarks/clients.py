"""A class without browsers: raw clients that open a page, press Play and confirm every picture as soon as it has come.

A process of its own, so that what the clients take of the machine can be told from what the server takes.  It reads
one request (JSON) from standard input and answers with one line; its sockets stay open until its input ends.  Each
client holds what a browser holds, Streamlit's socket and that of its run; scripts, fonts and styles it does not fetch.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.server import processor_seconds

PATIENCE = 120.0  # seconds until a page that is not there counts as not coming
FULL = "The playground is full"


@dataclass
class Client:
    """Who opens `page` at `url`; or, if `run` is given, only watches that run."""

    url: str
    page: str = ""
    run: str = ""
    key: str | None = None
    full: bool = False  # it was told that there is no place
    status: str = ""  # of its run, as it was told last
    message: str = ""
    pictures: list[tuple[float, str, int, int, int, int]] = field(
        default_factory=list
    )  # time part n version step bytes
    opened: asyncio.Event = field(default_factory=asyncio.Event)  # the page is there, whatever it says
    trouble: str = ""

    def __post_init__(self) -> None:
        self._headers = {"Cookie": f"playground={secrets.token_urlsafe(24)}"}  # a browser of its own
        self._end = asyncio.Event()

    def leave(self) -> None:
        self._end.set()

    # ------------------------------------------------------------------ the page

    async def visit(self) -> None:
        """Open the page as Streamlit's own script in the browser does, and keep it open."""
        with self._troubles():
            async with self.socket("_stcore/stream", subprotocols=["streamlit"]) as socket:
                await socket.send(self._first())
                hearing = asyncio.create_task(self._hear(socket))
                await self._end.wait()
                hearing.cancel()

    def _first(self) -> bytes:
        asked = BackMsg()
        asked.rerun_script.page_name = self.page
        asked.rerun_script.context_info.url = f"{self.url}/{self.page}"
        return asked.SerializeToString()

    async def _hear(self, socket: ClientConnection) -> None:
        with self._troubles():
            async for raw in socket:
                told = ForwardMsg.FromString(raw)
                match told.WhichOneof("type"):
                    case "delta":
                        self._read(told.delta)
                    case "script_finished":
                        self.opened.set()

    def _read(self, delta: Any) -> None:
        """What a part of the page says: which run it shows, or that there is none."""
        element = delta.new_element
        if element.WhichOneof("type") == "bidi_component" and element.bidi_component.WhichOneof("data") == "json":
            mounted = json.loads(element.bidi_component.json)
            if isinstance(mounted, dict) and mounted.get("key") and mounted.get("run") and not self.run:
                self.run, self.key = mounted["run"], mounted["key"]
        elif element.WhichOneof("type") == "alert" and FULL in element.alert.body:
            self.full = True

    # ------------------------------------------------------------------- the run

    async def watch(self, *, play: bool) -> None:
        """Watch the run, and begin it with `play`: once its bench has answered, as a page does."""
        with self._troubles():
            async with self.socket(f"live/{self.run}") as socket:
                hello = {"type": "hello", "key": self.key, "parts": ["stage", "curves"], "panels": None}
                await socket.send(json.dumps(hello | {"beside": False}))
                following = asyncio.create_task(self._follow(socket, play=play))
                await self._end.wait()
                following.cancel()

    async def _follow(self, socket: ClientConnection, *, play: bool) -> None:
        with self._troubles():
            async for raw in socket:
                now = time.monotonic()
                if isinstance(raw, str):
                    told = json.loads(raw)
                else:
                    told = json.loads(raw[8 : 8 + int.from_bytes(raw[4:8], "little")])  # see engine.live.protocol
                    await socket.send(json.dumps({"type": "ack", "n": told["n"], "run": told["run"]}))
                    self.pictures.append((now, told["part"], told["n"], told["version"], told["step"], len(raw)))
                self.status, self.message = told.get("status", self.status), told.get("message", self.message)
                if play and told.get("may"):  # after each hello, so also when a run that waited has its place
                    await self._do(socket, "play")
                elif play and self.status == "done":  # a visitor would look at it once more
                    self.status = ""
                    await self._do(socket, "reset")
                    await self._do(socket, "play")

    async def _do(self, socket: ClientConnection, verb: str) -> None:
        await socket.send(json.dumps({"type": "do", "id": secrets.token_urlsafe(12), "verb": verb, "value": None}))

    @asynccontextmanager
    async def socket(self, path: str, **more: Any) -> AsyncIterator[ClientConnection]:
        address, where = f"{self.url.replace('http', 'ws', 1)}/{path}", urlsplit(self.url)
        origin = f"{where.scheme}://{where.netloc}"
        async with connect(address, additional_headers=self._headers, origin=origin, max_size=None, proxy=None,
                           open_timeout=PATIENCE, ping_interval=None, **more) as socket:  # fmt: skip
            yield socket

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        """What goes wrong with a connection is noted, and ends nobody else's."""
        try:
            yield
        except (OSError, WebSocketException) as error:
            self.trouble = f"{type(error).__name__}: {error}"
            self.opened.set()


async def attend(
    url: str,
    pages: Sequence[str],
    *,
    count: int,
    watchers: int,
    pids: Sequence[int],
    ramp: float,
    settle: float,
    seconds: float,
) -> tuple[dict[str, Any], list[Client], list[asyncio.Task[None]]]:
    """Open `count` pages within `ramp` seconds, press Play on all, let it settle, and look on for `seconds`."""
    clients = [Client(url, pages[number % len(pages)]) for number in range(count)]
    tasks = []
    for client in clients:
        tasks.append(asyncio.create_task(client.visit()))
        await asyncio.sleep(ramp / count)
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            for client in clients:
                await client.opened.wait()
    played = time.monotonic()
    tasks += [asyncio.create_task(client.watch(play=True)) for client in clients if client.run]
    if watchers:
        clients += [Client(url, clients[0].page, run=clients[0].run) for _ in range(watchers)]
        tasks += [asyncio.create_task(client.watch(play=False)) for client in clients[count:]]
    await asyncio.sleep(settle)
    before, own, began = [processor_seconds(pid) for pid in pids], time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    after, own, ended = [processor_seconds(pid) for pid in pids], time.process_time() - own, time.monotonic()
    seen = [
        {"page": client.page, "run": client.run, "watches": client.key is None, "full": client.full,
         "status": client.status, "message": client.message, "trouble": client.trouble,
         "first": next((at - played for at, *_, step, _ in client.pictures if step > 0), None),
         "pictures": [(at - began, *rest) for at, *rest in client.pictures if began <= at < ended]}
        for client in clients
    ]  # fmt: skip
    cpu = [late - early for early, late in zip(before, after, strict=True)]
    return {"seconds": ended - began, "cpu": cpu, "own_cpu": own, "clients": seen}, clients, tasks


async def main() -> None:
    answer, clients, tasks = await attend(**json.loads(sys.stdin.readline()))
    print(json.dumps(answer), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for client in clients:
        client.leave()
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main())
