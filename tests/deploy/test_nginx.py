"""The playground behind nginx, as `deploy/nginx` sets it up: by https, below a prefix."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from nginx import BASE, ask, certificate, nginx
from playwright.sync_api import Browser
from sockets import PATIENCE, Socket, opened, run
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from visitor import Server, serve, visit
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from benchmarks.clients import Client
from engine.live import protocol
from engine.runs import story

pytestmark = pytest.mark.timeout(300)
SLUG = "gradient_descent"
ELSEWHERE = "https://elsewhere.example"
TOKEN = "a-token-of-these-tests"
SETTINGS = {"STREAMLIT_SERVER_BASE_URL_PATH": BASE, "PLAYGROUND_WORKERS": "1", "PLAYGROUND_METRICS": TOKEN}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with certificate(tmp_path_factory.mktemp("certificate")) as file:
        yield file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The playground, started as the container starts it."""
    with serve(tmp_path_factory.mktemp("server") / "log.txt", **SETTINGS) as there:
        yield there


@pytest.fixture(scope="module")
def address(made: Path, server: Server) -> Iterator[str]:
    """Where a visitor finds it."""
    with nginx(made, server.address) as there:
        yield there


def origin(address: str) -> str:
    where = urlsplit(address)
    return f"{where.scheme}://{where.netloc}"


# ------------------------------------------------------------------ pages


@pytest.mark.parametrize("path", ["/", f"/{SLUG}", f"/{SLUG}?seed=3"])
def test_a_page_comes_with_a_cookie_for_the_prefix_and_for_https_alone(address: str, path: str) -> None:
    status, headers, body = ask(address, path)
    assert status == 200 and b"<!doctype html>" in body.lower()
    cookie = SimpleCookie(headers["set-cookie"])["playground"]
    assert cookie["path"] == f"/{BASE}" and cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "Lax"
    assert headers["cache-control"] == "private, no-cache"


def test_no_redirection_leads_away_from_https_or_the_prefix(address: str) -> None:
    for path in ("", f"/{SLUG}/", "/assets", "/watch", "/embed/"):
        status, headers, _ = ask(address, path)
        there = headers.get("location", f"/{BASE}/")
        assert status < 500 and (there.startswith((f"/{BASE}", f"{address}/")) or there == address), (path, there)


def test_streamlits_cookie_against_forged_uploads_is_for_https_alone(address: str) -> None:
    _, headers, _ = ask(address, "/_stcore/health")
    assert SimpleCookie(headers["set-cookie"])["_streamlit_xsrf"]["secure"]


def test_files_are_kept_by_browsers_and_come_compressed(address: str) -> None:
    _, _, page = ask(address, f"/embed/{SLUG}")
    ours = re.findall(r'(?:src|href)="(assets/[^"]+\?v=[^"]+)"', page.decode())
    assert len(ours) >= 4
    for path in ours:
        status, headers, _ = ask(address, f"/{path}", Accept_Encoding="gzip")
        assert status == 200 and headers["cache-control"] == "public, max-age=31536000, immutable", path
        _, headers, _ = ask(address, f"/{path.partition('?')[0]}?v=of-another-release")
        assert headers["cache-control"] == "no-cache", path
    _, _, page = ask(address, "/")
    scripts = re.findall(r'(?:src|href)="\./(static/[^"]+\.(?:js|css))"', page.decode())
    assert scripts
    for path in scripts:
        status, headers, _ = ask(address, f"/{path}", Accept_Encoding="gzip")
        assert status == 200 and "immutable" in headers["cache-control"], path
        assert headers["content-encoding"] == "gzip" or int(headers["content-length"]) < 1_000, path


def test_metrics_are_nobodys_business_and_health_is(address: str, server: Server) -> None:
    token = {"Authorization": f"Bearer {TOKEN}"}
    assert ask(server.address, "/metrics", **token)[0] == 200  # on the host itself they are there
    assert ask(address, "/metrics", **token)[0] == 404
    for nearby in (server.address, address):  # Streamlit's own, which know no token
        assert ask(nearby, "/_stcore/metrics", **token)[0] == 404
    assert ask(address, "/healthz")[0] == 200


def test_a_long_link_comes_through(address: str) -> None:
    path = f"/neural_network?points={'1' * (story.LONGEST - 1_000)}"
    assert ask(address, path)[0] == 200


# ------------------------------------------------------------------ sockets


def test_a_client_opens_a_page_and_plays(address: str) -> None:
    async def work() -> Client:
        client = Client(address, SLUG)
        page = asyncio.create_task(client.visit())
        await asyncio.wait_for(client.opened.wait(), PATIENCE)
        play = asyncio.create_task(client.watch(play=True))
        async with asyncio.timeout(PATIENCE):
            while not client.trouble and not any(step > 3 for *_, step, _ in client.pictures):
                await asyncio.sleep(0.05)
        client.leave()
        await asyncio.gather(page, play)
        return client

    client = run(work())
    assert not client.trouble and client.key and client.pictures


def test_a_slide_opens_a_run_and_another_watches_it(address: str) -> None:
    run_id, key = opened(address, SLUG, seed="3")

    async def work() -> None:
        one = await Socket.to(address, run_id, origin=origin(address))
        other = await Socket.to(address, run_id, origin=origin(address))
        assert (await one.hello(key))["may"] == "steer" and (await other.hello())["may"] == "watch"
        await one.do("step", 5)
        await other.until(lambda message: message.get("part") == "stage" and message["step"] == 5)
        await one.close()
        await other.close()

    run(work())
    status, headers, body = ask(address, f"/watch/{run_id}")
    assert status == 200 and run_id.encode() in body and "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "set-cookie" not in headers
    status, headers, body = ask(address, f"/watch/{'A' * 16}")
    assert status == 404 and b"This run is not here any more." in body
    status, headers, body = ask(address, f"/embed/{SLUG}?panel=map")
    assert status == 200 and "frame-ancestors *" in headers["content-security-policy"]
    assert headers["x-frame-options"] is None and "set-cookie" not in headers


def test_a_page_from_elsewhere_gets_nothing(address: str) -> None:
    run_id, _ = opened(address, SLUG)

    async def live(said: str) -> tuple[int, str]:
        return await (await Socket.to(address, run_id, origin=said)).end()

    async def page(said: str) -> int:
        try:
            async with connect(f"{address.replace('http', 'ws')}/_stcore/stream", origin=said, proxy=None,
                               subprotocols=["streamlit"]):  # fmt: skip
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    where = urlsplit(address)
    for said in (ELSEWHERE, f"{ELSEWHERE}:{where.port}", "null"):
        code, sentence = run(live(said))
        assert code == protocol.ORIGIN and sentence == "Only pages of this playground show a run.", said
        assert run(page(said)) == 403, said
        status, _, body = ask(address, "/runs", method="POST", body=json.dumps({"slug": SLUG}).encode(), Origin=said)
        assert status == 403 and json.loads(body)["message"].startswith("A run can be opened by a page"), said
    code, _ = run(live(f"https://{where.hostname}"))  # without the port; Streamlit itself lets this host in with any
    assert code == protocol.ORIGIN
    assert run(page(origin(address))) == 101
    body = json.dumps({"slug": SLUG}).encode()
    assert ask(address, "/runs", method="POST", body=body, Origin=origin(address))[0] == 201


# ------------------------------------------------------------------ uploads


@contextlib.asynccontextmanager
async def session(address: str) -> AsyncIterator[str]:
    """The name of a session of Streamlit, for as long as its socket is open."""
    asked = BackMsg()
    asked.rerun_script.page_name = SLUG
    async with connect(f"{address.replace('http', 'ws')}/_stcore/stream", origin=origin(address), max_size=None,
                       proxy=None, subprotocols=["streamlit"], open_timeout=PATIENCE) as socket:  # fmt: skip
        await socket.send(asked.SerializeToString())
        async for raw in socket:
            told = ForwardMsg.FromString(raw)
            if told.WhichOneof("type") == "new_session":
                yield told.new_session.initialize.session_id
                return


def form(size: int) -> tuple[bytes, str]:
    """A file of so many bytes, as a browser sends it, and its content type."""
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="net.safetensors"\r\n\r\n'
    return head + b"x" * size + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge"


@pytest.mark.parametrize(("size", "wanted"), [(1_000, 204), (26_214_000, 204), (26_214_400, 413), (40_000_000, 413)])
def test_an_upload_goes_through_up_to_its_bound(address: str, size: int, wanted: int) -> None:
    """nginx refuses what the playground would: 25 MiB, with what stands around the file."""
    _, headers, _ = ask(address, "/_stcore/health")
    token = SimpleCookie(headers["set-cookie"])["_streamlit_xsrf"].value

    async def work() -> tuple[int, bytes]:
        async with session(address) as name:
            body, kind = form(size)
            status, _, said = await asyncio.to_thread(
                ask, address, f"/_stcore/upload_file/{name}/one", method="PUT", body=body, Content_Type=kind,
                Cookie=f"_streamlit_xsrf={token}", X_Xsrftoken=token,
            )  # fmt: skip
            return status, said

    status, said = run(work())
    assert status == wanted, said


# ------------------------------------------------------------------ one visitor


@pytest.mark.browser
def test_a_visitor_plays_and_takes_links_home_that_lead_back(browser: Browser, address: str) -> None:
    with visit(browser, address, ignore_https_errors=True) as visitor:  # the certificate is signed by itself
        asked: list[str] = []
        visitor.page.on("request", lambda request: asked.append(request.url))
        visitor.page.on("websocket", lambda socket: asked.append(socket.url.replace("wss", "https", 1)))
        visitor.open(SLUG, seed="3")
        visitor.play_to(5)
        step, pictures = visitor.step_number(), visitor.still()
        link = visitor.share()
        assert link.startswith(f"{address}/{SLUG}?")
        watch = visitor.page.get_by_role("link", name="Watch it live").get_attribute("href") or ""
        assert watch.startswith(f"{address}/watch/")
        visitor.page.get_by_text("Copy iframe").click()
        frame = visitor.page.get_by_test_id("stPopoverBody").get_by_test_id("stCode").nth(1)
        assert f'src="{address}/embed/{SLUG}?' in frame.inner_text()
        assert [url for url in asked if not url.startswith((f"{address}/", "blob:", "data:"))] == []
        assert any("/_stcore/stream" in url for url in asked) and any("/live/" in url for url in asked)

        visitor.page.goto(watch)
        visitor.page.locator(".stage canvas").first.wait_for()
    with visit(browser, address, ignore_https_errors=True) as another:
        another.follow(link)
        another.until(lambda: another.step_number() == step, "the step of the link")
        assert another.still() == pictures


@pytest.mark.browser
def test_a_visitor_uploads_a_table(browser: Browser, address: str) -> None:
    rows = [f"{x},{y},{'in' if x * x + y * y < 4 else 'out'}" for x in range(-3, 4) for y in range(-3, 4)]
    table = {"name": "table.csv", "mimeType": "text/csv", "buffer": "\n".join(["x,y,kind", *rows]).encode()}
    with visit(browser, address, ignore_https_errors=True) as visitor:
        visitor.open("neural_network")
        visitor.key("data").get_by_role("combobox").click()
        visitor.page.get_by_role("option", name="CSV", exact=True).click()
        visitor.page.locator("input[type=file]").set_input_files(table)
        visitor.until(lambda: visitor.link.get("points", ""), "the table in the link")
        visitor.step()
