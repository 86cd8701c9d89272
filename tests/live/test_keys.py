"""Pictures as differences: who gets one, however much of it, can put together the whole."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

import numpy as np
import pytest
from scene_format import Screen, decode

from engine.live.keys import Keys
from engine.scene.scene import Scene

TOLD: dict[str, Any] = {"run": "run0", "part": "stage"}


class Viewer(Screen):
    """A browser, and what it has confirmed."""

    def __init__(self) -> None:
        super().__init__()
        self.confirmed: set[int] = set()

    def draw(self, message: bytes) -> tuple[dict[str, Any], list[tuple[str, list[int], bytes]]]:
        header, arrays = self.read(message)
        return header, _told(header, arrays)


def scene(*values: int, size: int = 8) -> Scene:
    made = Scene()
    for value in values:
        made.arrays.add(np.full(size, value))
    return made


def whole(made: Scene) -> list[tuple[str, list[int], bytes]]:
    return _told(*decode(made.to_bytes()))


def _told(header: dict[str, Any], arrays: list[np.ndarray]) -> list[tuple[str, list[int], bytes]]:
    entries = zip(header["arrays"], arrays, strict=True)
    return [(code, shape, array.tobytes()) for (code, _, shape), array in entries]


def test_what_has_not_changed_is_not_sent_again_and_the_rest_is_like_a_whole_picture() -> None:
    keys, screen = Keys(), Viewer()
    ((viewers, first),) = keys.messages(scene(1, 2, 3), {**TOLD, "n": 5}, {7: ()})
    assert viewers == [7]
    header, _ = screen.draw(first)
    assert (header["base"], header["keep"]) == (None, True)
    ((_, second),) = keys.messages(scene(1, 9, 3), {**TOLD, "n": 6}, {7: {5}})
    header, arrays = screen.draw(second)
    assert (header["base"], header["keep"]) == (5, False) and arrays == whole(scene(1, 9, 3))
    assert [offset for _, offset, _ in header["arrays"]] == [-1, 0, -1] and len(first) - len(second) == 64
    ((_, third),) = keys.messages(scene(1, 3, size=9), {**TOLD, "n": 7}, {7: {5, 6}})  # of another shape
    header, arrays = screen.draw(third)
    assert (header["base"], header["keep"]) == (5, True) and arrays == whole(scene(1, 3, size=9))
    assert sorted(keys.kept) == [5, 7]


def test_who_has_confirmed_no_key_gets_it_whole_and_then_it_is_a_key_for_all() -> None:
    keys = Keys()
    keys.messages(scene(1, 2, 3), {**TOLD, "n": 1}, {1: ()})
    sent = keys.messages(scene(1, 2, 4), {**TOLD, "n": 2}, {1: {1}, 2: (), 3: {1}})
    assert sorted(viewers for viewers, _ in sent) == [[1, 3], [2]]
    headers = [json.loads(m[8 : 8 + struct.unpack("<I", m[4:8])[0]]) for _, m in sent]
    assert {(h["n"], h["base"], h["keep"]) for h in headers} == {(2, 1, True), (2, None, True)}
    ((_, last),) = keys.messages(scene(1, 2, 4), {**TOLD, "n": 3}, {1: {1, 2}, 2: {2}})  # both hold it
    assert len(last) < 1000 and b'"base":2' in last


@pytest.mark.parametrize("seed", range(5))
def test_whoever_confirms_what_and_when_everybody_sees_each_picture_whole(seed: int) -> None:
    chance, keys = random.Random(seed), Keys()
    screens = [Viewer() for _ in range(4)]
    ways: list[list[int]] = [[] for _ in screens]
    saved = 0
    for n in range(100, 300):
        made = scene(*(chance.choice((1, 1, 1, 2)) for _ in range(6)), size=chance.choice((8, 8, 8, 3)))
        ready = {i: screen.confirmed for i, screen in enumerate(screens) if len(ways[i]) < chance.choice((2, 4))}
        for viewers, message in keys.messages(made, {**TOLD, "n": n}, ready):
            for viewer in viewers:
                header, arrays = screens[viewer].draw(message)
                assert arrays == whole(made) and header["n"] == n
                saved += header["base"] is not None
                ways[viewer].append(n)
        for way, screen in zip(ways, screens, strict=True):
            for _ in range(chance.randrange(3)):
                screen.confirmed |= {way.pop(0)} if way else set()
        assert len(keys.kept) <= 2
    assert saved > 50
