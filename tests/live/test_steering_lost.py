"""What a visitor did by the socket is not lost with the worker that did it."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import signal
from collections.abc import Callable
from typing import Any

from pools import SMALL, pool_of

from engine.runs.processes import ProcessPool


def test_what_was_done_by_the_socket_survives_the_worker_and_is_not_done_twice(faulty: type) -> None:
    with pool_of("processes", dataclasses.replace(SMALL, recovery_seconds=1000.0)) as pool:  # copies after acts alone
        assert isinstance(pool, ProcessPool)
        run = pool.open("faulty", faulty())
        got: queue.Queue[dict[str, Any]] = queue.Queue()

        def deliver(payload: bytes | str | None) -> None:
            if isinstance(payload, str):
                got.put(json.loads(payload))

        def until(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
            while not wanted(message := got.get(timeout=60)):
                pass
            return message

        watch = pool.watch(run.id, deliver)

        def say(**message: Any) -> None:
            pool.tell(watch, message)

        say(type="hello", parts=[], may="steer")
        say(type="do", id="play-to-thirty", verb="play", value=30)
        assert until(lambda m: m["type"] == "reached")["step"] == 30
        say(type="turn", id="turn-the-rate", knobs={"rate": "0.5"})
        until(lambda m: m.get("did") == "turn-the-rate")
        say(type="do", id="back-to-ten-1", verb="seek", value=10)
        say(type="turn", id="turn-and-wait", knobs={"rate": "0.3"})  # on the way there, or there: it waits for Play
        until(lambda m: m["type"] == "rested" and m["step"] == 10)
        say(type="hello", parts=[], may="steer")  # when this is answered the copy is here
        before = until(lambda m: m.get("may") == "steer")
        assert before["marks"] == [[30, "rate 0.5"]] and before["config"] == {"seed": "0", "rate": "0.3"}
        place = pool._records[run.id].place
        assert place is not None
        os.kill(pool.pids()[place], signal.SIGKILL)
        until(lambda m: m.get("may") == "steer")  # greeted by the one that takes its place
        after = until(lambda m: m["type"] == "rested")
        assert (after["step"], after["status"]) == (10, "paused") and after["version"] > before["version"]
        say(type="do", id="play-to-thirty", verb="play", value=30)
        say(type="turn", id="turn-the-rate", knobs={"rate": "0.7"})
        again = until(lambda m: m.get("did") == "turn-the-rate")
        assert (again["step"], again["last_step"], again["refused"]) == (10, 30, None)
        assert (again["config"], again["marks"]) == ({"seed": "0", "rate": "0.3"}, [[30, "rate 0.5"]])
