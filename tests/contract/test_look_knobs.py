"""Looking is not doing: what is looked at leaves no trace in what is learned, in any lab."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import engine
from engine.contract.compare import same
from engine.contract.knobs import ConfigError, Knob

LOOKS = [(slug, spec.name) for slug in engine.labs() for spec in engine.lab(slug).Config.knobs().values() if spec.look]


def other(spec: Knob, value: Any) -> Any:
    """A value that the knob does not have; a text may be any that is short."""
    if spec.kind == "bool":
        return not value
    if spec.kind == "choice":
        return next(choice for choice in spec.choices if choice != value)
    if spec.kind == "ints":
        return (int(spec.low or 0),)
    if spec.kind == "text":
        return "a b"
    return type(value)(spec.high if value != spec.high else spec.low)


def test_some_labs_have_them() -> None:
    assert len({slug for slug, _ in LOOKS}) >= 8
    assert all(engine.lab(slug).Config.knobs()[name].live for slug, name in LOOKS)


@pytest.mark.parametrize(("slug", "name"), LOOKS)
def test_what_is_looked_at_changes_nothing_that_is_learned(slug: str, name: str) -> None:
    lab = engine.lab(slug)
    config = lab.Config()
    try:
        elsewhere = replace(config, **{name: other(config.knobs()[name], getattr(config, name))})
    except ConfigError as error:  # a text that is no packed picture: nothing to look at
        assert error.knob == name
        return
    looked, alone = lab.Experiment(config), lab.Experiment(config)
    for experiment in (looked, alone):
        experiment.step()
    looked.update(elsewhere)
    looked.frame()
    for _ in range(3):
        assert looked.step() == alone.step()
    looked.update(config)
    assert same(looked.state_dict(), alone.state_dict())
