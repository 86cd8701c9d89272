"""The playground as one ASGI app: `streamlit run app.py`, or `uvicorn app:app`, from any folder.

The worker pool starts here and not in a page: a process started from a script thread would run the script again.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount

from engine import runs
from engine.runs import logs, token
from engine.runs.limits import Limits
from ui import absent, crowds, embed, ending, headers, live, monitor, owner, serving, takehome, teach
from ui.inputs import data_set
from ui.scene import version

ROOT = Path(__file__).resolve().parent
log = logging.getLogger("playground")


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Start the pool, import what the first visitor needs, here and in the workers, and stop the pool at the end.

    Until then nobody is answered, health included: docs/decisions/ready-before-healthy.md.
    """
    from engine.runs.pool import PoolError
    from ui import imports

    pool = runs.start()  # first: its workers import while this process does
    serving.log_once()
    try:
        imports.import_pages()
        try:
            await asyncio.to_thread(pool.warm)
        except PoolError as error:  # pages say it too, and begin their runs as soon as a worker is there
            log.error("The server starts, but nothing can be trained yet. %s", error)
        gc.collect()
        gc.freeze()  # what is imported stays: later collections need not look at it again
        with ending.bounded():
            yield
    finally:
        runs.stop()
        serving.tidy()


def on_script_error(error: Exception) -> bool:
    """Tell the visitor in a sentence; the traceback goes to the log."""
    log.error("a page failed", exc_info=error)
    st.error(
        "Something went wrong on this page, and it has been written to the server's log. "
        "Reload the page to start again; the link in the address bar keeps your settings.",
        icon=":material/error:",
    )
    return True


try:
    logs.begin("web")
    token.token()
    runs.wanted()
    Limits.from_environment()
except ValueError as error:
    raise SystemExit(f"The playground cannot start. {error}") from None
serving.room_for_sockets()
script = serving.script(Path(__file__).resolve(), ROOT / "ui" / "shell.py")
app = st.App(
    script,
    lifespan=lifespan,
    routes=serving.routes(
        lambda base: Mount(f"{base}/assets", serving.Assets(ROOT / "assets", version())),
        live.socket,
        live.watch,
        embed.embed,
        embed.opening,
        takehome.taking,
        teach.notes,
        data_set.progress,
        monitor.health,
        monitor.metrics,
    ),
    middleware=[
        Middleware(headers.Guarded),
        Middleware(crowds.Crowds),
        Middleware(owner.Named),
        Middleware(absent.Answered),
    ],
    on_script_error=on_script_error,
)
