"""Runs beside each other in one picture: the curves of the others are drawn into it, paler, each with its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from engine.scene.arrays import Arrays
from engine.scene.scales import scale


class Panels(Protocol):
    """See `engine.scene.scene.Scene`."""

    rows: list[list[dict[str, Any]]]
    arrays: Arrays


Scene = TypeVar("Scene", bound=Panels)


def beside(scene: Scene, others: Sequence[tuple[str, Panels]]) -> Scene:
    """`scene` with the measured curves of `others` in it: from panels with the same key, what has the same metric.

    Each of `others` comes with the words that set it apart, which stand at the end of its curves.  `scene` itself is
    changed, and returned.
    """
    for panel in _panels(scene):
        place = {each["metric"]: number for number, each in enumerate(panel["series"])}
        for run, (called, other) in enumerate(others, start=1):
            panel["ghosts"] += [
                {"of": place[each["metric"]], "run": run, "called": called,
                 "xy": scene.arrays.add(other.arrays[each["xy"]])}
                for its in _panels(other)
                if its["key"] == panel["key"]
                for each in its["series"]
                if each["metric"] in place and not each["calculated"] and other.arrays[each["xy"]].size
            ]  # fmt: skip
        drawn = [*panel["series"], *panel["ghosts"]]
        panel |= scale([scene.arrays[each["xy"]][1] for each in drawn], panel["log"], panel["clip"])
    return scene


def has_curves(scene: Panels) -> bool:
    """Whether there is a panel in it that `beside` can draw into."""
    return any(True for _ in _panels(scene))


def _panels(scene: Panels) -> Iterator[dict[str, Any]]:
    """The panels of curves in a scene."""
    return (panel for row in scene.rows for panel in row if panel["kind"] == "curves")
