"""What is drawn of a race: the loss as a map with everybody's path over it, how low each has come, and the surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Text
from engine.contract.view import Turn, View
from engine.figures.surface import surface
from engine.labs.gradient_descent import words
from engine.labs.gradient_descent.surfaces import SURFACES
from engine.labs.gradient_descent.words import FLOOR, MIDDLE, TITLES
from engine.labs.gradient_descent.words import facts as facts
from engine.labs.gradient_descent.words import say as say
from engine.nets.optimiser_names import title
from engine.scene.bowl import bowl
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.scene import Scene
from engine.scene.text import Cell, Span, text

MEASURES = {"loss": ("How low is each?", "loss L(θ)"),
            "distance": ("How far is each from the nearest minimum?", "distance |θ − θ*|")}  # fmt: skip
NAMED = 8  # at most so many minima are marked and counted one by one
FLAT = 0.01  # of the mean slope across the map: below it arrows become shorter
MEMORYLESS = {"gradient_descent", "adagrad", "rmsprop", "sam"}  # they keep no average of gradients
HEAD, ROOM = (
    7.2,
    12.0,
)  # radius in pixels of the dot at the end of a path, and by how much rings around it reach further
EDGE = "edge 2/L, L = steepest curvature"
BOWLS = ("quadratic", "diabetes")  # their true height can be seen, though their map is shaded by its logarithm


def stage(view: View) -> Scene:
    """The loss as a map with everybody's path over it and as a surface with balls; how low each is; and numbers."""
    frame = view.frame
    left, right, bottom, top = frame.extent
    scene = Scene(height=760)
    panel = scene.panel(
        "map", title="The loss from above: who gets down?", x=(left, right), y=(bottom, top),
        x_label="parameter θ₁", y_label="parameter θ₂", weight=1.25, pick="plane",
    )  # fmt: skip
    panel.heatmap(frame.shade, extent=frame.extent, low=0, high=1, levels=14)
    _stationary(panel, view)
    _start(panel, view)
    for i, (name, path) in enumerate(zip(frame.names, frame.paths, strict=True)):
        fate = " (diverged)" if frame.diverged[i] else " (left the map)" if frame.left[i] else ""
        panel.path(path, colour=name, name=TITLES[name] + fate, width=3, head=not frame.left[i])
        if frame.left[i]:  # it is no longer there: only its path is, as far as it lies on the map
            panel.points(path[-1:], size=6, shape="cross", colours=[name])
    reach = 0.09 * (right - left)
    slope = FLAT * float(np.ptp(frame.height)) / (right - left)
    racing = ~(frame.diverged | frame.left)
    at = frame.points[racing]
    panel.arrows(at, -reach * _faded(frame.gradients[racing], slope), colour="gradient", name="Downhill")
    if not set(frame.names) <= MEMORYLESS:
        moving = racing & (np.abs(frame.momenta).max(axis=1) > 0)
        if moving.any():
            panel.arrows(frame.points[moving], -reach * _faded(frame.momenta[moving], slope), colour="velocity",
                         name="Velocity")  # fmt: skip
    if view.step:
        panel.arrows(at - frame.last_steps[racing], frame.last_steps[racing], colour="step", name="Last step", width=3)
    _rail(panel, view)
    if frame.basin_ends.size:
        _basins(scene, view)
    else:
        _bowl(scene, view)
    scene.row(0.55)
    _losses(scene, view)
    text(scene, "standing", words.readout(view), title="Numbers", table=True, header=True)
    return scene


def curves(view: View) -> Scene:
    """Loss and distance, and what curvature says about both."""
    names = view.config.optimisers
    shown = [measure for measure in MEASURES if any(f"{measure}.{name}" in view.curves for name in names)]
    scene = Scene(height=max(0, 292 * len(shown) - 12))
    for measure in shown:
        heading, y_title = MEASURES[measure]
        series = {f"{measure}.{name}": (TITLES[name], name) for name in names}
        curves_panel(scene, measure, history=view.curves, series=series, title=heading, y_title=y_title,
                     log_y=SURFACES[view.config.surface].bounded, floor=FLOOR, marker=view.marker)  # fmt: skip
        scene.row()
    _readout(scene, view.frame)
    return scene


def inside(view: View) -> list[Figure]:
    """The same race in three dimensions, as it stood when it last paused: to be turned and read off with axes."""
    frame, known = view.frame, SURFACES[view.config.surface]
    log = known.log_shade and view.config.surface not in BOWLS
    heights = frame.shade if log else frame.height
    paths = {}
    for name, path in zip(frame.names, frame.paths, strict=True):
        height = _between(frame, heights, path)
        seen = np.isfinite(height)  # (T,): what lies on the map
        paths[TITLES[name]] = (name, np.column_stack([path, height])[seen])
    note = "Drag to turn it. The paths are brought up to date whenever the race pauses."
    if log:
        note += (
            " The height is the logarithm of the loss: drawn true, the valleys would all look flat beside the walls."
        )
    return [
        surface(heights, frame.extent, key="surface", title="The same race on the surface", x_title="θ₁",
                y_title="θ₂", z_title="height: log of the loss" if log else "height: the loss", paths=paths),
        Text(note, tone="note"),
    ]  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on the map is where all start from."""
    if pick["panel"] == "map" and pick["kind"] == "plane":
        x, y = (round(float(np.clip(pick[axis], -6, 6)), 2) for axis in "xy")
        return Turn({"start_x": x, "start_y": y})
    return None


def _readout(scene: Scene, frame: Any) -> None:
    """A line for each racer: where 2/L stands, and the rate that curvature predicts beside the one measured."""
    rows: list[list[Cell]] = [["", "loss", "η", "2/L", "L", "m", "L/m", "predicted", "measured"]]
    for i, name in enumerate(frame.names):
        m, largest = frame.eigenvalues[i]
        over = name == "gradient_descent" and frame.learning_rates[i] > frame.edge[i]
        edge = f"{frame.edge[i]:.4g}{' ⚠' if over else ''}" if np.isfinite(frame.edge[i]) else "none"
        rows.append([
            TITLES[name] + (" (diverged)" if frame.diverged[i] else ""), f"{frame.losses[i]:.3g}",
            f"{frame.learning_rates[i]:g}", Span(edge, bold=True), f"{largest:.4g}", f"{m:.4g}",
            *(_number(known[i]) for known in (frame.condition, frame.predicted_rate, frame.measured_rate)),
        ])  # fmt: skip
    text(scene, "rates", rows, table=True, header=True)
    text(scene, "explained", [
        "L and m are the largest and the smallest curvature (eigenvalues of the Hessian) where each optimiser stands "
        "now. Predicted and measured is the factor by which one step changes the distance to the minimum: predicted "
        "from L, m, η and β for gradient descent, momentum and Nesterov, measured over the last 20 steps. ⚠ marks a "
        "learning rate η above the edge 2/L of gradient descent."
    ])  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "–"


def _rail(panel: Panel, view: View) -> None:
    """The learning rate below the map, with the edge of gradient descent marked for where it stands now."""
    frame, config = view.frame, view.config
    name = "gradient_descent" if "gradient_descent" in frame.names else frame.names[0]
    value, label = getattr(config, f"lr_{name}"), "Learning rate η"
    if name == "gradient_descent":
        high, marks = config.rail, [(float(frame.edge[frame.names.index(name)]), EDGE)]
    else:
        high, marks, label = (
            min(10.0, 10 * config.knobs()[f"lr_{name}"].default),
            [],
            f"Learning rate η of {title(name)}",
        )
    panel.rail(f"lr_{name}", value, low=min(high / 100, value), high=max(high, value), label=label, marks=marks)


def _start(panel: Panel, view: View) -> None:
    """Where all began, named on the side from which nobody came away."""
    left, right, bottom, top = view.frame.extent
    x, y = view.frame.paths[0, 0].tolist()
    ahead = view.frame.paths[:, :3].mean(axis=(0, 1)) - (x, y)
    if not np.isfinite(ahead).all() or not np.any(ahead):
        ahead = -view.frame.gradients[0]
    length = float(np.hypot(*ahead))
    dx, dy = (ahead / length).tolist() if length > 0 else (0.0, -1.0)
    panel.points([[x, y]], size=5, shape="ring", colours=["mark"])
    if not view.frame.step:  # all dots are at one place: each looks out from under the next
        under = view.frame.names[:-1]
        for i, name in enumerate(under):
            share = (len(under) - i) / max(3, len(under))
            panel.points([[x, y]], size=HEAD + share * ROOM, colours=[name])
    panel.text(min(max(x - 0.15 * (right - left) * dx, left + 0.05 * (right - left)), right - 0.05 * (right - left)),
               min(max(y - 0.06 * (top - bottom) * dy, bottom + 0.03 * (top - bottom)), top - 0.03 * (top - bottom)),
               "start", centred=True)  # fmt: skip


def _bowl(scene: Scene, view: View) -> None:
    """The same race on the surface; a bowl in its true height, cut off a little above the start, as a half-pipe is."""
    frame, known = view.frame, SURFACES[view.config.surface]
    log = known.log_shade and view.config.surface not in BOWLS
    heights = (frame.shade if log else frame.height).astype(float)
    rolling = []
    for name, path, left in zip(frame.names, frame.paths, frame.left, strict=True):
        way = np.column_stack([path, _between(frame, heights, path)])
        rolling.append((TITLES[name], name, np.vstack([way, np.full((int(left), 3), np.nan)])))  # no ball at its end
    top = None
    if view.config.surface in BOWLS:
        begun = float(_between(frame, heights, frame.paths[0, :1])[0])
        room = float(np.ptp(heights))
        top = float(heights.min()) + min(room, max(0.15 * room, 1.3 * (begun - float(heights.min()))))
        top = top if np.isfinite(top) else None
    grid = slice(None, None, 2)
    bowl(
        scene, "bowl", title="Side view: log of the loss" if log else "Side view: true height",
        heights=heights[grid, grid], shade=frame.shade[grid, grid], extent=frame.extent, rolling=rolling, top=top,
        yaw=view.config.angle - 78 if view.config.surface == "quadratic" else 30.0, pitch=30.0, height=0.6,
    )  # fmt: skip


def _between(frame: Any, heights: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Heights (G, G) of the map at the points `xy` (T, 2), between four cells of it; NaN off the map.  (T,)"""
    places = []
    for axis, line in ((0, frame.grid_x), (1, frame.grid_y)):
        at = (xy[:, axis] - line[0]) / (line[1] - line[0])
        places.append(np.where((at >= 0) & (at <= len(line) - 1), at, np.nan))
    (x, y), gone = places, np.isnan(places[0]) | np.isnan(places[1])
    x, y = np.nan_to_num(x), np.nan_to_num(y)
    j, i = np.minimum(x.astype(int), len(frame.grid_x) - 2), np.minimum(y.astype(int), len(frame.grid_y) - 2)
    u, v = x - j, y - i
    found = (1 - v) * ((1 - u) * heights[i, j] + u * heights[i, j + 1])
    found = found + v * ((1 - u) * heights[i + 1, j] + u * heights[i + 1, j + 1])
    return np.where(gone, np.nan, found)


def _stationary(panel: Panel, view: View) -> None:
    """Where the gradient is zero, each kind by its name."""
    known = SURFACES[view.config.surface]
    if known.bounded and len(view.frame.ends) <= NAMED:
        panel.points(view.frame.ends, size=6, shape="cross", colours=["mark"], name="Minimum")
    if known.saddles:
        panel.points(known.saddles, size=6, shape="ring", colours=["mark"], name="Saddle point")
    if known.maxima:
        panel.points(known.maxima, size=6, shape="triangle", colours=["mark"], name="Maximum")


def _losses(scene: Scene, view: View) -> None:
    """The loss of each so far, so that a step on the map and what it gains are seen together.

    Where the loss falls for ever it is below zero soon: its axis is linear.
    """
    log, lines = SURFACES[view.config.surface].bounded, {}
    for name in view.frame.names:
        steps, values = view.curves.get(f"loss.{name}", (np.zeros(0), np.zeros(0)))
        seen = np.isfinite(values) & ((values > FLOOR) | (not log))
        if np.any(seen):
            line = np.column_stack([steps, np.log10(values, where=seen, out=np.zeros(len(steps))) if log else values])
            lines[name] = line[seen][:: max(1, len(steps) // 400)]
    heights = np.concatenate([line[:, 1] for line in lines.values()]) if lines else np.array([-2.0, 2.0])
    panel = scene.panel(
        "losses", title="How low is each?", x=(0, 1.03 * max(60, view.last_step)), x_label="step", y_label="loss L(θ)",
        y=(float(heights.min()) - 0.3, float(heights.max()) + 0.3), equal=False, y_log=log,
    )  # fmt: skip
    for name, line in lines.items():
        panel.path(line, colour=name, name=TITLES[name])


def _basins(scene: Scene, view: View) -> None:
    frame, known = view.frame, SURFACES[view.config.surface]
    left, right, bottom, top = frame.extent
    shown, count = frame.basin_points.reshape(-1, 2), frame.basin_ends.size
    many = len(frame.ends) > NAMED
    if many:
        told = f"{words.in_middle(frame):,} of {len(shown):,} points are in the middle pits"
    else:
        told = f"{(frame.basin_ends >= 0).sum():,} of {count:,} points {'arrived' if known.bounded else 'left the map'}"
    panel = scene.panel("basins", title=told, x=(left, right), y=(bottom, top), x_label="start θ₁", y_label="start θ₂")
    ends = np.where(frame.basin_ends >= 0, frame.basin_ends, np.nan)
    if many:  # two colours, each in two strengths: neighbouring pits can be told apart
        pits = np.rint(frame.ends[np.maximum(frame.basin_ends, 0)])  # (S, S, 2)
        outer = (np.abs(pits) > MIDDLE).any(axis=-1)
        panel.classes(np.where(frame.basin_ends >= 0, outer, np.nan), 0.55 + 0.45 * (pits.sum(axis=-1) % 2),
                      extent=frame.extent, discrete=True, names=["middle", "further out"],
                      name="Start whose point is in a middle pit, further out (hatched: in none)")  # fmt: skip
        corners = MIDDLE * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
        panel.lines([corners], colour="mark", name="The five by five pits in the middle", width=2)
    else:
        panel.classes(
            ends, extent=frame.extent, discrete=True, name="Start, by where its point is (hatched: on its way)"
        )
    there = np.ones(len(shown), dtype=bool)
    if not known.bounded:  # who has left the map is drawn on it no more
        every = view.config.side // view.config.starts
        there = (frame.basin_ends[::every, ::every] < 0).ravel()
    some = "" if there.sum() == count else f" ({there.sum():,} of {count:,})"
    panel.points(shown[there], size=1.6, name=f"The points now{some}")
    if many:
        return
    panel.points(frame.ends, size=5, shape="cross", colours=["mark"],
                 name="Minimum, with its count" if known.bounded else "Way down a valley, with its count")  # fmt: skip
    for k, (x, y) in enumerate(frame.ends.tolist()):
        panel.text(x, y, f"{(frame.basin_ends == k).sum():,}", mark=False)


def _faded(vectors: np.ndarray, slope: float) -> np.ndarray:
    """Each row (N, 2) at length one; shorter, by the root, where it is less steep than `slope`: zero at rest."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12) * np.minimum(1, np.sqrt(lengths / slope)))
