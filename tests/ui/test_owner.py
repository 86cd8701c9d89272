"""The name that a browser gets with its first page: once, and not from a page that needs none."""

from __future__ import annotations

import re

import pytest
import streamlit as st
from starlette.types import Message, Receive, Scope, Send

from ui.owner import COOKIE, NAME, YEAR, Named

GOOD = "Ab0_-" * 4


class Asked:
    """What the app answers to one request through the middleware, driven by hand: it never waits."""

    def __init__(
        self, path: str = "/gan", *, cookie: str = "", kind: str = "text/html; charset=utf-8", status: int = 200,
        method: str = "GET", scheme: str = "http", root: str = "", **headers: str,
    ) -> None:  # fmt: skip
        told: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["root_path"] += "/mounted"  # as a route does to the very scope that it was given
            answer = [(b"content-type", kind.encode()), (b"cache-control", b"no-cache"), (b"etag", b"x")]
            await send({"type": "http.response.start", "status": status, "headers": answer})
            await send({"type": "http.response.body", "body": b"hello"})

        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(message: Message) -> None:
            told.append(message)

        said = {name.replace("_", "-"): value for name, value in headers.items()} | (
            {"cookie": cookie} if cookie else {}
        )
        raw = [(name.encode(), value.encode("latin-1")) for name, value in said.items()]
        scope = {"type": "http", "method": method, "path": path, "scheme": scheme, "root_path": root, "headers": raw}
        with pytest.raises(StopIteration):
            Named(app)(scope, receive, send).send(None)
        assert told[1]["body"] == b"hello"
        self.headers = [(name.decode(), value.decode()) for name, value in told[0]["headers"]]

    @property
    def cookies(self) -> list[str]:
        return [value for name, value in self.headers if name == "set-cookie"]


@pytest.fixture(params=["", "/uni/play/"])
def base(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(st, "get_option", {"server.baseUrlPath": request.param}.__getitem__)
    return str(request.param).rstrip("/")


def test_a_browser_without_a_name_gets_one_with_its_page(base: str) -> None:
    first, second = Asked(f"{base}/gan"), Asked(f"{base}/")
    (cookie,) = first.cookies
    named = re.fullmatch(rf"{COOKIE}=([^;]+); Path=([^;]+); Max-Age={YEAR}; HttpOnly; SameSite=Lax", cookie)
    assert named and NAME.fullmatch(named[1]) and len(named[1]) >= 32 and named[2] == (base or "/")
    assert second.cookies != first.cookies
    assert [value for name, value in first.headers if name == "cache-control"] == ["private, no-cache"]
    assert ("etag", "x") in first.headers


def test_one_that_has_a_name_keeps_it() -> None:
    for cookie in (f"{COOKIE}={GOOD}", f"other=1; {COOKIE}={GOOD}; _xsrf=2|3"):
        asked = Asked(cookie=cookie)
        assert asked.cookies == [] and ("cache-control", "no-cache") in asked.headers


@pytest.mark.parametrize(
    "wrong", ["", "short", "x" * 65, "with space in it", "<script>alert(1)", "ä" * 12, "a" * 12 + "\x00"]
)
def test_a_malformed_name_is_replaced(wrong: str) -> None:
    (cookie,) = Asked(cookie=f"{COOKIE}={wrong}").cookies
    assert not wrong or wrong not in cookie


def test_only_a_page_names(base: str) -> None:
    for path, kind in (("/assets/scene.js", "text/javascript"), ("/_stcore/health", "text/plain"), ("/labs", "")):
        assert Asked(f"{base}{path}", kind=kind).cookies == []
    for bare in ("/watch/abcdefabcdef", "/embed/gan"):
        assert Asked(f"{base}{bare}").cookies == Asked(bare).cookies == []
    for status in (301, 404, 500):
        assert Asked(status=status).cookies == []
    assert Asked(method="HEAD").cookies == Asked(method="POST").cookies == []


def test_a_page_that_the_browser_still_has_names_it_too() -> None:
    assert len(Asked(status=304, kind="", accept="text/html,application/xhtml+xml").cookies) == 1
    assert Asked("/assets/scene.js", status=304, kind="", accept="*/*").cookies == []


def test_over_https_the_cookie_is_secure() -> None:
    for asked in (Asked(scheme="https"), Asked(x_forwarded_proto="https"), Asked(x_forwarded_proto="https, http")):
        assert asked.cookies[0].endswith("; SameSite=Lax; Secure")
    assert "Secure" not in Asked(scheme="https", x_forwarded_proto="http").cookies[0]


def test_a_prefix_that_the_server_knows_of_is_in_the_path() -> None:
    assert "; Path=/uni; " in Asked("/uni/gan", root="/uni").cookies[0]
    assert Asked("/uni/watch/abcdefabcdef", root="/uni").cookies == []
