"""A real server below a prefix, watched over: its numbers, its log, and the doctor through proxies that spoil it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from middleman import Change, instead, proxy, without
from prometheus_client.parser import text_string_to_metric_families
from sockets import Socket, opened, run
from visitor import ROOT, Server, serve, wait_until

from engine.doctor import address
from engine.doctor.finding import OK, WARNING, WRONG, Finding

pytestmark = pytest.mark.timeout(300)
SECRET, COOKIE = "tell-me-all-the-numbers", "a-browser-with-a-name-1234"
SLUG = "gradient_descent"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The one server of this file; its last test ends it."""
    log = tmp_path_factory.mktemp("watched") / "log.txt"
    environment = {
        "STREAMLIT_SERVER_BASE_URL_PATH": "uni/play", "PLAYGROUND_METRICS": SECRET, "PLAYGROUND_LOG": "json",
        "STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE": "true", "PLAYGROUND_WORKERS": "1",
    }  # fmt: skip
    with serve(log, **environment) as there:
        yield there


def scraped(server: Server) -> dict[tuple[str, ...], float]:
    asked = urllib.request.Request(f"{server.address}/metrics", headers={"Authorization": f"Bearer {SECRET}"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        text = answer.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(each.name, *(value for _, value in sorted(each.labels.items()))): each.value for each in samples}


# ---------------------------------------------------------------------- metrics


def test_numbers_agree_with_what_a_browser_did_and_got(server: Server) -> None:
    got = {"picture": [0, 0], "text": [0, 0]}
    before = scraped(server)

    def counted(data: bytes | str) -> None:
        kind = "text" if isinstance(data, str) else "picture"
        got[kind][0] += 1
        got[kind][1] += len(data)

    async def work() -> tuple[int, str]:
        run_id, key = opened(server.address, SLUG)
        there = await Socket.to(server.address, run_id)
        receive = there.socket.recv

        async def recv() -> Any:
            data = await receive()
            counted(data)
            return data

        there.socket.recv = recv  # type: ignore[method-assign]
        await there.hello(key)
        await there.do("step", 30)
        await there.until(lambda m: m.get("step") == 30 and m["status"] == "paused" and m.get("part") == "stage")
        await there.until(lambda m: m.get("type") == "rested")
        now = scraped(server)
        assert now["playground_sockets",] == 1 and now["playground_viewers", "steer"] == 1
        await there.close()
        nobody = await Socket.to(server.address, "nobody-has-this")
        code, _ = await nobody.end()
        return code, run_id

    code, _ = run(work())
    assert code == 4404

    def settled() -> bool:
        now = scraped(server)
        return (
            now.get(("playground_steps_total", SLUG)) == 30
            and now.get(("playground_runs", SLUG, "paused")) == 1
            and now["playground_sockets",] == 0
        )

    wait_until(settled, "what the worker tells")
    now = scraped(server)
    for kind, (messages, size) in got.items():
        # Whatever was on its way when the socket was closed was sent, and not received.
        sent = now["playground_messages_sent_total", kind] - before["playground_messages_sent_total", kind]
        assert messages <= sent <= messages + 2
        assert size <= now["playground_sent_bytes_total", kind] - before["playground_sent_bytes_total", kind]
    assert got["picture"][0] > 0
    assert now["playground_picture_drawing_seconds_count",] >= got["picture"][0]
    assert now["playground_picture_drawing_seconds_bucket", "+Inf"] == now["playground_picture_drawing_seconds_count",]
    assert now["playground_sockets_closed_total", "4404"] - before["playground_sockets_closed_total", "4404"] == 1
    assert now["playground_worker_memory_bytes", "0"] > 1e8 and now["playground_worker_up", "0"] == 1


# ---------------------------------------------------------------------- the doctor


def by_name(url: str) -> dict[str, Finding]:
    found = list(address.examine(url))
    assert len({each.about for each in found}) == len(found)
    return {each.about: each for each in found}


def spoilt(url: str) -> dict[str, Finding]:
    """What is not as it should be."""
    return {about: each for about, each in by_name(url).items() if each.level != OK}


def test_at_its_own_address_everything_is_well(server: Server) -> None:
    found = by_name(server.address)
    assert {each.level for each in found.values()} == {OK}, found
    assert set(found) == {"server", "pages", "cookie", "sockets of runs", "sockets of pages", "metrics"}
    with proxy(server.address) as url:  # Host names the proxy, as it should
        assert spoilt(url) == {}


def test_the_command_asks_there_and_its_status_says_how_it_is(server: Server) -> None:
    command = [sys.executable, "-m", "engine", "doctor", "--json", "--url"]
    done = subprocess.run([*command, server.address], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["healthy"] else 1)
    assert [each["level"] for each in told["findings"] if each["about"] == "sockets of runs"] == [OK]
    done = subprocess.run(
        [*command, f"{server.address}/no"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 1 and json.loads(done.stdout)["healthy"] is False


@pytest.mark.parametrize(("asked", "about", "said", "advice"), [
    (without(b"upgrade", b"connection"), {"sockets of runs", "sockets of pages"}, "comes", "Upgrade"),
    (instead(b"host", b"inside:8501"), {"sockets of runs"}, "", "Host"),  # Streamlit lets every page of this host in
])  # fmt: skip
def test_a_proxy_that_spoils_sockets_is_found(
    server: Server, asked: Change, about: set[str], said: str, advice: str
) -> None:
    with proxy(server.address, asked=asked) as url:
        found = spoilt(url)
    assert set(found) == about
    for each in found.values():
        assert each.level == WRONG and said in each.said and advice in each.advice


def test_a_proxy_that_keeps_the_cookie_is_found(server: Server) -> None:
    with proxy(server.address, answered=without(b"set-cookie")) as url:
        found = spoilt(url)
    assert set(found) == {"cookie"} and found["cookie"].level == WRONG and "Set-Cookie" in found["cookie"].advice
    other = instead(b"set-cookie", b"playground=abcdefghijkl; Path=/elsewhere; HttpOnly")
    with proxy(server.address, answered=other) as url:
        found = spoilt(url)
    assert set(found) == {"cookie"} and "never comes back" in found["cookie"].said


def test_a_cookie_without_secure_is_found_under_https(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is asked by http: what it says of itself does not hold for the address that a visitor uses."""
    plain = server.address.replace("http:", "https:")
    ask = address.ask
    monkeypatch.setattr(address, "ask", lambda url, **said: ask(url.replace("https:", "http:"), **said))
    finding = address._cookie(plain)
    assert finding.level == WARNING and "X-Forwarded-Proto" in finding.advice
    told = {"x-forwarded-proto": "https"}
    monkeypatch.setattr(address, "ask", lambda url, **said: ask(url.replace("https:", "http:"), **said, **told))
    assert address._cookie(plain).level == OK


def test_a_wrong_prefix_is_found(server: Server) -> None:
    found = spoilt(f"{server.address}/deeper")
    assert found["server"].level == WRONG and "not the playground" in found["server"].said
    assert "STREAMLIT_SERVER_BASE_URL_PATH=uni/play/deeper" in found["pages"].advice


def test_numbers_that_a_proxy_gives_to_everybody_are_found(server: Server) -> None:
    with proxy(server.address, asked=instead(b"authorization", f"Bearer {SECRET}".encode())) as url:
        found = spoilt(url)
    assert set(found) == {"metrics"} and "Everybody" in found["metrics"].said


class _Other(BaseHTTPRequestHandler):
    """Somebody else's server, or a proxy that does not reach ours."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"<p>hello</p>")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def other(status: int) -> Iterator[str]:
    handler = type("Other", (_Other,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as there:
        thread = threading.Thread(target=there.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{there.server_port}"
        there.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "said"), [(200, "not the playground"), (502, "does not reach the playground")])
def test_somebody_else_at_the_address_is_found(status: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with other(status) as url:
        assert said in by_name(url)["server"].said
        monkeypatch.setenv("PORT", url.rpartition(":")[2])
        monkeypatch.delenv("STREAMLIT_SERVER_BASE_URL_PATH", raising=False)
        [finding] = address.examine(None)
        assert finding.level == WRONG and said in finding.said


def test_nobody_at_the_address_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    [finding] = address.examine(f"http://127.0.0.1:{port}")
    assert finding.level == WRONG and "Nobody listens" in finding.said
    [finding] = address.examine("http://no-such-name.invalid")
    assert finding.level == WRONG and "cannot be asked" in finding.said
    monkeypatch.setenv("PORT", str(port))
    [finding] = address.examine(None)
    assert finding.level == OK and "the port is free" in finding.said


def test_a_cluster_that_cannot_be_reached_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = f"127.0.0.1:{listener.getsockname()[1]}"
        assert [each.level for each in address._cluster(there)] == [OK]
    [finding] = address._cluster(there)
    assert finding.level == WRONG and there in finding.said and "RAY_ADDRESS" in finding.advice
    assert list(address._cluster("")) == list(address._cluster("auto")) == []


def test_somebody_who_says_nothing_and_one_without_https_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        [finding] = address.examine(f"http://127.0.0.1:{port}")
        assert finding.level == WRONG and "has not said a word" in finding.said
    with other(200) as url:
        [finding] = address.examine(url.replace("http:", "https:"))
        assert finding.level == WRONG and "does not speak https" in finding.said


def test_a_server_of_this_machine_is_found_at_its_port(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", server.address.rpartition(":")[2].partition("/")[0])
    monkeypatch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", "/uni/play/")
    [finding] = address.examine(None)
    assert finding.level == OK and server.address in finding.said


def test_the_check_of_the_image_asks_the_server_how_it_is(server: Server) -> None:
    [check] = re.findall(
        r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    port, _, base = server.address.rpartition(":")[2].partition("/")
    _, *said = json.loads(check)

    def status(**environment: str) -> int:
        return subprocess.run(
            [sys.executable, *said], env={**os.environ, **environment}, capture_output=True
        ).returncode

    assert status(PORT=port, STREAMLIT_SERVER_BASE_URL_PATH=base) == status(PORT=port) == 0
    assert status(PORT="9", STREAMLIT_SERVER_BASE_URL_PATH=base) != 0
    with other(503) as url:
        assert status(PORT=url.rpartition(":")[2], STREAMLIT_SERVER_BASE_URL_PATH="") != 0


# ---------------------------------------------------------------------- what it survives, and its log


def health(server: Server) -> int:
    try:
        with urllib.request.urlopen(f"{server.address}/healthz", timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_worker_that_is_killed_is_seen_by_all_who_watch_and_stands_in_the_log(server: Server) -> None:
    [worker] = server.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: health(server) == 503, "the server to notice")
    found = by_name(server.address)["server"]
    assert found.level == OK or "No worker answers" in found.said  # a new one may be there by now
    wait_until(lambda: health(server) == 200, "another worker", 120)
    assert scraped(server)["playground_worker_restarts_total", "lost", "0"] == 1

    _, key = opened(server.address, SLUG)
    asked = urllib.request.Request(f"{server.address}/", headers={"Cookie": f"playground={COOKIE}"})
    urllib.request.urlopen(asked, timeout=60).close()
    server.stop()
    text = server.log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]  # each is an object, and none has a secret
    assert any(line["process"] == "web" and "was lost" in line["message"] for line in lines)
    assert all({"time", "level", "logger", "process", "pid", "message"} <= set(line) for line in lines)
    assert key not in text and COOKIE not in text and SECRET not in text
