"""What is drawn of diffusion below its stage and inside it is what the frame says."""

from __future__ import annotations

import dataclasses

import numpy as np

from engine.contract.figure import Chart, Picture, Table, Text
from engine.contract.view import View
from engine.labs.diffusion import Config, Experiment
from engine.labs.diffusion import view as drawn
from engine.labs.diffusion.config import COUNTS


def seen(**knobs: object) -> View:
    experiment = Experiment(Config(**{"size": "small", "data": "ring"} | knobs))
    return View(experiment.frame(), experiment.config)


def keys(view: View) -> list[list[str]]:
    return [[panel["key"] for panel in row] for row in drawn.curves(view).rows if row]


def test_curves_stand_beside_each_other_once_samples_were_judged() -> None:
    view = seen()
    assert keys(view) == []
    loss = {"loss": (np.arange(1, 4), np.ones(3))}
    assert keys(dataclasses.replace(view, curves=loss)) == [["loss"]]
    judged = dataclasses.replace(
        view, curves=loss | {name: (np.array([2, 3]), np.full(2, 0.5)) for name in ("energy_distance", "within")}
    )
    assert keys(judged) == [["loss", "energy"], ["shares"], ["explained"]]
    scene = drawn.curves(judged)
    [energy] = [panel for row in scene.rows for panel in row if panel["key"] == "energy"]
    assert scene.arrays[energy["series"][1]["xy"]][1].tolist() == [np.float32(view.frame.floor)] * 2


def test_the_table_marks_what_is_due_to_a_bound_and_leaves_out_what_is_not_measured() -> None:
    view = seen()
    methods = len(view.frame.methods)
    quality = np.full((methods, len(COUNTS)), -1.0, np.float32)
    quality[:, :2] = 0.25
    bound = np.zeros_like(quality)
    bound[0, 0] = 1
    figures = drawn.inside(
        dataclasses.replace(view, frame=dataclasses.replace(view.frame, quality=quality, clipped=bound))
    )
    [table] = [figure for figure in figures if isinstance(figure, Table)]
    assert [*table.header] == ["sampler", *(f"{count} step{'s' * (count > 1)}" for count in COUNTS)]
    assert [*table.rows[0]] == ["DDIM", "0.25 *", "0.25", *["–"] * 5] and table.rows[1][1] == "0.25"
    [note] = [figure.text for figure in figures if isinstance(figure, Text)]
    assert "is at a bound" in note and "is at a bound" not in drawn.inside(view)[-1].text  # type: ignore[union-attr]


def test_inside_has_the_signal_and_only_with_classes_their_variety() -> None:
    assert [type(figure) for figure in drawn.inside(seen())] == [Picture, Table, Text]
    view = seen()
    varied = dataclasses.replace(view, frame=dataclasses.replace(view.frame, variety=np.ones(3, np.float32)))
    assert [figure.key for figure in drawn.inside(varied) if isinstance(figure, Chart)] == ["variety"]


def test_what_is_drawn_and_in_how_many_steps_is_turned_in_the_picture() -> None:
    chosen = {}
    for data, start in (
        ("digits", "trained"),
        ("digits", "scratch"),
        ("ring", "trained"),
        ("spiral", "trained"),
        ("grid", "trained"),
    ):
        config = Config(data=data, start=start, sampling_steps=7)
        hero = drawn.stage(View(Experiment(config).frame(), config)).rows[0][0]
        [group] = hero["buttons"]
        chosen[data, start] = group["choices"][group["chosen"]]["text"] if group["chosen"] >= 0 else ""
        assert hero["key"] == "samples" and hero["rail"]["knob"] == "sampling_steps" and hero["rail"]["value"] == 7
    assert [*chosen.values()] == ["Digits", "Untrained", "Ring", "Spiral", ""]
