"""Pictures are made when somebody has room for one: credit, pace, fairness, on a bench with a clock of its own."""

from __future__ import annotations

from typing import Any

import pytest
from hall import Hall

from engine.live.viewer import CURVES, FASTEST, FORGETS, SAID


@pytest.fixture
def hall(faulty: type) -> Hall:
    return Hall(faulty)


def test_a_hello_is_answered_and_a_picture_follows_that_says_all_that_it_must(hall: Hall) -> None:
    hall.serve(1)
    assert hall.got == {}  # nobody watches: nothing is made
    hall.hello(1)
    assert hall.statuses(1)[0]["may"] == "watch" and hall.statuses(1)[0]["config"]["seed"] == "0"
    hall.serve()
    (stage,), (curves,) = hall.pictures(1), hall.pictures(1, "curves")
    wanted = {"n", "base", "run", "part", "keep", "version", "step", "last_step", "status", "message", "say", "busy",
              "rate", "marks", "height", "rows", "arrays"}  # fmt: skip
    assert wanted <= stage.keys() and wanted <= curves.keys()
    assert (stage["run"], stage["step"], stage["status"], stage["base"]) == ("run0", 0, "paused", None)
    assert curves["n"] == stage["n"] + 1  # numbers grow with every picture of a run, whatever its part


def test_nothing_is_sent_twice_and_a_still_run_sends_nothing(hall: Hall) -> None:
    hall.hello(1)
    for _ in range(20):
        hall.serve(1)
    assert len(hall.pictures(1)) == len(hall.pictures(1, "curves")) == 1


def test_a_viewer_who_confirms_nothing_gets_two_and_then_what_is_newest(hall: Hall) -> None:
    hall.hello(1, parts=["stage"])
    for _ in range(10):
        hall.step()
        hall.serve(1)
    assert [p["step"] for p in hall.pictures(1)] == [1, 2]  # nothing queues
    hall.ack(1, hall.pictures(1)[0]["n"])
    hall.serve(1)
    assert [p["step"] for p in hall.pictures(1)] == [1, 2, 10]
    hall.ack(1, 10**15)  # confirms all that was sent, and nothing that was not
    hall.step()
    hall.serve(1)
    assert hall.pictures(1)[-1]["step"] == 11


def test_more_are_on_their_way_where_the_way_is_long_but_never_more_than_four(hall: Hall) -> None:
    hall.hello(1, parts=["stage"])
    for _ in range(60):  # confirmations come .4 s after the picture
        hall.step()
        hall.serve()
        hall.now += 0.4
        hall.ack(1, hall.pictures(1)[-1]["n"])
    before = len(hall.pictures(1))
    for _ in range(10):
        hall.step()
        hall.serve(FASTEST)
    assert len(hall.pictures(1)) - before == 4


def test_a_picture_that_many_watch_is_made_once_and_one_who_sleeps_keeps_nobody_waiting(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    timeline = hall.bench.runs["run0"]
    original = timeline.views.stage
    monkeypatch.setattr(timeline.views, "stage", lambda view: (made.append(view.step), original(view))[1])
    hall.hello(1, 2, 3, parts=["stage"])
    for _ in range(6):
        hall.step()
        hall.serve(1)
        for viewer in (1, 2):
            hall.ack(viewer, hall.pictures(viewer)[-1]["n"])
    assert made == [1, 2, 3, 4, 5, 6]
    assert [len(hall.pictures(viewer)) for viewer in (1, 2, 3)] == [6, 6, 2]


def test_a_hidden_tab_gets_nothing_and_the_newest_when_it_is_seen_again(hall: Hall) -> None:
    hall.hello(1, parts=["stage"])
    hall.viewers.hear(1, "run0", {"type": "seen", "value": False})
    for _ in range(3):
        hall.step()
        hall.serve(1)
    assert hall.pictures(1) == []
    hall.viewers.hear(1, "run0", {"type": "seen", "value": True})
    hall.serve(1)
    assert [p["step"] for p in hall.pictures(1)] == [3]


def test_curves_come_once_a_second_at_most_and_only_to_those_who_have_them_in_sight(hall: Hall) -> None:
    hall.hello(1)
    hall.hello(2, parts=["stage"])
    for _ in range(40):
        hall.step()
        hall.serve(0.1)
        for viewer in (1, 2):
            hall.ack(viewer, 10**15)
    assert 3 <= len(hall.pictures(1, "curves")) <= 4 / CURVES + 1
    assert hall.pictures(2, "curves") == []
    assert len(hall.pictures(1)) > 20


def test_confirmations_that_were_lost_do_not_end_the_pictures(hall: Hall) -> None:
    hall.hello(1, parts=["stage"])
    for _ in range(3):
        hall.step()
        hall.serve(1)
    assert len(hall.pictures(1)) == 2
    hall.serve(FORGETS)
    assert [p["step"] for p in hall.pictures(1)] == [1, 2, 3]


def test_a_class_gets_fewer_pictures_each_and_everybody_gets_some(faulty: type) -> None:
    hall = Hall(faulty, runs=30)
    for number in range(30):
        hall.hello(number, run=f"run{number}", parts=["stage"])
    for _ in range(50):
        for number in range(30):
            hall.step(f"run{number}")
        hall.serve(0.1)
        for number in range(30):
            hall.viewers.hear(number, f"run{number}", {"type": "ack", "n": 10**15})
    counts = [len(hall.pictures(number)) for number in range(30)]
    assert max(counts) - min(counts) <= 1
    assert 10 <= min(counts) <= 50 * 0.1 / (FASTEST * 30 / 3) + 1  # one each .4 s


def test_words_come_without_a_picture(hall: Hall) -> None:
    hall.hello(1, parts=["stage"])
    hall.serve()
    hall.bench.call("speed", "run0", 0.5)
    hall.bench.call("play", "run0", None)
    hall.serve()
    assert hall.statuses(1)[-1]["status"] == "running"
    for _ in range(5):
        hall.serve()
    assert [s["status"] for s in hall.statuses(1)].count("running") == 1


def test_what_is_said_lags_neither_a_step_nor_a_pause_nor_what_is_turned(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only of a run that trains on is a sentence kept for two seconds."""
    monkeypatch.setattr(
        hall.bench.runs["run0"].views, "say", lambda view: f"step {view.step}, {view.config.rate:g}", raising=False
    )

    def said() -> tuple[str, str]:
        """What the newest message says, and what would be true of its step."""
        newest = hall.got[1][-1]
        return newest["say"], f"step {newest['step']}, {hall.bench.runs['run0'].config.rate:g}"

    hall.hello(1, parts=["stage"], may="steer")
    hall.serve()
    for _ in range(3):
        hall.do(1, "step")
        hall.serve(0.1)
        hall.ack(1, 10**15)
        assert said()[0] == said()[1]
    hall.act(1, "do", verb="play")
    assert said() == ("step 3, 0.1",) * 2
    for goes_on in (False, True, True):
        hall.bench.tick()
        hall.serve(0.1)
        hall.ack(1, 10**15)
        assert (said()[0] != said()[1]) is goes_on  # what was said at rest is no longer so; then there is time to read
    hall.act(1, "turn", knobs={"rate": "0.2"})
    assert said()[0] == said()[1]
    hall.bench.tick()
    hall.serve(0.1)
    assert said()[0] != said()[1]
    hall.serve(SAID)
    hall.bench.tick()
    hall.serve(SAID)
    assert said()[0] == said()[1]
    hall.bench.tick()
    hall.act(1, "do", verb="pause")
    assert said()[0] == said()[1]
    hall.do(1, "reset")
    assert said() == ("step 0, 0.2",) * 2


def test_who_only_watches_steers_nothing_and_is_told_so(hall: Hall) -> None:
    hall.hello(1)
    hall.serve()
    for message in ({"type": "do", "id": "a", "verb": "play"}, {"type": "turn", "id": "b", "knobs": {"rate": "1"}}):
        hall.viewers.hear(1, "run0", message)
        assert hall.statuses(1)[-1]["did"] == message["id"] and "may steer it" in hall.statuses(1)[-1]["refused"]
    assert hall.bench.runs["run0"].status == "paused" and hall.bench.runs["run0"].config.rate == 0.1


@pytest.mark.parametrize("message", [
    {"type": "ack"}, {"type": "ack", "n": "1"}, {"type": "ack", "n": None}, {"type": "seen"}, {"type": "do"},
    {"type": "do", "id": 3}, {"type": "what"}, {},
])  # fmt: skip
def test_what_is_malformed_does_nothing(hall: Hall, message: dict[str, Any]) -> None:
    hall.viewers.hear(1, "run0", message)  # before its hello
    hall.hello(1)
    hall.serve()
    before = len(hall.got[1])
    hall.viewers.hear(1, "run0", message)
    hall.serve()
    assert len(hall.got[1]) == before


def test_a_lab_that_cannot_draw_costs_its_own_run_a_sentence(faulty: type) -> None:
    hall = Hall(faulty)
    hall.bench.call("open", "broken", "faulty", faulty(fault="frame"))
    hall.hello(1, run="broken")
    hall.hello(2)
    hall.serve()
    hall.serve(1)
    assert hall.statuses(1)[-1]["status"] == "failed" and "nothing to see" in hall.statuses(1)[-1]["message"]
    assert len(hall.pictures(2)) == 1


def test_runs_that_are_closed_and_viewers_that_leave_are_forgotten(faulty: type) -> None:
    hall = Hall(faulty, runs=2)
    hall.hello(1)
    hall.hello(2, run="run1")
    hall.viewers.hear(1, "run0", {"type": "leave"})
    hall.bench.call("close", "run1")
    hall.serve()
    assert not hall.viewers.viewers and not hall.viewers.runs
    hall.hello(3, run="run1")  # a run that is not here
    assert 3 not in hall.viewers.viewers
