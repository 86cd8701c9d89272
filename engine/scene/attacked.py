"""A picture, what was added to it, and what that makes of it, each with what networks answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette as _palette
from engine.scene.rail import Rails
from engine.scene.scene import Scene


@dataclass(frozen=True)
class Victim:
    """One network: its `name` and `colour`, the picture (H, W) under the attack on it, and words.

    `before` and `after` say what it answers, `change` by how much what was added is magnified; `fooled`: it was right.
    """

    name: str
    colour: str
    adversarial: ArrayLike
    before: str
    after: str
    change: str
    fooled: bool


def attacked_picture(
    scene: Scene,
    key: str,
    *,
    title: str,
    picture: ArrayLike,
    truth: str,
    victims: Sequence[Victim],
    weight: float = 1.0,
) -> Rails:
    """Add `picture` (H, W) in [0, 1] of a `truth`, and for each of the `victims` what was added and what came of it.

    Pictures are grey as they are, 0 black and 1 white.  What was added is magnified until the largest pixel is full
    orange, where it got darker, or full blue, where it got brighter.
    """
    cells = np.asarray(picture, dtype=np.float32)
    moved = np.stack([np.asarray(each.adversarial, dtype=np.float32) for each in victims])
    if moved.shape[1:] != cells.shape:
        raise ValueError(f"The picture has shape {cells.shape}, and under attack {moved.shape[1:]}.")
    changes = moved - cells
    reach = np.abs(changes).max(axis=(1, 2))
    told = [{"name": each.name, "colour": _palette.known_colour(each.colour), "before": each.before,
             "after": each.after, "change": each.change, "fooled": each.fooled} for each in victims]  # fmt: skip
    spec = scene.add(
        "attacked", key, title, weight, aspect=1.3, truth=truth, victims=told,
        pictures=scene.arrays.images(np.concatenate([cells[None], moved]), low=0.0, high=1.0),
        changes=scene.arrays.images(changes, low=-np.maximum(reach, 1e-6), high=np.maximum(reach, 1e-6)),
    )  # fmt: skip
    return Rails(spec, scene.arrays)
