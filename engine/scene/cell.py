"""A recurrent cell at one step, drawn as its equations; ``assets/scene/cell.js`` draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.scene.scene import Scene


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
    fine = {"gates": values, "from_input": parts[0], "from_state": parts[1]}
    sent = {name: scene.arrays.fine(numbers, decimals=2) for name, numbers in fine.items()}
    scene.add(
        "cell", key, title, weight, cell=cell, tokens=list(tokens), said=list(said), wanted=list(wanted),
        short=[t if len(t) == 1 else t[0] if t[0] == "✓" else "" for t in tokens], asked=asked, names=list(gates),
        reach=reach, span=list(span), unit=unit, units=units or values.shape[2], note=note,
        **{name: index for name, (index, _) in sent.items()}, bias=scene.arrays.add(bias),
        scales={name: scale for name, (_, scale) in sent.items() if scale},
    )  # fmt: skip
