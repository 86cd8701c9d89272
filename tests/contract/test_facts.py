"""Conditions over facts and texts with facts in them: what is true, and what is refused in a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract import facts
from engine.contract.facts import FactError

HERE = {"modes": 7, "loss": 0.25, "low": -1.5, "verdict": "covered"}
THERE = {"modes": 3, "loss": 0.5, "verdict": "collapsed"}


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        ("modes >= 6", True),
        ("modes < 6", False),
        ("beside.loss < loss", False),
        ("loss < beside.loss and modes > beside.modes", True),
        ("modes < 6 or loss == 0.25", True),
        ("modes < 6 or loss > 1", False),
        ("(modes < 6 or loss < 1) and low <= -1.5", True),
        ("5 < modes <= 7", True),
        ("5 < modes < 7", False),
        ("verdict == 'covered'", True),
        ('verdict != "covered"', False),
        ("verdict == beside.verdict", False),
    ],
)
def test_a_condition_is_what_it_says(condition: str, true: bool) -> None:
    assert facts.holds(condition, HERE, THERE) is true


@pytest.mark.parametrize(
    "condition",
    ["", "modes", "not modes > 3", "modes + 1 > 3", "modes > [1]", "open('x') == 1", "a.b > 1",
     "beside > 1", "beside.a.b > 1", "modes in (1, 2)", "modes is 3", "modes > True", "modes > None", "x := 3",
     "lambda: 1", "modes > 1; loss", "modes >", "modes > -loss", "f'{modes}' == '7'", "modes > 1 if loss else 2", "\0"],
)  # fmt: skip
def test_what_is_no_comparison_is_refused(condition: str) -> None:
    with pytest.raises(FactError, match="is no comparison of facts"):
        facts.holds(condition, HERE, THERE)


@pytest.mark.parametrize(
    ("condition", "said"),
    [("verdict > 'a'", "none is larger"), ("verdict == 3", "one is a text"), ("modes < verdict", "one is a text"),
     ("modes > len", "no fact len; the facts are loss, low, modes, verdict"),
     ("beside.low > 1", "no fact beside.low; the facts are loss, modes, verdict of the run beside it")],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(condition: str, said: str) -> None:
    with pytest.raises(FactError, match=said):
        facts.holds(condition, HERE, THERE)


def test_numbers_are_filled_in() -> None:
    assert facts.filled("{modes} of {beside.modes:3d}, {loss:.1%}", HERE, THERE) == "7 of   3, 25.0%"
    assert facts.filled("{{a}} {verdict:>9s}", HERE) == "{a}   covered"
    assert facts.filled("{low:.1f}", HERE) == "−1.5"  # as axes and titles write it
    for text in ("{verdict:.1f}", "{loss:d}"):
        with pytest.raises(FactError, match="cannot be written as"):
            facts.filled(text, HERE)
    for text in ("{}", "{0}", "{modes.real}", "{modes[0]}", "{beside}", "{class}", "{a b}", "{beside.modes.x}"):
        with pytest.raises(FactError, match="names no fact"):
            facts.filled(text, HERE)
    for text in ("{modes:{loss}}", "{modes:.999f}", "{modes:x}", "{modes!s}"):
        with pytest.raises(FactError, match="cannot be written as"):
            facts.filled(text, HERE)


@given(st.text(max_size=30))
def test_any_text_is_taken_or_refused_with_a_sentence(text: str) -> None:
    for ask in (lambda: facts.holds(text, HERE, THERE), lambda: facts.filled(text, HERE, THERE)):
        try:
            assert ask() is not None
        except FactError as error:
            assert str(error)
