"""Steering by the socket: verbs, knobs and picks, each done once and answered, and those who only watch told so."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hall import Hall

from engine.live.steering import LONGEST, REMEMBERED
from engine.live.viewer import RESTS


@pytest.fixture
def hall(faulty: type) -> Hall:
    """Viewer 1 steers, viewer 2 watches."""
    hall = Hall(faulty)
    hall.hello(1, parts=["stage"], may="steer")
    hall.hello(2, parts=["stage"])
    return hall


def here(hall: Hall) -> tuple[int, int, str]:
    timeline = hall.bench.runs["run0"]
    return timeline.experiment.step_count, timeline.last_step, timeline.status


def seen(hall: Hall) -> list[float]:
    """The weights in a picture of this moment."""
    hall.viewers.hear(1, "run0", {"type": "ack", "n": 10**15})
    hall.serve(1)
    return hall.weights(1)


def test_every_verb_does_what_it_says(hall: Hall) -> None:
    assert hall.statuses(1)[0]["may"] == "steer" and hall.statuses(2)[0]["may"] == "watch"
    hall.do(1, "play", 20)
    assert here(hall) == (20, 20, "paused")
    hall.do(1, "step")
    hall.do(1, "step", 4)
    assert here(hall) == (25, 25, "paused")
    hall.do(1, "seek", 10)
    assert here(hall) == (10, 25, "paused")
    hall.do(1, "seek", 99)  # no further than it has come
    assert here(hall) == (25, 25, "paused")
    assert hall.act(1, "do", verb="play")["status"] == "running"
    hall.bench.tick()
    assert hall.act(1, "do", verb="pause")["status"] == "paused"
    assert here(hall)[0] > 25
    hall.do(1, "speed", 30)
    assert hall.bench.runs["run0"].speed == 30.0
    hall.do(1, "speed", None)
    assert hall.bench.runs["run0"].speed is None
    hall.do(1, "reset")
    assert here(hall) == (0, 0, "paused")


@pytest.mark.parametrize("speed", [None, 1e6])
def test_a_run_stops_at_exactly_the_step_that_was_asked_for(hall: Hall, speed: float | None) -> None:
    hall.do(1, "speed", speed)
    hall.act(1, "do", verb="play", value=1500)
    while hall.bench.runs["run0"].status == "running":
        hall.bench.tick()
    assert here(hall) == (1500, 1500, "paused")
    answer = hall.act(1, "do", verb="play", value=1500)  # it is there: nothing to do
    assert answer["refused"] is None and here(hall) == (1500, 1500, "paused")
    hall.do(1, "seek", 1000)
    hall.do(1, "play", 1100)
    assert here(hall) == (1100, 1100, "paused")


@pytest.mark.parametrize(
    ("fault", "said"), [("end", "finished"), ("nan", "beyond all bounds"), ("raise", "the dog ate it")]
)
def test_play_and_step_at_the_end_say_that_nothing_is_left(faulty: type, fault: str, said: str) -> None:
    hall = Hall(faulty)
    hall.hello(1, parts=["stage"], may="steer")
    hall.bench.call("reset", "run0", faulty(fault=fault, at=5))
    hall.do(1, "play")
    before = here(hall)
    for verb in ("play", "step"):
        answer = hall.act(1, "do", verb=verb)
        assert said in answer["refused"] and here(hall) == before
    hall.do(1, "seek", 2)  # from an earlier moment there is something to do
    hall.do(1, "step")
    assert here(hall)[0] == 3


def test_play_goes_on_from_the_step_that_it_is_on_its_way_to(hall: Hall) -> None:
    hall.do(1, "play", 300)
    weights = seen(hall)
    hall.act(1, "do", verb="seek", value=100)
    answer = hall.act(1, "do", verb="play", value=300)
    assert answer["busy"] and answer["status"] == "running"  # and nobody has to wait for it
    hall.settle()
    assert here(hall) == (300, 300, "paused") and seen(hall) == weights
    hall.act(1, "do", verb="seek", value=100)
    hall.act(1, "do", verb="play")
    hall.act(1, "do", verb="pause")
    hall.settle()
    assert here(hall) == (100, 300, "paused")


def test_what_was_done_is_not_done_again_and_answered_again(hall: Hall) -> None:
    for _ in range(3):
        assert hall.act(1, "do", id="step-by-step-1", verb="step", value=5)["refused"] is None
        hall.settle()
        hall.hello(1, may="steer")  # as after a reconnection
    hall.hello(3, may="steer")
    assert hall.act(3, "do", id="step-by-step-1", verb="step", value=5)["refused"] is None  # whoever asks
    hall.settle()
    assert here(hall) == (5, 5, "paused")
    first = hall.act(1, "do", id="refused-once-1", verb="seek")["refused"]
    assert first and hall.act(1, "do", id="refused-once-1", verb="reset")["refused"] == first
    assert here(hall)[0] == 5
    answer = hall.act(1, "turn", id="turned-once-11", knobs={"rate": "0.5"})
    assert answer["config"] == hall.act(1, "turn", id="turned-once-11", knobs={"rate": "0.7"})["config"]
    hall.do(1, "reset")
    hall.act(1, "do", id="step-by-step-1", verb="step", value=5)  # a run remembers beyond its beginning
    hall.settle()
    assert here(hall)[0] == 0
    for _ in range(REMEMBERED):
        hall.act(1, "do", verb="pause")
    hall.do(1, "step", 5, id="step-by-step-1")  # so long ago that it is forgotten
    assert here(hall)[0] == 5 and len(hall.bench.runs["run0"].acted) == REMEMBERED


@pytest.mark.parametrize("told", [
    {"verb": "play", "value": "20"}, {"verb": "play", "value": True}, {"verb": "play", "value": 0},
    {"verb": "play", "value": 3}, {"verb": "play", "value": 10**12}, {"verb": "step", "value": -1},
    {"verb": "step", "value": 1.5}, {"verb": "step", "value": [1]}, {"verb": "speed", "value": 0},
    {"verb": "speed", "value": float("nan")}, {"verb": "speed", "value": float("inf")}, {"verb": "speed", "value": "1"},
    {"verb": "seek"}, {"verb": "seek", "value": -1}, {"verb": "seek", "value": None}, {"verb": "seek", "value": {}},
    {"verb": "seek", "value": 1, "rough": 1}, {"verb": "fly"}, {"verb": ["play"]}, {"verb": None}, {},
    {"verb": "step", "id": "short"}, {"verb": "step", "id": "with a blank in it"}, {"verb": "step", "run": "another"},
])  # fmt: skip
def test_what_is_malformed_is_refused_with_a_sentence_and_nothing_happens(hall: Hall, told: dict[str, Any]) -> None:
    hall.do(1, "step", 5)
    refused = hall.act(1, "do", **told)["refused"]
    assert refused[0].isupper() and refused.endswith(".")
    hall.settle()
    assert here(hall) == (5, 5, "paused") and hall.bench.runs["run0"].speed is None


@pytest.mark.parametrize("knobs", [
    None, [], {"rate": 0.5}, {"rate": "much"}, {"rate": "0.5", "rat": "1"}, {"width": "0"}, {"fault": "refuse"},
])  # fmt: skip
def test_knobs_that_are_not_taken_change_nothing(hall: Hall, knobs: Any) -> None:
    hall.do(1, "step", 5)
    answer = hall.act(1, "turn", knobs=knobs)
    assert answer["refused"].endswith(".") and answer["config"] == {"seed": "0"}
    assert here(hall) == (5, 5, "paused") and answer["marks"] == []


def test_a_refusal_is_not_as_long_as_what_is_refused(hall: Hall) -> None:
    assert len(hall.act(1, "turn", knobs={"x" * 50_000: "1"})["refused"]) <= LONGEST


def test_who_only_watches_does_nothing(hall: Hall) -> None:
    for kind, told in (("do", {"verb": "step"}), ("turn", {"knobs": {"rate": "1"}}), ("pick", {"panel": "frame"})):
        assert "may steer it" in hall.act(2, kind, **told)["refused"]
    hall.settle()
    assert here(hall) == (0, 0, "paused") and hall.bench.runs["run0"].acted == {}


def test_knobs_are_merged_in_the_order_in_which_they_come_and_everybody_learns_it(hall: Hall) -> None:
    hall.do(1, "step", 5)
    assert hall.act(1, "turn", knobs={"rate": "0.5", "seen": "1"})["config"] == {
        "seed": "0",
        "rate": "0.5",
        "seen": "1",
    }
    assert hall.act(1, "turn", knobs={"seen": "2"})["config"] == {"seed": "0", "rate": "0.5", "seen": "2"}
    answer = hall.act(1, "turn", knobs={"rate": "0.3"})
    assert answer["config"] == {"seed": "0", "rate": "0.3", "seen": "2"} and answer["marks"] == [[5, "rate 0.3"]]
    hall.serve()
    assert hall.statuses(2)[-1]["config"] == answer["config"] and "did" not in hall.statuses(2)[-1]
    told = len(hall.statuses(2))
    hall.serve(1)
    assert len(hall.statuses(2)) == told  # once


def test_looking_acts_at_once_and_a_knob_that_is_live_waits_for_play_at_an_earlier_moment(hall: Hall) -> None:
    hall.do(1, "step", 20)
    hall.do(1, "seek", 10)
    answer = hall.act(1, "turn", knobs={"rate": "0.5", "seen": "3"})
    timeline = hall.bench.runs["run0"]
    assert answer["config"] == {"seed": "0", "rate": "0.5", "seen": "3"}
    assert (timeline.config.rate, timeline.config.seen) == (0.1, 3) and here(hall) == (10, 20, "paused")
    hall.do(1, "seek", 20)
    assert timeline.config.rate == 0.1  # looking is not doing
    hall.do(1, "seek", 12)
    hall.do(1, "play", 15)
    assert timeline.config.rate == 0.5 and here(hall) == (15, 15, "paused")
    hall.serve()
    assert hall.statuses(2)[-1]["marks"] == [[12, "rate 0.5"]]


@pytest.mark.parametrize("plays", [True, False])
def test_another_knob_starts_the_run_again_which_plays_on_if_it_played(hall: Hall, plays: bool) -> None:
    hall.do(1, "step", 20)
    if plays:
        hall.act(1, "do", verb="play", value=50)
    answer = hall.act(1, "turn", knobs={"width": "5", "rate": "0.2"})
    assert (answer["step"], answer["status"]) == (0, "running" if plays else "paused")
    assert answer["config"] == {"seed": "0", "width": "5", "rate": "0.2"} and answer["marks"] == []
    hall.settle()
    assert here(hall) == ((50, 50, "paused") if plays else (0, 0, "paused"))


def test_a_dragged_timeline_is_rough_and_exact_where_it_is_let_go(hall: Hall) -> None:
    hall.do(1, "play", 400)
    hall.bench.call("update", "run0", {"rate": 0.5})
    hall.do(1, "play", 800)
    hall.do(1, "seek", 333)
    straight = seen(hall)
    hall.do(1, "seek", 800)
    for step in (700, 500, 420, 390, 333):
        answer = hall.act(1, "do", verb="seek", value=step, rough=True)
        assert (answer["busy"], answer["last_step"]) == (False, 800)  # a moment that is known: nothing is replayed
        hall.serve(RESTS + 0.1)
    rested = len(hall.events(1, "rested"))
    hall.act(1, "do", verb="seek", value=100)
    hall.act(1, "do", verb="seek", value=333)
    hall.settle()
    assert here(hall) == (333, 800, "paused") and seen(hall) == straight
    hall.serve(RESTS + 0.1)
    assert [m["step"] for m in hall.events(1, "rested")][rested:] == [333]


def test_a_dragged_pick_acts_all_the_way_and_makes_one_mark_at_its_end(hall: Hall) -> None:
    hall.do(1, "step", 5)
    for _ in range(4):
        answer = hall.act(1, "pick", held=True, panel="frame", index=0)
        assert answer["refused"] is None and answer["marks"] == []
        hall.do(1, "step")
    interventions = hall.bench.runs["run0"].interventions
    assert [i.step for i in interventions] == [5, 6, 7, 8]
    assert hall.act(1, "pick", held=False, panel="frame", index=1)["marks"] == [[9, "changed by hand"]]
    hall.do(1, "step", 10)
    weights = seen(hall)
    hall.do(1, "seek", 2)
    hall.do(1, "seek", 19)
    assert seen(hall) == weights  # every value is repeated
    hall.act(1, "pick", held=True, panel="frame", index=0)
    hall.viewers.hear(1, "run0", {"type": "leave"})
    hall.hello(1, may="steer")
    assert hall.statuses(1)[-1]["marks"] == [[9, "changed by hand"], [19, "changed by hand"]]  # let go by leaving


def test_a_pick_on_an_old_picture_is_harmless(hall: Hall) -> None:
    hall.do(1, "step", 5)
    weights = seen(hall)
    for told in ({"panel": "frame"}, {"panel": "frame", "index": 99}, {"panel": 3}, {}, {"panel": "frame", "held": 1}):
        assert hall.act(1, "pick", **told)["refused"].endswith(".")
        hall.settle()
    assert here(hall) == (5, 5, "paused") and seen(hall) == weights
    assert hall.bench.runs["run0"].interventions == []


def test_who_turned_knobs_by_a_pick_is_told_which_once(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.contract.view import Turn

    values = itertools.count(1)
    views = hall.bench.runs["run0"].views
    monkeypatch.setattr(views, "answer", lambda view, pick: Turn({"rate": next(values) / 10, "seen": 2}))
    hall.do(1, "step", 5)
    for held in (True, True, True):
        hall.act(1, "pick", id=f"drag-and-drop-{next(hall.ids)}", held=held, panel="frame")
    assert hall.events(1, "turned") == []
    answer = hall.act(1, "pick", id="drag-and-drop-x", held=False, panel="frame")
    (turned,) = hall.events(1, "turned")
    assert (turned["id"], turned["knobs"]) == ("drag-and-drop-x", {"rate": "0.4", "seen": "2"})
    assert turned["version"] == answer["version"] and answer["marks"] == [[5, "rate 0.4"]]
    hall.act(1, "pick", id="drag-and-drop-x", held=False, panel="frame")
    assert len(hall.events(1, "turned")) == 1 and hall.events(2, "turned") == []


def test_reached_and_rested_are_told_to_those_who_steer_also_if_they_come_later(hall: Hall) -> None:
    hall.serve(1)
    hall.serve(RESTS)
    hall.got.clear()
    hall.act(1, "do", verb="play", value=30)
    hall.settle()
    hall.serve()
    (reached,) = hall.events(1, "reached")
    assert reached["step"] == 30 and hall.events(1, "rested") == []
    hall.serve(RESTS / 2)
    assert hall.events(1, "rested") == []
    hall.serve(RESTS)
    hall.serve(RESTS)
    assert hall.events(1, "rested") == [
        {"type": "rested", "step": 30, "status": "paused", "version": reached["version"]}
    ]
    assert len(hall.events(1, "reached")) == 1
    hall.hello(3, may="steer")
    hall.serve()
    assert hall.events(3, "reached") == [reached] and len(hall.events(3, "rested")) == 1
    hall.do(1, "step", 5)  # what was reached is so still
    hall.hello(3, may="steer")
    hall.serve()
    assert len(hall.events(3, "reached")) == 2 and len(hall.events(3, "rested")) == 1
    hall.act(1, "turn", knobs={"rate": "0.5"})
    hall.hello(3, may="steer")
    hall.serve()
    assert len(hall.events(3, "reached")) == 2
    hall.act(1, "do", verb="play")  # a rest that does not last is none
    hall.serve(RESTS)
    assert len(hall.events(3, "rested")) == 1
    assert hall.events(2, "reached") == hall.events(2, "rested") == []
