"""What is written and drawn of a mixture and the networks beside it is what its frame says."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from moments import moment

from engine.contract.figure import Table, Text
from engine.contract.view import View
from engine.labs import moe_routing as lab
from engine.labs.moe_routing import view as drawn


def seen(steps: int, **knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**knobs))
    return moment(experiment, steps)


def test_before_the_first_step_there_are_no_curves() -> None:
    assert not any(drawn.curves(seen(0)).rows)


@pytest.mark.parametrize(("data", "kind"), [("clusters", "cluster"), ("text", "character")])
def test_three_errors_stand_above_balance_and_specialisation(data: str, kind: str) -> None:
    view = seen(2, data=data)
    [[error], [balance, special]] = [row for row in drawn.curves(view).rows if row]
    assert [each["metric"] for each in error["series"]] == ["moe", "equal_compute", "equal_size"]
    assert error["log"] is (data == "clusters") and ("nats" in error["y_label"]) is (data == "text")
    assert [each["metric"] for each in balance["series"]] == ["violation"]
    assert [each["metric"] for each in special["series"]] == ["information", "dropped"]
    assert special["series"][0]["name"] == "mutual information" and special["title"].split(":")[0].endswith(kind)


def test_all_characters_and_experts_have_a_name() -> None:
    [[passage, characters], _] = [row for row in drawn.stage(seen(1, data="text", experts=8)).rows if row]
    assert passage["names"] == [f"expert {i + 1}" for i in range(8)]
    assert len(characters["x_names"]) == 20 and characters["y_names"][1:] == [str(i + 1) for i in range(8)]


@pytest.mark.parametrize("data", ["clusters", "text"])
def test_balance_is_taken_away_on_the_stage(data: str) -> None:
    view = seen(2, data=data, balance_loss=0.4)
    rail = drawn.stage(view).rows[0][0]["rail"]
    assert (rail["knob"], rail["low"], rail["value"]) == ("balance_loss", 0, 0.4) and rail["high"] >= 1


def test_every_expert_that_has_a_part_of_the_plane_is_named_in_it_with_its_load() -> None:
    view = seen(30)
    plane = drawn.stage(view).rows[0][0]
    texts = [layer for layer in plane["layers"] if layer["kind"] == "text" and layer["text"].startswith("expert")]
    frame = view.frame
    assert [text["text"] for text in texts] == [
        f"expert {i + 1}: {frame.load[i]:.0%}" for i in range(4) if (frame.ruler == i).mean() >= drawn.LABELLED
    ]
    across = np.linspace(*drawn.PLANE, len(frame.ruler))
    for text in texts:
        row, column = (int(np.abs(across - text[axis]).argmin()) for axis in ("y", "x"))
        assert text["text"].startswith(f"expert {frame.ruler[row, column] + 1}:")


def test_names_of_experts_hide_no_dot_while_there_is_room_beside_them() -> None:
    view = seen(0)
    told, *names = [layer for layer in drawn.stage(view).rows[0][0]["layers"] if layer["kind"] == "text"]
    assert len(names) == 4
    rooms = [drawn.TOLD, *[drawn.NAME] * 4]
    for text, room in zip((told, *names), rooms, strict=True):
        far = np.abs(view.frame.points - (text["x"], text["y"]))
        assert not (far < room).all(axis=1).any()
        assert all(abs(text[axis]) + half <= drawn.LIMIT for axis, half in zip("xy", room, strict=True))
    for name in names:
        apart = np.abs(np.subtract((told["x"], told["y"]), (name["x"], name["y"])))
        assert (apart >= np.add(drawn.TOLD, drawn.NAME)).any()


@pytest.mark.parametrize("capacity_factor", [0.0, 0.5])
def test_what_one_dot_should_be_and_what_is_guessed_stands_beside_it(capacity_factor: float) -> None:
    view = seen(3, capacity_factor=capacity_factor)
    frame, scene = view.frame, drawn.stage(view)
    layers = scene.rows[0][0]["layers"]
    [ring] = [layer for layer in layers if layer["kind"] == "points" and layer["colours"] == ["mark"]]
    [shown] = np.flatnonzero((frame.points == scene.arrays[ring["xy"]][0]).all(axis=1))
    told = next(layer["text"] for layer in layers if layer["kind"] == "text").replace("−", "-")
    numbers = [float(word) for word in told.replace(",", "").split() if word[-1].isdigit()]
    said = [frame.wanted[shown]] if frame.dropped[shown] else [frame.wanted[shown], frame.guessed[shown]]
    assert numbers == pytest.approx(said, abs=0.0501)


def test_a_dot_is_filled_where_its_number_is_guessed() -> None:
    experiment = lab.Experiment(lab.Config())
    for steps in (0, 60):
        view = moment(experiment, steps)
        frame, scene = view.frame, drawn.stage(view)
        filled, hollow, _ = [layer for layer in scene.rows[0][0]["layers"] if layer["kind"] == "points"]
        assert (filled["shape"], hollow["shape"]) == ("circle", "ring")
        right = np.abs(frame.guessed - frame.wanted) < 0.5
        assert scene.arrays[filled["xy"]] == pytest.approx(frame.points[right])
        assert scene.arrays[hollow["xy"]] == pytest.approx(frame.points[~right])
        assert f"{right.mean():.0%}" in scene.rows[0][0]["title"]
        with torch.no_grad():
            answers = experiment.model["moe"](experiment.test.given)[:, 0].numpy()
        places = np.linspace(0, len(answers) - 1, len(frame.guessed)).round().astype(int)
        assert frame.guessed == pytest.approx(answers[places], abs=1e-5)
    assert right.mean() > 0.5  # it learns


def test_who_was_dropped_has_guessed_nothing() -> None:
    view = seen(2, capacity_factor=0.5)
    filled = next(layer for layer in drawn.stage(view).rows[0][0]["layers"] if layer["kind"] == "points")
    share = len(drawn.stage(view).arrays[filled["xy"]]) / len(view.frame.points)
    assert view.frame.dropped.any() and drawn.words.right(view.frame) == pytest.approx(share)


def test_the_title_names_those_who_starve() -> None:
    view = seen(1)
    right = (np.abs(view.frame.guessed - view.frame.wanted) < 0.5).mean()
    for load, said in (
        ((0.25, 0.25, 0.25, 0.25), f"4 experts share the tokens: {right:.0%} guessed right"),
        ((0.5, 0.25, 0.25, 0.0), "3 of 4 experts share the tokens, and expert 4 has none"),
        ((0.0, 0.5, 0.0, 0.5), "2 of 4 experts share the tokens, and experts 1 and 3 have none"),
        ((0.0, 1.0, 0.0, 0.0), "Expert 2 has all the tokens, and experts 1, 3 and 4 have none"),
    ):
        frame = dataclasses.replace(view.frame, load=np.array(load, np.float32))
        assert drawn.words.plane_title(dataclasses.replace(view, frame=frame)) == said


def test_tables_say_what_is_stored_and_what_each_expert_does() -> None:
    view = seen(2, experts=6)
    stored, _, experts = drawn.inside(view)
    assert isinstance(stored, Table) and isinstance(experts, Table)
    frame = view.frame
    assert [row[2:] for row in stored.rows] == [
        [f"{size.stored:,}", f"{size.used:,}", f"{size.flops:,}", f"{score:.3f}"]
        for size, score in zip(frame.sizes, frame.scores, strict=True)
    ]
    assert [row[0] for row in experts.rows] == [f"{i + 1}" for i in range(6)]
    assert [row[1] for row in experts.rows] == [f"{load:.1%}" for load in frame.load]
    assert [row[2] == "–" for row in experts.rows] == list(np.isnan(frame.errors))


@pytest.mark.parametrize(
    ("knobs", "said"), [({"width": 0, "top_k": 2}, True), ({"width": 0}, False), ({"width": 8, "top_k": 2}, False)]
)
def test_that_sums_of_linear_maps_are_linear_is_said_where_they_are(knobs: dict[str, Any], said: bool) -> None:
    view = seen(0, **({"top_k": 1, "shared": 0} | knobs))
    [note] = [figure for figure in drawn.inside(view) if isinstance(figure, Text)]
    assert ("Linear maps" in note.text) is said
