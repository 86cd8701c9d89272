"""What every answer tells a browser: the middleware by itself, on apps of a few lines."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from ui import headers

PAGE = "text/html,application/xhtml+xml"


def answered(response: Response, host: str = "play.example", accept: str = PAGE) -> dict[str, str]:
    """The headers with which a route's answer arrives."""

    async def endpoint(_: Request) -> Response:
        return response

    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    app = Starlette(routes=[Route("/", endpoint)], middleware=[Middleware(headers.Guarded)])
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"",
             "headers": [(b"host", host.encode("latin-1")), (b"accept", accept.encode())]}  # fmt: skip
    # In a thread of its own: in this one a browser's event loop may be running.
    thread = threading.Thread(target=lambda: asyncio.run(app(scope, receive, send)))
    thread.start()
    thread.join()
    return {name.decode(): value.decode() for name, value in told[0]["headers"]}


def sources(policy: str) -> dict[str, list[str]]:
    """What a policy allows, by directive."""
    return {name: allowed for name, *allowed in (directive.split() for directive in policy.split("; "))}


def test_every_answer_is_what_it_says_and_tells_no_other_site_where_it_was_asked() -> None:
    for response in (HTMLResponse("<p>"), JSONResponse({}), Response(status_code=304), Response(status_code=404)):
        told = answered(response)
        assert told["x-content-type-options"] == "nosniff" and told["referrer-policy"] == "same-origin"
        assert "camera=()" in told["permissions-policy"] and "clipboard" not in told["permissions-policy"]


def test_every_page_has_a_policy_and_whatever_is_no_page_needs_none() -> None:
    for response in (HTMLResponse("<p>"), HTMLResponse("<p>", status_code=500), Response(status_code=304)):
        assert headers.POLICY in answered(response)
    assert headers.POLICY not in answered(JSONResponse({}))
    assert headers.POLICY not in answered(Response(status_code=304), accept="*/*")


def test_a_page_keeps_a_policy_of_its_own() -> None:
    own = headers.own("play.example", frames="*")
    assert answered(HTMLResponse("<p>", headers=own))[headers.POLICY] == own[headers.POLICY]


def test_streamlits_pages_run_its_own_scripts_and_no_other() -> None:
    """The hash is that of the page that is installed: another version has another."""
    allowed = sources(answered(HTMLResponse("<p>"))[headers.POLICY])
    index = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    [script] = re.findall(r"<script>(.*?)</script>", index, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert allowed["script-src"] == ["'self'", "blob:", "'wasm-unsafe-eval'", f"'sha256-{digest}'"]
    assert allowed["frame-ancestors"] == ["'self'"] and allowed["default-src"] == ["'none'"]


def test_pages_without_streamlit_load_from_here_alone() -> None:
    allowed = sources(headers.own("play.example")[headers.POLICY])
    assert allowed["script-src"] == allowed["img-src"] == allowed["font-src"] == ["'self'"]
    assert allowed["connect-src"] == ["'self'", "ws://play.example", "wss://play.example"]
    assert allowed["frame-ancestors"] == ["'self'"]


@pytest.mark.parametrize("host", ["", "a b", "x;script-src *", "x, y", 'x"y', "ä.example", "*", "x/y", "[::1", "x\n"])
def test_whoever_asks_for_an_odd_host_adds_nothing_to_a_policy(host: str) -> None:
    assert sources(headers.of_streamlit("", host))["connect-src"] == ["'self'"]
    for good in ("play.example", "127.0.0.1:8501", "[::1]:8501"):
        assert sources(headers.of_streamlit("", good))["connect-src"] == ["'self'", f"ws://{good}", f"wss://{good}"]


@pytest.mark.parametrize(("page", "scripts"), [
    ("", []), ("<script src='a.js'></script>", []), ('<script type="module" crossorigin src="./a.js"></script>', []),
    ("<script>\n one()\n</script><script type='module'>two</script>", ["\n one()\n", "two"]),
])  # fmt: skip
def test_inline_scripts_are_known_by_what_stands_in_them(page: str, scripts: list[str]) -> None:
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert headers.inline_hashes(page) == " ".join(f"'sha256-{digest}'" for digest in digests)
