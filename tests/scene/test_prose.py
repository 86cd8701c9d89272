"""Text made of pieces: what travels, and what is refused."""

from __future__ import annotations

import pytest

from engine.scene.prose import prose
from engine.scene.scene import Scene


def test_pieces_their_colours_and_what_is_told_of_them_travel() -> None:
    scene = Scene()
    panel = prose(scene, "line", title="A line", pieces=["ab", " c"], before="The ", strength=[0.0, 1.0],
                  scale=("low", "high"), told=[("ab", [("chance", "1 %")]), ("c", [])])  # fmt: skip
    panel.rail("temperature", 0.7, low=0.0, high=2.0, label="Temperature")
    [[spec]] = scene.rows
    assert spec["kind"] == "prose" and spec["pieces"] == ["ab", " c"] and spec["before"] == "The "
    assert spec["told"][0] == ["ab", [["chance", "1 %"]]] and spec["rail"]["knob"] == "temperature"
    assert len(scene.arrays.directory) == 1 and scene.to_bytes().startswith(b"SCN1")


def test_what_does_not_fit_is_refused() -> None:
    for wrong in ({"strength": [1.0]}, {"group": [1, 2, 3]}, {"told": [("a", [])]}):
        with pytest.raises(ValueError, match="There are 2 pieces"):
            prose(Scene(), "line", title="A line", pieces=["a", "b"], **wrong)  # type: ignore[arg-type]
