"""Text on a scene: a passage coloured by class, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene.arrays import quantise
from engine.scene.rail import Rails
from engine.scene.scene import Scene


def passage(
    scene: Scene,
    key: str,
    *,
    title: str,
    text: str,
    group: ArrayLike,
    names: Sequence[str],
    strength: ArrayLike,
    label: str,
    crossed: ArrayLike,
    crossing: str,
    weight: float = 1.0,
) -> Rails:
    """Add a `text` of T characters, each on the colour of its `group` (T,), whose names are `names`.

    `strength` (T,) in [0, 1] says how strong the colour is, and is called `label`; a character that is `crossed`
    (T,) is struck out, and `crossing` says why.  The pointer picks out all characters of one group; up to ten groups
    stand in the legend.  Returns what puts knobs into the panel.
    """
    groups, chosen = np.asarray(group), np.asarray(crossed)
    strengths = quantise(np.asarray(strength, dtype=np.float32), 0.0, 1.0)
    if not len(text) == len(groups) == len(chosen) == len(strengths):
        raise ValueError(f"There are {len(text)} characters, but {len(groups)} groups, {len(strengths)} strengths "
                         f"and {len(chosen)} marks.")  # fmt: skip
    spec = scene.add(
        "passage", key, title, weight, text=text, names=list(names), label=label, crossing=crossing,
        group=scene.arrays.add(groups, "u1"), strength=scene.arrays.add(strengths, "u1"),
        crossed=scene.arrays.add(chosen, "u1"),
    )  # fmt: skip
    return Rails(spec, scene.arrays)
