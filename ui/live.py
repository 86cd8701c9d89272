"""The routes past Streamlit: the socket of a run, and the page that only watches it."""

from __future__ import annotations

import html
import json
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

import engine
from engine import runs
from engine.contract import registry
from engine.live import protocol
from engine.live.relay import Closed, goodbye, relay
from ui import headers, monitor
from ui.head import head, script
from ui.owner import name_of

ASSETS = Path(__file__).resolve().parent.parent / "assets"


def socket(base: str) -> Mount | Route | WebSocketRoute:
    """The socket of a run, below `base`."""
    return WebSocketRoute(f"{base}/live/{{run}}", _socket)


def watch(base: str) -> Mount | Route | WebSocketRoute:
    """The page that watches a run, below `base`."""
    return Route(f"{base}/watch/{{run}}", _page)


async def _socket(socket: WebSocket) -> None:
    run_id = socket.path_params["run"]
    await socket.accept()

    async def receive() -> str:
        try:
            message = await socket.receive()
        except (WebSocketDisconnect, RuntimeError):
            raise EOFError from None
        if message["type"] == "websocket.disconnect":
            raise EOFError
        # What is not text is no message either, but may be too long.
        return str(message.get("text") or "\0" * len(message.get("bytes") or b""))

    async def send(payload: bytes | str) -> None:
        try:
            await (socket.send_text(payload) if isinstance(payload, str) else socket.send_bytes(payload))
        except (WebSocketDisconnect, RuntimeError):  # it has gone meanwhile
            raise EOFError from None
        monitor.sent(payload)

    monitor.sockets.inc()
    try:
        if not from_here(socket):
            await goodbye(send, "", Closed(protocol.ORIGIN, "Only pages of this playground show a run."))
        if not protocol.NAME.fullmatch(run_id):
            await goodbye(send, "", Closed(protocol.UNKNOWN, "There is no run with such a name."))
        await relay(runs.current(), run_id, receive=receive, send=send, owner=name_of(socket))
    except Closed as closed:
        monitor.closed(closed.code)
        await socket.close(closed.code)
    finally:
        monitor.sockets.dec()


def from_here(asked: HTTPConnection) -> bool:
    """Whether the page that asks is one of ours: a browser says where it comes from, a program need not."""
    origin = asked.headers.get("origin")
    if origin is None:
        return True
    allowed = [urlsplit(str(each)).netloc or str(each) for each in st.get_option("server.corsAllowedOrigins") or []]
    return origin != "null" and urlsplit(origin).netloc in (asked.headers.get("host", ""), *allowed)


_BODY = """\
<body>
<main data-run="{run}">
<h1>{title}</h1>
<div class="told"><p role="status">{status}</p></div>
<h2 class="spoken">Its pictures</h2>
<div class="stage"></div>
<div class="curves"></div>
<dl class="settings" aria-label="Settings"></dl>
</main>
</body>
</html>
"""


def _page(request: Request) -> Response:
    """A page without Streamlit: a stage, curves, how the run fares, and what it is set to.

    Not a coroutine: to read the knobs of a lab for the first time takes a moment, and sockets do not wait for it.
    """
    run_id = request.path_params["run"]
    run = runs.current().find(run_id) if protocol.NAME.fullmatch(run_id) else None
    policy = headers.own(request.headers.get("host", ""))
    if run is None:
        said = "This run is not here any more. Ask whoever sent you the address for a new one."
        return HTMLResponse(_watched("Nothing to watch", "", said, {}), status_code=404, headers=policy)
    labels = {name: knob.label for name, knob in engine.lab(run.slug).Config.knobs().items()}
    return HTMLResponse(_watched(registry.card(run.slug).question, run_id, "Connecting …", labels), headers=policy)


def _watched(title: str, run_id: str, status: str, labels: dict[str, str]) -> str:
    said = json.dumps(labels).replace("<", "\\u003c")
    more = f'<script type="application/json" id="lab">{said}</script>\n{script("live.js")}'
    body = _BODY.format(title=html.escape(title), run=run_id, status=status)
    return head(title, "live/controls.css", more=more) + body
