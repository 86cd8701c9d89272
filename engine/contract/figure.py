"""What stands still on a page: charts, tables, texts and formulas, as data that any page can draw.

``inside(view)`` in a lab's ``view.py`` returns a list of them.  Colours are tokens of the palette, written "@train";
the page puts in those of its theme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

FULL, LEFT, RIGHT = 0, 1, 2  # the column in which a figure stands; `RIGHT` stands beside `LEFT` before it


class Packs(Protocol):
    """A scene, which knows how to become bytes."""

    def to_bytes(self) -> bytes: ...


@dataclass(frozen=True)
class Chart:
    """A chart called `key`, by a specification of Vega-Lite or of Plotly: see `engine.figures`.

    `data` are the columns (N,) by name that a Vega-Lite specification draws; Plotly has its numbers in `spec`.  While
    the run trains, a chart is left alone as long as `still`, a name for what it shows, stays the same: one that can be
    turned would fly back.  "" is for one that moves.
    """

    key: str
    spec: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    height: int = 320
    library: str = "vega-lite"  # or "plotly"
    still: str = ""
    column: int = FULL


@dataclass(frozen=True)
class Table:
    """Rows of cells below their `header`, in Markdown.  The first column stands left, numbers in the others right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    column: int = FULL


@dataclass(frozen=True)
class Text:
    """A paragraph in Markdown.

    `tone` is "plain"; "note", which stands small below a figure; or "hint", which says what to do for something that
    is not there yet.
    """

    text: str
    tone: str = "plain"
    column: int = FULL


@dataclass(frozen=True)
class Formula:
    """A formula in LaTeX, on a line of its own."""

    latex: str
    column: int = FULL


@dataclass(frozen=True)
class Picture:
    """A scene called `key` that stands among the figures; what is picked in it goes to the lab's ``answer``."""

    key: str
    scene: Packs
    column: int = FULL


Figure = Chart | Table | Text | Formula | Picture
