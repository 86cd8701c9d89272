"""What stands around a picture: knobs, as a rail below it and buttons in its head, and large numbers beside it.

``assets/scene/rail.js`` and ``assets/scene/meter.js`` draw them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.scene import palette
from engine.scene.arrays import Arrays

Button = tuple[str, Mapping[str, str]] | tuple[str, Mapping[str, str], ArrayLike]


class Rails:
    """What turns the run's knobs from within a panel of any kind, given the panel's part of the header and the arrays.

    All of it is sent as a pick of kind "turn" with `knobs`, names and texts as in a link, which the run answers itself,
    whatever the lab.  Where nobody may steer it is drawn and cannot be moved.
    """

    def __init__(self, spec: dict[str, Any], arrays: Arrays) -> None:
        self._spec, self._arrays = spec, arrays

    def rail(
        self,
        knob: str,
        value: float,
        *,
        low: float,
        high: float,
        log: bool = False,
        label: str,
        marks: Sequence[tuple[float, str]] = (),
    ) -> None:
        """Put a slider below the picture that turns `knob`, now at `value`, between `low` and `high`.

        It turns whole numbers if `value` is one, and on the way of a drag too if the knob is live or one for looking; a
        knob that restarts the run is turned when the slider is let go.  `log` spreads the decades evenly; a lower end
        of zero is kept, with six decades above it.  `marks` are values with a name that stand as ticks on the rail;
        those beyond its ends are left out.  A panel has one rail: the last that was put there.
        """
        if not (low < high and math.isfinite(low) and math.isfinite(high) and math.isfinite(value)):
            raise ValueError(f"A rail runs from a lower number to a higher one, not from {low} to {high} at {value}.")
        if log and low < 0:
            raise ValueError(f"A logarithmic rail begins at zero or above it, not at {low}.")
        if not label:
            raise ValueError("A rail needs a label: those who cannot see it are told that.")
        kept = [[float(at), text] for at, text in marks if low <= at <= high]
        self._spec["rail"] = {"knob": knob, "value": value, "low": low, "high": high, "log": log,
                              "whole": isinstance(value, int), "label": label, "marks": kept}  # fmt: skip

    def buttons(
        self,
        choices: Sequence[Button],
        *,
        label: str = "Knobs",
        chosen: int | None = None,
        stepping: Collection[int] = (),
    ) -> None:
        """Put a group of small buttons into the panel's head, each of which turns knobs: [(text, {knob: text}), …].

        A third item is a drawing on the button, an array (H, W) of 0, 1, …: 0 is empty, k has the k-th class colour.
        Its text is then the button's name.  `chosen` is the one that is in force, and `label` names the group.  After
        those at the places `stepping` the run does one step.
        """
        group: list[dict[str, Any]] = []
        for text, knobs, *drawing in choices:
            if not text or not knobs:
                raise ValueError("A button needs a text, and the knobs that it turns.")
            made: dict[str, Any] = {"text": text, "knobs": dict(knobs)}
            if len(group) in stepping:
                made["step"] = True
            if drawing:
                image = np.asarray(drawing[0])
                if image.ndim != 2 or not image.size or image.min() < 0 or image.max() > 10:
                    raise ValueError(f"A drawing on a button is an array (H, W) of 0 to 10, not one of {image.shape}.")
                made["image"] = self._arrays.add(image, "u1")
            group.append(made)
        self._spec.setdefault("buttons", []).append({"label": label, "chosen": chosen, "choices": group})

    def meters(self, shares: Sequence[tuple[str, float, str]]) -> None:
        """Write large beside the picture how much of what is right, or full: (label, share in [0, 1], colour) each."""
        told = []
        for label, share, colour in shares:
            if not label or not (math.isnan(share) or 0 <= share <= 1):
                raise ValueError(f"A meter shows a share in [0, 1] of something, not {share} of '{label}'.")
            told.append({"label": label, "share": None if math.isnan(share) else float(share),
                         "colour": palette.known_colour(colour)})  # fmt: skip
        self._spec["meters"] = told
