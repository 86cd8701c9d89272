"""The layer before everything else that bounds pages and uploads: driven by hand, with an app that waits behind it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pools import SMALL, pool_of
from sockets import run
from starlette.types import Message, Receive, Scope, Send

import engine
from engine import runs
from ui import crowds, monitor

ANNA, BERT = "a" * 22, "b" * 22
LIMITS = dataclasses.replace(SMALL, pages=3, pages_per_owner=2, uploads=3, uploads_per_owner=2,
                             uploaded_mb_per_owner=10.0)  # fmt: skip


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with pool_of("inline", LIMITS) as made:
        monkeypatch.setattr(runs, "_current", made)
        yield


class Visit:
    """One connection, which the app behind holds until `leave`."""

    def __init__(self, door: crowds.Crowds, scope: dict[str, Any], browser: str) -> None:
        headers = scope.pop("headers", [(b"accept", b"text/html,*/*;q=0.8")])
        headers += [(b"cookie", f"playground={browser}".encode())] if browser else []
        scope = {"method": "GET", "query_string": b"", "headers": headers, "over": asyncio.Event(), **scope}
        self.said: list[Message] = []
        self.over: asyncio.Event = scope["over"]
        self.task = asyncio.create_task(door(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def _send(self, message: Message) -> None:
        self.said.append(message)

    async def settled(self) -> Visit:
        for _ in range(10):
            await asyncio.sleep(0)
        return self

    async def leave(self) -> None:
        self.over.set()
        await self.task

    @property
    def status(self) -> int:
        """Of the answer; the code with which a socket was closed; 0: the app behind holds it."""
        return int(next((m.get("status") or m.get("code") for m in self.said if "status" in m or "code" in m), 0))

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.said).decode()


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" or scope["method"] == "PUT":
        await scope["over"].wait()


@contextlib.asynccontextmanager
async def door() -> Any:
    made = crowds.Crowds(behind)
    there: list[Visit] = []

    async def visit(path: str, browser: str = "", kind: str = "http", **scope: Any) -> Visit:
        there.append(Visit(made, {"type": kind, "path": path, **scope}, browser))
        return await there[-1].settled()

    pages = numbers().get("playground_pages")
    yield visit
    for each in there:
        await each.leave()
    assert not made.pages and not made.uploads and numbers().get("playground_pages") == pages


def numbers() -> dict[str, float]:
    """What Prometheus is told, by name and labels."""
    samples = [sample for family in monitor.REGISTRY.collect() for sample in family.samples]
    return {" ".join([each.name, *map(str, each.labels.values())]): each.value for each in samples}


async def page(visit: Any, browser: str) -> Visit:
    return await visit("/course/_stcore/stream", browser, "websocket")


async def upload(visit: Any, browser: str, megabytes: float, session: str = "s") -> Visit:
    length = [(b"content-length", str(int(megabytes * 1e6)).encode())] if megabytes >= 0 else []
    return await visit(f"/_stcore/upload_file/{session}/f", browser, method="PUT", headers=length)


def test_one_browser_has_so_many_pages_and_the_next_one_is_a_sentence() -> None:
    async def work() -> None:
        async with door() as visit:
            first, _ = await page(visit, ANNA), await page(visit, ANNA)
            said = await visit("/gan", ANNA)
            assert said.status == 503 and "Close some of its tabs" in said.text and "2 pages" in said.text
            assert (await page(visit, ANNA)).status == 1013
            assert (await visit("/gan", BERT)).status == 0 and (await page(visit, BERT)).status == 0
            await first.leave()
            assert (await visit("/gan", ANNA)).status == 0 and (await page(visit, ANNA)).status == 0

    run(work())


def test_whoever_watches_over_the_server_is_told_of_all_who_were_turned_away() -> None:
    async def work() -> None:
        before = numbers()
        async with door() as visit:
            for _ in range(3):
                await page(visit, ANNA)
            assert numbers()["playground_pages"] - before["playground_pages"] == 2
            await visit("/gan", ANNA)
            await upload(visit, ANNA, 11.0)
            await upload(visit, ANNA, -1.0)
        now = numbers()
        for told in ("page 1013", "page 503", "upload 429", "upload 411"):
            name = f"playground_requests_refused_total {told}"
            assert now[name] - before.get(name, 0.0) == 1, told

    run(work())


def test_a_server_has_room_for_so_many_pages_and_says_when_to_come_back() -> None:
    async def work() -> None:
        async with door() as visit:
            there = [await page(visit, browser) for browser in (ANNA, BERT, "")]
            assert [each.status for each in there] == [0, 0, 0]
            said = await visit("/", "c" * 22)
            assert said.status == 503 and "try again in a few minutes" in said.text and "<script" not in said.text
            for path in ("/watch/abcdefghijkl", "/embed/gan", "/course/healthz", "/metrics"):  # which need no session
                assert (await visit(path)).status == 0
            assert (await visit("/assets/live.js", headers=[(b"accept", b"*/*")])).status == 0
            await there[1].leave()
            assert (await visit("/", "c" * 22)).status == 0

    run(work())


def test_one_browser_uploads_so_much_at_once_and_within_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with door() as visit:
            there = [await upload(visit, ANNA, 1.0) for _ in range(2)]
            assert [each.status for each in there] == [0, 0]
            told: list[str] = []
            pool = runs.current()
            run_id = pool.open("gradient_descent", engine.lab("gradient_descent").Config(), ANNA).id
            for owner in (ANNA, BERT, ""):
                pool.watch(run_id, lambda payload, owner=owner: told.append(f"{owner[:1]} {payload}"), owner)
            said = await upload(visit, ANNA, 1.0)
            assert said.status == 429 and "Too many files are on their way" in said.text
            assert [each[:2] for each in told] == ["a "]  # its page says what the uploader does not
            assert "The file was not uploaded. Too many files" in json.loads(told[0][2:])["refused"]
            assert (await upload(visit, BERT, 1.0)).status == 0
            assert (await upload(visit, "c" * 22, 1.0)).status == 429  # three are in all
            await there[0].leave()
            said = await upload(visit, ANNA, 8.5)
            assert said.status == 429 and "within an hour" in said.text
            assert (await upload(visit, ANNA, 7.5)).status == 0
            await there[1].leave()
            monkeypatch.setattr(crowds, "WITHIN", 0.0)
            assert (await upload(visit, ANNA, 8.5)).status == 0

    run(work())


def test_who_has_no_name_counts_by_session_and_a_length_is_asked_for() -> None:
    async def work() -> None:
        async with door() as visit:
            for session in ("one", "two"):
                assert (await upload(visit, "", 9.0, session)).status == 0
            assert (await upload(visit, "", 9.0, "one")).status == 429
            assert (await upload(visit, ANNA, -1)).status == 411

    run(work())


def test_what_is_remembered_of_browsers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "REMEMBERED", 2)

    async def work() -> None:
        made = crowds.Crowds(behind)
        for name in "abc":
            visit = Visit(made, {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{name}/f",
                                 "headers": [(b"content-length", b"5")]}, "")  # fmt: skip
            await (await visit.settled()).leave()
        assert list(made.uploaded) == ["b", "c"]

    run(work())
