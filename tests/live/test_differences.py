"""A bench sends what has changed: whoever watches, loses confirmations or comes back sees each picture whole."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hall import Hall
from scene_format import decode

import engine
from engine.scene.scene import Scene

LABS = ("gradient_descent", "neural_network", "attention_heads", "double_descent")


class Checked(Hall):
    """A bench whose first run is of a lab; every picture that comes is compared with the scene that was drawn."""

    def __init__(self, faulty: type, slug: str = "faulty", config: Any = None) -> None:
        super().__init__(faulty)
        self.bench.call("close", "run0")
        self.bench.call("open", "run0", slug, config or faulty())
        self.made: Any = None
        self.viewers.pictures.make = self.keep(self.viewers.pictures.make)  # type: ignore[method-assign]

    def keep(self, make: Callable[..., Any]) -> Callable[..., Any]:
        def kept(*asked: Any) -> Any:
            self.made = make(*asked)
            return self.made

        return kept

    def deliver(self, whom: Any, what: bytes | str) -> None:
        super().deliver(whom, what)
        for number in whom if isinstance(what, bytes) else ():
            header, arrays = decode(self.made.to_bytes())
            got = self.got[number][-1]
            assert got["rows"] == header["rows"] and len(got["values"]) == len(arrays)
            for mine, theirs in zip(got["values"], arrays, strict=True):
                assert mine.dtype == theirs.dtype and np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")


def differences(pictures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [picture for picture in pictures if picture["base"] is not None]


@pytest.mark.parametrize("slug", LABS)
def test_two_viewers_who_lose_confirmations_see_each_picture_of_a_lab_whole(faulty: type, slug: str) -> None:
    chance = random.Random(3)
    hall = Checked(faulty, slug, engine.lab(slug).Config())
    hall.hello(1, parts=["stage"])
    for turn in range(24):
        if turn == 6:
            hall.hello(2)
        if turn == 12:  # the connection of the first is lost; it comes back as somebody else
            hall.viewers.hear(1, "run0", {"type": "leave"})
            hall.hello(3)
        if turn == 18:  # what it had is gone: it says hello anew
            hall.screens[2].keys.clear()
            hall.hello(2)
        hall.step()
        hall.serve(0.5)
        for number in hall.viewers.viewers:
            if hall.got[number] and chance.random() < 0.6 and (pictures := hall.pictures(number)):
                hall.ack(number, pictures[-1]["n"])
    assert hall.pictures(3)[0]["base"] is None  # a new connection has confirmed nothing
    for number in (1, 2, 3):
        pictures = hall.pictures(number)
        assert differences(pictures), f"viewer {number} got everything whole"
        assert all(picture["keep"] for picture in pictures if picture["base"] is None)


@pytest.mark.parametrize("viewers", [1, 2, 3])
def test_viewers_whose_confirmations_take_long_come_to_get_differences_too(faulty: type, viewers: int) -> None:
    """Each gets pictures at moments of its own; no key may be pushed out before anybody could confirm it."""
    hall = Checked(faulty)
    drawn = itertools.count()
    hall.viewers.pictures.make = hall.keep(lambda *_: scene(next(drawn)))  # type: ignore[method-assign]
    for tick in range(300):
        if tick % 7 == 0 and tick // 7 < viewers:
            hall.hello(tick // 7, parts=["stage"])
        hall.step()
        hall.serve(0.02)
        for number in hall.viewers.viewers:
            came = [p["n"] for p in hall.pictures(number) if p["came"] < hall.now - 0.15 - 0.01 * number]
            if came:
                hall.ack(number, came[-1])
    for number in range(viewers):
        late = hall.pictures(number)[-20:]
        assert late == differences(late) and late[0]["size"] < 3_000


def scene(turn: int) -> Scene:
    """Of most of which nothing changes."""
    made = Scene()
    made.arrays.add(np.zeros(1_000))
    made.arrays.add(np.full(100, turn))
    return made
