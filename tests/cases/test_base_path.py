"""Under `server.baseUrlPath` pages had no stage, no timeline and no fonts: `assets/` was served at the root alone."""

from __future__ import annotations

import http.client
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit as st
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Message
from visitor import ROOT, serve, visit

from ui import serving

PREFIX = "/uni/play"  # as in behind_a_proxy.py, which is not imported here: it makes the app
ASSETS = sorted(
    file.relative_to(ROOT).as_posix() for file in (ROOT / "assets").rglob("*") if file.suffix in (".js", ".woff2")
)


async def answered(routes: list[Mount | Route], path: str) -> str:
    """What an app with these routes says to a GET of `path`; "404" for what it does not know."""
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await Starlette(routes=routes)(scope, receive, send)
    status = next(message["status"] for message in told if message["type"] == "http.response.start")
    return "".join(message.get("body", b"").decode() for message in told) if status == 200 else str(status)


def ask(routes: list[Mount | Route], path: str) -> str:
    """`answered`, driven by hand: it never waits, and Playwright keeps the event loop of this thread."""
    coroutine = answered(routes, path)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return str(done.value)
    raise AssertionError("it waited")


async def mounted(scope, receive, send) -> None:
    await PlainTextResponse("a file")(scope, receive, send)


async def endpoint(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"answer {request.path_params['number']}")


def places():
    return (lambda base: Mount(f"{base}/files", app=mounted)), (lambda base: Route(f"{base}/ask/{{number}}", endpoint))


@pytest.fixture
def base_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(st, "get_option", {"server.baseUrlPath": request.param}.__getitem__)
    return "".join(f"/{part}" for part in request.param.split("/") if part)


@pytest.mark.parametrize(
    "base_path", ["", "/", "course", "/course", "course/", "uni/play", "/uni/play/", "a/b/c/d", "übung"], indirect=True
)
def test_what_is_mounted_is_served_under_the_base_path_and_at_the_root(base_path: str) -> None:
    routes = serving.routes(*places())
    for below in {base_path, ""}:
        assert ask(routes, f"{below}/files/deep/in/it.js") == "a file"
        assert ask(routes, f"{below}/ask/7") == "answer 7"
    assert ask(routes, f"{base_path}/gradient_descent") == "404", "this is Streamlit's, and must reach it"


@pytest.mark.parametrize("base_path", ["files", "files/of/the/course"], indirect=True)
def test_a_base_path_that_is_named_like_what_is_mounted_keeps_its_pages(base_path: str) -> None:
    routes = serving.routes(*places())
    assert ask(routes, f"{base_path}/files/it.js") == "a file"
    assert ask(routes, f"{base_path}/gradient_descent") == "404", "this is Streamlit's, and must reach it"


@pytest.mark.parametrize("base", ["course", "/uni/play/"])
def test_the_app_mounts_nothing_beside_the_base_path(base: str) -> None:
    """Whatever is mounted later too: each route of `st.App` at the root has its double below the base path."""
    code = (
        "import streamlit as st\nmade = st.App\n"
        "def told(*args, routes=(), **more):\n    print(*(route.path for route in routes))\n"
        "    return made(*args, routes=routes, **more)\n"
        "st.App = told\nimport app"
    )
    environment = {"STREAMLIT_SERVER_BASE_URL_PATH": base, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, encoding="utf-8", check=True
    )
    paths, below = done.stdout.split(), f"/{base.strip('/')}"
    own = [path for path in paths if not path.startswith(f"{below}/")]
    assert "/assets" in own
    assert {f"{below}{path}" for path in own} == {path for path in paths if path.startswith(f"{below}/")}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("base", "asgi"),
    [("/uni/play/", ""), pytest.param("a/b/c", "app:app", marks=pytest.mark.slow),
     pytest.param("course", "", marks=pytest.mark.truths)],
)  # fmt: skip
def test_under_a_base_path_a_page_draws_its_stage(browser: Browser, tmp_path: Path, base: str, asgi: str) -> None:
    """A visitor comes to the gallery, and from there to a page; nothing is asked for outside the base path."""
    environment = {"STREAMLIT_SERVER_BASE_URL_PATH": base, "PLAYGROUND_WORKERS": "1"}
    with serve(tmp_path / "log.txt", folder=tmp_path, asgi=asgi, **environment) as server:
        where = urlsplit(server.address)
        assert where.path == f"/{base.strip('/')}"
        connection = http.client.HTTPConnection(where.netloc)
        for name in ASSETS:
            connection.request("GET", f"{where.path}/{name}")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200 and "html" not in answer.headers["content-type"], name
        connection.request("GET", f"{where.path}/gan")
        answer = connection.getresponse()
        answer.read()
        assert f"; Path={where.path}; " in answer.headers["set-cookie"]
        connection.request("GET", f"{where.path}/no/such", headers={"accept": "text/html"})
        answer = connection.getresponse()
        assert answer.status == 404 and '<base href="../">' in answer.read().decode()
        connection.close()
        found = look_around(browser, server.address, server.address)
        assert [url for url in found if not urlsplit(url).path.startswith(where.path)] == []
        assert {
            f"{server.address}/assets/{name}"
            for name in ("live/page.js", "live/controls.css", "fonts/inter-latin.woff2")
        } <= {url.partition("?")[0] for url in found}


@pytest.mark.browser
@pytest.mark.slow
def test_behind_a_proxy_that_takes_the_prefix_off_a_page_draws_its_stage(browser: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "log.txt", asgi="tests.cases.behind_a_proxy:app", PLAYGROUND_WORKERS="1") as server:
        found = look_around(browser, server.address + PREFIX, f"{server.address}{PREFIX}/")
        assert [url for url in found if not urlsplit(url).path.startswith(PREFIX)] == []


def look_around(browser: Browser, address: str, home: str) -> list[str]:
    """Everything that a tab asks the server for while its visitor comes `home` and steps on two pages."""
    found: list[str] = []
    with visit(browser, address) as visitor:
        visitor.page.on("request", lambda request: found.append(request.url))
        visitor.page.on("websocket", lambda socket: found.append(socket.url))
        visitor.page.goto(home)
        pictures = visitor.page.locator("img.picture")
        pictures.last.wait_for()
        visitor.until(
            lambda: pictures.evaluate_all("(all) => all.every((one) => one.naturalWidth > 0)"), "every picture"
        )
        visitor.page.get_by_role("link", name="Neural network").first.click()
        visitor.slug = "neural_network"
        visitor.arrive()
        visitor.step()
        visitor.open("gradient_descent", seed="3")
        visitor.step()
        canvas = visitor.canvases.first
        drawn = "(c) => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
        visitor.until(lambda: canvas.evaluate(drawn) > 8, "a stage that is not empty")
        assert visitor.page.evaluate("[...document.fonts].some((f) => f.family === 'Inter' && f.status === 'loaded')")
    return [url for url in found if not url.startswith(("blob:", "data:"))]
