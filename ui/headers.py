"""What every answer tells a browser beside its content: what a page may load, and who may show it in a frame.

A page that somebody has smuggled something into still runs no foreign script and calls nobody: docs/security.md.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "content-security-policy"
INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # an address names the run, and whoever knows that may watch it
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Guarded:
    """ASGI middleware that gives every answer these headers; a page that has a policy of its own keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.hashes = app, inline_hashes(_index())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope).headers
        host, wants_page = asked.get("host", ""), "text/html" in asked.get("accept", "")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                # 304: the browser may have kept the page from before it had a policy.
                if headers.get("content-type", "").startswith("text/html") or (message["status"] == 304 and wants_page):
                    headers.setdefault(POLICY, of_streamlit(self.hashes, host))
            await send(message)

        await self.app(scope, receive, guarded)


def own(host: str, frames: str = "'self'") -> dict[str, str]:
    """The headers of a page without Streamlit, all of whose scripts, fonts and pictures come from `host`, as it asked.

    `frames` are who may show it in a frame.
    """
    return {POLICY: _policy({
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self'", "font-src": "'self'", "connect-src": f"'self'{_sockets(host)}",
        "base-uri": "'self'", "form-action": "'none'", "frame-ancestors": frames,
    })}  # fmt: skip


def of_streamlit(hashes: str, host: str) -> str:
    """The policy of Streamlit's pages (1.67).

    The scripts of components come as blobs; its style sheets, and those of scenes, are made in the browser; pictures of
    charts are data.  It multiplies long numbers by WebAssembly, which may run nothing else.  Charts' expressions are
    interpreted: they need no eval.  `hashes` are those of its own inline scripts.
    """
    return _policy({
        "default-src": "'none'", "script-src": f"'self' blob: 'wasm-unsafe-eval' {hashes}".rstrip(),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:", "font-src": "'self' data:", "connect-src": f"'self'{_sockets(host)}",
        "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'self'",
    })  # fmt: skip


def inline_hashes(page: str) -> str:
    """The sources that allow the inline scripts of a page, and no other."""
    digests = [hashlib.sha256(script.encode()).digest() for script in INLINE.findall(page)]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _sockets(host: str) -> str:
    """The sockets of `host`, as sources: not for every browser they belong to 'self'."""
    return f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""


def _index() -> str:
    """The page that Streamlit serves for every address, as it is installed; its inline script differs by version."""
    file = Path(st.__file__).parent / "static" / "index.html"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _policy(sources: dict[str, str]) -> str:
    return "; ".join(f"{name} {allowed}" for name, allowed in sources.items())
