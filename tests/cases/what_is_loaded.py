"""The playground, and one more address: ``/loaded`` says which modules its processes have imported so far."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app import app as playground
from engine import runs

READER = f"{__name__}:modules"  # a worker runs it as it reads what a visitor brought


def modules(_: bytes) -> list[str]:
    """The names of the modules of this process."""
    return sorted(sys.modules)


def _workers() -> list[list[str]]:
    pool = runs.current()
    return [pool.send(place, "read", "", (READER, b"", {}), pool.limits.read_timeout) for place in pool.places()]


async def app(scope: Scope, receive: Receive, send: Send) -> Any:
    if scope["type"] == "http" and scope["path"] == "/loaded":
        said = {"here": modules(b""), "workers": await asyncio.to_thread(_workers)}
        return await JSONResponse(said)(scope, receive, send)
    return await playground(scope, receive, send)
