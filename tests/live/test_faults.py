"""What goes wrong in a class, on a real server: too many, too much, a worker that dies, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from socket import SO_RCVBUF, SOL_SOCKET
from socket import socket as TCP
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from sockets import Socket, opened, run
from visitor import Server, alive, serve, wait_until
from websockets.exceptions import ConnectionClosed

from engine.live import protocol

pytestmark = pytest.mark.timeout(300)
SLUG = "gradient_descent"
CLASS, SEATS = 50, 60  # who watches, and who may


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The one server of this file; its last test ends it."""
    log = tmp_path_factory.mktemp("faults") / "log.txt"
    with serve(log, PLAYGROUND_WORKERS="1", PLAYGROUND_VIEWERS=str(SEATS), PLAYGROUND_RECOVERY_SECONDS="0.3") as there:
        yield there


@pytest.fixture(scope="module")
def there(server: Server) -> tuple[str, str]:
    """Id and key of the run of this file."""
    return opened(server.address, SLUG)


@pytest.fixture
def played(server: Server, there: tuple[str, str]) -> tuple[str, str]:
    """The same, and it plays, slowly enough to go on for as long as a test."""
    run_id, key = there

    async def work() -> None:
        lecturer = await Socket.to(server.address, run_id)
        await lecturer.hello(key)
        await lecturer.do("speed", 30)
        await lecturer.do("play")
        await lecturer.until(lambda m: m["status"] == "running")
        await lecturer.close()

    run(work())
    return run_id, key


def answers(server: Server) -> None:
    """The server still answers those who come by HTTP."""
    for path in ("/_stcore/health", f"/embed/{SLUG}", "/"):
        with urllib.request.urlopen(f"{server.address}{path}", timeout=60) as answer:
            assert answer.status == 200 and answer.read()


def memory(server: Server) -> float:
    """Resident megabytes of the web process."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def sees_it_go_on(socket: Socket) -> None:
    before = (await socket.until(lambda m: m.get("part") == "stage"))["step"]
    await socket.until(lambda m: m.get("part") == "stage" and m["step"] > before)


@pytest.mark.parametrize(("path", "origin", "code"), [
    ("A" * 16, None, protocol.UNKNOWN), ("short", None, protocol.UNKNOWN), ("a%20b" * 5, None, protocol.UNKNOWN),
    ("x" * 3_000, None, protocol.UNKNOWN), ("A" * 16, "https://elsewhere.example", protocol.ORIGIN),
    ("A" * 16, "null", protocol.ORIGIN),
])  # fmt: skip
def test_who_is_refused_is_told_why(server: Server, path: str, origin: str | None, code: int) -> None:
    async def work() -> tuple[int, str]:
        return await (await Socket.to(server.address, path, origin=origin)).end()

    closed, said = run(work())
    assert closed == code and said[0].isupper() and said.endswith(".")


@pytest.mark.parametrize("message", [
    "x" * (protocol.LONGEST + 1), "é" * (protocol.LONGEST - 1), b"x" * (protocol.LONGEST + 1), "x" * 1_000_000,
    b"\0" * 1_000_000,
], ids=["64 KiB and one", "64 KiB in two bytes each", "no text", "1 MB", "1 MB and no text"])  # fmt: skip
def test_a_message_that_is_too_long_ends_its_socket(
    server: Server, played: tuple[str, str], message: str | bytes
) -> None:
    async def work() -> None:
        one, other = await Socket.to(server.address, played[0]), await Socket.to(server.address, played[0])
        await other.hello()
        await one.hello()
        await one.socket.send(message)
        code, said = await one.end()
        assert code == protocol.LARGE and "too long" in said
        await sees_it_go_on(other)
        await other.close()

    run(work())


def test_a_message_that_never_ends_is_not_kept(server: Server, played: tuple[str, str]) -> None:
    """300 MB: the server gives up long before, and has not held them."""
    before, most = memory(server), 0.0

    async def work() -> None:
        nonlocal most
        one, other = await Socket.to(server.address, played[0]), await Socket.to(server.address, played[0])
        await other.hello()
        await one.hello()

        async def parts():  # type: ignore[no-untyped-def]
            nonlocal most
            for _ in range(300):
                most = max(most, memory(server))
                yield b"x" * 1_000_000

        with pytest.raises(ConnectionClosed) as closed:
            await one.socket.send(parts())
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
        await sees_it_go_on(other)
        await other.close()

    run(work())
    assert most - before < 100
    answers(server)


def test_a_thousand_messages_a_second_end_their_socket(server: Server, played: tuple[str, str]) -> None:
    async def work() -> None:
        one, other = await Socket.to(server.address, played[0]), await Socket.to(server.address, played[0])
        await other.hello()
        await one.hello()
        with contextlib.suppress(ConnectionClosed):
            for _ in range(5_000):
                await one.say(type="seen", value=True)
        code, said = await one.end()
        assert code == protocol.PACE and "too much at once" in said
        await sees_it_go_on(other)
        await other.close()

    run(work())


@pytest.mark.parametrize("message", [
    "[" * 60_000, '{"type":' * 7_000,
    '{"type":"pick","id":"pick-pick-pick","panel":"map","x":' + "[" * 900 + "]" * 900 + "}",
    '{"type":"do","id":"' + "\\ud800" * 12 + '","verb":"play"}', '{"type":"ack","n":' + "9" * 5_000 + "}",
    '{"type":"ack","n":1e999}', "\0", "", "null", '{"type":"hello","key":{},"parts":7,"panels":{},"beside":"x"}',
], ids=lambda text: repr(text[:20]))  # fmt: skip
def test_nonsense_does_nothing(server: Server, played: tuple[str, str], message: str) -> None:
    async def work() -> None:
        socket = await Socket.to(server.address, played[0])
        await socket.hello(played[1])
        await socket.socket.send(message)
        await socket.hello(played[1])  # it is answered still
        await sees_it_go_on(socket)
        await socket.close()

    run(work())
    assert "Traceback" not in server.log.read_text(encoding="utf-8")


def test_a_socket_that_is_cut_in_mid_run_comes_back_to_all_of_it(server: Server) -> None:
    """And what was asked just before, and is asked again, is done once."""
    ways = [opened(server.address, "neural_network", seed="3") for _ in range(2)]

    def whole(last: dict[str, Any], part: str, step: int) -> bool:
        return last.get("part") == part and last["step"] == step and last["status"] == "paused"

    async def work() -> None:
        (cut_id, cut_key), (calm_id, calm_key) = ways
        cut, calm = await Socket.to(server.address, cut_id), await Socket.to(server.address, calm_id)
        for there, key in ((cut, cut_key), (calm, calm_key)):
            await there.hello(key)
            await there.do("speed", 60)
            await there.do("play", 120)
        await cut.until(lambda m: m.get("part") == "stage" and m["step"] >= 20)
        cut.socket.transport.abort()
        back = await Socket.to(server.address, cut_id)
        assert (await back.hello(cut_key))["may"] == "steer"
        first = await back.until(lambda m: m.get("part") == "stage")
        assert first["base"] is None and first["step"] >= 20  # it builds on nothing that was lost
        ends = [await there.until(lambda m: whole(m, "curves", 120)) for there in (back, calm)]
        assert ends[0]["values"][0][0].tolist() == list(range(1, 121))
        for ours, theirs in zip(*(end["values"] for end in ends), strict=True):
            np.testing.assert_array_equal(ours, theirs)

        step = {"type": "do", "id": "step-once-only", "verb": "step"}
        await back.say(**step)
        back.socket.transport.abort()
        again = await Socket.to(server.address, cut_id)
        await again.hello(cut_key)
        await again.say(**step)
        told: list[dict[str, Any]] = []  # the picture may come before the answer

        def so_far(last: dict[str, Any]) -> bool:
            told.append(last)
            answers = [each for each in told if each.get("did") == step["id"]]
            return bool(answers) and any(whole(each, "stage", 121) for each in told)

        await again.until(so_far)
        assert [each["refused"] for each in told if each.get("did") == step["id"]] == [None]
        await again.say(**{**step, "id": "one-more-step"})
        await again.until(lambda m: whole(m, "stage", 122))
        for there in (again, calm):
            await there.close()

    run(work())


def test_who_comes_too_many_is_told_so_and_the_server_answers(server: Server, played: tuple[str, str]) -> None:
    async def work() -> None:
        there = await asyncio.gather(*(Socket.to(server.address, played[0]) for _ in range(SEATS)))
        too_many = await asyncio.gather(*(Socket.to(server.address, played[0]) for _ in range(SEATS)))
        for code, said in await asyncio.gather(*(socket.end() for socket in too_many)):
            assert code == protocol.MANY and said.endswith("Try again later.")
        await asyncio.to_thread(answers, server)
        assert (await there[0].hello(played[1]))["may"] == "steer"
        await sees_it_go_on(there[0])
        await asyncio.gather(*(socket.close() for socket in there))
        late = await Socket.to(server.address, played[0])
        await late.hello()
        await late.close()

    run(work())


def unsent(peer: TCP) -> int:
    """Bytes that the other end has sent to `peer` and still keeps, as the kernel says."""
    for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]:
        _, _, remote, _, queues, *_ = line.split()
        if int(remote.rpartition(":")[2], 16) == peer.getsockname()[1]:
            return int(queues.partition(":")[0], 16)
    return 0


def stuck(server: Server) -> TCP:
    """A browser that asks for much and reads nothing, so that what the server has for it never leaves."""
    there = urlsplit(server.address)
    assert there.hostname and there.port
    peer = TCP()
    peer.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
    peer.connect((there.hostname, there.port))
    peer.sendall(f"GET /assets/fonts/inter-latin.woff2 HTTP/1.1\r\nHost: {there.netloc}\r\n\r\n".encode() * 200)
    before = -1
    while (now := unsent(peer)) != before or not now:  # until nothing more goes into what lies between us
        before = now
        time.sleep(0.3)
    return peer


def test_a_class_goes_on_watching_when_a_worker_is_killed(server: Server, played: tuple[str, str]) -> None:
    async def work() -> None:
        there = await asyncio.gather(*(Socket.to(server.address, played[0]) for _ in range(CLASS)))
        await asyncio.gather(*(socket.hello() for socket in there))
        before = await asyncio.gather(*(socket.until(lambda m: m.get("part") == "stage") for socket in there))
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        after = await asyncio.gather(*(
            socket.until(lambda m: m.get("part") == "stage" and "went on in a new one" in m["message"])
            for socket in there
        ))  # fmt: skip
        assert all(new["n"] > old["n"] for new, old in zip(after, before, strict=True))
        await asyncio.gather(*(sees_it_go_on(socket) for socket in there))
        await asyncio.gather(*(socket.close() for socket in there))

    run(work())
    answers(server)


def test_sockets_do_not_hold_up_the_end(
    server: Server, played: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does one whose browser reads nothing more.  It is the last test: the server is gone."""
    workers = server.workers()
    assert workers

    async def work() -> None:
        there = await asyncio.gather(*(Socket.to(server.address, played[0]) for _ in range(CLASS)))
        await asyncio.gather(*(socket.hello() for socket in there))
        await asyncio.gather(*(sees_it_go_on(socket) for socket in there))
        with await asyncio.to_thread(stuck, server):
            began = time.monotonic()
            ends = asyncio.gather(*(socket.end() for socket in there))
            await asyncio.to_thread(server.stop)
            with capsys.disabled():
                print(f" [{time.monotonic() - began:.1f} s with {CLASS} sockets and one that reads nothing] ", end="")
            assert {code for code, _ in await ends} <= {1012, 1006}

    run(work())
    wait_until(lambda: not any(map(alive, workers)), "the workers to end")
