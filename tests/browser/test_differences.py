"""Pictures that come as differences, in a real browser: what is put together is drawn as if it had come whole."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest
from plain_page import PlainPage, themes

from engine.live.keys import Keys
from engine.scene.scene import Scene

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
RUN = "AAAABBBBCCCC"
# A stage whose run is played by the test: it notes what is confirmed and each hello.
BEGIN = """async (theme) => {
  for (const [name, value] of Object.entries(theme)) document.documentElement.style.setProperty(name, value);
  const { Stage } = await import("./assets/live/stage.js");
  await document.fonts.load("16px Inter");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const main = document.querySelector("main"), said = [];
  const begin = () => {
    const run = Object.assign(new EventTarget(), {
      id: "AAAABBBBCCCC", told: {}, may: "watch", tell() {}, seen() {},
      emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); },
      confirm: ({ n }) => said.push(n), greet: () => said.push("hello"),
    });
    const place = main.appendChild(document.createElement("div"));
    return { run, place, stage: new Stage({ stage: place }, run) };
  };
  const moment = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const canvases = (place) => [...place.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL());
  const live = begin();
  // What is said when a message comes, and what is on the canvases then.
  window.come = async (message) => {
    said.length = 0;
    await live.stage.receive(bytes(message));
    await moment();
    return [[...said], canvases(live.place)];
  };
  window.welcome = () => live.run.emit("welcome");
  // The same picture, whole, in a place of its own.
  window.whole = async (message) => {
    const { stage, place } = begin();
    await stage.receive(bytes(message));
    await moment();
    const drawn = canvases(place);
    place.remove();
    return drawn;
  };
  // Bytes that are kept for the sake of key pictures.
  window.held = () => {
    const arrays = [...live.stage.keys.kept.values()].flatMap((keys) => [...keys.values()].flat());
    return [...new Set(arrays.map(({ data }) => data.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
  };
}"""
CODES = """async (message) => {
  const bytes = Uint8Array.from(atob(message), (letter) => letter.charCodeAt(0));
  const read = async (which) => (await import(`./assets/scene/decode.js?${which}`)).decode(bytes).arrays;
  const arrays = await read("new"), half = globalThis.Float16Array;
  delete globalThis.Float16Array;
  const old = await read("old");
  globalThis.Float16Array = half;
  return [arrays, old].map((all) => all.map(({ data }) => [data.constructor.name, Array.from(data, String)]));
}"""


def text(message: bytes) -> str:
    return base64.b64encode(message).decode("ascii")


def picture(turn: int) -> Scene:
    """A map that stays, a path that grows, points that move and a sheet that changes now and then."""
    scene = Scene(height=300)
    panel = scene.panel("map", title="Map", x=(0, 1), y=(0, 1))
    panel.heatmap(np.outer(np.arange(30), np.arange(30)), name="Loss")
    panel.path(np.column_stack([np.linspace(0, 1, turn + 2), np.linspace(0, turn / 10, turn + 2)]), name="Path")
    panel.points(np.random.default_rng(turn).uniform(size=(20, 2)), name="Points")
    scene.heat_grid("sheet", title="Sheet", images=np.random.default_rng(turn // 4).uniform(size=(4, 20, 20)))
    return scene


def test_a_picture_that_came_as_a_difference_is_drawn_as_if_it_had_come_whole(plain: PlainPage) -> None:
    plain.clear()
    plain.page.evaluate(BEGIN, themes()["light"])
    keys, confirmed, wholes = Keys(), set[int](), 0
    for turn in range(10):
        told = {"n": turn, "run": RUN, "part": "stage"}
        ((_, message),) = keys.messages(picture(turn), told, {1: set(confirmed)})
        ((_, alone),) = Keys().messages(picture(turn), told, {1: set()})
        wholes += len(message) == len(alone)
        said, drawn = plain.page.evaluate("(message) => come(message)", text(message))
        assert said == [turn] and drawn
        assert drawn == plain.page.evaluate("(message) => whole(message)", text(alone)), f"picture {turn}"
        confirmed |= set(said)
    assert wholes == 1 and len(keys.kept) == 2
    assert 1000 < plain.page.evaluate("held()") <= 2 * len(alone) + 100  # no message is kept for one array of it
    assert plain.problems == []


def test_one_that_builds_on_what_is_not_there_is_neither_drawn_nor_confirmed_and_hello_is_said_again(
    plain: PlainPage,
) -> None:
    plain.clear()
    plain.page.evaluate(BEGIN, themes()["light"])
    keys = Keys()

    def come(turn: int, confirmed: set[int]) -> list[Any]:
        ((_, message),) = keys.messages(picture(turn), {"n": turn, "run": RUN, "part": "stage"}, {1: confirmed})
        said: list[Any] = plain.page.evaluate("(message) => come(message)", text(message))
        return said

    keys.messages(picture(0), {"n": 0, "run": RUN, "part": "stage"}, {1: set()})  # is lost on the way
    assert come(1, {0}) == [["hello"], []]
    assert come(2, {0}) == [[], []]  # once is enough
    plain.page.evaluate("welcome()")
    said, first = come(3, set())
    assert said == [3] and first
    said, second = come(4, {3})
    assert said == [4] and second != first
    plain.page.evaluate("welcome()")  # of another connection, where nothing has been confirmed
    assert come(5, {3}) == [["hello"], second]
    assert plain.problems == []


def test_every_code_of_an_array_is_read_in_a_browser_without_float16_too(plain: PlainPage) -> None:
    plain.clear()
    values = {
        "u1": [0, 255], "u2": [1, 65535], "i4": [-(2**31), 7], "f4": [0.1, -3e38], "f8": [0.1, 1e300],
        "f2": [1.5, -0.25, 65504, 6e-8, 1e-4, np.inf, -np.inf, np.nan, 0.1, 0],
    }  # fmt: skip
    directory, chunks, offset = [], b"", 0
    for code, numbers in values.items():
        chunk = np.array(numbers, f"<{code}").tobytes()
        directory.append([code, offset, [len(numbers)]])
        chunks += chunk + bytes(-len(chunk) % 8)
        offset = len(chunks)
    header = json.dumps({"arrays": directory, "base": None}).encode()
    start = b"SCN2" + struct.pack("<I", len(header)) + header
    new, old = plain.page.evaluate(CODES, text(start + bytes(-len(start) % 8) + chunks))
    for (code, numbers), (kind, read), (old_kind, old_read) in zip(values.items(), new, old, strict=True):
        meant = np.array(numbers, code).astype(np.float64)
        for told in (read, old_read):
            got = [float(each.replace("Infinity", "inf")) for each in told]
            assert np.array_equal(got, meant, equal_nan=True), (code, told)
        assert old_kind == ("Float32Array" if code == "f2" else kind)


def test_what_is_sent_in_two_bytes_is_said_with_the_digits_that_it_has(plain: PlainPage) -> None:
    plain.clear()
    values = np.array([0.0, 0.00004, 0.00061, 0.0123449, 0.7, 0.98766, -0.4321, 1.23456, np.nan], np.float32)
    arrays = Scene().arrays
    index, scale = arrays.fine(values, decimals=3)
    said = plain.page.evaluate(
        """async ([stored, scale]) => {
          const [{ fine }, { format }] = await Promise.all(
            ["decode", "theme"].map((name) => import(`./assets/scene/${name}.js`)));
          return Array.from(fine({ data: Uint16Array.from(stored) }, scale), (value) => format(value, scale[2]));
        }""",
        [arrays[index].tolist(), scale],
    )
    assert said == ["0.0000", "0.0000", "0.0006", "0.0123", "0.7", "0.9877", "−0.4321", "1.235", "not a number"]
