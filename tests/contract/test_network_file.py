"""Networks as files, and the shelf that keeps them: what was written comes back, and nothing else is taken."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import engine
from engine.contract import weight_header, weights
from engine.contract.weight_header import TensorInfo
from engine.contract.weights import NetworkFileError
from engine.data import shelf
from engine.data.shelf import ShelfError
from engine.runs import inline

ABOUT = {"lab": "neural_network", "config": "{}"}


def network(outputs: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, outputs))


def test_a_network_comes_back_to_the_last_bit_and_any_reader_of_the_format_understands_it(tmp_path: Path) -> None:
    model, other = network(), nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    model(torch.randn(8, 4))
    data = weights.write(model, ABOUT | {"architecture": "ä {}"})
    file = weights.read(data)
    assert file.about == ABOUT | {"architecture": "ä {}"}
    weights.fit(other, file)
    x = torch.randn(2, 4)
    assert torch.equal(model.eval()(x), other.eval()(x))
    (tmp_path / "n.safetensors").write_bytes(data)
    with safetensors.safe_open(tmp_path / "n.safetensors", "pt") as peer:
        assert peer.metadata() == file.about
        assert all(torch.equal(peer.get_tensor(name), tensor) for name, tensor in model.state_dict().items())


def test_tied_weights_are_written_too() -> None:
    model = network()
    model[2] = nn.Linear(5, 5)
    model.append(nn.Linear(5, 5))
    model[3].weight = model[2].weight
    assert torch.equal(weights.read(weights.write(model, ABOUT)).tensors["3.weight"], model[2].weight)


DATA = weights.write(network(), ABOUT)


def header(fields: object) -> bytes:
    text = json.dumps(fields).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"", "no network"),
        (b"PK\x03\x04 a pickle in a zip", "no network"),
        (b"\x80\x04\x95 a bare pickle", "no network"),
        (struct.pack("<Q", 2**63) + b"{}", "no network"),
        (struct.pack("<Q", 2_000_000) + b"{" * 100, "no network"),
        (struct.pack("<Q", 9) + b"{" * 9, "no network"),
        (header(["a"]), "no network"),
        (DATA[:-1], "cut off"),
        (DATA[:200], "cut off"),
        (DATA + b"more", "damaged"),
        (header({"__metadata__": {"lab": "x"}, "w": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}) + b"1234",
         "damaged"),
        (safetensors.torch.save({"w": torch.ones(2)}), "not one of this playground"),
        (safetensors.torch.save({"w": torch.ones(2)}, {"format": "pt"}), "not one of this playground"),
        (safetensors.torch.save({"w": torch.tensor([1.0, float("nan")])}, ABOUT), "w holds a value that is not finite"),
        (bytes(weights.MAX_BYTES + 1), "25.0 MB; at most 25 MB"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)  # fmt: skip
def test_what_is_no_network_of_ours_gets_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(NetworkFileError, match=sentence) as caught:
        weights.read(data)
    assert str(caught.value).endswith(".")
    if "finite" not in sentence:  # everything but the numbers is known from the header
        with pytest.raises(NetworkFileError) as by_header:
            weight_header.read(data)
        assert str(by_header.value) == str(caught.value)


def entry(shape: object, begin: object, end: object, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "tensors",
    [
        {"w": entry([1], 4, 8)}, {"w": entry([1], 0, 4)}, {"w": entry([1], 0, 4), "v": entry([1], 0, 4)},
        {"w": entry([2], 0, 8), "v": entry([1], 4, 8)}, {"w": entry([-1], 4, 0)}, {"w": entry([2], 0, 8, "F128")},
        {"w": entry([2.0], 0, 8)}, {"w": entry([True, 2], 0, 8)}, {"w": entry("2", 0, 8)}, {"w": entry([2], "0", 8)},
        {"w": 8}, {"w": {}}, {"w": entry([1] * 65, 0, 4), "v": entry([1], 4, 8)},
        {"w": entry([10**4000] * 9 + [0], 0, 0), "v": entry([2], 0, 8)},
    ],
)  # fmt: skip
def test_a_header_that_does_not_say_where_each_tensor_lies_is_damaged(tensors: dict[str, object]) -> None:
    data = header({"__metadata__": ABOUT, **tensors}) + bytes(8)
    for read in (weights.read, weight_header.read):
        with pytest.raises(NetworkFileError, match="damaged or cut off"):
            read(data)


@pytest.mark.parametrize("kind", sorted(safetensors.torch._TYPES))
def test_the_header_knows_every_type_that_torch_reads(kind: str) -> None:
    dtype = safetensors.torch._TYPES[kind]
    data = safetensors.torch.save({"w": torch.zeros((2, 3), dtype=dtype), "none": torch.zeros(0, dtype=dtype)}, ABOUT)
    if dtype.is_complex:
        with pytest.raises(NetworkFileError, match=r"In the file, (w|none) holds complex numbers; real ones"):
            weight_header.read(data)
    else:
        whole = "numbers" if dtype.is_floating_point else "whole numbers"
        told = {"w": TensorInfo((2, 3), whole), "none": TensorInfo((0,), whole)}
        assert weight_header.read(data) == weight_header.Header(told, ABOUT)
    assert sorted(weight_header.BYTES) == sorted(safetensors.torch._TYPES)


@given(st.binary(max_size=120), st.integers(0, len(DATA)))
def test_any_bytes_are_a_network_or_a_sentence(noise: bytes, at: int) -> None:
    for data in (noise, DATA[:at] + noise + DATA[at + len(noise) :]):
        try:
            file = weights.read(data)
        except NetworkFileError as error:
            assert str(error).endswith(".")
        else:
            told = weight_header.read(data)
            assert told.about == file.about
            assert {n: t.shape for n, t in told.tensors.items()} == {n: tuple(t.shape) for n, t in file.tensors.items()}


def test_a_network_that_does_not_fit_is_told_by_its_first_tensor_and_changes_nothing() -> None:
    here = network(4)
    before = {name: tensor.clone() for name, tensor in here.state_dict().items()}
    file = weights.read(DATA)
    with pytest.raises(NetworkFileError, match=r"2\.weight is \(3, 5\) in it and \(4, 5\) here"):
        weights.fit(here, file)
    with pytest.raises(NetworkFileError, match=r"1\.weight \(5\) is missing"):
        weights.fit(nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5)), weights.read(
            weights.write(nn.Sequential(nn.Linear(4, 5)), ABOUT)))  # fmt: skip
    with pytest.raises(NetworkFileError, match=r"1\.bias \(5\) in it has no place"):
        weights.fit(nn.Sequential(nn.Linear(4, 5)), file)
    assert all(torch.equal(before[name], tensor) for name, tensor in here.state_dict().items())


def test_the_download_says_where_it_comes_from() -> None:
    lab = engine.lab("neural_network")
    place = inline.InlinePool()
    run = place.open("neural_network", lab.Config(seed=5, hidden=(3,)))
    run.step(2)
    run.peek()
    run.update(lab.Config(seed=5, hidden=(3,), learning_rate=0.3))
    file = weights.read(run.weights())
    assert file.about["lab"] == "neural_network"
    config = lab.Config.from_params(json.loads(file.about["config"]))
    assert config == lab.Config(seed=5, hidden=(3,), learning_rate=0.3)
    weights.fit(lab.Experiment(config).model, file)
    place.close()


# ---------------------------------------------------------------- the shelf


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "shelf"


def test_what_is_kept_comes_back_under_a_key_that_follows_from_it(folder: Path) -> None:
    key = shelf.keep(DATA)
    assert len(key) == 20 and set(key) <= set("0123456789abcdef")
    assert shelf.fetch(key) == DATA and shelf.keep(DATA) == key and shelf.keep(DATA + b"1") != key
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("key", ["", "a" * 19, "a" * 21, "A" * 20, "../../../etc/passwd0", "a" * 20 + "\n", "/" * 20])
def test_a_key_is_twenty_hexadecimal_characters_and_never_a_path(folder: Path, key: str) -> None:
    with pytest.raises(ShelfError, match="20 of the characters"):
        shelf.fetch(key)


def test_what_is_gone_or_was_changed_gets_a_sentence(folder: Path) -> None:
    with pytest.raises(ShelfError, match="no longer on this server"):
        shelf.fetch("0" * 20)
    key = shelf.keep(DATA)
    (folder / key).write_bytes(DATA[:-1])
    with pytest.raises(ShelfError, match="no longer on this server"):
        shelf.fetch(key)


def test_the_oldest_go_when_the_shelf_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_SHELF_FILES", "3")
    keys = []
    for number in range(4):
        keys.append(shelf.keep(bytes([number])))
        os.utime(folder / keys[-1], (number, number))
        if number == 2:
            shelf.fetch(keys[0])  # used again: no longer the oldest
    assert {file.name for file in folder.iterdir()} == {keys[0], keys[2], keys[3]}
    monkeypatch.setenv("PLAYGROUND_SHELF_MB", "0.01")
    large = shelf.keep(bytes(20_000))
    assert [file.name for file in folder.iterdir()] == [large]
    with pytest.raises(ShelfError, match="at most 25 MB"):
        shelf.keep(bytes(weights.MAX_BYTES + 1))


def test_a_folder_that_cannot_be_written_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "file"))
    with pytest.raises(ShelfError, match="cannot keep the network"):
        shelf.keep(DATA)
