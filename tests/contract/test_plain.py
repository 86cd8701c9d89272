"""A plain form: its constants are found, set in its text, and run without a trace."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_config import Small

import engine
from engine.contract import plain
from engine.contract.compare import same
from engine.contract.knobs import ConfigError
from engine.contract.new import TEMPLATE

SOURCE = '''"""Poincaré’s question?  Does not know: decay, limit,
clip.  The rest it knows.
"""

RATE = 0.01  # η: “small” steps
Ä = "ü"; SHAPE = "ring"  # two on a line, naïve
HIDDEN: tuple[int, ...] = (
    4,
    2,  # two layers
)  # after
BATCH = -1
WIDTH = 2 * RATE
lower = 3


def train(steps):
    LOCAL = 1
    for step in range(10**9):
        yield {"rate": RATE * step, "layers": float(len(HIDDEN))}
'''


def test_constants_are_those_that_are_written_out_at_the_top() -> None:
    assert plain.constants(SOURCE) == {"RATE": 0.01, "Ä": "ü", "SHAPE": "ring", "HIDDEN": (4, 2), "BATCH": -1}
    assert plain.unknown(SOURCE) == ("decay", "limit", "clip")
    assert plain.unknown("x = 1") == ()


def test_constants_are_set_where_they_stand_and_nothing_else_changes() -> None:
    assert plain.with_constants(SOURCE, {}) == SOURCE
    changed = plain.with_constants(SOURCE, {"RATE": 0.5, "SHAPE": "xor", "HIDDEN": (1,), "BATCH": 8, "Ä": "ö"})
    assert plain.constants(changed) == {"RATE": 0.5, "Ä": "ö", "SHAPE": "xor", "HIDDEN": (1,), "BATCH": 8}
    assert "RATE = 0.5  # η: “small” steps\n" in changed
    assert "Ä = 'ö'; SHAPE = 'xor'  # two on a line, naïve\n" in changed
    assert "HIDDEN: tuple[int, ...] = (1,)  # after\nBATCH = 8\nWIDTH = 2 * RATE\n" in changed
    with pytest.raises(KeyError):
        plain.with_constants(SOURCE, {"WIDTH": 3})


def test_a_config_sets_the_knobs_that_are_known() -> None:
    changed = plain.with_config(SOURCE, Small(rate=0.3, hidden=(), decay=0.1, shape="moons"))
    assert plain.constants(changed) == {"RATE": 0.3, "Ä": "ü", "SHAPE": "moons", "HIDDEN": (), "BATCH": 10}
    assert plain.run(changed, 3)[2] == {"rate": pytest.approx(0.6), "layers": 0.0}


def test_single_choices_may_be_unknown() -> None:
    source = SOURCE.replace("limit,\nclip", "shape=moons|xor,\nclip")
    assert plain.unknown(source) == ("decay", "clip") and plain.untaken(source) == {"shape": ("moons", "xor")}
    config = Small(rate=0.3, decay=0.1, shape="moons")
    assert plain.lost(source, config) == {"decay": (), "shape": ("moons",)}
    assert plain.constants(plain.with_config(source, config))["SHAPE"] == "ring"
    assert plain.lost(source, Small(rate=0.3)) == {}
    assert plain.lost(SOURCE, config) == {"decay": ()}


def test_what_is_chosen_by_default_may_be_unknown() -> None:
    """Then it stands for another choice, and says of the defaults that it does not know them."""
    source = SOURCE.replace("limit,\nclip.", "shape=ring,\nclip.  Begins with: shape=moons.")
    source = source.replace('SHAPE = "ring"', 'SHAPE = "moons"')
    assert plain.begins(source, Small) == Small(shape="moons") and plain.begins(SOURCE, Small) == Small()
    assert plain.lost(source, Small()) == {"shape": ("ring",)} and plain.lost(source, Small(shape="moons")) == {}
    assert plain.constants(plain.with_config(source, Small()))["SHAPE"] == "moons"


@pytest.mark.parametrize("slug", [slug for slug in engine.labs() if plain.file(slug).exists()])
def test_every_choice_that_a_plain_form_does_not_deny_is_that_of_the_lab(slug: str) -> None:
    lab, source = engine.lab(slug), plain.file(slug).read_text(encoding="utf-8")
    first = plain.begins(source, lab.Config)
    for name, spec in lab.Config.knobs().items():
        for choice in () if spec.look else spec.choices:  # what is only looked at changes no number of the run
            try:
                chosen = (choice,) if spec.kind == "choices" else choice
                config = dataclasses.replace(first, **{name: chosen}).settle(name)
            except ConfigError:  # it needs another knob, or data
                continue
            if plain.lost(source, config):
                continue
            [mine], theirs = plain.run(plain.with_config(source, config), 1), lab.Experiment(config).step()
            assert mine == {key: pytest.approx(theirs[key], rel=plain.CLOSE) for key in mine}, (name, choice)


def test_a_run_takes_back_what_it_does_to_global_generators() -> None:
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()
    noisy = "import numpy, torch\ntorch.manual_seed(1)\nnumpy.random.seed(1)\ntrain = lambda n: n * [{'a': 1.0}]"
    assert plain.run(noisy, 2) == [{"a": 1.0}, {"a": 1.0}]
    assert torch.equal(before, torch.random.get_rng_state()) and same(numpy_before, np.random.get_state())


def test_the_plain_form_of_the_template_learns() -> None:
    losses = [metrics["loss"] for metrics in plain.run((TEMPLATE / "plain.py").read_text(encoding="utf-8"), 100)]
    assert len(losses) == 100 and losses[-1] < 0.2 * losses[0]
