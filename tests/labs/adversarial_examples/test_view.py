"""What is written and drawn of two networks under attack is what their frame says."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest

from engine.contract.figure import Picture, Table, Text
from engine.contract.view import View
from engine.labs import adversarial_examples as lab
from engine.labs.adversarial_examples import tally
from engine.labs.adversarial_examples import view as drawn

TRAINED = 50


@cache
def seen(steps: int, **knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(data="digits", start="scratch", training_steps=TRAINED, **knobs))
    history: dict[str, tuple[list[int], list[float]]] = {}
    for step in range(1, steps + 1):
        for name, value in experiment.step().items():
            at, values = history.setdefault(name, ([], []))
            at.append(step)
            values.append(value)
    curves = {name: (np.array(at), np.array(values)) for name, (at, values) in history.items()}
    return View(experiment.frame(), experiment.config, curves, steps, steps)


def panels(scene: Any) -> dict[str, dict[str, Any]]:
    return {panel["key"]: panel for row in scene.rows for panel in row}


def words(panel: dict[str, Any]) -> list[list[str]]:
    return [["".join(span["text"] for span in cell) for cell in row] for row in panel["rows"]]


def test_curves_end_where_training_does() -> None:
    view = seen(TRAINED + 3)
    scene = drawn.curves(view)
    assert max(steps[-1] for steps, _ in view.curves.values()) > TRAINED
    for key in ("accuracy", "loss"):
        for each in panels(scene)[key]["series"]:
            steps = scene.arrays[each["xy"]][0]
            assert len(steps) and steps[-1] <= TRAINED, each["metric"]


@pytest.mark.parametrize(("step", "marked"), [(TRAINED - 10, TRAINED - 10), (TRAINED + 1, None)])
def test_a_moment_of_the_measuring_is_not_marked_on_the_curves_of_training(step: int, marked: int | None) -> None:
    view = dataclasses.replace(seen(TRAINED + 3), step=step)
    assert panels(drawn.curves(view))["loss"]["marker"] == marked


def test_the_room_of_a_picture_is_told_before_the_first_step() -> None:
    for norm, slope, dual in (("inf", "slope_1", "₁"), ("2", "slope_2", "₂")):
        view = seen(0, norm=norm)
        told = panels(drawn.curves(view))
        assert set(told) == {"room", "explained"}
        header, *rows = words(told["room"])
        assert header[4:6] == [f"m / ‖∇m‖{dual}", f"m − ε‖∇m‖{dual}"]
        attacked = view.frame.attacked
        for number, cells in enumerate(rows):
            m, steep = float(attacked.margin[number]), float(getattr(attacked, slope)[number])
            assert [cell.replace("\N{MINUS SIGN}", "-") for cell in cells] == [
                drawn.NAMES[number], f"{m:.2f}", f"{attacked.slope_1[number]:.1f}", f"{attacked.slope_2[number]:.1f}",
                f"{m / steep:.3f}", f"{m - view.config.radius * steep:.2f}", f"{attacked.margin_after[number]:.2f}",
            ]  # fmt: skip


def test_the_stage_says_how_much_is_measured_until_all_of_it_is() -> None:
    assert "gaps" not in panels(drawn.stage(seen(TRAINED)))
    view = seen(TRAINED + 3)
    [[said]] = words(panels(drawn.stage(view))["gaps"])
    assert said.startswith(f"{view.frame.measured:.0%} of the accuracy") and view.frame.measured < 1
    whole = dataclasses.replace(view, frame=dataclasses.replace(view.frame, measured=1.0))
    assert "gaps" not in panels(drawn.stage(whole))


def test_transfer_is_told_as_it_was_counted_and_not_before() -> None:
    view = seen(TRAINED)
    asked = [figure for figure in drawn.inside(view) if isinstance(figure, Text) and figure.tone == "hint"]
    assert "known when the accuracy is measured" in asked[0].text
    counts = np.arange(view.frame.right.size).reshape(view.frame.right.shape)
    counted = dataclasses.replace(view.frame, right=counts, asked=np.full_like(counts, 200))
    [table] = [f for f in drawn.inside(dataclasses.replace(view, frame=counted)) if isinstance(f, Table)]
    at = int(np.abs(counted.radii - view.config.radius).argmin())
    pgd, transfer = (tally.ATTACKS.index(name) for name in ("pgd", "transfer"))
    # A row is the network whose gradient is followed; a transferred attack is counted at the network that it meets.
    assert [list(row[1:]) for row in table.rows] == [
        [f"{counts[0, pgd, at] / 200:.0%}", f"{counts[1, transfer, at] / 200:.0%}"],
        [f"{counts[0, transfer, at] / 200:.0%}", f"{counts[1, pgd, at] / 200:.0%}"],
    ]


@pytest.mark.parametrize("wanted", [False, True])
def test_pixels_that_count_are_shown_when_they_are_asked_for(wanted: bool) -> None:
    planes, *_, last = drawn.inside(seen(1, attribution=wanted))
    assert isinstance(planes, Picture) and set(panels(planes.scene)) == {"plane0", "plane1"}
    assert isinstance(last, Picture) is wanted
    if isinstance(last, Picture):
        assert len(panels(last.scene)["counts"]["captions"]) == 4
