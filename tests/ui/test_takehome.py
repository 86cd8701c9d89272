"""The file of a run over HTTP: how far it is, the page at the end, and what becomes of it when nobody waits."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from pools import until
from starlette.applications import Starlette
from visitor import wait_until

import engine
from engine import runs
from ui import takehome

OWNER = "a-browser-with-a-name"
COOKIE = {"Cookie": f"playground={OWNER}"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a server in this process answers."""
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=[takehome.taking("")]), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server")
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def run() -> Iterator[runs.run.Run]:
    made = runs.current().open("gradient_descent", engine.lab("gradient_descent").Config(seed=2), OWNER)
    made.play(70)
    until(made, lambda look: look.status != "running")
    yield made
    made.close()


def asked(port: int, run_id: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", f"/takehome/{run_id}", headers=headers)
    return connection.getresponse()


def test_the_answer_says_how_far_it_is_and_ends_with_the_page(port: int, run: runs.run.Run) -> None:
    before = runs.current().stats()["runs"]
    answer = asked(port, run.id, COOKIE | {"Referer": f"http://127.0.0.1:{port}/play/gradient_descent?seed=2"})
    assert answer.status == 200
    lines = [json.loads(answer.readline())]
    while "name" not in lines[-1]:
        lines.append(json.loads(answer.readline()))
    *progress, head = lines
    assert progress[0]["done"] <= progress[-1]["done"] <= progress[-1]["of"] <= 71
    assert head["name"] == "gradient_descent-seed2-step70.html" and head["moments"] == 71
    page = answer.read().decode()
    assert len(page.encode()) == head["size"]
    assert f"http://127.0.0.1:{port}/play/gradient_descent?" in page and "seed 2" in page
    wait_until(lambda: runs.current().stats()["runs"] == before, "its place to be free again")


def test_whoever_hangs_up_gives_the_place_back(port: int, run: runs.run.Run) -> None:
    pool, before = runs.current(), runs.current().stats()["runs"]
    answer = asked(port, run.id, COOKIE)
    answer.readline()
    assert pool.stats()["runs"] == before + 1
    answer.close()
    wait_until(lambda: pool.stats()["runs"] == before, "its place to be free again")


def test_why_it_cannot_be_recorded_is_a_sentence(port: int, run: runs.run.Run) -> None:
    pool = runs.current()
    others = [pool.open(run.slug, run.report().config, OWNER) for _ in range(pool.limits.runs_per_owner - 1)]
    answer = asked(port, run.id, COOKIE)
    assert "One browser may have" in json.loads(answer.readline())["refused"] and not answer.read()
    for other in others:
        other.close()


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [({}, 403, "cookies"), (COOKIE | {"Origin": "http://elsewhere.example"}, 403, "a page of this playground only")],
)
def test_somebody_elses_page_and_a_browser_without_a_name_are_refused(
    port: int, run: runs.run.Run, headers: dict[str, str], status: int, said: str
) -> None:
    answer = asked(port, run.id, headers)
    assert answer.status == status and said in json.loads(answer.read())["message"]


def test_a_run_that_is_not_here_is_a_sentence(port: int) -> None:
    answer = asked(port, "no-such-run-here", COOKIE)
    assert answer.status == 404 and "put away" in json.loads(answer.read())["message"]
