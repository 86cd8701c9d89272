"""Moments of a run for a recording: which steps, and what is seen at one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.runs.marks import marks

if TYPE_CHECKING:  # a page that takes a run home loads no torch
    from engine.runs.timeline import Timeline

EVENLY = 0.5  # of the moments are spread over the steps; the others go where metrics move
Curves = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]


@dataclass(frozen=True)
class Moment:
    """What is seen of a run at one step: scenes, and the sentence that says what to look at."""

    step: int
    last_step: int
    stage: Any
    curves: Any  # None where the lab draws none
    say: str
    marks: Sequence[tuple[int, str]]


def moment(run: Timeline) -> Moment:
    """The moment on screen, as it was when it was the newest.  Raises whatever the lab raises."""
    views, view = run.views, run.view()
    curves = {name: _until(view.step, *known) for name, known in view.curves.items()}
    curves = {name: known for name, known in curves.items() if len(known[0])}  # others were not known yet
    view = dataclasses.replace(view, curves=curves, last_step=view.step)
    return Moment(
        step=view.step, last_step=run.last_step, stage=views.stage(view),
        curves=views.curves(view) if hasattr(views, "curves") else None,
        say=str(views.say(view)) if hasattr(views, "say") else "",
        marks=marks(run.first_config, run.interventions),
    )  # fmt: skip


def _until(step: int, steps: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A metric up to a step."""
    count = int(np.searchsorted(steps, step, side="right"))
    return steps[:count], values[:count]


def steps(run: Timeline, most: int) -> list[int]:
    """At most so many steps of a run, in order, the first and the last among them: more where its metrics move.

    One that lies near a checkpoint is moved there, where nothing has to be repeated.
    """
    last = run.last_step
    if last < most:
        return list(range(last + 1))
    done = [0, *sorted({i.step for i in run.interventions if i.step <= last})[: most // 4], last]
    wanted = spread(run.history.curves(-1), last, most - len(done))
    return sorted({*done, *near(wanted, [c.step for c in run.checkpoints])})


def spread(curves: Curves, last: int, count: int) -> list[int]:
    """So many steps from 0 to `last` (fewer where two fall together), as dense as `EVENLY` and the metrics say.

    What a metric has moved is the sum of its changes, on a log scale if it is positive.  They are those of means over
    stretches: else what only trembles would count.
    """
    early = np.geomspace(1, last, 2 * count)  # where most labs move fastest
    grid = np.unique(np.concatenate([np.linspace(0, last, 2 * count + 1), early]).round())
    evenly = grid / last
    moved = [each for steps, values in curves.values() if (each := _moved(steps, values, grid)) is not None]
    share = EVENLY * evenly + (1 - EVENLY) * np.mean(moved, axis=0) if moved else evenly
    found = np.interp(np.linspace(0, 1, count), share, grid).round().astype(int)
    return [int(step) for step in dict.fromkeys(found.tolist())]


def _moved(steps: NDArray[Any], values: NDArray[Any], grid: NDArray[Any]) -> NDArray[Any] | None:
    """What share of all its changes a metric has behind it at each step of `grid`; None if it stands still."""
    known = np.isfinite(values)
    at, heights = steps[known].astype(float), values[known].astype(float)
    if len(at) < 2:
        return None
    heights = np.log(heights) if heights.min() > 0 else heights
    stretch = np.searchsorted(grid, at)
    counts = np.bincount(stretch, minlength=len(grid))
    means = np.bincount(stretch, weights=heights, minlength=len(grid))[counts > 0] / counts[counts > 0]
    smooth = np.interp(grid, grid[counts > 0], means)
    behind = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(smooth)))])
    return behind / behind[-1] if behind[-1] > 0 else None


def near(wanted: Sequence[int], checkpoints: Sequence[int]) -> list[int]:
    """The steps `wanted`; one that has a checkpoint nearer than half way to its neighbours is moved there."""
    there, found = np.asarray(sorted(checkpoints)), []
    for k, step in enumerate(wanted):
        gaps = [abs(step - other) for other in (*wanted[max(0, k - 1) : k], *wanted[k + 1 : k + 2])]
        nearest = int(there[np.abs(there - step).argmin()]) if len(there) else step
        found.append(nearest if gaps and abs(nearest - step) <= min(gaps) / 2 else step)
    return found
