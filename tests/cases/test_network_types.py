"""A network file with complex NaN was taken: only real numbers were looked at, and only before they were converted."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import pytest
import safetensors.torch
import torch

import engine
from engine import ConfigError
from engine.contract import weight_header, weights
from engine.contract.device import generator
from engine.contract.reading import ReadError
from engine.contract.weights import NetworkFileError
from engine.data import shelf
from engine.nets.convnet import NORMS, Architecture, ConvNet
from engine.runs.inline import InlinePool

LAB = engine.lab("cnn_filters")
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2)


def tensors() -> dict[str, torch.Tensor]:
    return dict(LAB.Experiment(LAB.Config(norm="batch")).model.state_dict())


def saved(changed: dict[str, torch.Tensor]) -> bytes:
    about = LAB.Experiment(LAB.Config(norm="batch")).about()
    return safetensors.torch.save({**tensors(), **changed}, {"lab": "cnn_filters", **about})


def load(data: bytes) -> Any:
    model = LAB.Experiment(LAB.Config(norm="batch")).model
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns where it drops a part of a number
        weights.fit(model, weights.read(data))
    return model


FIRST = next(iter(tensors()))
COUNTED = next(name for name, tensor in tensors().items() if not tensor.is_floating_point())


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((kind, math.nan) for kind in FLOATS),
        *((kind, -math.inf) for kind in (torch.float16, torch.bfloat16, torch.float64, torch.float8_e5m2)),
        (torch.float64, 1e300), (torch.float64, -3.5e38),
        (torch.complex64, complex(math.nan)), (torch.complex64, complex(1, math.inf)), (torch.complex64, 1 + 2j),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_a_finite_real_number_is_refused_whatever_its_type(kind: torch.dtype, value: complex) -> None:
    wrong = tensors()[FIRST].to(kind)
    wrong.view(-1)[0] = value
    with pytest.raises(NetworkFileError, match=rf"In the file, {FIRST} holds (a value that is not finite|complex num)"):
        weights.read(saved({FIRST: wrong}))
    with pytest.raises(NetworkFileError, match=FIRST):  # also for whoever comes with tensors and no file
        weights.fit(
            LAB.Experiment(LAB.Config(norm="batch")).model, weights.NetworkFile({**tensors(), FIRST: wrong}, {})
        )


@pytest.mark.parametrize("kind", [*FLOATS, torch.int8, torch.uint8, torch.int64, torch.bool, torch.uint64], ids=str)
def test_real_numbers_of_every_type_are_taken(kind: torch.dtype) -> None:
    given = torch.ones_like(tensors()[FIRST]).to(kind)
    taken = load(saved({FIRST: given})).state_dict()
    assert taken[FIRST].dtype == torch.float32 and bool((taken[FIRST] == 1).all())


def test_a_count_is_a_whole_number() -> None:
    half = torch.full(tensors()[COUNTED].shape, 0.5)
    with pytest.raises(NetworkFileError, match=rf"{COUNTED} holds numbers in it and whole numbers here\."):
        load(saved({COUNTED: half}))


def test_a_network_that_does_not_fit_is_the_fault_of_the_knob(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not of the lab: the page says so where the file is given, and the run keeps what it has."""
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    key = shelf.keep(saved({FIRST: tensors()[FIRST][:-1]}))
    with pytest.raises(ConfigError, match=rf"does not fit: {FIRST}") as caught:
        LAB.Config(network=key)
    assert caught.value.knob == "network"


@pytest.mark.parametrize("slug, knobs", [("cnn_filters", {}), ("adversarial_examples", {"model": "taken"})])
def test_numbers_are_looked_at_when_the_experiment_is_made(
    slug: str, knobs: dict[str, str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The knobs know the header only: whoever loads the numbers names the knob, and the pool hands that on."""
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    wrong = tensors()[FIRST].clone()
    wrong.view(-1)[0] = math.nan
    key = shelf.keep(saved({FIRST: wrong}))
    lab = engine.lab(slug)
    config = lab.Config(network=key, **knobs)
    sentence = rf"network = '{key}' is not accepted: In the file, {FIRST} holds a value that is not finite\."
    with pytest.raises(ConfigError, match=sentence) as caught:
        lab.Experiment(config)
    assert caught.value.knob == "network"
    pool = InlinePool()
    with pytest.raises(ConfigError, match=sentence):
        pool.open(slug, config)
    assert pool.stats()["runs"] == 0
    with pytest.raises(ReadError, match=rf"In the file, {FIRST} holds a value that is not finite\."):
        pool.read("network", shelf.fetch(key))
    for file in (tmp_path / "shelf").iterdir():
        file.unlink()
    with pytest.raises(ConfigError, match="no longer on this server's shelf"):  # gone since it was looked up
        lab.Experiment(config)
    pool.close()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("residual", [False, True])
def test_an_architecture_knows_the_tensors_of_its_network(norm: str, residual: bool) -> None:
    for kernel, side in ((3, 8), (2, 28)):
        made = Architecture(side, 10, channels=(4, 6), depth=7, kernel=kernel, norm=norm, residual=residual)
        network = ConvNet(made, generator(0, "weights"))
        assert weight_header.read(weights.write(network, {"lab": "cnn_filters"})).tensors == made.tensors
        assert list(made.tensors) == list(network.state_dict())  # the first that does not fit is told of


def test_a_header_that_lies_about_sizes_is_a_sentence() -> None:
    entry = {"dtype": "U8", "shape": [0, 10**18, 10**18], "data_offsets": [0, 0]}
    header = json.dumps({"__metadata__": {"lab": "cnn_filters"}, "w": entry}).encode()
    with pytest.raises(NetworkFileError, match="damaged or cut off"):
        weights.read(len(header).to_bytes(8, "little") + header)
