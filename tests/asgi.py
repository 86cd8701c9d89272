"""What an ASGI app answers to one request: without a server, a client or a browser."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: Headers
    text: str


def ask(app: Any, address: str, *, method: str = "GET") -> Answer:
    """Ask `app` for an address such as "/gan?seed=3", as a browser that wants a page.

    In a thread of its own: Playwright keeps the event loop of the tests' one.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _asked(app, address, method)).result()


async def _asked(app: Any, address: str, method: str) -> Answer:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    where = urlsplit(address)
    scope = {
        "type": "http", "method": method, "path": unquote(where.path), "raw_path": quote(where.path).encode(),
        "query_string": where.query.encode(), "headers": [(b"host", b"here.test"), (b"accept", b"text/html")],
        "scheme": "http", "server": ("here.test", 80), "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    start = next(message for message in told if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in told if message["type"] == "http.response.body")
    return Answer(start["status"], Headers(raw=start.get("headers", [])), body.decode())
