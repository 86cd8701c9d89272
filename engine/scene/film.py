"""Pictures moved through time; ``assets/scene/film.js`` draws them."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from engine.scene import palette as _palette
from engine.scene.arrays import quantise
from engine.scene.panel import Panel
from engine.scene.particles import _moving
from engine.scene.scene import Scene


def film(
    scene: Scene,
    key: str,
    *,
    title: str,
    forward: ArrayLike,
    forward_times: ArrayLike,
    back: ArrayLike,
    back_times: ArrayLike,
    low: float,
    high: float,
    columns: int,
    heads: Sequence[str] = (),
    followed: int = -1,
    palette: str = "sequential",
    weight: float = 1.0,
) -> Panel:
    """Add a sheet of n pictures (…, n, H, W) with a slider of time below it, and return it; times as in `particles`.

    `low` and `high` bound the colours, `columns` are the pictures in a row, named by `heads` if there are any.  The way
    of picture number `followed` (-1: of none) stands below the slider, from end to end.  In the browser it runs by
    itself, from samples to noise and back to samples again, until a visitor takes hold of the time.
    """
    there, here = _moving(forward, forward_times, "forward"), _moving(back, back_times, "back")
    if there[0].ndim != 4 or there[0].shape[1:] != here[0].shape[1:]:
        raise ValueError(f"A film takes pictures (T, n, H, W), not arrays of shape {there[0].shape} and "
                         f"{here[0].shape}.")  # fmt: skip
    rows = -(-there[0].shape[1] // columns)
    panel = scene.panel(key, title=title, aspect=max(0.4, rows / columns), weight=weight)
    panel.extend(
        "film", captions=[], discrete=True, chosen=None, columns=columns, heads=list(heads), followed=followed,
        palette=_palette.known_map(palette), low=low, high=high, forward=quantise(there[0], low, high),
        forward_times=there[1], back=quantise(here[0], low, high), back_times=here[1],
    )  # fmt: skip
    return panel
