"""Several planes in one panel, each with a name and numbers of its own; ``assets/scene/planes.js`` draws them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.scene.arrays import Span, span
from engine.scene.panel import Panel
from engine.scene.rail import Rails
from engine.scene.scene import Scene

Facts = Sequence[tuple[str, str]]


def planes(
    scene: Scene,
    key: str,
    *,
    title: str,
    parts: Sequence[tuple[str, Facts]],
    x: Span,
    y: Span,
    weight: float = 1.0,
) -> tuple[Rails, list[Panel]]:
    """Add a panel with a plane for each of `parts`, and return it, and the planes for their layers.

    A part is its name and what is said of it: pairs of a word and a number as text, which stand beside the plane where
    there is room.  All planes show `x` and `y`, are as large as the panel has room for, and are zoomed together.
    Layers of one name stand in the legend once.
    """
    shared = {"x": span(x, "x"), "y": span(y, "y"), "x_label": "", "y_label": "", "x_names": [], "y_names": [],
              "x_log": False, "y_log": False, "equal": True, "pick": None, "draw": False}  # fmt: skip
    specs = [{**shared, "title": name, "facts": [list(pair) for pair in facts], "layers": []} for name, facts in parts]
    spec = scene.add("planes", key, title, weight, planes=specs, aspect=1.0 if len(parts) != 2 else 0.6)
    return Rails(spec, scene.arrays), [Panel(each, scene.arrays) for each in specs]
