"""How many pages and uploads one web process takes, in all and from one browser: a layer before everything else.

Streamlit keeps a session for each page that is open, and each file that is uploaded in memory, and bounds neither.
A browser is known by its cookie, as in `ui.owner`.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter, deque
from collections.abc import Iterator

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from engine import runs
from engine.live import protocol
from engine.runs.limits import Limits
from ui import monitor
from ui.owner import is_bare, name_of

STREAM = "/_stcore/stream"
UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+")
WATCHED = ("/healthz", "/metrics")  # of whoever watches over the server
WITHIN = 3_600.0  # seconds in which what a browser uploads is counted
REMEMBERED = 10_000  # browsers; beyond that the eldest are forgotten

_FULL = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The playground is full</title>
</head>
<body><main><h1>The playground is full</h1><p>{sentence}</p></main></body>
</html>
"""


def _limits() -> Limits:
    return runs.current().limits


def _opens_a_page(scope: Scope) -> bool:
    """Whether a browser asks for a page of Streamlit's."""
    if scope["type"] != "http" or scope["method"] != "GET" or is_bare(scope) or scope["path"].endswith(WATCHED):
        return False
    return "text/html" in HTTPConnection(scope).headers.get("accept", "")


def _full(sentence: str) -> Response:
    return HTMLResponse(
        _FULL.format(sentence=sentence), status_code=503, headers={"Retry-After": "60", "Cache-Control": "no-store"}
    )


def _tell(browser: str, sentence: str) -> None:
    """Say something on the pages of a browser: the uploader (Streamlit 1.67) shows of an answer its number alone."""
    for watch in runs.current().watches(browser):
        watch.deliver(protocol.status({"refused": sentence}))


@contextlib.contextmanager
def _counted(counter: Counter[str], name: str) -> Iterator[None]:
    counter[name] += 1
    try:
        yield
    finally:
        counter[name] -= 1
        if not counter[name]:
            del counter[name]


class Crowds:
    """ASGI middleware that answers with a sentence where one more page or upload would be too much."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.pages: Counter[str] = Counter()  # open in each browser
        self.uploads: Counter[str] = Counter()  # on their way from each
        self.uploaded: dict[str, deque[tuple[float, float]]] = {}  # when, and how many MB

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"].endswith(STREAM):
            await self._page(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "PUT" and (found := UPLOAD.search(scope["path"])):
            await self._upload(scope, receive, send, name_of(HTTPConnection(scope)) or found[1])
        elif _opens_a_page(scope) and (said := self._too_many_pages(name_of(HTTPConnection(scope)))):
            monitor.refused("page", 503)
            await _full(said)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The socket of a page, as long as that is open."""
        name = name_of(HTTPConnection(scope))
        if self._too_many_pages(name):  # it tries again by itself, and gets in when others have gone
            monitor.refused("page", 1013)
            await receive()
            await send({"type": "websocket.close", "code": 1013})
            return
        with _counted(self.pages, name), monitor.pages.track_inprogress():
            await self.app(scope, receive, send)

    def _too_many_pages(self, name: str) -> str:
        limits = _limits()
        if name and self.pages[name] >= limits.pages_per_owner:
            return (
                f"One browser may have {limits.pages_per_owner} pages of the playground open, and yours has. Close "
                "some of its tabs, then reload this page."
            )
        if self.pages.total() >= limits.pages:
            return (
                "As many people as this server has room for are here just now. Please try again in a few minutes; the "
                "address keeps your settings."
            )
        return ""

    async def _upload(self, scope: Scope, receive: Receive, send: Send, name: str) -> None:
        limits = _limits()
        said = HTTPConnection(scope).headers.get("content-length", "")
        megabytes = int(said) / 1e6 if said.isdecimal() else -1.0
        if megabytes < 0:
            answer: Response | None = PlainTextResponse("Say how long the file is.", status_code=411)
        elif self.uploads[name] >= limits.uploads_per_owner or self.uploads.total() >= limits.uploads:
            answer = PlainTextResponse("Too many files are on their way just now. Try again in a minute.", 429)
        elif self._within_an_hour(name) + megabytes > limits.uploaded_mb_per_owner:
            answer = PlainTextResponse("This browser has uploaded much within an hour. Try again later.", 429)
        else:
            answer = None
        if answer is not None:
            monitor.refused("upload", answer.status_code)
            _tell(name, f"The file was not uploaded. {bytes(answer.body).decode()}")
            await answer(scope, receive, send)
            return
        self.uploaded.setdefault(name, deque()).append((time.monotonic(), megabytes))
        while len(self.uploaded) > REMEMBERED:
            del self.uploaded[next(iter(self.uploaded))]
        with _counted(self.uploads, name):
            await self.app(scope, receive, send)

    def _within_an_hour(self, name: str) -> float:
        """MB that a browser has uploaded lately."""
        times = self.uploaded.get(name, deque())
        while times and time.monotonic() - times[0][0] > WITHIN:
            times.popleft()
        return sum(megabytes for _, megabytes in times)
