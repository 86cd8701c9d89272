"""− and + at each layer of a network, and one layer less or more; ``assets/scene/steppers.js`` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Steppers:
    """What a visitor may do to the hidden layers of a drawn network, whose `sizes` the knob called `knob` holds.

    A size goes from `low` to `high`, and there are up to `most` of them; the first that is added has `first` neurons.
    What is asked is sent as a pick of kind "turn" with `knobs`, name and text as in a link.
    """

    knob: str
    sizes: Sequence[int]
    low: int
    high: int
    most: int
    first: int

    def spec(self, columns: int) -> dict[str, Any]:
        """What the browser is told, for a network of so many `columns`."""
        if len(self.sizes) != columns - 2:
            raise ValueError(f"{columns} columns have {columns - 2} hidden layers, not {len(self.sizes)}.")
        return {**vars(self), "sizes": list(self.sizes)}
