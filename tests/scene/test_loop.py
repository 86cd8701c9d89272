"""The loop of a GAN beside its plane: what is sent of it, and how it moves."""

from __future__ import annotations

from typing import Any

import pytest

from engine.scene.loop import PARTS, loop
from engine.scene.scene import Scene


def drawn(at: int = 0, **more: Any) -> Scene:
    scene = Scene(height=400)
    panel = scene.panel("game", title="Game")
    loop(panel, **{"losses": (-0.5, 2.0), "verdicts": (0.75, 0.25), "score": "D(x)", "flows": PARTS, "at": at, **more})
    return scene


def test_numbers_are_sent_as_they_are_written_and_unknown_ways_are_refused() -> None:
    [[game]] = drawn(flows=["real"], at=7).rows
    assert (game["kind"], game["losses"], game["verdicts"]) == ("loop", ["−0.50", "2.00"], ["0.75", "0.25"])
    assert (game["flows"], game["count"]) == (["real"], 7)
    with pytest.raises(ValueError, match="not sideways"):
        drawn(flows=["sideways"])
