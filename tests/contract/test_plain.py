"""A plain form: its constants are found, set in its text, and run without a trace."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_config import Small

from engine.contract import plain
from engine.contract.compare import same
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


def test_a_run_takes_back_what_it_does_to_global_generators() -> None:
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()
    noisy = "import numpy, torch\ntorch.manual_seed(1)\nnumpy.random.seed(1)\ntrain = lambda n: n * [{'a': 1.0}]"
    assert plain.run(noisy, 2) == [{"a": 1.0}, {"a": 1.0}]
    assert torch.equal(before, torch.random.get_rng_state()) and same(numpy_before, np.random.get_state())


def test_the_plain_form_of_the_template_learns() -> None:
    losses = [metrics["loss"] for metrics in plain.run((TEMPLATE / "plain.py").read_text(encoding="utf-8"), 100)]
    assert len(losses) == 100 and losses[-1] < 0.2 * losses[0]
