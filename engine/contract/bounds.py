"""Bounds that the environment can set, each by ``PLAYGROUND_`` and its name in capitals; and those of the shelf."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

PREFIX = "PLAYGROUND_"
MOST = {"workers": 256}  # by name: a slip of the keys is not to start thousands of processes
MOST_OF_ALL = 1e9  # of anything else; Python waits for no more seconds than that
LEAST = 0.75  # of what a lab allows its step: with less some would refuse what they begin with


@dataclass(frozen=True)
class Bounds:
    """Numbers greater than 0, by name.  Raises `ValueError`, a sentence with the variable, for others."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, most = getattr(self, field.name), _most(field.name)
            if not 0 < value <= most:
                raise ValueError(f"{PREFIX}{field.name.upper()}={value!r}: give more than 0, and at most {most:,.10g}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Bounds with what the environment sets; a variable that is empty sets nothing.

        Raises `ValueError`, naming a variable that is no such number.
        """
        given: dict[str, int | float] = {}
        for field in dataclasses.fields(cls):
            variable = f"{PREFIX}{field.name.upper()}"
            if said := environment.get(variable, "").strip():
                number, kind = (int, "whole number") if field.type == "int" else (float, "number")
                try:
                    given[field.name] = number(said)
                except ValueError:
                    raise ValueError(f"{variable}={said!r} is no {kind}.") from None
        return cls(**given)


def _most(name: str) -> float:
    return 1.0 if name.endswith("_share") and name != "step_share" else MOST.get(name, MOST_OF_ALL)


@dataclass(frozen=True)
class ShelfBounds(Bounds):
    """How much `engine.data.shelf` keeps."""

    shelf_files: int = 200  # networks kept for the way from page to page; the oldest go
    shelf_mb: float = 500.0  # and never more than this


@dataclass(frozen=True)
class UploadBounds(Bounds):
    """How large what a visitor brings may be, in MB; each reader takes what stands here at most, whatever is set."""

    table_mb: float = 5.0
    picture_mb: float = 5.0
    text_mb: float = 1.0
    network_mb: float = 25.0


@dataclass(frozen=True)
class CostBounds(Bounds):
    """How long a step may take.  Raises `ValueError` for so little that labs would refuse their own lessons."""

    step_share: float = 1.0  # of the milliseconds that a lab allows its step: .75 on a slow machine, 4 on one's own

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step_share < LEAST:
            raise ValueError(f"{PREFIX}STEP_SHARE={self.step_share!r}: give at least {LEAST:g}; labs need that.")


def patience(milliseconds: float) -> float:
    """How long a step may be expected to take on this server, where a lab allows so many `milliseconds`."""
    return milliseconds * CostBounds.from_environment().step_share
