"""Files and drawings from hostile hands: each gets a sentence, within little memory, and none is ever run."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from engine.contract import weights
from engine.contract.reading import ReadError
from engine.data import shelf
from engine.runs import reading

OPTIONS: dict[str, dict[str, Any]] = {
    "table": {"how": {}}, "points": {"paper": "classes"}, "packed_points": {"paper": "classes"},
    "picture": {"data_set": "digits"}, "strokes": {"data_set": "digits", "pen": 1.0},
    "packed_picture": {"data_set": "digits"}, "text": {}, "kept_text": {}, "network": {}, "kept_network": {},
}  # fmt: skip
MOST = 150.0  # megabytes that reading what is refused may take, beyond the file


@pytest.fixture(autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("PLAYGROUND_DATA", str(place))
    return place


@pytest.fixture(autouse=True, scope="module")
def imported() -> None:
    """What readers import when they are first asked takes more memory than what they read."""
    sheet = Image.fromarray(np.uint8(255 * np.eye(40)))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    read("picture", file.getvalue())
    read("table", b"x,y,c\n" + b"1,2,a\n3,4,b\n" * 9)


def read(kind: str, data: bytes, megabytes: float = 0.0) -> Any:
    """As a worker reads it."""
    return reading.read(reading.READERS[kind], data, OPTIONS[kind], megabytes=megabytes)


def refused(kind: str, data: bytes) -> str:
    """The sentence with which a file is refused; a table says it beside what was found out."""
    try:
        found = read(kind, data, MOST)
    except ReadError as error:
        said = str(error)
    else:
        assert kind == "table", f"it was read, as {str(found)[:80]}"
        said = found["refused"]
    assert said.endswith(".") and len(said) < 400, said
    return said


# ---------------------------------------------------------------- pickles


class Bomb:
    """A pickle that makes a file when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def torch_file(thing: Any) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


def numpy_file(thing: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, np.array([thing], dtype=object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["network", "table", "text", "picture"])
@pytest.mark.parametrize("write", [
    *(lambda thing, protocol=protocol: pickle.dumps(thing, protocol) for protocol in range(6)), torch_file, numpy_file,
], ids=["0", "1", "2", "3", "4", "5", "torch", "numpy"])  # fmt: skip
def test_a_pickle_is_never_read(tmp_path: Path, kind: str, write: Any) -> None:
    mark = tmp_path / "it was read"
    data = write(Bomb(mark))
    said = refused(kind, data)
    assert not mark.exists()
    if kind == "network" and data.startswith((b"\x80", b"PK")):
        assert "pickle" in said and ".safetensors" in said
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()  # it would have been seen


def test_a_pickle_on_the_shelf_is_not_read_either(tmp_path: Path) -> None:
    """Somebody has put it there past us, and a link names it."""
    mark = tmp_path / "it was read"
    key = shelf.keep(pickle.dumps(Bomb(mark)))
    assert "pickle" in refused("kept_network", key.encode())
    assert read("kept_text", key.encode()) is None and not mark.exists()


def test_a_network_whose_header_is_as_long_as_a_pickle_begins_is_a_network() -> None:
    """640 bytes: the file begins with 80 02, as a pickle of protocol 2 does."""
    about = {"lab": "gan", "x": ""}
    for filled in range(640):
        data = weights.write(torch.nn.Linear(1, 1), about | {"x": "x" * filled})
        if data.startswith(b"\x80\x02"):
            break
    assert data.startswith(b"\x80\x02") and len(read("network", data)) == 20


# ---------------------------------------------------------------- bombs, and headers that lie


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, *more: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def swollen(size: int) -> bytes:
    """So many zero bytes, packed a thousandfold."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)), packer.flush()])


def zipped(size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("sheet1.xml", "w") as sheet:
        for _ in range(size // 1_000_000):
            sheet.write(bytes(1_000_000))
    return file.getvalue()


def safetensors(header: object, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def claims(shape: list[int], end: int, body: bytes = b"", dtype: str = "F32") -> bytes:
    about = {"lab": "gan"}
    return safetensors({"__metadata__": about, "w": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}, body)


PLAIN = zlib.compress(bytes(9 * 8))
BOMBS = {
    "pixels without end in a small picture": ("picture", lambda: png(8, 8, swollen(200_000_000))),
    "a picture of 50,000 x 50,000": ("picture", lambda: png(50_000, 50_000, PLAIN)),
    "a picture of 2**31 x 2**31": ("picture", lambda: png(2**31 - 1, 2**31 - 1, PLAIN)),
    "a picture without pixels": ("picture", lambda: png(0, 0, b"")),
    "a text in a picture that swells": (
        "picture", lambda: png(8, 8, PLAIN, chunk(b"zTXt", b"Comment\0\0" + swollen(200_000_000)))),
    "a profile in a picture that swells": (
        "picture", lambda: png(8, 8, PLAIN, chunk(b"iCCP", b"x\0\0" + swollen(200_000_000)))),
    "a workbook that swells": ("table", lambda: zipped(200_000_000)),
    "an archive that swells": ("network", lambda: zipped(200_000_000)),
    "a text of 100 MB": ("text", lambda: b"x" * 100_000_000),
    "a table of 100 MB": ("table", lambda: b"1,2,a\n" * 17_000_000),
    "a picture of 100 MB": ("picture", lambda: b"\x89PNG\r\n\x1a\n" + bytes(100_000_000)),
    "a network of 100 MB": ("network", lambda: bytes(100_000_000)),
    "a table of one line": ("table", lambda: b"1," * 2_400_000),
    "a table of one cell": ("table", lambda: b'"' + b"x" * 4_900_000),
    "a table of empty cells": ("table", lambda: b",,,\n" * 1_200_000),
    "a tensor of 2**60 numbers": ("network", lambda: claims([2**30, 2**30], 4, bytes(4))),
    "a tensor of more than there is": ("network", lambda: claims([25_000_000], 100_000_000, bytes(4))),
    "a tensor of less than nothing": ("network", lambda: claims([-1], -4)),
    "a tensor of no type": ("network", lambda: claims([1], 4, bytes(4), "F1024")),
    "a header longer than its file": ("network", lambda: struct.pack("<Q", 2**63 - 1) + b"{}"),
    "a header of a hundred thousand lists": (
        "network", lambda: struct.pack("<Q", 200_000) + b"{" + b"[" * 199_999),
    "a header of twenty thousand tensors": ("network", lambda: safetensors(
        {"__metadata__": {"lab": "gan"}, **{f"w{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
                                            for n in range(20_000)}})),
    "points within lists without end": ("points", lambda: b"[" * 1_000_000),
    "points that are no numbers": ("points", lambda: b"[[NaN, 1, 0], [1, Infinity, 1]]"),
    "points of no class": ("points", lambda: b"[[0, 0, NaN], [1, 1, 1e300]]"),
    "points of a number too long": ("points", lambda: b"[[" + b"9" * 5_000 + b", 0, 0]]"),
    "points by the million": ("points", lambda: json.dumps([[0, 0, 0]] * 100_000).encode()),
    "points of words": ("points", lambda: b'[["__import__", 0, 0]]'),
    "points in a link that are none": ("packed_points", lambda: b"\xff" * 1_000_000),
    "strokes that are no numbers": ("strokes", lambda: b"[[[NaN, 0], [0, Infinity]]]"),
    "strokes within lists without end": ("strokes", lambda: b"[" * 1_000_000),
    "strokes that are a number": ("strokes", lambda: b"7"),
    "a picture in a link that is none": ("packed_picture", lambda: b"\x00" * 1_000_000),
    "a text of control characters": ("text", lambda: b"\x1b[2J\x07" * 100),
    "a text that is none": ("text", lambda: b"\xff\xfe\x00" * 100),
    "a drawing as SVG": (
        "picture", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>x</script></svg>'),
    "a page as a picture": ("picture", lambda: b"<!doctype html><script>alert(1)</script>"),
    "a key that is a path": ("kept_network", lambda: b"../../../../etc/passwd"),
    "a key with a zero byte": ("kept_network", lambda: b"0" * 19 + b"\0"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_a_sentence_and_takes_little_memory(name: str, folder: Path) -> None:
    kind, make = BOMBS[name]
    assert "memory" not in refused(kind, make())  # what it would take is seen before it is taken
    assert not (folder / "shelf").exists()  # nothing of it was kept


@pytest.mark.parametrize("frames", [1, 400])
def test_of_a_picture_that_moves_the_first_is_looked_at_alone(frames: int) -> None:
    sheet = Image.fromarray(np.uint8(255 * (np.indices((64, 64)).sum(0) % 20 > 9)))
    file = io.BytesIO()
    sheet.save(file, "PNG", save_all=True, append_images=[sheet.rotate(n % 360) for n in range(1, frames)])
    _, notes = read("picture", file.getvalue())
    assert any("the first is used" in note for note in notes) == (frames > 1)


KINDS = st.sampled_from([kind for kind in OPTIONS if not kind.startswith("kept_")])
BEGINNINGS = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x20\0\0\0WEBPVP8X", b"[[", b"x,y,c\n", b"\x80\x04",
              b"PK\x03\x04", b"sep=;\n", b"\xef\xbb\xbf",
              struct.pack("<Q", 40) + b'{"__metadata__":{"lab":"gan"}}')  # fmt: skip


@given(KINDS, st.sampled_from(BEGINNINGS), st.binary(max_size=300))
@example("strokes", b"", b'["abc", {"a": 1}]')
@example("strokes", b"", b'{"a": []}')
@example("points", b"", b'{"a": 1}')
def test_any_bytes_are_read_or_refused_in_a_sentence(kind: str, begins: bytes, rest: bytes) -> None:
    try:
        read(kind, begins + rest)
    except ReadError as error:
        assert str(error).endswith(".")


def test_every_reader_is_tried() -> None:
    assert OPTIONS.keys() == reading.READERS.keys()


# ---------------------------------------------------------------- the shelf and the data folder


def test_what_is_on_the_shelf_is_found_by_its_key_alone(folder: Path) -> None:
    key = shelf.keep(b"x" * 300)
    assert shelf.fetch(key) == b"x" * 300
    for wrong in (key[:-1], f"{key}0", key.upper(), f"./{key[2:]}", "", ".", "..", f"../shelf/{key}", f"{key}\n",
                  f"{folder}/shelf/{key}", f"..\\{key}", "0" * 20, "*" * 20):  # fmt: skip
        if wrong != key:
            with pytest.raises(shelf.ShelfError):
                shelf.fetch(wrong)


def test_a_link_on_the_shelf_leads_to_nothing_that_is_not_its_key(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the server")
    shelf.keep(b"x")
    (folder / "shelf" / ("0" * 20)).symlink_to(secret)
    with pytest.raises(shelf.ShelfError, match="no longer on this server"):
        shelf.fetch("0" * 20)


def test_others_on_the_machine_see_neither_what_is_kept_nor_its_keys(folder: Path) -> None:
    key = shelf.keep(b"x")
    assert (folder / "shelf").stat().st_mode & 0o077 == 0
    assert (folder / "shelf" / key).stat().st_mode & 0o077 == 0
