"""What is written and drawn of a race is what its frame says."""

from __future__ import annotations

import math
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


@pytest.mark.parametrize("surface", lab.SURFACES)
def test_paths_lie_on_the_surface_and_its_height_is_the_loss_or_says_log(surface: str) -> None:
    view = seen(30, surface=surface)
    [chart, _] = drawn.inside(view)
    assert isinstance(chart, Chart) and chart.still
    heights, *paths = chart.spec["data"]
    log = "log" in chart.spec["layout"]["scene"]["zaxis"]["title"]["text"]
    assert log is (surface in ("rosenbrock", "himmelblau", "beale"))
    assert np.array_equal(heights["z"], view.frame.shade if log else view.frame.height)
    assert [path["name"] for path in paths] == [drawn.TITLES[name] for name in view.frame.names]
    low, high = float(heights["z"].min()), float(heights["z"].max())
    for path in paths:
        assert len(path["z"]) and np.isfinite(path["z"]).all()
        assert low <= path["z"].min() and path["z"].max() <= high + 0.011 * (high - low)


def numbers(scene: Scene, place: int) -> np.ndarray:
    """One of the arrays that go with a scene, (N, 2)."""
    return np.frombuffer(scene.arrays.chunks[place], "<f4")[: math.prod(scene.arrays.directory[place][2])].reshape(
        -1, 2
    )


def layers(scene: Scene, panel: str) -> dict[str, dict[str, Any]]:
    return {layer["name"]: layer for layer in panels(scene)[panel]["layers"]}


@pytest.mark.parametrize(
    ("surface", "names"),
    [
        ("quadratic", {"Minimum"}),
        ("monkey_saddle", {"Saddle point"}),
        ("beale", {"Minimum", "Saddle point"}),
        ("himmelblau", {"Minimum", "Saddle point", "Maximum"}),
    ],
)
def test_stationary_points_have_their_names(surface: str, names: set[str]) -> None:
    told = layers(drawn.stage(seen(0, surface=surface)), "map")
    assert names == told.keys() & {"Minimum", "Saddle point", "Maximum"}


def test_the_loss_of_a_surface_without_a_floor_is_drawn_on_a_linear_axis() -> None:
    for surface, log in (("monkey_saddle", False), ("quadratic", True)):
        view = seen(40, surface=surface, optimisers=("momentum",))
        scene = drawn.stage(view)
        [line] = panels(scene)["losses"]["layers"]
        drawn_at = numbers(scene, line["xy"])[:, 1]
        losses = view.curves["loss.momentum"][1]
        assert panels(scene)["losses"]["y_log"] is log
        np.testing.assert_allclose(drawn_at, np.log10(losses) if log else losses, rtol=1e-4, atol=1e-4)
        assert panels(drawn.curves(view))["loss"]["scale"] == ("log" if log else "linear")


def test_arrows_fade_with_the_gradient() -> None:
    def longest(steps: int) -> float:
        scene = drawn.stage(seen(steps, optimisers=("gradient_descent",)))
        return float(np.linalg.norm(numbers(scene, layers(scene, "map")["Downhill"]["uv"])))

    assert longest(0) == pytest.approx(0.54) and longest(0) > 3 * longest(150) > 10 * longest(400)


@pytest.mark.parametrize("surface", ["himmelblau", "rastrigin"])
def test_where_many_points_are_is_counted_on_the_picture(surface: str) -> None:
    view = seen(200, surface=surface, basins=True, lr_gradient_descent=0.004, optimisers=("gradient_descent",))
    panel = panels(drawn.stage(view))["basins"]
    if surface == "rastrigin":
        inside = int((np.abs(view.frame.basin_points) < 2.5).all(-1).sum())
        assert inside == 144 and panel["title"].startswith(f"{inside} of 576 points")
        return
    counts = [int((view.frame.basin_ends == k).sum()) for k in range(4)]
    assert [layer["text"] for layer in panel["layers"] if layer["kind"] == "text"] == [str(count) for count in counts]
    assert panel["title"] == f"{sum(counts)} of 576 points arrived"


def test_the_learning_rate_stands_on_the_map_with_the_edge_of_gradient_descent_marked() -> None:
    """2/L of the bowl, drawn where the run's own Hessian puts it; there is room on either side of it."""
    for condition in (1.0, 20.0, 300.0):
        view = seen(5, condition=condition, lr_gradient_descent=0.001)
        rail = panels(drawn.stage(view))["map"]["rail"]
        [[edge, said]] = rail["marks"]
        assert said.startswith("edge 2/L, L = ") and edge == pytest.approx(2 / condition)
        assert rail["knob"] == "lr_gradient_descent"
        assert rail["low"] < 0.5 * edge and 1.5 * edge < rail["high"] < 3 * edge
    rail = panels(drawn.stage(seen(2, optimisers=("adam",))))["map"]["rail"]
    assert (rail["knob"], rail["label"], rail["marks"]) == ("lr_adam", "Learning rate η of Adam", [])


def array(scene: Scene, place: int) -> np.ndarray:
    code, _, shape = scene.arrays.directory[place]
    return np.frombuffer(scene.arrays.chunks[place], {"f4": "<f4", "u1": "u1"}[code])[: math.prod(shape)].reshape(shape)


def test_the_balls_roll_on_the_bowl_in_its_true_height() -> None:
    view = seen(6, optimisers=("gradient_descent",))
    scene = drawn.stage(view)
    bowl = panels(scene)["bowl"]
    assert bowl["title"] == "Side view: true height"
    np.testing.assert_allclose(array(scene, bowl["heights"]), view.frame.height[::2, ::2], rtol=1e-6)
    way = array(scene, bowl["rolling"][0]["xyz"])
    np.testing.assert_allclose(way[:, :2], view.frame.paths[0], rtol=1e-5)
    u = math.radians(60)
    across = way[:, 1] * math.cos(u) - way[:, 0] * math.sin(u)
    along = way[:, 0] * math.cos(u) + way[:, 1] * math.sin(u)
    true = (along**2 + 20 * across**2) / 2
    assert np.abs(way[:, 2] - true).max() < 0.01 * true.max()  # read off a map between its points
    assert panels(drawn.stage(seen(1, surface="rosenbrock")))["bowl"]["title"] == "Side view: log of the loss"


def test_who_has_left_the_map_is_drawn_on_it_no_more() -> None:
    """Its path ends in a cross, no ball lies on the surface, and of many points only those on their way are drawn."""
    view = seen(60, surface="monkey_saddle", start_y=0.5)
    assert view.frame.left.all()
    scene = drawn.stage(view)
    drawn_on = panels(scene)["map"]["layers"]
    assert not any(layer["head"] for layer in drawn_on if layer["kind"] == "path")
    crosses = [numbers(scene, layer["xy"]) for layer in drawn_on if layer.get("shape") == "cross"]
    np.testing.assert_allclose(np.concatenate(crosses), view.frame.points, rtol=1e-6)
    assert all(np.isnan(array(scene, way["xyz"])[-1]).all() for way in panels(scene)["bowl"]["rolling"])
    view = seen(30, surface="monkey_saddle", basins=True)
    scene, every = drawn.stage(view), view.config.side // view.config.starts
    [(name, points)] = [(name, numbers(scene, layer["xy"])) for name, layer in layers(scene, "basins").items()
                        if name.startswith("The points now")]  # fmt: skip
    assert f"({len(points):,} of " in name
    there = view.frame.basin_ends[::every, ::every] < 0
    assert 0 < there.sum() < there.size
    np.testing.assert_allclose(points, view.frame.basin_points[there], rtol=1e-6)


@pytest.mark.parametrize("steps", [0, 1, 30])
@pytest.mark.parametrize("surface", lab.SURFACES)
def test_the_word_start_keeps_away_from_those_who_have_just_begun(surface: str, steps: int) -> None:
    view = seen(steps, **{"surface": surface, **vars(lab.Config(surface=surface).settle("surface"))})
    [word] = [layer for layer in panels(drawn.stage(view))["map"]["layers"] if layer["kind"] == "text"]
    left, right, bottom, top = view.frame.extent
    assert left < word["x"] < right and bottom < word["y"] < top
    near = view.frame.paths[:, : min(steps, 3) + 1].reshape(-1, 2)
    apart = np.abs(near - (word["x"], word["y"])) / (right - left, top - bottom)
    assert (apart.max(axis=1) > 0.04).all()


def test_another_surface_brings_a_rate_that_gradient_descent_bears_from_its_start() -> None:
    for surface in lab.SURFACES:
        settled = lab.Config(surface=surface).settle("surface")
        view = seen(60, surface=surface, start_x=settled.start_x, start_y=settled.start_y,
                    lr_gradient_descent=settled.lr_gradient_descent, optimisers=("gradient_descent",))  # fmt: skip
        losses = view.curves["loss.gradient_descent"][1]
        assert not view.frame.diverged.any() and len(losses) >= 10 and losses[-1] < losses[0], surface
    assert lab.Config(condition=50.0).settle("condition") == lab.Config(condition=50.0)
