"""The next token, and how it is drawn; ``assets/scene/sampler.js`` draws it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene.scene import Scene


def next_token(
    scene: Scene, key: str, *, title: str, logits: ArrayLike, labels: Sequence[str], note: str = "", weight: float = 1.0
) -> None:
    """Add the probabilities of the next token as bars, from its `logits` (V,); `labels` (V,) are the tokens.

    Sliders for temperature, top-k and top-p act in the browser.  Its button draws one token: kind "sample", with
    the index of the token.  `note` stands below.
    """
    values = np.asarray(logits, dtype=np.float32)
    if values.ndim != 1 or not len(values) or len(values) != len(labels):
        raise ValueError(f"Next tokens take logits (V,) and V labels, not {values.shape} and {len(labels)}.")
    scene.add("sampler", key, title, weight, labels=list(labels), note=note,
              logits=scene.arrays.add(np.nan_to_num(values, nan=-1e4, posinf=1e4, neginf=-1e4)))  # fmt: skip
