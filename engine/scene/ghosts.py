"""Runs beside each other in one picture: the curves of the others are drawn into it, dashed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.scene.curves import scale
from engine.scene.scene import Scene


def beside(scene: Scene, others: Sequence[Scene]) -> Scene:
    """`scene` with the measured curves of `others` in it: from panels with the same key, what has the same metric.

    `scene` itself is changed, and returned.
    """
    for panel in _panels(scene):
        place = {each["metric"]: number for number, each in enumerate(panel["series"])}
        for run, other in enumerate(others, start=1):
            panel["ghosts"] += [
                {"of": place[each["metric"]], "run": run, "xy": scene.arrays.add(other.arrays[each["xy"]])}
                for its in _panels(other)
                if its["key"] == panel["key"]
                for each in its["series"]
                if each["metric"] in place and not each["calculated"] and other.arrays[each["xy"]].size
            ]
        drawn = [*panel["series"], *panel["ghosts"]]
        panel |= scale([scene.arrays[each["xy"]][1] for each in drawn], panel["log"], panel["clip"])
    return scene


def has_curves(scene: Scene) -> bool:
    """Whether there is a panel in it that `beside` can draw into."""
    return any(True for _ in _panels(scene))


def _panels(scene: Scene) -> Iterator[dict[str, Any]]:
    """The panels of curves in a scene."""
    return (panel for row in scene.rows for panel in row if panel["kind"] == "curves")
