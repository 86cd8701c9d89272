"""The last cell of an exported notebook failed after a few hundred steps: Altair refuses more than 5,000 rows."""

from __future__ import annotations

import json
import math
from typing import Any

import altair as alt
import pytest

import engine
from engine.runs.export import notebook
from engine.runs.history import Intervention

SHOWN = 5_000  # rows that Altair draws


def cells(slug: str, *, steps: int, **knobs: Any) -> list[str]:
    made = engine.lab(slug).Config
    did = [Intervention(3, made(**knobs))] if knobs else []
    return [cell["source"] for cell in json.loads(notebook(slug, made(), steps=steps, interventions=did))["cells"]]


def run(cells: list[str]) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    for cell in cells:
        exec(cell, scope)
    return scope


def drawn(cell: str, scope: dict[str, Any]) -> list[dict[str, Any]]:
    """The points of the chart that is the value of the last line of `cell`."""
    *lines, last = cell.splitlines()
    exec("\n".join(lines), scope)
    chart = eval(last, scope)
    assert isinstance(chart, alt.Chart)
    spec = chart.to_dict()
    json.dumps(spec, allow_nan=False)  # what a browser can read
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.slow
def test_after_many_steps_the_curves_are_thinned_and_go_on_to_the_end() -> None:
    *before, _, draw = cells("gradient_descent", steps=1400, lr_momentum=0.02)
    scope = run(before)
    points = drawn(draw, scope)
    assert len(scope["history"]) == 1400 and 1400 * len(scope["metrics"]) > SHOWN >= len(points) > 1_000
    last = {point["the metric"]: point["its value"] for point in points if point["step"] == 1400}
    assert last == pytest.approx(scope["metrics"])


@pytest.mark.parametrize("slug", engine.labs())
def test_every_cell_runs_for_every_lab(slug: str) -> None:
    *before, shown, draw = cells(slug, steps=2)
    scope = run(before)
    assert eval(shown, scope)._repr_html_().startswith("<iframe")
    assert [row["step"] for row in scope["history"]] == [1, 2]
    finite = {name for name, value in scope["metrics"].items() if not math.isnan(value)}
    assert {point["the metric"] for point in drawn(draw, scope)} >= finite
    scope["history"] = [row | {"step": step} for step in range(1, 10_000) for row in scope["history"][-1:]]
    assert 1_000 < len(drawn(draw, scope)) <= SHOWN


def test_before_the_first_step_there_is_nothing_to_draw() -> None:
    *before, _, draw = cells("gradient_descent", steps=0)
    assert drawn(draw, run(before)) == []


def test_what_is_measured_seldom_and_what_is_not_finite_stay_out_of_each_others_way() -> None:
    draw = cells("gradient_descent", steps=0)[-1]
    history = [{"step": step, "loss": math.inf if step == 7 else 1.0, "gone": math.nan} for step in range(1, 20_001)]
    history = [row if row["step"] % 500 else row | {"seldom": 2.0} for row in history]
    points = drawn(draw, {"history": history})
    assert len(points) <= SHOWN and {point["the metric"] for point in points} == {"loss", "seldom"}
    assert sum(point["the metric"] == "seldom" for point in points) == 40
