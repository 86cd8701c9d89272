"""A game: of two pictures one was attacked, and the visitor says which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.scene.rail import Rails
from engine.scene.scene import Scene


def duel(
    scene: Scene,
    key: str,
    *,
    title: str,
    pictures: ArrayLike,
    adversarial: ArrayLike,
    left: NDArray[np.bool_],
    before: Sequence[str],
    after: Sequence[str],
    fooled: Sequence[bool],
    note: str = "",
    weight: float = 1.0,
) -> Rails:
    """Add a game of G rounds: `pictures` (G, H, W) in [0, 1] beside their attacked twins, `adversarial`.

    In round g the attacked one stands on the left if `left[g]`.  Only once the visitor has clicked one it is told, with
    what a network answers `before` the attack and `after` it, and whether it was `fooled`.  Right answers are counted
    in the browser; nothing is sent.  The `note` stands below.
    """
    plain, moved = (np.asarray(each, dtype=np.float32) for each in (pictures, adversarial))
    if plain.shape != moved.shape or plain.ndim != 3 or not len(plain) == len(left) == len(before) == len(after):
        raise ValueError(f"A game takes pictures (G, H, W) and as many attacked: {plain.shape} and {moved.shape}.")
    both = np.stack([plain, moved], axis=1).reshape(-1, *plain.shape[1:])  # (2 G, H, W)
    spec = scene.add(
        "duel", key, title, weight, aspect=0.95, note=note, left=[bool(each) for each in left], before=list(before),
        after=list(after), fooled=[bool(each) for each in fooled], **scene.arrays.images(both, low=0.0, high=1.0),
    )  # fmt: skip
    return Rails(spec, scene.arrays)
