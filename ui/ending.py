"""The end of the server: whoever is connected is waited for, but not for ever."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

GRACE = 5.0  # seconds that are left to sockets and answers when the server is to end
log = logging.getLogger("playground")


@contextlib.contextmanager
def bounded(grace: float = GRACE) -> Iterator[None]:
    """While this lasts, a server that is asked to end (SIGTERM) does so, whatever its connections do.

    uvicorn (0.54) waits until every connection has closed.  One whose browser reads no longer, in a process that was
    stopped or a laptop that was shut, never does.  Asked again, with SIGINT as by Ctrl+C, uvicorn waits no longer.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # no server that handles signals: a test, or a thread of somebody else's program
        return
    passed_on = before

    def end(number: int, frame: FrameType | None) -> None:
        passed_on(number, frame)
        timer = threading.Timer(grace, _insist, (grace,))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, end)
    yield


def _insist(grace: float) -> None:
    log.warning("Some connections had not closed after %g seconds; the server ends without them.", grace)
    os.kill(os.getpid(), signal.SIGINT)
