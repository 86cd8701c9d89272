"""A bench with people who watch it, for the tests of what they see and do."""

from __future__ import annotations

import collections
import itertools
import json
from typing import Any

from scene_format import Screen

from engine.live.viewer import Viewers
from engine.runs.bench import Bench


class Hall:
    """A bench with viewers, whose clock stands until it is moved, and everything that was sent."""

    def __init__(self, faulty: type, runs: int = 1) -> None:
        self.now, self.bench = 1000.0, Bench()
        self.got: dict[int, list[dict[str, Any]]] = {}
        self.screens = collections.defaultdict[int, Screen](Screen)
        self.viewers = Viewers(self.bench, self.deliver, clock=lambda: self.now)
        self.ids = itertools.count()
        for number in range(runs):
            self.bench.call("open", f"run{number}", "faulty", faulty(seed=number))

    def deliver(self, whom: Any, what: bytes | str) -> None:
        for number in whom:
            if isinstance(what, str):
                message = json.loads(what)
            else:
                message, values = self.screens[number].read(what)
                message |= {"values": values, "size": len(what), "came": self.now}
            self.got.setdefault(number, []).append(message)

    def hello(
        self, *viewers: int, run: str = "run0", parts: Any = None, may: str = "watch", beside: bool = False
    ) -> None:
        for viewer in viewers:
            self.viewers.hear(viewer, run, {"type": "hello", "parts": parts, "may": may, "beside": beside})

    def ack(self, viewer: int, n: int, run: str = "run0") -> None:
        self.viewers.hear(viewer, "run0", {"type": "ack", "n": n, "run": run})

    def act(self, viewer: int, kind: str, /, **told: Any) -> dict[str, Any]:
        """Somebody does something to the first run; what is answered, to whoever did it."""
        told = {"id": f"act-{next(self.ids):08}", **told}
        self.viewers.hear(viewer, "run0", {"type": kind, **told})
        answer = self.statuses(viewer)[-1]
        assert answer["did"] == told["id"]
        return answer

    def do(self, viewer: int, verb: str, value: Any = None, **more: Any) -> Any:
        """Do something that must not be refused, and let the run come to where it goes."""
        assert self.act(viewer, "do", verb=verb, value=value, **more)["refused"] is None
        self.settle()

    def settle(self) -> None:
        while self.bench.tick():
            pass

    def step(self, run: str = "run0") -> None:
        self.bench.call("play", run, 1)
        self.settle()

    def serve(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.viewers.serve()

    def weights(self, viewer: int) -> list[float]:
        """Those in the newest picture, of which the lab that misbehaves has drawn itself."""
        picture = self.pictures(viewer)[-1]
        return picture["values"][picture["rows"][0][0]["weights"]].ravel().tolist()

    def pictures(self, viewer: int, part: str = "stage", run: str = "") -> list[dict[str, Any]]:
        return [m for m in self.got.get(viewer, []) if m.get("part") == part and run in ("", m["run"])]

    def events(self, viewer: int, kind: str) -> list[dict[str, Any]]:
        return [m for m in self.got.get(viewer, []) if m.get("type") == kind]

    def statuses(self, viewer: int) -> list[dict[str, Any]]:
        return self.events(viewer, "status")
