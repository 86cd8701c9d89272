"""Bounds that the environment can set, each by ``PLAYGROUND_`` and its name in capitals; and those of the shelf."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

LEAST = 0.75  # of what a lab allows its step: with less some would refuse what they begin with


@dataclass(frozen=True)
class Bounds:
    """Numbers greater than 0, by name.  Raises `ValueError` for others."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name} must be greater than 0, not {getattr(self, field.name)!r}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Bounds with what the environment sets.  Raises `ValueError`, naming a variable that is no number."""
        given: dict[str, int | float] = {}
        for field in dataclasses.fields(cls):
            variable = f"PLAYGROUND_{field.name.upper()}"
            if variable in environment:
                number = int if field.type == "int" else float
                try:
                    given[field.name] = number(environment[variable])
                except ValueError:
                    raise ValueError(f"{variable}={environment[variable]!r} is not {number.__name__}.") from None
        return cls(**given)


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
            raise ValueError(f"step_share must be at least {LEAST:g}, not {self.step_share!r}: labs need that.")


def patience(milliseconds: float) -> float:
    """How long a step may be expected to take on this server, where a lab allows so many `milliseconds`."""
    return milliseconds * CostBounds.from_environment().step_share
