"""Words on a scene: paragraphs, and rows of cells; ``assets/scene/text.js`` writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.scene import palette
from engine.scene.scene import Scene


@dataclass(frozen=True)
class Span:
    """Some words in one look: `colour` is a token of the palette, `lit` puts them on a coloured ground."""

    text: str
    colour: str = ""
    bold: bool = False
    mono: bool = False
    soft: bool = False
    lit: bool = False
    underlined: bool = False


Cell = str | Span | Sequence[str | Span]


def text(
    scene: Scene,
    key: str,
    rows: Sequence[Cell | Sequence[Cell]],
    *,
    title: str = "",
    table: bool = False,
    header: bool = False,
    left: int = 1,
    hold: float = 1.0,
) -> None:
    """Add words that are as wide as the stage and take the height that they need.

    Each of `rows` is a paragraph, or with `table` a list of cells, of which the first `left` columns stand left and
    the others, numbers, right; with `header` the first row names the columns.  A paragraph or a cell is a text or some
    `Span`.  While a run trains the words stay as they are for `hold` seconds: what flickers cannot be read.
    """
    cells = [[_spans(cell) for cell in row] for row in rows] if table else [[_spans(row)] for row in rows]  # type: ignore[arg-type,union-attr]
    if table and len({len(row) for row in cells}) > 1:
        raise ValueError(f"The rows of '{key}' have {sorted({len(row) for row in cells})} cells; each needs as many.")
    scene.row()
    scene.add("text", key, title, 1.0, rows=cells, table=table, header=header, left=left, hold=float(hold))
    scene.row()


def _spans(cell: Cell) -> list[dict[str, Any]]:
    parts = [cell] if isinstance(cell, (str, Span)) else cell
    return [_spec(part if isinstance(part, Span) else Span(part)) for part in parts]


def _spec(span: Span) -> dict[str, Any]:
    looks = {name: True for name in ("bold", "mono", "soft", "lit", "underlined") if getattr(span, name)}
    colour = {"colour": palette.known_colour(span.colour)} if span.colour else {}
    quoted = span.mono or span.lit
    return {"text": span.text if quoted else minus(span.text), **colour, **looks}


def minus(text: str) -> str:
    """`text` with a minus where Python writes a hyphen, at which a line might break: "-0.5" and "2e-07" have one."""
    return re.sub(r"(?:(?<![\w)$-])|(?<=\de))-(?=\.?\d)", "−", text)
