"""What a knob that is turned by hand brings along."""

from __future__ import annotations

import pytest
from small_config import Small

import engine
from engine import ConfigError

DD = engine.lab("double_descent").Config


def test_a_config_that_brings_nothing_along_is_itself() -> None:
    config = engine.Config(seed=3)
    assert config.settle("seed") is config
    assert config.turned(seed=4) == engine.Config(seed=4)


def test_what_was_turned_is_checked_before_and_after() -> None:
    with pytest.raises(ConfigError, match=r"rate = 99 is not accepted: give a number"):
        Small().turned(rate=99)
    with pytest.raises(ConfigError, match="xor takes fewer than 64"):
        Small(shape="xor").turned(width=64)
    assert Small(width=64).turned(shape="xor") == Small(shape="xor", width=32)


@pytest.mark.parametrize("data", ["digits", "curve", "gaussian"])
@pytest.mark.parametrize("model", DD.knobs()["model"].choices)
def test_a_model_of_double_descent_brings_data_that_it_takes(model: str, data: str) -> None:
    before = DD(model="gaussian_subset", data="gaussian") if data == "gaussian" else DD(data=data)
    after = before.turned(model=model)
    takes = {"legendre": ("curve",), "gaussian_subset": ("gaussian",)}.get(model, ("digits", "curve"))
    assert after.model == model and after.data == (data if data in takes else takes[0])


def test_data_that_a_model_does_not_take_are_refused() -> None:
    with pytest.raises(ConfigError, match="Random Fourier features goes with data: Digits or Curve"):
        DD().turned(data="gaussian")
    with pytest.raises(ConfigError, match="so many polynomials"):
        DD(size="large").turned(model="legendre")
