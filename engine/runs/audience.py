"""Who watches runs on a bench: what the bench's owner asks of an audience, and how the two ends of a pipe speak of it.

Runs know nobody who watches.  A worker is told the class of its audience by name, and calls it between two slices.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from engine.runs.bench import Bench  # which needs torch

WATCHING = "engine.live.viewer:Viewers"  # the audience of a worker, unless it is told another
UNHEARD = 10_000  # messages of those who watch that wait for a bench at most; beyond that they are lost
Send = Callable[[Sequence[int], bytes | str], None]  # to which viewers, and what


class Audience(Protocol):
    """The viewers of the runs on one bench, by their numbers."""

    def hear(self, viewer: int, run_id: str, message: Mapping[str, Any]) -> bool:
        """A viewer of a run says something; of type ``leave``, that there will be no more.

        Returns whether it did something to the run that must not be lost with this process.
        """

    def serve(self) -> None:
        """Make what somebody has room for, and send it."""

    def drew(self, seconds: float) -> None:
        """Somebody who does not watch had something drawn for so long, in a time that is meant for training."""

    def pause(self) -> float:
        """Seconds until there may be something to make."""


def gather(name: str, bench: Bench, send: Send) -> Audience:
    """The audience called `name`, "module:class"."""
    module, _, made = name.partition(":")
    return cast(Audience, getattr(importlib.import_module(module), made)(bench, send))


@dataclass
class Watch:
    """Somebody in this process who watches a run that may be elsewhere.

    `deliver` gets what the audience sends, on whatever thread it arrives, and None when the run has been closed.
    """

    number: int
    run_id: str
    deliver: Callable[[bytes | str | None], None]
    owner: str = ""  # the browser that watches, where it has a name
    hello: Mapping[str, Any] | None = None  # the last one: said again where the run is taken over
    visible: bool = True  # whether its tab is in sight, as it says
    unheard: list[Mapping[str, Any]] = field(default_factory=list)  # what it asked of a run that was parked

    @property
    def steers(self) -> bool:
        """Whether it may steer the run, as its hello says."""
        return self.hello is not None and self.hello.get("may") == "steer"


PICTURE = b"P"  # a message that a pool passes on unopened begins so; others are pickled
_TEXT, _BYTES = b"t", b"b"


def addressed(viewers: Sequence[int], payload: bytes | str) -> bytes:
    """A message of a worker for some viewers."""
    kind, data = (_TEXT, payload.encode()) if isinstance(payload, str) else (_BYTES, payload)
    return PICTURE + kind + struct.pack(f"<H{len(viewers)}I", len(viewers), *viewers) + data


def opened(message: bytes) -> tuple[Sequence[int], bytes | str]:
    """For which viewers a message is, and what it brings them."""
    (count,) = struct.unpack_from("<H", message, 2)
    viewers = struct.unpack_from(f"<{count}I", message, 4)
    data = message[4 + 4 * count :]
    return viewers, data.decode() if message[1:2] == _TEXT else data
