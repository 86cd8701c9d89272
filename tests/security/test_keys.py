"""Ids and keys that are guessed, swapped or forged, on a real server: nobody steers what is not theirs."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from sockets import Socket, opened, run
from visitor import visit

from engine.live import protocol
from ui.owner import COOKIE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]  # with a browser: there the server is running already
SLUG = "gradient_descent"
ACTS: tuple[dict[str, Any], ...] = (
    {"type": "do", "verb": "step"}, {"type": "do", "verb": "reset"}, {"type": "do", "verb": "play"},
    {"type": "turn", "knobs": {"seed": "9"}}, {"type": "pick", "panel": "map", "kind": "plane", "x": 1, "y": 1},
)  # fmt: skip


@pytest.fixture
def runs(server: str) -> Iterator[list[tuple[str, str]]]:
    """Two runs of two visitors, each at step 3: their ids and keys."""
    made = [opened(server, SLUG, seed=str(seed)) for seed in (1, 2)]

    async def work() -> None:
        for run_id, key in made:
            socket = await Socket.to(server, run_id)
            await socket.hello(key)
            await socket.do("play", 3)
            await socket.until(lambda m: (m.get("step"), m.get("status")) == (3, "paused"))
            await socket.close()

    run(work())
    yield made


async def act(socket: Socket, what: dict[str, Any]) -> str | None:
    """Do something, and say how it was refused; None if it was done."""
    told = {"id": secrets.token_hex(8), **what}
    await socket.say(**told)
    refused: str | None = (await socket.until(lambda m: m.get("did") == told["id"]))["refused"]
    return refused


async def state(server: str, run_id: str) -> tuple[int, int, str, dict[str, str]]:
    """Where a run is and what it is set to, as somebody sees who only watches."""
    socket = await Socket.to(server, run_id)
    told = await socket.hello()
    await socket.close()
    return told["step"], told["last_step"], told["status"], told["config"]


def test_no_key_but_its_own_steers_a_run(server: str, runs: list[tuple[str, str]]) -> None:
    (mine, my_key), (theirs, their_key) = runs
    wrong = (None, "", my_key, their_key[:-1], f"{their_key}A", their_key.swapcase(), theirs, f" {their_key}", 7, True,
             [their_key], {"key": their_key}, secrets.token_urlsafe(24), "\ud800" * 16, "*", "%")  # fmt: skip

    async def work() -> None:
        before = await state(server, theirs)
        socket = await Socket.to(server, theirs)
        for key in wrong:
            await socket.say(type="hello", key=key, may="steer", owner="", parts=[])
            assert (await socket.until(lambda m: "may" in m))["may"] == "watch", key
            for what in ACTS:
                assert await act(socket, {**what, "key": their_key, "may": "steer"})  # said too late, in no hello
        await socket.close()
        assert await state(server, theirs) == before
        assert (await state(server, mine))[:3] == (3, 3, "paused")

    run(work())


def test_who_may_steer_one_run_steers_no_other_by_its_name(server: str, runs: list[tuple[str, str]]) -> None:
    (mine, my_key), (theirs, _) = runs

    async def work() -> None:
        before = await state(server, theirs)
        socket = await Socket.to(server, mine)
        assert (await socket.hello(my_key))["may"] == "steer"
        for other in (theirs, "", None, 7, [], {}, [theirs], {"run": theirs}, f"{mine}\0", "../" + theirs):
            for what in ACTS:
                assert await act(socket, {**what, "run": other}) == "This socket does not steer that run."
            await socket.say(type="ack", n=10**15, run=other)
        await socket.close()
        assert await state(server, theirs) == before and (await state(server, mine))[:3] == (3, 3, "paused")

    run(work())


def test_who_watches_a_run_sees_no_other(server: str, runs: list[tuple[str, str]]) -> None:
    (mine, _), (theirs, _) = runs

    async def work() -> None:
        socket = await Socket.to(server, mine)
        await socket.say(type="hello", key=None, run=theirs, beside=True, panels=None, parts=None)
        seen = {(await socket.until(lambda m: True))["run"]}
        for part in ("stage", "curves"):
            seen.add((await socket.until(lambda m, part=part: m.get("part") == part))["run"])
        await act(socket, {"type": "do", "verb": "step", "run": theirs})
        await socket.close()
        assert seen == {mine}

    run(work())


@pytest.mark.parametrize("name", ["*", "%", "A" * 12, "A" * 64, "0" * 12, "null", "undefined", "__proto__" * 2])
def test_a_guessed_name_finds_nothing(server: str, name: str) -> None:
    async def work() -> int:
        return (await (await Socket.to(server, name)).end())[0]

    assert run(work()) == protocol.UNKNOWN
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server}/watch/{name}", timeout=20)
    assert refused.value.code == 404


def test_whoever_forges_a_cookie_is_somebody_else(browser: Browser, server: str, runs: list[tuple[str, str]]) -> None:
    """A run without an owner is not found by its own key; nor is one that has one by half of it, or by its own id."""
    with visit(browser, server) as owner:
        owner.open(SLUG)
        owned = owner.link["run"]
        [name] = [cookie["value"] for cookie in owner.page.context.cookies() if cookie["name"] == COOKIE]
        forged = [(runs[0][0], runs[0][1]), (owned, name[:-1]), (owned, owned)]
        for run_id, cookie in forged:
            with visit(browser, server) as thief:
                thief.page.context.add_cookies([{"name": COOKIE, "value": cookie, "url": server}])
                thief.open(SLUG, drawn=False, run=run_id)
                thief.page.get_by_role("button", name="Take over a copy").wait_for()
                assert thief.button("Play").count() == 0


def test_no_secret_stands_where_others_look(
    browser: Browser, server: str, runs: list[tuple[str, str]], server_log: Path
) -> None:
    """Not in addresses, pages, what those who watch are told, what is taken home, errors, or the server's log."""
    (run_id, key), _ = runs
    with visit(browser, server) as visitor:
        addresses: list[str] = []
        visitor.page.on("request", lambda asked: addresses.append(asked.url))
        visitor.page.on("websocket", lambda socket: addresses.append(socket.url))
        visitor.open(SLUG)
        visitor.step()
        visitor.share()
        [cookie] = [each for each in visitor.page.context.cookies() if each["name"] == COOKIE]
        assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
        said = [*addresses, visitor.page.url, visitor.page.content(), visitor.page.evaluate("document.cookie")]
        said.append(visitor.page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])"))
        assert not any(cookie["value"] in text for text in said)
        owned = visitor.link["run"]

    async def watched() -> str:
        texts = []
        for name in (run_id, owned):
            socket = await Socket.to(server, name)
            texts.append(json.dumps(await socket.hello()))
            texts.append(str(await socket.until(lambda m: m.get("part") == "stage")))
            texts.append(str(await act(socket, ACTS[0])))
            await socket.close()
        return " ".join(texts)

    with urllib.request.urlopen(f"{server}/watch/{run_id}", timeout=20) as answer:
        page = answer.read().decode()
    wrong = urllib.request.Request(f"{server}/runs", json.dumps({"slug": SLUG, "knobs": {"seed": key}}).encode())
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(wrong, timeout=20)
    error = refused.value.read().decode()
    log = server_log.read_text(encoding="utf-8")
    for text in (page, run(watched()), log, error.replace(key, "")):  # it repeats what was sent
        assert key not in text and cookie["value"] not in text
