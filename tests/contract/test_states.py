"""What is packed comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import engine
from engine.contract.states import pack, unpack

NUMBERS = torch.arange(-6.0, 6.0).reshape(3, 4)
TENSORS = {
    "floats": NUMBERS,
    "double": NUMBERS.double(),
    "half": NUMBERS.half(),
    "bfloat16, which NumPy has not": NUMBERS.bfloat16(),
    "whole": NUMBERS.long(),
    "true and false": NUMBERS > 0,
    "complex": torch.complex(NUMBERS, NUMBERS),
    "one number": torch.tensor(3.5),
    "no number": torch.zeros(0, 4),
    "turned": NUMBERS.T,
    "every second": NUMBERS[:, ::2],
    "sparse": NUMBERS.to_sparse(),
    "not finite": torch.tensor([float("nan"), float("inf"), -0.0]),
}


def assert_same(found: Any, wanted: Any) -> None:
    """Of the same types, and equal to the last bit."""
    assert type(found) is type(wanted)
    if isinstance(wanted, Tensor):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0, equal_nan=True)
        assert found.requires_grad == wanted.requires_grad
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for name in wanted:
            assert_same(found[name], wanted[name])
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_comes_back_and_can_be_written_to(name: str) -> None:
    tensor = TENSORS[name]
    found = unpack(pack({"a": [tensor]}))["a"][0]
    assert_same(found, tensor)
    if tensor.numel() and not tensor.is_sparse:
        found.zero_()
        assert not found.bool().any() and tensor.bool().any()  # in memory of its own


def test_a_parameter_stays_one_and_a_tensor_met_twice_is_one_tensor() -> None:
    parameter, wants_gradient = nn.Parameter(NUMBERS.clone()), NUMBERS.clone().requires_grad_()
    first, second, third, fourth = unpack(pack((parameter, wants_gradient, NUMBERS, NUMBERS)))
    assert_same(first, parameter)
    assert_same(second, wants_gradient)
    assert third is fourth


@pytest.mark.parametrize("slug", engine.labs())
def test_the_state_of_every_lab_comes_back_to_the_last_bit_and_goes_on_alike(slug: str) -> None:
    lab = engine.lab(slug)
    experiment, again = (lab.Experiment(lab.Config(), "cpu") for _ in range(2))
    for _ in range(3):
        experiment.step()
    packed = pack(experiment.state_dict())
    assert_same(unpack(packed), experiment.state_dict())
    again.load_state_dict(unpack(packed))
    for _ in range(3):
        assert again.step() == experiment.step()
