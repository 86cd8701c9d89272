"""What is written and drawn of a race is what its frame says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moments import moment

from engine.contract.figure import Chart
from engine.contract.view import View
from engine.labs import gradient_descent as lab
from engine.labs.gradient_descent import view as drawn
from engine.scene.scene import Scene


def seen(steps: int, **knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**knobs))
    return moment(experiment, steps)


def panels(scene: Scene) -> dict[str, dict[str, Any]]:
    return {panel["key"]: panel for row in scene.rows for panel in row}


def rates(view: View) -> dict[str, list[str]]:
    """The cells of the table below the curves, by the first of each row."""
    rows = panels(drawn.curves(view))["rates"]["rows"]
    texts = [["".join(span["text"] for span in cell) for cell in row] for row in rows]
    return {row[0]: row[1:] for row in texts}


def test_rates_are_there_before_the_first_step_and_curves_after_it() -> None:
    assert set(panels(drawn.curves(seen(0)))) == {"rates", "explained"}
    assert set(panels(drawn.curves(seen(2)))) == {"loss", "distance", "rates", "explained"}


@pytest.mark.parametrize(("share", "over"), [(0.9, False), (1.1, True)])
def test_a_learning_rate_above_the_edge_is_marked(share: float, over: bool) -> None:
    """On a quadratic the edge 2/L is the same everywhere."""
    edge = float(seen(0, surface="quadratic", optimisers=("gradient_descent",)).frame.edge[0])
    view = seen(3, surface="quadratic", optimisers=("gradient_descent",), lr_gradient_descent=share * edge)
    told = rates(view)["Gradient descent"]
    assert told[2] == f"{edge:.4g}" + (" ⚠" if over else "")
    assert float(told[1]) == pytest.approx(share * edge, rel=1e-4)
    predicted, measured = (float(text) for text in told[-2:])
    assert (predicted > 1) is over and (not over or measured > 1)


def test_paths_lie_on_the_surface() -> None:
    view = seen(30)
    [chart, _] = drawn.inside(view)
    assert isinstance(chart, Chart) and chart.still
    heights, *paths = chart.spec["data"]
    assert np.array_equal(heights["z"], view.frame.shade)
    assert [path["name"] for path in paths] == [drawn.TITLES[name] for name in view.frame.names]
    low, high = float(view.frame.shade.min()), float(view.frame.shade.max())
    for path in paths:
        assert len(path["z"]) and np.isfinite(path["z"]).all()
        assert low <= path["z"].min() and path["z"].max() <= high + 0.01 * (high - low)
