"""Rails and buttons in a picture turn knobs: a pick of kind "turn", which every run answers, whatever its lab."""

from __future__ import annotations

from typing import Any

import pytest
from hall import Hall


@pytest.fixture
def hall(faulty: type) -> Hall:
    """Viewer 1 steers, viewer 2 watches; the run stands at step 5."""
    hall = Hall(faulty)
    hall.hello(1, parts=["stage"], may="steer")
    hall.hello(2, parts=["stage"])
    hall.do(1, "step", 5)
    return hall


def slide(hall: Hall, held: bool = False, viewer: int = 1, **knobs: Any) -> dict[str, Any]:
    return hall.act(viewer, "pick", panel="frame", kind="turn", knobs=knobs, held=held)


def test_a_dragged_rail_turns_its_knob_all_the_way_and_makes_one_mark(hall: Hall) -> None:
    timeline = hall.bench.runs["run0"]
    for text in ("0.2", "0.3", "0.4"):
        answer = slide(hall, held=True, rate=text)
        assert answer["refused"] is None and answer["marks"] == [] and timeline.config.rate == float(text)
        hall.do(1, "step")
    assert hall.events(1, "turned") == []
    assert slide(hall, rate="0.5")["marks"] == [[8, "rate 0.5"]]
    [turned] = hall.events(1, "turned")
    assert turned["knobs"] == {"rate": "0.5"} and turned["version"] == timeline.version
    assert [i.change.rate for i in timeline.interventions] == [0.2, 0.3, 0.4, 0.5]  # it is repeated as it was
    slide(hall, held=True, rate="0.6")
    assert slide(hall, rate="0.6")["marks"] == [[8, "rate 0.6"]]  # let go where it was: a mark all the same


@pytest.mark.parametrize(("knobs", "said"), [
    ({"rat": "1"}, "there is no such knob; did you mean rate"), ({"rate": "much"}, "rate = 'much' is not accepted"),
    ({"rate": "-1"}, "give a number from 1e-06"), ({"rate": 0.5}, "each to a text"),
    ({"width": "0"}, "width = '0' is not accepted"), (None, "each to a text"), ([], "each to a text"),
])  # fmt: skip
@pytest.mark.parametrize("held", [True, False])
def test_what_a_knob_does_not_take_is_refused_in_its_own_words(hall: Hall, knobs: Any, said: str, held: bool) -> None:
    answer = hall.act(1, "pick", panel="frame", kind="turn", knobs=knobs, held=held)
    assert said in answer["refused"] and answer["refused"].endswith(".")
    timeline = hall.bench.runs["run0"]
    assert timeline.interventions == [] and timeline.wanted.to_params() == {"seed": "0"} and timeline.here == 5


def test_a_knob_that_restarts_the_run_is_turned_when_it_is_let_go(hall: Hall) -> None:
    for text in ("6", "7"):
        answer = slide(hall, held=True, width=text)
        assert answer["refused"] is None and answer["step"] == 5
    answer = slide(hall, width="7", rate="0.3")  # a button turns several
    assert answer["step"] == 0 and answer["marks"] == []
    assert hall.bench.runs["run0"].wanted.to_params() == {"seed": "0", "width": "7", "rate": "0.3"}
    assert "fault" in slide(hall, fault="refuse")["refused"]  # the lab's own word, after a restart was tried


def test_looking_by_a_rail_makes_no_mark_and_who_watches_turns_nothing(hall: Hall) -> None:
    assert slide(hall, held=True, seen="1")["marks"] == slide(hall, seen="2")["marks"] == []
    assert hall.bench.runs["run0"].config.seen == 2 and hall.bench.runs["run0"].interventions == []
    assert "may steer it" in slide(hall, viewer=2, seen="3")["refused"]
    hall.do(1, "seek", 3)
    assert slide(hall, rate="0.5")["refused"] is None  # at an earlier moment it waits for Play
    assert hall.bench.runs["run0"].config.rate == 0.1 and hall.bench.runs["run0"].wanted.rate == 0.5
