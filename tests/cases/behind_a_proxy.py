"""The app behind a proxy that takes a prefix off: pages are asked for below it, the app hears nothing of it."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from app import app as playground

PREFIX = "/uni/play"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        path = scope["path"].removeprefix(PREFIX)
        scope = {**scope, "path": path, "raw_path": path.encode()}
    await playground(scope, receive, send)
