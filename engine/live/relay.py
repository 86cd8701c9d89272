"""Between a socket and the pool: pictures go out as they come, and what a browser says goes in.

It knows neither Streamlit nor a server: `receive` and `send` are whatever carries texts and bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine.live import protocol
from engine.runs.audience import Watch
from engine.runs.history import Look
from engine.runs.pool import Crowded, PoolError, PoolFull
from engine.runs.watching import Watching

ACTS = ("do", "turn", "pick")
ACTS_ALLOWED, WITHIN = 100, 2.0  # acts in so many seconds
ALLOWED = 500  # messages of any kind in a second
ENDED, GONE = "This run has ended.", "This run is not here any more."
BEHIND = 4_000_000  # bytes that wait for one browser; who does not read is left, and may come back
SETTLED = 1.0  # seconds between two looks at whether a run that waits has a place

Receive = Callable[[], Awaitable[str]]
Send = Callable[[bytes | str], Awaitable[None]]


class Outbox:
    """What waits to be sent to one browser.  Pictures do not pile up in it: few are unconfirmed at once."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | str | None] = asyncio.Queue()
        self.full, self._bytes = asyncio.Event(), 0

    def put(self, payload: bytes | str | None) -> None:
        self._bytes += len(payload or "")
        if self._bytes > BEHIND:
            self.full.set()
        else:
            self.queue.put_nowait(payload)

    async def get(self) -> bytes | str | None:
        payload = await self.queue.get()
        self._bytes -= len(payload or "")
        return payload


class Closed(Exception):
    """The socket is to be closed, with `code`, after a status with `sentence`."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


async def relay(pool: Watching, run_id: str, *, receive: Receive, send: Send, owner: str = "") -> None:
    """Carry pictures and words of a run until the browser, `owner`, leaves: `receive` then raises `EOFError`.

    Raises `Closed` when it is we who end it; the status that says why has been sent.  A browser that reads no longer
    is told nothing: it has left.
    """
    loop, outbox = asyncio.get_running_loop(), Outbox()

    def deliver(payload: bytes | str | None) -> None:
        loop.call_soon_threadsafe(outbox.put, payload)

    try:
        await asyncio.to_thread(pool.standing, run_id)  # whoever knows the runs may be elsewhere: sockets do not wait
        watch = pool.watch(run_id, deliver, owner)
    except PoolFull as error:
        await goodbye(send, run_id, Closed(protocol.MANY, str(error)))
    except PoolError:
        await goodbye(send, run_id, Closed(protocol.UNKNOWN, GONE))
    ways = {
        asyncio.create_task(way)
        for way in (_inward(pool, watch, receive), _outward(pool, watch, outbox, send), _left(outbox), _again(outbox))
    }
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in done:
            way.result()
    except Closed as closed:
        await goodbye(send, run_id, closed)
    except EOFError:  # the browser has left
        return
    finally:
        pool.unwatch(watch)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _again(outbox: Outbox) -> None:
    """Let it be looked at how the run is, now and again."""
    while True:
        await asyncio.sleep(SETTLED)
        if outbox.queue.empty():
            outbox.put("")


async def _left(outbox: Outbox) -> None:
    """Wait until too much waits for the browser."""
    await outbox.full.wait()
    raise EOFError


async def goodbye(send: Send, run_id: str, closed: Closed) -> None:
    """Say why a socket is closed, and raise `closed`."""
    with contextlib.suppress(EOFError):
        await send(protocol.status({"run": run_id, "status": "lost", "message": closed.sentence}))
    raise closed


async def _inward(pool: Watching, watch: Watch, receive: Receive) -> None:
    """What the browser says, to the bench; before its hello nothing else counts."""
    acts: deque[float] = deque()
    heard: deque[float] = deque()
    greeted = False
    while True:
        text = await receive()
        if protocol.too_long(text):
            raise Closed(protocol.LARGE, "A message was too long; this page gave up. Reload it to go on.")
        try:
            message = protocol.read(text)
        except ValueError:  # not ours: somebody tries what happens
            message = {"type": ""}
        _keep_pace(heard, ALLOWED, 1.0)
        if message["type"] in ACTS:
            _keep_pace(acts, ACTS_ALLOWED, WITHIN)
        if message["type"] == "hello":
            greeted = True
            may = "steer" if pool.may(watch.run_id, message.get("key")) else "watch"
            message = {**message, "key": None, "may": may}  # the key ends here: no worker and no log sees it
        if greeted and message["type"] in (*ACTS, "hello", "ack", "seen"):
            try:
                pool.tell(watch, message)
            except Crowded as error:
                watch.deliver(_refused(pool, watch, message, str(error)))
            except PoolFull as error:
                raise Closed(protocol.MANY, str(error)) from None
            except PoolError:
                raise Closed(protocol.UNKNOWN, ENDED) from None


def _refused(pool: Watching, watch: Watch, message: Mapping[str, Any], sentence: str) -> str:
    """The status that answers somebody whose run cannot come back yet."""
    try:
        look = pool.away(watch.run_id).get(watch.run_id, Look(status="paused", message=sentence))
    except PoolError:
        raise Closed(protocol.UNKNOWN, ENDED) from None
    told = dict(_told(watch.run_id, look))
    if message["type"] == "hello":  # what is asked next is heard, and refused with the sentence
        told["may"] = message["may"]
    if isinstance(message.get("id"), str):
        told |= {"did": message["id"], "refused": sentence}
    return protocol.status(told)


def _keep_pace(times: deque[float], most: int, within: float) -> None:
    now = time.monotonic()
    times.append(now)
    while now - times[0] > within:
        times.popleft()
    if len(times) > most:
        raise Closed(protocol.PACE, "This page asked for too much at once and was cut off. Reload it to go on.")


async def _outward(pool: Watching, watch: Watch, outbox: Outbox, send: Send) -> None:
    """What the bench sends, to the browser; and how a run fares that is on no bench, or one beside it."""
    said: dict[str, str] = {}
    while True:
        payload = await outbox.get()
        if payload is None:
            raise Closed(protocol.UNKNOWN, ENDED)
        if payload:
            await send(payload)
            continue
        try:
            looks = pool.away(watch.run_id)
        except PoolError:
            raise Closed(protocol.UNKNOWN, ENDED) from None
        now = {run_id: protocol.status(_told(run_id, look)) for run_id, look in looks.items()}
        for run_id, text in now.items():
            if said.get(run_id) != text:
                await send(text)
        said = now


def _told(run_id: str, look: Look) -> Mapping[str, Any]:
    """A status for a run that no bench speaks of."""
    return {
        "run": run_id, "version": look.version, "step": look.step, "last_step": look.last_step, "status": look.status,
        "message": look.message, "say": "", "busy": False, "rate": None, "marks": [],
    }  # fmt: skip
