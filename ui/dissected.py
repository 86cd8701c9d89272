"""One unit of a network on a scene, taken apart: a kernel, a recurrent cell, an attention head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ui.scene import Scene


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
) -> None:
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
    scene.add(
        "slide", key, title, weight, bias=float(bias), stride=stride, padding=padding, dilation=dilation,
        sees=sees, jump=jump, start=start, source=source, deep=not np.array_equal(maps_in, pixels[None]), pool=pool,
        norm=norm, skips=skips, last=last, classes=list(classes), answer=int(chances.argmax()), truth=truth,
        **{name: scene.arrays.add(values) for name, values in arrays.items()},
    )  # fmt: skip


def recurrent_cell(
    scene: Scene,
    key: str,
    *,
    title: str,
    cell: str,
    tokens: Sequence[str],
    said: Sequence[str],
    wanted: Sequence[str],
    asked: int,
    gates: Mapping[str, ArrayLike],
    from_input: ArrayLike,
    from_state: ArrayLike,
    bias: ArrayLike,
    span: tuple[int, int] = (0, 0),
    unit: int = 0,
    units: int | None = None,
    note: str = "",
    weight: float = 1.0,
) -> None:
    """Add a recurrent `cell` ("rnn", "gru" or "lstm") that reads `tokens` (T), with all its numbers, at a cursor.

    `gates` are (T, H) each; those that squash a sum get it from `from_input`, `from_state` (gates, T, H) and `bias`
    (gates, H); the state has `units` numbers if more than these H.  Answers `said` and `wanted` count from step
    `asked`.  The cursor moves in the browser; brushing the tokens sends kind "span", with `start` and `stop`
    (equal: no span).
    """
    values = np.stack([np.asarray(gate, dtype=np.float32) for gate in gates.values()])
    parts = [np.asarray(part, dtype=np.float32) for part in (from_input, from_state)]
    if values.ndim != 3 or values.shape[1] != len(tokens) or parts[0].shape[1:] != values.shape[1:]:
        raise ValueError(f"{len(tokens)} tokens need gates (T, H) and sums (gates, T, H), not "
                         f"{values.shape[1:]} and {parts[0].shape}.")  # fmt: skip
    reach = [max(1.0, float(np.nan_to_num(np.abs(gate)).max())) for gate in values]
    scene.add(
        "cell", key, title, weight, cell=cell, tokens=list(tokens), said=list(said), wanted=list(wanted),
        short=[t if len(t) == 1 else t[0] if t[0] == "✓" else "" for t in tokens], asked=asked, names=list(gates),
        reach=reach, span=list(span), unit=unit, units=units or values.shape[2], note=note,
        gates=scene.arrays.add(values), from_input=scene.arrays.add(parts[0]),
        from_state=scene.arrays.add(parts[1]), bias=scene.arrays.add(bias),
    )  # fmt: skip


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
