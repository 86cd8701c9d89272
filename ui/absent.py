"""What an address gets that is none of ours: a page that says so, with what may have been meant.

Streamlit (1.67) answers every address with its own page, and tells of a wrong one by a dialog over the home page.
"""

from __future__ import annotations

import difflib
import html
from collections.abc import Iterable
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.contract import registry
from engine.contract.card import Card
from ui import headers, serving
from ui.head import head

HOME = "home"  # `ui.shell.HOME`, which asks Streamlit for a page and not for an answer
STREAMLIT = ("_stcore/", "component/", "media/", "static/")  # where it has files and pages of its own
NUMBERS = "_stcore/metrics"  # Streamlit's own about its caches and sessions: open to everybody, and asked for by nobody
LONGEST = 60  # characters of an address that are said
CLOSE = 3  # labs that may have been meant
_STYLE = """\
<style>
li { margin: 0.4em 0 }
a { color: var(--st-primary-color) }
p, li { max-width: 44rem; font-size: 1.1rem }
</style>
"""
_BODY = """\
<body><main><h1>There is no page “{asked}” here</h1>
{meant}<p><a href="./">Home</a> has all labs, a search, and the course from its first lesson.</p>
</main></body>
</html>
"""


class Answered:
    """ASGI middleware: where Streamlit would answer with its page for an address that is no page, ours is sent.

    What has an answer of its own, a file, a route, a socket, passes by untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        below = scope["path"].removeprefix(serving.base()).lstrip("/")
        if below == NUMBERS:
            await PlainTextResponse("Not found.", status_code=404)(scope, receive, send)
            return
        labs = {card.slug: card for card in registry.cards()[0]}
        if below.rstrip("/") in ("", *labs) or below.startswith(STREAMLIT):
            await self.app(scope, receive, send)
            return
        if below == HOME:  # Streamlit serves the home page at the root alone
            await RedirectResponse("./")(scope, receive, send)
            return
        page, mine = absent(below, labs.values(), HTTPConnection(scope).headers.get("host", "")), False

        async def answered(message: Message) -> None:
            nonlocal mine
            if message["type"] == "http.response.start":
                told = Headers(raw=message.get("headers", []))
                mine = told.get("content-type", "").startswith("text/html") and headers.POLICY not in told
            if not mine:
                await send(message)

        await self.app(scope, receive, answered)
        if mine:
            await page(scope, receive, send)


def absent(asked: str, labs: Iterable[Card], host: str) -> HTMLResponse:
    """The page for an address, `asked` below that of the app, where nothing is."""
    base, asked = "../" * asked.count("/") or "./", asked.strip("/")
    names = {name: card for card in labs for name in (card.slug, card.title.casefold().replace(" ", "_"))}
    last = asked.rpartition("/")[2].casefold().replace("-", "_")
    found = list({names[name].slug: names[name] for name in difflib.get_close_matches(last, names, n=CLOSE)}.values())
    said = asked if len(asked) <= LONGEST else asked[: LONGEST - 1] + "…"
    meant = "".join(
        f'<li><a href="{quote(card.slug)}">{html.escape(card.title)}</a>: {html.escape(card.question)}</li>'
        for card in found
    )
    body = _BODY.format(asked=html.escape(said), meant=f"<p>Did you mean</p><ul>{meant}</ul>" if meant else "")
    page = head("No page here", base=base, more=_STYLE) + body
    return HTMLResponse(page, status_code=404, headers=headers.own(host) | {"cache-control": "no-store"})
