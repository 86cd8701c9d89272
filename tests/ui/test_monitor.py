"""What whoever watches over a server is told: the routes, driven by hand over a pool of each kind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pools import SMALL, at_rest, misbehaving, pool_of, until
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.types import Message
from visitor import wait_until

from engine import runs
from engine.runs.pool import Pool
from engine.runs.processes import ProcessPool
from ui import monitor

ROOT = Path(__file__).resolve().parents[2]
SECRET = "tell-me-all-the-numbers"


@pytest.fixture(scope="module")
def faulty() -> Iterator[type]:
    with misbehaving() as config:
        yield config


@pytest.fixture
def pool(faulty: type, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    with pool_of("inline") as made:
        monkeypatch.setattr(runs, "_current", made)
        yield made


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PLAYGROUND_METRICS", SECRET)
    return SECRET


def ask(path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """The status, headers and body of an answer."""
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }  # fmt: skip
    app = Starlette(routes=[monitor.health(""), monitor.metrics("")])
    # In a thread of its own: in this one a browser's event loop may be running.
    thread = threading.Thread(target=lambda: asyncio.run(app(scope, receive, send)))
    thread.start()
    thread.join()
    start = next(message for message in told if message["type"] == "http.response.start")
    said = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], said, b"".join(message.get("body", b"") for message in told).decode()


def scraped() -> dict[str, float]:
    """Every sample, by its name and labels as they are written: ``playground_runs{lab="gan",status="paused"}``."""
    status, _, text = ask("/metrics", authorization=f"Bearer {SECRET}")
    assert status == 200
    found = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("playground_"):
            assert family.documentation.endswith(".") and family.documentation[0].isupper(), family.name
            assert family.type != "unknown", family.name
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


# ---------------------------------------------------------------------- who is told


@pytest.mark.parametrize("value", [None, "", "   "])
def test_without_a_token_nobody_is_told_anything(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAYGROUND_METRICS", raising=False)
    if value is not None:
        monkeypatch.setenv("PLAYGROUND_METRICS", value)
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": f"Bearer {SECRET}"}):
        status, _, text = ask("/metrics", **headers)
        assert status == 404 and "playground_" not in text


@pytest.mark.parametrize("said", [
    "", "Bearer", "Bearer ", SECRET, f"Basic {SECRET}", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x", "Bearer \xfc",
])  # fmt: skip
def test_with_a_token_whoever_does_not_say_it_is_told_nothing(said: str, secret: str, pool: Pool) -> None:
    status, headers, text = ask("/metrics", **({"authorization": said} if said else {}))
    assert status == 401 and headers["www-authenticate"] == "Bearer" and "playground_" not in text


def test_from_this_machine_too_the_token_must_be_said(secret: str, pool: Pool) -> None:
    assert ask("/metrics")[0] == 401  # the address is 127.0.0.1, as of everybody behind a proxy
    assert ask("/metrics", **{"x-forwarded-for": "127.0.0.1"})[0] == 401


def test_prometheus_may_ask_for_its_newer_format(secret: str, pool: Pool) -> None:
    said = {"authorization": f"bearer {SECRET}", "accept": "application/openmetrics-text; version=1.0.0"}
    status, headers, text = ask("/metrics", **said)
    assert status == 200 and "openmetrics" in headers["content-type"] and text.endswith("# EOF\n")
    assert ask("/metrics", authorization=f"Bearer {SECRET}")[1]["content-type"].startswith("text/plain")


@pytest.mark.parametrize(("variable", "value"), [("PLAYGROUND_METRICS", "hunter2"), ("PLAYGROUND_LOG", "xml")])
def test_a_server_with_a_value_that_cannot_be_used_does_not_start(variable: str, value: str) -> None:
    """A token that could be guessed is not said in the log either."""
    done = subprocess.run(
        [sys.executable, "-c", "import app"], cwd=ROOT, env={**os.environ, variable: value}, capture_output=True,
        text=True, encoding="utf-8",
    )  # fmt: skip
    said = done.stderr.strip().splitlines()[-1]
    assert done.returncode != 0 and said.startswith("The playground cannot start.") and variable in said
    assert "Traceback" not in done.stderr and "hunter2" not in done.stderr


# ---------------------------------------------------------------------- what is told


def test_numbers_are_those_of_what_was_done(secret: str, pool: Pool, faulty: type) -> None:
    run, ends, waits = (
        pool.open("faulty", config) for config in (faulty(), faulty(fault="nan", at=3), faulty(fault="raise", at=1))
    )
    run.step(7)
    ends.play()
    waits.play()
    for each in (run, ends, waits):
        until(each, at_rest)
    found = scraped()
    assert found['playground_runs{lab="faulty",status="paused"}'] == 1
    assert found['playground_runs{lab="faulty",status="diverged"}'] == 1
    assert found['playground_runs{lab="faulty",status="failed"}'] == 1
    assert found['playground_steps_total{lab="faulty"}'] == 7 + 2
    assert (found["playground_places"], found["playground_places_taken"], found["playground_runs_waiting"]) == (4, 3, 0)
    assert found['playground_worker_up{worker="0"}'] == 1
    assert found["process_open_fds"] > 0


def test_counters_grow_with_what_is_sent_and_refused(secret: str, pool: Pool) -> None:
    before = scraped()
    for payload in (b"picture", b"pictures", '{"type":"status"}'):
        monitor.sent(payload)
    monitor.closed(4408)
    monitor.refused("run", 503)
    grown = {name: value - before.get(name, 0) for name, value in scraped().items() if name.startswith("playground_")}
    assert {name: value for name, value in grown.items() if value and "silence" not in name} == {
        'playground_messages_sent_total{kind="picture"}': 2,
        'playground_messages_sent_total{kind="text"}': 1,
        'playground_sent_bytes_total{kind="picture"}': 15,
        'playground_sent_bytes_total{kind="text"}': 17,
        'playground_sockets_closed_total{code="4408"}': 1,
        'playground_requests_refused_total{status="503",what="run"}': 1,
    }


def test_what_the_document_lists_is_what_is_told(secret: str, pool: Pool) -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    told = set(re.findall(r"# TYPE (playground_\w+)", ask("/metrics", authorization=f"Bearer {SECRET}")[2]))
    assert set(re.findall(r"`(playground_\w+)`", text)) == told
    assert {name.removesuffix("_bucket") for name in re.findall(r"\bplayground_\w+", text)} == told


def test_before_there_is_a_pool_the_web_process_is_told_of(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_current", None)
    found = scraped()
    assert found["playground_sockets"] == 0 and not any(name.startswith("playground_runs{") for name in found)
    assert runs.started() is None, "to be asked starts no pool: torch would come into the web process"


def test_no_name_of_a_run_and_no_key_is_told(secret: str, pool: Pool, faulty: type) -> None:
    run = pool.open("faulty", faulty(), owner="a-browser-of-its-own")
    text = ask("/metrics", authorization=f"Bearer {SECRET}")[2]
    assert run.id not in text and run.key not in text and "a-browser-of-its-own" not in text and SECRET not in text


# ---------------------------------------------------------------------- health


def healthy() -> tuple[int, dict[str, object]]:
    status, headers, text = ask("/healthz")
    assert headers["cache-control"] == "no-store"
    told: dict[str, object] = json.loads(text)
    return status, told


def test_a_pool_in_this_process_is_well_and_none_is_not(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert healthy() == (200, {"healthy": True})
    monkeypatch.setattr(runs, "_current", None)
    status, told = healthy()
    assert status == 503 and told["healthy"] is False and str(told["message"]).endswith(".")


def test_while_no_worker_answers_the_server_says_so_at_once(faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """All workers stand still; nobody waits for one, though the pool's lock is held too."""
    with pool_of("processes", SMALL) as pool:
        assert isinstance(pool, ProcessPool)
        monkeypatch.setattr(runs, "_current", pool)
        wait_until(lambda: healthy()[0] == 200, "a healthy server")
        for worker in pool.pids():
            os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: healthy()[0] == 503, "the server to notice")
        with pool._lock:
            status, told = healthy()
        assert status == 200 or "No worker answers" in str(told["message"])  # it may have a new worker by now
        wait_until(lambda: healthy()[0] == 200, "new workers")
