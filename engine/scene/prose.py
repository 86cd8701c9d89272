"""Text made of pieces, as prose: it flows in lines; ``assets/scene/prose.js`` sets it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette
from engine.scene.arrays import quantise
from engine.scene.rail import Rails
from engine.scene.scene import Scene


def prose(
    scene: Scene,
    key: str,
    *,
    title: str,
    pieces: Sequence[str],
    before: str = "",
    strength: ArrayLike | None = None,
    colour: str = "gradient",
    scale: tuple[str, str] = ("", ""),
    group: ArrayLike | None = None,
    told: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (),
    note: str = "",
    aspect: float | None = None,
    weight: float = 1.0,
) -> Rails:
    """Add a text in the largest type that has room: `before`, which is pale, and the N `pieces` after it.

    Each piece stands on `colour`, as strong as its `strength` (N,) in [0, 1] says, between the two ends of a `scale`;
    or on the colour of its `group` (N,), a number from 0 that repeats after ten, or 255 for none.  `told` (N) is what
    the pointer, or an arrow key, says of a piece: a title, and rows of a name and a value.  Returns what puts knobs
    into the panel.
    """
    count = len(pieces)
    for what, given in (("strengths", strength), ("groups", group), ("things told", told or None)):
        if given is not None and len(np.asarray(given, dtype=object)) != count:
            raise ValueError(f"There are {count} pieces, but {len(np.asarray(given, dtype=object))} {what}.")
    spec = scene.add(
        "prose", key, title, weight, pieces=list(pieces), before=before, colour=palette.known_colour(colour),
        strength=None if strength is None
        else scene.arrays.add(quantise(np.asarray(strength, dtype=np.float32), 0.0, 1.0), "u1"),
        group=None if group is None else scene.arrays.add(np.asarray(group), "u1"), scale=list(scale),
        told=[[name, [list(row) for row in rows]] for name, rows in told], aspect=aspect or 0.6,
        **({"note": note} if note else {}),
    )  # fmt: skip
    return Rails(spec, scene.arrays)
