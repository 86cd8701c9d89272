"""What is sent of a network whose layers have buttons, and of the points that are drawn on a node."""

from __future__ import annotations

import numpy as np
import pytest
from scene_format import decode

from engine.scene.column import Column
from engine.scene.scene import Scene
from engine.scene.steppers import Steppers

COLUMNS = [Column(["x"]), Column(["1", "2"]), Column([""], heat=np.zeros((1, 2, 2)))]
WEIGHTS = [np.ones((1, 2)), np.ones((2, 1))]


def test_the_browser_is_told_which_knob_holds_the_layers_and_how_far_they_go() -> None:
    scene = Scene()
    scene.graph("net", title="Net", columns=COLUMNS, weights=WEIGHTS, aspect=1.3,
                steppers=Steppers("hidden", (2,), low=1, high=64, most=8, first=4))  # fmt: skip
    scene.graph("bare", title="Bare", columns=COLUMNS, weights=WEIGHTS)
    net, bare = decode(scene.to_bytes())[0]["rows"][0]
    assert net["steppers"] == {"knob": "hidden", "sizes": [2], "low": 1, "high": 64, "most": 8, "first": 4}
    assert net["aspect"] == 1.3 and not {"steppers", "aspect"} & bare.keys()


def test_layers_that_are_not_those_of_the_network_are_refused() -> None:
    with pytest.raises(ValueError, match="3 columns have 1 hidden layers, not 2"):
        Scene().graph("net", title="Net", columns=COLUMNS, weights=WEIGHTS,
                      steppers=Steppers("hidden", (2, 2), low=1, high=64, most=8, first=4))  # fmt: skip


def test_dots_on_a_node_lie_where_they_are_on_its_plane() -> None:
    scene = Scene()
    dotted = Column([""], heat=np.zeros((1, 2, 2)), dots=([[0.0, 1.0], [0.5, 2.0]], [1, 0]))
    scene.graph("net", title="Net", columns=[*COLUMNS[:2], dotted], weights=WEIGHTS)
    header, arrays = decode(scene.to_bytes())
    dots = header["rows"][0][0]["columns"][2]["dots"]
    assert arrays[dots["xy"]].tolist() == [[0, 255], [128, 255]] and arrays[dots["group"]].tolist() == [1, 0]
    with pytest.raises(ValueError, match="2 dots and classes of 1"):
        Column([""], dots=([[0, 0], [1, 1]], [0])).spec(Scene().arrays)


def test_faint_points_say_so_and_others_do_not() -> None:
    scene = Scene()
    panel = scene.panel("map", title="Map")
    panel.points([[0, 0]], faint=True, name="Test")
    panel.points([[0, 0]], name="Training")
    faint, plain = decode(scene.to_bytes())[0]["rows"][0][0]["layers"]
    assert faint["faint"] is True and "faint" not in plain
