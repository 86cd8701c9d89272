"""The playground with a window in it, through which a soak looks: what lives in the web process and in each worker.

Only `benchmarks.soak` serves this, on 127.0.0.1; `app.py` knows nothing of it.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

import app as playground
from benchmarks import objects
from engine import runs

PATH = "/lookout"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The playground's ASGI app, and `PATH`."""
    if scope["type"] == "http" and scope["path"] == PATH:
        await JSONResponse(await run_in_threadpool(_look))(scope, receive, send)
    else:
        await playground.app(scope, receive, send)


def _look() -> dict[str, Any]:
    """The ids of all runs, and the objects in each process; a worker is asked as if it were to read a file."""
    pool = runs.current()
    found = {"web": objects.count()}
    for place in pool.places():
        found[f"worker {place}"] = pool.send(place, "read", "", ("benchmarks.objects:count", b"", {}), 60.0)
    return {"runs": pool.ids(), "objects": found}
