"""A proxy of a few lines that spoils what it passes on, as one that was set up wrongly does."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

Head = list[bytes]  # the lines of a request's or an answer's head, the first with what is asked for
Change = Callable[[Head], Head]


def same(head: Head) -> Head:
    return head


def without(*names: bytes) -> Change:
    return lambda head: [head[0], *(line for line in head[1:] if line.partition(b":")[0].lower() not in names)]


def instead(name: bytes, value: bytes) -> Change:
    return lambda head: [*without(name)(head), name + b": " + value]


async def _head(reader: asyncio.StreamReader) -> Head:
    return (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def proxy(address: str, asked: Change = same, answered: Change = same) -> Iterator[str]:
    """The address of a proxy to `address` that changes the heads of what is asked and answered."""
    there, path = urlsplit(address).netloc, urlsplit(address).path
    host, _, port = there.partition(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = asked(await _head(reader))
            beyond, back = await asyncio.open_connection(host, int(port))
            back.write(b"\r\n".join(request) + b"\r\n\r\n")
            answer = answered(await _head(beyond))
            writer.write(b"\r\n".join(answer) + b"\r\n\r\n")
            await asyncio.gather(_pour(reader, back), _pour(beyond, writer))

    opened: queue.Queue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def listen() -> None:
        end = asyncio.Event()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        opened.put((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), end))
        await end.wait()  # and whoever is still being served is cut off

    thread = threading.Thread(target=lambda: asyncio.run(listen()), daemon=True)
    thread.start()
    port_here, loop, end = opened.get(timeout=10)
    try:
        yield f"http://127.0.0.1:{port_here}{path}"
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
