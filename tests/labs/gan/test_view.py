"""What is written and drawn of a GAN beside its pictures: the line of slow motion, the curves, the measures."""

from __future__ import annotations

from typing import Any

import numpy as np
from moments import moment
from scene_format import words

from engine.contract.figure import Table
from engine.contract.view import View
from engine.labs import gan as lab
from engine.labs.gan import view as drawn


def seen(steps: int, **knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**({"batch_size": 16} | knobs)))
    return moment(experiment, steps)


def lit(view: View) -> list[str]:
    [[panel]] = [row for row in drawn.stage(view).rows if row and row[0]["kind"] == "text"]
    return [span["text"] for [spans] in panel["rows"] for span in spans if span.get("lit")]


def test_in_slow_motion_the_stage_that_was_done_last_is_lit() -> None:
    begun = seen(0, slow_motion=True, critic_steps=2)
    assert lit(begun) == [] and words(drawn.stage(begun)).endswith("Press Step, or Play: one stage at a time.")
    assert words(drawn.stage(begun)).startswith("Draw real points (×2) → Forge fakes (×2) → ")
    assert [lit(seen(step, slow_motion=True, critic_steps=2)) for step in (1, 2, 4)] == [
        ["Draw real points (1 of 2)"], ["Forge fakes (1 of 2)"], ["Draw real points (2 of 2)"],
    ]  # fmt: skip
    assert words(drawn.stage(seen(1))) == ""


def test_every_measure_stands_beside_its_floor() -> None:
    view = seen(2)
    scene = drawn.curves(view)
    panels = {panel["key"]: panel for row in scene.rows for panel in row}
    assert set(panels) == {"modes", *view.frame.floors, "losses", "push"}
    for name, level in view.frame.floors.items():
        measure, floor = panels[name]["series"]
        assert (measure["metric"], floor["metric"]) == (name, "floor")
        assert scene.arrays[floor["xy"]][1].tolist() == [np.float32(level)] * 2
    table = next(figure for figure in drawn.inside(view) if isinstance(figure, Table))
    assert [row[2] for row in table.rows] == [f"{view.frame.floors[n]:.4f}" for n in drawn.NAMES if n in panels]


def test_curves_are_drawn_of_what_is_measured() -> None:
    assert not any(drawn.curves(seen(0)).rows)
    assert [panel["key"] for row in drawn.curves(seen(1, data="dirac")).rows for panel in row] == ["distance"]
    banded = drawn.curves(seen(2, seeds=2))
    assert {panel["key"] for row in banded.rows for panel in row if panel["bands"]} == {"modes", "js"}
