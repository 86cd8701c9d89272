"""One unit of a network on a scene, taken apart: a kernel, a recurrent cell, an attention head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene.rail import Rails
from engine.scene.scene import Scene


def sliding_kernel(
    scene: Scene,
    key: str,
    *,
    title: str,
    picture: ArrayLike,
    inputs: ArrayLike,
    kernel: ArrayLike,
    bias: float,
    window: tuple[int, int, int],
    maps: Sequence[ArrayLike],
    towards: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str],
    field: tuple[int, int, int] = (1, 1, 0),
    source: int = 0,
    pool: str = "none",
    norm: str = "none",
    skips: bool = False,
    last: bool = True,
    truth: int = -1,
    weight: float = 1.0,
) -> Rails:
    """Add one kernel of a convolution that slides over its input, with every product, to the class.

    `kernel` (I, k, k) and `bias` slide over `inputs` (I, h, w), of which the map `source` is drawn; `window` is
    (stride, padding, dilation).  `maps` are the sums (H, W), the same with `norm` and skip connection, after relu,
    and after `pool` ("max" or "average" of 2 x 2, or "none").  `towards` is the slope of the likeliest class's
    logit by each number of the last map, or its weight if this is the `last` layer.  `field` is (size, distance of
    neighbours, first pixel) of what one of the sums can see of `picture` (h, w).  `truth` is the class, or -1.

    The kernel slides by itself, stands where the pointer is, and is held and let go by a click; nothing is sent.
    """
    pixels, maps_in, taps = (np.asarray(a, dtype=np.float32) for a in (picture, inputs, kernel))
    stride, padding, dilation = window
    if maps_in.ndim != 3 or taps.ndim != 3 or len(taps) != len(maps_in) or taps.shape[1] != taps.shape[2]:
        raise ValueError(f"A kernel (I, k, k) slides over maps (I, h, w), not {taps.shape} over {maps_in.shape}.")
    sums, normed, active, pooled = (np.asarray(m, dtype=np.float32) for m in maps)
    reach = dilation * (taps.shape[1] - 1) + 1
    places = tuple((side + 2 * padding - reach) // stride + 1 for side in maps_in.shape[1:])
    if not sums.shape == normed.shape == active.shape == places:
        raise ValueError(f"The kernel finds {places} places, but the maps have shapes {sums.shape}, {normed.shape} "
                         f"and {active.shape}.")  # fmt: skip
    chances, slopes = np.asarray(probabilities, dtype=np.float32), np.asarray(towards, dtype=np.float32)
    if len(chances) != len(classes) or slopes.shape != pooled.shape:
        raise ValueError(f"There are {len(classes)} classes and {len(chances)} probabilities, {slopes.shape} slopes"
                         f" and {pooled.shape} pooled numbers.")  # fmt: skip
    sees, jump, start = field
    arrays = {"picture": pixels, "inputs": maps_in, "kernel": taps, "sums": sums, "normed": normed,
              "active": active, "pooled": pooled, "towards": slopes, "probabilities": chances}  # fmt: skip
    spec = scene.add(
        "slide", key, title, weight, bias=float(bias), stride=stride, padding=padding, dilation=dilation,
        sees=sees, jump=jump, start=start, source=source, deep=not np.array_equal(maps_in, pixels[None]), pool=pool,
        norm=norm, skips=skips, last=last, classes=list(classes), answer=int(chances.argmax()), truth=truth,
        **{name: scene.arrays.add(values) for name, values in arrays.items()},
    )  # fmt: skip
    return Rails(spec, scene.arrays)
