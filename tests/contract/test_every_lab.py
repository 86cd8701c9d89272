"""The contract that every lab keeps, checked over all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.contract import check
from engine.contract.knobs import Config, ConfigError, Knob

LABS = engine.labs()
ROOT = Path(__file__).resolve().parents[2]
LONG = "9" * 400  # digits


@pytest.mark.parametrize("name", check.CHECKS)
@pytest.mark.parametrize("slug", LABS)
def test_a_lab_keeps_the_contract(slug: str, name: str) -> None:
    assert list(check.CHECKS[name](slug)) == []


def test_restored_in_another_process_every_lab_goes_on_exactly() -> None:
    assert check.resumed(LABS) == {}


# ------------------------------------------------------------------ Config and its URL form


def values_of(spec: Knob) -> st.SearchStrategy[Any]:
    """Everything that a knob takes."""
    if spec.kind == "bool":
        return st.booleans()
    if spec.kind == "int":
        return st.integers(int(spec.low or 0), int(spec.high or 0))
    if spec.kind == "float":
        return st.floats(spec.low, spec.high, allow_nan=False)
    if spec.kind == "choice":
        return st.sampled_from(spec.choices)
    if spec.kind == "choices":
        chosen = st.lists(st.sampled_from(spec.choices), unique=True, min_size=spec.length[0], max_size=spec.length[1])
        return chosen.map(tuple)
    if spec.kind == "ints":
        item = st.integers(int(spec.low or 0), int(spec.high or 0))
        return st.lists(item, min_size=spec.length[0], max_size=spec.length[1]).map(tuple)
    return st.text(min_size=spec.length[0], max_size=min(spec.length[1], 40))


@pytest.mark.parametrize("slug", LABS)
@given(draw=st.data())
def test_a_config_comes_back_from_its_url_form(slug: str, draw: st.DataObject) -> None:
    made = engine.lab(slug).Config
    given_values = {name: draw.draw(values_of(spec), label=name) for name, spec in made.knobs().items()}
    try:
        config = made(**given_values)
    except ConfigError as error:
        assert str(error)  # knobs that do not go together
        return
    params = config.to_params()
    assert all(isinstance(v, str) for v in params.values())
    assert made.from_params(params) == config
    assert made.salvage(params) == (config, [])


@pytest.mark.parametrize("slug", LABS)
@given(draw=st.data())
def test_any_text_in_a_url_gives_a_config_or_a_sentence(slug: str, draw: st.DataObject) -> None:
    made = engine.lab(slug).Config
    knobs = made.knobs()
    awkward = st.sampled_from(["", "nan", "inf", "-1", "1e999", "1_0", "0x10", "١", "None", "true", " 3", "3 ", LONG])
    name = draw.draw(st.sampled_from([*knobs, "no_such_knob"]))
    text = draw.draw(st.text(max_size=30) | awkward | st.integers().map(str) | st.floats().map(repr))
    config, errors = made.salvage({name: text})
    if errors:
        assert config == made()
        assert name in str(errors[0]) and len(str(errors[0])) < 800
        with pytest.raises(ConfigError):
            made.from_params({name: text})
    else:
        assert made.from_params(config.to_params()) == config


@pytest.mark.parametrize(
    ("value", "knob"),
    [(value, "seed") for value in (True, "1", 1.5, -1, float("nan"), None, 10**9)],
)
def test_a_bad_value_is_named(value: object, knob: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(**{knob: value})
    assert caught.value.knob == knob and "whole number from 0 to 999999" in str(caught.value)


def test_an_unknown_knob_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean seed"):
        Config.from_params({"sed": "1"})
