"""Whose runs these are: a browser is known by a cookie, which comes with its first page; see `engine.runs.records`."""

from __future__ import annotations

import re
import secrets

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui import serving

COOKIE = "playground"
YEAR = 365 * 24 * 3600  # seconds
NAME = re.compile(r"[A-Za-z0-9_-]{12,64}")
BARE = ("/watch/", "/embed/", "/teach/")  # pages that steer nothing, or by a key of their own: they need nobody's name


def owner() -> str:
    """The browser that this session belongs to; one that takes no cookies is another after each reload."""
    if "shell.owner" not in st.session_state:
        said = str(st.context.cookies.get(COOKIE, ""))
        st.session_state["shell.owner"] = said if NAME.fullmatch(said) else secrets.token_urlsafe(24)
    name: str = st.session_state["shell.owner"]
    return name


class Named:
    """ASGI middleware that gives a browser its name with a page, unless it brings one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or _has_name(scope) or is_bare(scope):
            await self.app(scope, receive, send)
            return

        cookie, accepted = _cookie(scope), HTTPConnection(scope).headers.get("accept", "")  # now: routes change `scope`

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message, accepted):
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                headers.append("set-cookie", cookie)
                headers["cache-control"] = "private, no-cache"  # on its way nobody may keep it for others
            await send(message)

        await self.app(scope, receive, named)


def name_of(asked: HTTPConnection) -> str:
    """The name that a browser brings; "" if it has none, as in a frame on somebody else's page."""
    said = asked.cookies.get(COOKIE, "")
    return said if NAME.fullmatch(said) else ""


def _has_name(scope: Scope) -> bool:
    return bool(name_of(HTTPConnection(scope)))


def is_bare(scope: Scope) -> bool:
    """Whether what is asked for is one of the pages without Streamlit."""
    path: str = scope["path"]
    return path.removeprefix(f"{scope.get('root_path', '')}{serving.base()}").startswith(BARE) or path.startswith(BARE)


def _is_page(message: Message, accepted: str) -> bool:
    """Whether a response is a page, or says that the browser's own copy of it is still right."""
    headers = MutableHeaders(raw=message.get("headers", []))
    if message["status"] == 304:
        return "text/html" in accepted
    return message["status"] == 200 and headers.get("content-type", "").startswith("text/html")


def _cookie(scope: Scope) -> str:
    """A new name.  Behind a proxy the page may have come by https though we were asked by http."""
    asked = HTTPConnection(scope).headers.get("x-forwarded-proto", scope["scheme"]).split(",")[0].strip()
    path = f"{scope.get('root_path', '')}{serving.base()}" or "/"
    secure = "; Secure" if asked == "https" else ""
    return f"{COOKIE}={secrets.token_urlsafe(24)}; Path={path}; Max-Age={YEAR}; HttpOnly; SameSite=Lax{secure}"
