"""One socket carries a run and those beside it: their stages if asked for, one scene of curves, words of each."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import queue
import signal
from collections.abc import Callable
from typing import Any

import pytest
from hall import Hall
from pools import SMALL, at_rest, pool_of
from pools import until as looked
from scene_format import Screen, decode

from engine.contract.view import View
from engine.live.viewer import RESTS
from engine.runs.processes import ProcessPool
from engine.scene import ghosts
from engine.scene.scene import Scene


@pytest.fixture
def hall(faulty: type) -> Hall:
    """Three runs: the first leads, the second marches with it, the third was kept."""
    hall = Hall(faulty, runs=3)
    hall.bench.call("group", "run0", {"run0": True, "run1": True, "run2": False})
    return hall


def numbers(pictures: list[dict[str, Any]]) -> list[int]:
    return [picture["n"] for picture in pictures]


def test_the_stages_beside_come_to_those_who_ask_each_with_its_own_numbers(hall: Hall) -> None:
    hall.hello(1, parts=["stage"], beside=True)
    hall.hello(2, parts=["stage"])
    for _ in range(3):
        hall.step()
        hall.serve(1)
        for run in ("run0", "run1", "run2"):
            hall.ack(1, 10**15, run)
        hall.ack(2, 10**15)
    for run, steps in (("run0", [1, 2, 3]), ("run1", [1, 2, 3]), ("run2", [0])):
        pictures = hall.pictures(1, run=run)
        assert [picture["step"] for picture in pictures] == steps
        assert [picture["last_step"] for picture in pictures] == steps
        assert all(picture["rows"][0][0]["beside"] for picture in pictures)
        assert numbers(pictures) == sorted(set(numbers(pictures)))
    assert numbers(hall.pictures(1, run="run1")) == [hall.viewers.runs["run1"].number - back for back in (2, 1, 0)]
    assert {picture["run"] for picture in hall.pictures(2)} == {"run0"}
    assert [picture["rows"][0][0]["beside"] for picture in hall.pictures(2)] == [False] * 3  # it has all the width


def test_what_one_confirms_of_a_run_says_nothing_of_another(hall: Hall) -> None:
    hall.hello(1, parts=["stage"], beside=True)
    for _ in range(6):
        hall.step()
        hall.serve(1)
        hall.ack(1, 10**15, "run0")
    assert [picture["step"] for picture in hall.pictures(1, run="run0")] == [1, 2, 3, 4, 5, 6]
    assert [picture["step"] for picture in hall.pictures(1, run="run1")] == [1, 2]
    hall.ack(1, numbers(hall.pictures(1, run="run1"))[0], "run1")
    hall.serve(1)
    assert [picture["step"] for picture in hall.pictures(1, run="run1")] == [1, 2, 6]
    for run in (None, [], "nobody"):
        hall.viewers.hear(1, "run0", {"type": "ack", "n": 10**15, "run": run})


def test_everybody_hears_how_those_beside_fare(hall: Hall) -> None:
    hall.hello(1)
    hall.serve()
    assert {status["run"] for status in hall.statuses(1)} == {"run0", "run1", "run2"}
    assert [status["config"]["seed"] for status in hall.statuses(1)] == ["0", "1", "2"]
    told = len(hall.statuses(1))
    hall.serve(1)
    assert len(hall.statuses(1)) == told
    hall.bench.call("update", "run2", {"rate": "0.5"})
    hall.serve()
    assert [(s["run"], s["config"].get("rate")) for s in hall.statuses(1)[told:]] == [("run2", "0.5")]


def test_curves_are_one_scene_of_all(hall: Hall) -> None:
    hall.hello(1, parts=["curves"])
    hall.bench.call("play", "run2", 7)
    hall.bench.call("play", "run0", 20)
    hall.settle()
    hall.serve()

    def own(run: str) -> Scene:
        timeline = hall.bench.runs[run]
        scene: Scene = timeline.views.curves(timeline.view())
        return copy.deepcopy(scene)

    header, values = decode(ghosts.beside(own("run0"), [("seed 1", own("run1")), ("seed 2", own("run2"))]).to_bytes())
    (picture,) = hall.pictures(1, "curves")
    assert picture["run"] == "run0" and picture["rows"] == header["rows"]
    assert len(picture["values"]) == len(values) == 3
    assert all((mine == theirs).all() for mine, theirs in zip(picture["values"], values, strict=True))
    hall.bench.call("play", "run2", 1)  # those of another have moved
    hall.settle()
    hall.serve(2)
    assert [each["run"] for each in hall.pictures(1, "curves")] == ["run0", "run0"]
    assert hall.pictures(1, "curves")[-1]["values"][2].shape[-1] == 8
    hall.bench.call("close", "run2")
    hall.ack(1, 10**15)
    hall.serve(2)
    assert len(hall.pictures(1, "curves")[-1]["rows"][0][0]["ghosts"]) == 1


def test_curves_that_cannot_be_drawn_cost_their_own_run(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    views = hall.bench.runs["run0"].views
    curves = views.curves

    def picky(view: View) -> Scene:
        if view.config.seed == 1:
            raise RuntimeError("no curves today")
        scene: Scene = curves(view)
        return scene

    monkeypatch.setattr(views, "curves", picky)
    hall.hello(1, parts=["curves"])
    hall.step()
    hall.serve()
    assert len(hall.pictures(1, "curves")) == 1
    assert [run.status for run in hall.bench.runs.values()] == ["paused", "failed", "paused"]


def test_planes_of_stages_beside_each_other_share_their_axes(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(view: View) -> Scene:
        scene = Scene()
        scene.panel("map", title="", x=(-view.config.seed, 1 + view.frame.step), y=(0, 1 + view.config.seed))
        return scene

    def axes(viewer: int) -> dict[str, Any]:
        newest = {picture["run"]: picture["rows"][0][0] for picture in hall.pictures(viewer)}
        return {run: (panel["x"], panel["y"]) for run, panel in newest.items()}

    monkeypatch.setattr(hall.bench.runs["run0"].views, "stage", stage)
    hall.hello(1, parts=["stage"], beside=True)
    hall.hello(2, parts=["stage"])
    for _ in range(3):
        hall.serve(1)
        for run in ("run0", "run1", "run2"):
            hall.ack(1, 10**15, run)
    sent = len(hall.got[1])
    assert axes(1) == dict.fromkeys(("run0", "run1", "run2"), ([-2, 1], [0, 3]))
    assert axes(2) == {"run0": ([0, 1], [0, 1])}
    hall.serve(1)
    assert len(hall.got[1]) == sent  # nothing moves: nothing is sent
    hall.bench.call("play", "run2", 4)
    hall.settle()
    for _ in range(3):
        hall.serve(1)
        for run in ("run0", "run1", "run2"):
            hall.ack(1, 10**15, run)
    assert axes(1) == dict.fromkeys(("run0", "run1", "run2"), ([-2, 5], [0, 3]))


def test_one_socket_steers_all_and_picks_in_the_stage_beside(hall: Hall) -> None:
    hall.hello(1, parts=["stage"], may="steer", beside=True)
    hall.do(1, "play", 30)
    hall.do(1, "step", 2)
    hall.do(1, "seek", 12)
    steps = [run.experiment.step_count for run in hall.bench.runs.values()]
    assert steps == [12, 12, 0]
    answer = hall.act(1, "pick", run="run1", panel="frame", index=1)
    assert answer["refused"] is None and answer["run"] == "run1" and answer["marks"] == [[12, "changed by hand"]]
    assert [len(run.interventions) for run in hall.bench.runs.values()] == [0, 1, 0]
    hall.act(1, "do", verb="step", value=3, run="run2")  # it does not march: it obeys alone
    hall.settle()
    assert [run.experiment.step_count for run in hall.bench.runs.values()] == [12, 12, 3]
    assert "does not steer" in hall.act(1, "do", verb="step", run="elsewhere")["refused"]
    hall.act(1, "turn", knobs={"seen": "4"})
    assert [run.config.seen for run in hall.bench.runs.values()] == [4, 4, 4]


def test_a_drag_beside_is_let_go_by_leaving(hall: Hall) -> None:
    hall.hello(1, may="steer", beside=True)
    hall.act(1, "pick", run="run1", panel="frame", index=1, held=True)
    hall.viewers.hear(1, "run0", {"type": "leave"})
    assert [each.held for each in hall.bench.runs["run1"].interventions] == [False]


def test_a_group_has_reached_a_step_and_rests_when_all_have_and_do(hall: Hall) -> None:
    hall.hello(1, may="steer")
    hall.serve(RESTS + 0.1)
    hall.serve(RESTS + 0.1)
    hall.got.clear()
    hall.act(1, "do", verb="play", value=1)
    hall.bench.tick()
    steps = [hall.bench.runs[run].experiment.step_count for run in ("run0", "run1")]
    assert sorted(steps) == [0, 1]
    hall.serve(RESTS + 0.1)
    hall.serve(RESTS + 0.1)
    assert hall.events(1, "reached") == hall.events(1, "rested") == []
    hall.settle()
    hall.serve()
    hall.serve(RESTS + 0.1)
    assert [event["step"] for event in hall.events(1, "reached")] == [1]
    assert [event["step"] for event in hall.events(1, "rested")] == [1]


def test_who_watches_one_beside_gets_that_one_with_the_others_as_its_ghosts(hall: Hall) -> None:
    hall.hello(1, run="run1")
    hall.step()
    hall.serve()
    assert {picture["run"] for picture in hall.pictures(1)} == {"run1"}
    assert len(hall.pictures(1, "curves")[0]["rows"][0][0]["ghosts"]) == 1  # the kept one has no curves yet


def test_another_worker_goes_on_with_all_on_the_same_socket(faulty: type) -> None:
    with pool_of("processes", dataclasses.replace(SMALL, workers=1, hang_after=60.0)) as pool:
        assert isinstance(pool, ProcessPool)
        leader = pool.open("faulty", faulty())
        other = pool.open("faulty", faulty(seed=1), beside=leader)
        got: queue.Queue[dict[str, Any]] = queue.Queue()
        screen = Screen()

        def deliver(payload: bytes | str | None) -> None:
            if payload is not None:
                got.put(json.loads(payload) if isinstance(payload, str) else screen.read(payload)[0])

        def until(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
            while not wanted(message := got.get(timeout=60)):
                if "part" in message:
                    pool.tell(watch, {"type": "ack", "n": message["n"], "run": message["run"]})
            return message

        def until_drawn(run: str, step: int) -> int:
            picture = until(lambda m: m.get("part") == "stage" and (m["run"], m["step"]) == (run, step))
            pool.tell(watch, {"type": "ack", "n": picture["n"], "run": run})
            number: int = picture["n"]
            return number

        watch = pool.watch(leader.id, deliver)
        pool.tell(watch, {"type": "hello", "parts": ["stage"], "may": "steer", "beside": True})
        pool.tell(watch, {"type": "do", "id": "play-to-thirty", "verb": "play", "value": 30})
        before = until_drawn(other.id, 30)
        place = pool._records[leader.id].place
        assert place is not None
        os.kill(pool.pids()[place], signal.SIGKILL)
        until(lambda m: m.get("may") == "steer")
        assert until_drawn(other.id, 30) > before
        pool.tell(watch, {"type": "do", "id": "a-step-together", "verb": "step", "value": 2})
        until_drawn(other.id, 32)
        assert looked(leader, at_rest).step == looked(other, at_rest).step == 32
