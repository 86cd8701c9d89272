"""Guests of a soak: each comes, does this and that with a run, and goes, over and over.

What they do is drawn from a seeded generator.  What they must not meet is noted as trouble: a run that is lost or has
failed, a socket that is closed on them, an act that is never answered, a page that stops with an error.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from benchmarks.clients import PATIENCE, Client
from benchmarks.tab import Refused, Tab, Trouble

PAGES = ("gradient_descent", "neural_network", "gan", "attention_heads", "double_descent", "lstm_gates")
FURTHER = 40  # steps that a guest lets it train at most before it goes on to something else
ALIVE = 5.0  # seconds between two signs of life
LOOKS = (0.05, 0.6)  # seconds between two acts


@dataclass
class Tally:
    """What all guests have done and met."""

    visits: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)  # sentences that refused something
    troubles: list[str] = field(default_factory=list)
    recovered: int = 0  # runs that went on in a new worker while a guest looked at them
    here: dict[str, str] = field(default_factory=dict)  # runs that guests look at just now, with the lab of each


class Wire:
    """The socket of a run, as a page has it: pictures are confirmed, and what is not answered is asked again."""

    def __init__(self, socket: ClientConnection, run: str, key: str | None) -> None:
        self.socket, self.run, self.key = socket, run, key
        self.told: dict[str, Any] = {}
        self.message = ""
        self.recovered = False
        self.failed = ""
        self._pending: dict[str, tuple[dict[str, Any], asyncio.Future[str | None]]] = {}
        self._news = asyncio.Condition()

    async def hello(self) -> None:
        hello = {"type": "hello", "key": self.key, "parts": ["stage", "curves"], "panels": None, "beside": True}
        await self.socket.send(json.dumps(hello))

    async def live(self) -> None:
        """Show now and then that the tab is in sight."""
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(ALIVE)
                await self.socket.send(json.dumps({"type": "seen", "value": True}))

    async def listen(self) -> None:
        code: int | None = None
        try:
            async for raw in self.socket:
                await self._take(raw)
            code = self.socket.close_code
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
        self.failed = self.failed or f"the socket of a run was closed: {code} ({self.message})"
        async with self._news:
            self._news.notify_all()

    async def _take(self, raw: str | bytes) -> None:
        if isinstance(raw, str):
            told = json.loads(raw)
        else:
            told = json.loads(raw[8 : 8 + int.from_bytes(raw[4:8], "little")])
            await self.socket.send(json.dumps({"type": "ack", "n": told["n"], "run": told["run"]}))
        if told.get("run", self.run) == self.run:  # else it is one that is compared, and may have been let go
            self._hear(told)
        if told.get("did") in self._pending:
            self._pending.pop(told["did"])[1].set_result(told.get("refused"))
        if told.get("may"):
            for message, _ in self._pending.values():
                await self.socket.send(json.dumps(message))
        async with self._news:
            self._news.notify_all()

    def _hear(self, told: dict[str, Any]) -> None:
        """What is said of the run itself."""
        self.told.update(told)
        self.message = told.get("message") or self.message
        self.recovered = self.recovered or "went on in a new one" in self.message
        if told.get("status") in ("lost", "failed"):
            self.failed = f"a run is {told['status']}: {told.get('message')}"

    async def act(self, **message: Any) -> str | None:
        """Do something to the run; what refuses it, or None."""
        name = secrets.token_urlsafe(12)
        message |= {"id": name}
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._pending[name] = (message, done)
        try:
            await self.socket.send(json.dumps(message))
        except ConnectionClosed:
            raise Trouble(self.failed or "the socket of a run was closed") from None
        await self.until(done.done, f"an answer to {message.get('verb', message['type'])}")
        return done.result()

    async def until(self, true: Callable[[], object], what: str) -> None:
        """Wait until something holds.  Raises `Trouble` if it never does, or the run has an end."""
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                await self._news.wait_for(lambda: true() or self.failed)
        except TimeoutError:
            told = {name: self.told.get(name) for name in ("status", "step", "last_step", "busy", "message")}
            raise Trouble(f"waited {PATIENCE:g} s for {what}: {told}") from None
        if self.failed and not true():
            raise Trouble(self.failed)


class Guest:
    """One who comes again and again, until `end` is set."""

    def __init__(self, url: str, draw: Random, tally: Tally, end: asyncio.Event) -> None:
        self.url, self.draw, self.tally, self.end = url, draw, tally, end

    async def live(self) -> None:
        while not self.end.is_set():
            kind = self.draw.choices((self._page, self._slide), (5, 1))[0]
            page = self.draw.choice(PAGES)
            try:
                await kind(page)
            except (Trouble, OSError, WebSocketException) as trouble:
                self.tally.troubles.append(f"{page}: {type(trouble).__name__}: {trouble}")
            self.tally.visits += 1

    # --------------------------------------------------------------- ways to come

    async def _page(self, page: str) -> None:
        """A page of a lab, in one tab; perhaps reloaded, perhaps by the address of somebody else's run."""
        tab = Tab(self.url, page)
        theirs = [run for run, lab in self.tally.here.items() if lab == page]
        copies = bool(theirs) and self.draw.random() < 0.15
        query = f"run={self.draw.choice(theirs)}" if copies else ""
        for _ in range(self.draw.choices((1, 2), (3, 1))[0]):
            async with tab.opened_at(query):
                if tab.widget("take_over") is not None:
                    await tab.press("take_over")
                    self.tally.acts["copy"] += 1
                if not tab.run:
                    self._note(tab)
                    return
                await self._stay(tab)
            query = f"run={tab.run}"
            self.tally.acts["come"] += 1

    async def _slide(self, page: str) -> None:
        """A lab on a slide: a run without a page."""
        visitor = Tab(self.url, page)
        asked = json.dumps({"slug": page, "knobs": {"seed": str(self.draw.randrange(100))}}).encode()
        try:
            made = json.loads(await visitor.fetch("/runs", data=asked, method="POST"))
        except Refused as refused:  # while a worker starts: the slide says so, and Play asks again
            self.tally.said[str(refused)] += 1
            return
        self.tally.acts["slide"] += 1
        async with self._wire(visitor, made["run"], made["key"]) as wire:
            for _ in range(self.draw.randint(2, 5)):
                await self.draw.choice((self._play, self._drag, self._step, self._turn))(wire)
                await self._look(wire)

    async def _stay(self, tab: Tab) -> None:
        """Do some things on a page, by its widgets and by the socket of the run that it shows."""
        left = self.draw.randint(4, 9)
        while left > 0 and not self.end.is_set():
            shown = tab.run
            async with self._wire(tab, shown, tab.key) as wire:
                self.tally.here[shown] = tab.page
                try:
                    while left > 0 and tab.run == shown and not self.end.is_set():  # else another one is on stage
                        left -= 1
                        await self._act(tab, wire)
                        self._note(tab)
                        await self._look(wire)
                finally:
                    self.tally.here.pop(shown, None)

    async def _act(self, tab: Tab, wire: Wire) -> None:
        by_socket = (self._play, self._drag, self._step, self._reset, self._speed)
        by_page = (self._branch, self._keep, self._knob, self._export, self._upload, self._figures, self._buttons)
        if self.draw.random() < 0.5:
            await self.draw.choice(by_socket)(wire)
        elif self.draw.random() < 0.1:
            await self._watch(tab)
        else:
            await self.draw.choice(by_page)(tab, wire)

    # ----------------------------------------------------------------- by the socket

    async def _play(self, wire: Wire) -> None:
        begun = int(wire.told.get("step", 0))
        if await self._do(wire, "play"):
            await wire.until(lambda: wire.told["status"] != "running" or wire.told["step"] != begun, "a step")
            await asyncio.sleep(self.draw.uniform(*LOOKS))
            await self._do(wire, "pause")

    async def _step(self, wire: Wire) -> None:
        await self._do(wire, "step", value=self.draw.randint(1, FURTHER))

    async def _reset(self, wire: Wire) -> None:
        await self._do(wire, "reset")

    async def _speed(self, wire: Wire) -> None:
        await self._do(wire, "speed", value=self.draw.choice((5, 30, 100, None)))

    async def _turn(self, wire: Wire) -> None:
        """A knob of a slide; a page has widgets for that."""
        await self._say(wire, "turn", type="turn", knobs={"seed": str(self.draw.randrange(1000))})

    async def _drag(self, wire: Wire) -> None:
        """The timeline: many rough seeks, one after the other, and an exact one."""
        last = int(wire.told.get("last_step", 0))
        for _ in range(self.draw.randint(2, 8)):
            await self._do(wire, "seek", value=self.draw.randint(0, last), rough=True)
        await self._do(wire, "seek", value=self.draw.randint(0, last))

    async def _do(self, wire: Wire, verb: str, **more: Any) -> bool:
        return await self._say(wire, verb, type="do", verb=verb, **more)

    async def _say(self, wire: Wire, name: str, **message: Any) -> bool:
        refused = await wire.act(**message)
        self.tally.acts[name] += 1
        if refused is not None:
            self.tally.said[refused] += 1
        return refused is None

    # ------------------------------------------------------------------- by the page

    async def _branch(self, tab: Tab, wire: Wire) -> None:
        """Train, look back, branch."""
        await self._do(wire, "step", value=self.draw.randint(2, FURTHER))
        await wire.until(lambda: wire.told.get("last_step", 0) > 0 and wire.told["status"] != "running", "some steps")
        await self._do(wire, "seek", value=self.draw.randint(0, int(wire.told["last_step"]) - 1))
        await tab.rerun()
        await self._press(tab, "branch")

    async def _keep(self, tab: Tab, wire: Wire) -> None:
        """Compare: keep what is on stage, bring what was kept back there, or let it go."""
        await self._press(tab, self.draw.choice(("keep", "swap.0", "drop.0")))

    async def _knob(self, tab: Tab, wire: Wire) -> None:
        if sliders := tab.sliders():
            await tab.slide(self.draw.choice(sliders), self.draw.random())
            self.tally.acts["knob"] += 1

    async def _buttons(self, tab: Tab, wire: Wire) -> None:
        await self._press(tab, self.draw.choice(("new_seed", "undo", "defaults")))

    async def _figures(self, tab: Tab, wire: Wire) -> None:
        """What is inside, and back to the curves."""
        tabs = tab.widget("tab")
        if tabs is not None:
            for name in (self.draw.choice(("Inside", "Source")), "Curves"):
                await tab.set(tabs, string_array_value={"data": [name]})
            self.tally.acts["figures"] += 1

    async def _export(self, tab: Tab, wire: Wire) -> None:
        """All that can be downloaded."""
        popover = tab.widget("share")
        if popover is None:
            return
        await tab.set(popover, bool_value=True)
        buttons = [told for told in tab.widgets.values() if type(told).__name__ == "DownloadButton"]
        for button in buttons:
            self.tally.acts["download"] += bool(await tab.download(button))
        await tab.set(popover, bool_value=False)

    async def _upload(self, tab: Tab, wire: Wire) -> None:
        """A table of points, where the page takes one."""
        data = tab.widget("data")
        if data is None or "csv" not in getattr(data, "options", ()):
            return
        await tab.set(data, string_value="csv")
        uploader = tab.widget("file")
        if uploader is None:
            return
        rows = [(self.draw.gauss(2 * (n % 2), 0.5), self.draw.gauss(0, 1), "ab"[n % 2]) for n in range(60)]
        table = "x,y,class\n" + "\n".join(f"{x:.3f},{y:.3f},{name}" for x, y, name in rows)
        await tab.upload(uploader, "points.csv", table.encode())
        self.tally.acts["upload"] += 1

    async def _press(self, tab: Tab, name: str) -> None:
        if await tab.press(name):
            self.tally.acts[name.partition(".")[0]] += 1

    async def _watch(self, tab: Tab) -> None:
        """Somebody else's run, for a moment; it may end meanwhile."""
        if self.tally.here:
            run = self.draw.choice(sorted(self.tally.here))
            async with self._socket(tab, run) as socket:
                wire = Wire(socket, run, None)
                await wire.hello()
                listening = asyncio.create_task(wire.listen())
                await asyncio.sleep(self.draw.uniform(*LOOKS))
                listening.cancel()
            self.tally.acts["watch"] += 1

    # ------------------------------------------------------------------------ parts

    @asynccontextmanager
    async def _wire(self, client: Client, run: str, key: str | None) -> AsyncIterator[Wire]:
        """A socket of a run, which its bench has answered."""
        async with self._socket(client, run) as socket:
            wire = Wire(socket, run, key)
            tasks = [asyncio.create_task(wire.listen()), asyncio.create_task(wire.live())]
            await wire.hello()
            try:
                await wire.until(lambda: "step" in wire.told and wire.told["status"] != "waiting", "a first answer")
                yield wire
            finally:
                for task in tasks:
                    task.cancel()
                self.tally.recovered += wire.recovered

    @asynccontextmanager
    async def _socket(self, client: Client, run: str) -> AsyncIterator[ClientConnection]:
        """A socket that is closed as it should be, or cut."""
        async with client.socket(f"live/{run}") as socket:
            try:
                yield socket
            finally:
                if self.draw.random() < 0.5:
                    socket.transport.abort()

    async def _look(self, wire: Wire) -> None:
        await asyncio.sleep(self.draw.uniform(*LOOKS))
        if wire.failed:
            raise Trouble(wire.failed)

    def _note(self, tab: Tab) -> None:
        """What the page says in red: a refusal is no trouble, an error is."""
        for sentence in tab.said:
            if "went wrong" in sentence or sentence.startswith("exception"):
                self.tally.troubles.append(f"{tab.page}: {sentence}")
            self.tally.said[sentence] += 1
        tab.said.clear()


async def stay(url: str, *, guests: int, seed: int, end: asyncio.Event, tally: Tally) -> None:
    """Let so many guests come and go until `end` is set."""
    lives: list[Awaitable[None]] = [
        Guest(url, Random(f"{seed} {number}"), tally, end).live() for number in range(guests)
    ]
    await asyncio.gather(*lives)
