"""Bounds that the environment can set, each by ``PLAYGROUND_`` and its name in capitals; and those of the shelf."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


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
