"""Scenes that stand beside each other share their axes, and the curves of one are drawn into the other."""

from __future__ import annotations

import copy

import numpy as np

from engine.scene import ghosts
from engine.scene.curves import curves
from engine.scene.scene import Scene


def planes(**spans: tuple[tuple[float, float], tuple[float, float]]) -> Scene:
    scene = Scene()
    for key, (x, y) in spans.items():
        scene.panel(key, title=key, x=x, y=y)
    return scene


def reach(scene: Scene) -> list[list[list[float]]]:
    return [[panel["x"], panel["y"]] for row in scene.rows for panel in row]


def test_planes_of_the_same_key_reach_as_far_as_both() -> None:
    one, other = planes(map=((-1, 2), (0, 1)), own=((0, 1), (0, 1))), planes(map=((-3, 1), (0.5, 4)))
    one.beside(axes=[other.axes()])
    assert reach(one) == [[[-3, 2], [0, 4]], [[0, 1], [0, 1]]]
    other.beside(axes=[planes(map=((-1, 2), (0, 1))).axes(), planes(map=((0, 9), (0, 1))).axes()])
    assert reach(other) == [[[-3, 9], [0, 4]]]


def test_an_axis_that_is_turned_round_stays_so_and_is_joined_with_its_like() -> None:
    one, like, unlike = planes(m=((0, 1), (3, 0))), planes(m=((0, 1), (7, -1))), planes(m=((0, 9), (0, 9)))
    one.beside(axes=[like.axes(), unlike.axes()])
    assert reach(one) == [[[0, 1], [7, -1]]]
    log = Scene()
    log.panel("m", title="", x=(0, 1), y=(9, 0), x_log=True)
    one.beside(axes=[log.axes()])
    assert reach(one) == [[[0, 1], [7, -1]]]


def test_the_axes_of_a_moment_are_equal_to_themselves_and_alone_nothing_changes() -> None:
    scene = planes(map=((-1, 2), (0, 1)))
    assert scene.axes() == planes(map=((-1, 2), (0, 1))).axes() != planes(map=((-1, 3), (0, 1))).axes()
    before = scene.to_bytes()
    scene.beside()
    assert scene.to_bytes() == before and len({scene.axes(), scene.axes()}) == 1


def test_curves_are_drawn_into_those_beside() -> None:
    def drawn(count: int) -> Scene:
        scene, steps = Scene(), np.arange(count)
        curves(scene, "loss", history={"loss": (steps, steps / 2)}, series={"loss": ("loss", "train")}, title="",
               y_title="loss")  # fmt: skip
        return scene

    one, other = drawn(5), drawn(3)
    wanted = ghosts.beside(copy.deepcopy(one), [("seed 1", other)]).to_bytes()
    one.beside([("seed 1", other)])
    ghost = one.rows[0][0]["ghosts"][0]
    assert one.to_bytes() == wanted and (ghost["run"], ghost["called"]) == (1, "seed 1")
