"""An attention head taken apart; ``assets/scene/head.js`` draws it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene.scene import Scene


def attention_head(
    scene: Scene,
    key: str,
    *,
    title: str,
    tokens: Sequence[str],
    queries: ArrayLike,
    keys: ArrayLike,
    values: ArrayLike,
    scores: ArrayLike,
    bias: ArrayLike,
    seen: ArrayLike,
    weights: ArrayLike,
    found: ArrayLike,
    on: bool = True,
    weight: float = 1.0,
) -> None:
    """Add one attention head over T `tokens`, stage by stage: q k^T, scaled, masked, softmax, times V.

    `queries`, `keys`, `values` and what was `found` are (T, D), and (T, T) are the `scores` q k^T, the `bias` that
    is added to them scaled, what is `seen` (bool) and the `weights`.  The pair under the pointer or the arrow keys
    is told in numbers; nothing is sent.
    """
    across = {"queries": queries, "keys": keys, "values": values, "found": found}
    square = {"scores": scores, "bias": bias, "weights": weights}
    numbers = {name: np.asarray(a, dtype=np.float32) for name, a in {**across, **square}.items()}
    allowed, count, depth = np.asarray(seen, dtype=bool), len(tokens), numbers["queries"].shape[-1]
    for name, array in {**numbers, "seen": allowed}.items():
        if not count or array.shape != ((count, depth) if name in across else (count, count)):
            raise ValueError(f"A head over {count} tokens cannot have {name} of shape {array.shape}.")
    scaled = numbers["scores"] / np.sqrt(np.float32(depth))
    stages = np.stack([numbers["scores"], scaled, np.where(allowed, scaled + numbers["bias"], np.nan)])
    reach, far = np.nanmax(np.abs(stages), axis=(1, 2)), np.abs(numbers["found"]).max()
    scene.add(
        "head", key, title, weight, tokens=list(tokens), on=on, seen=scene.arrays.add(allowed, "u1"),
        stages=scene.arrays.images(stages, low=-reach, high=reach)["values"],
        shares=scene.arrays.images(numbers["weights"][None], low=0.0, high=1.0)["values"],
        results=scene.arrays.images(numbers["found"][None], low=-far, high=far)["values"],
        **{name: scene.arrays.add(array) for name, array in numbers.items()},
    )  # fmt: skip
