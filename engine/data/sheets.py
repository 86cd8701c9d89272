"""A table as columns and rows, before its columns have a meaning.

How it is written is found out, or the visitor says it: `Reading`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.data import records
from engine.data.numerals import DECIMALS, numbers
from engine.data.square import MAX_CLASSES, DataError

# What programs call a first column of row numbers.
_COUNTERS = frozenset(
    {"", "#", "id", "index", "row", "row.names", "rownames", "unnamed: 0", "...1", "no", "no.", "nr", "nr."}
)


@dataclass(frozen=True)
class Reading:
    """How a table is to be read; what is None is found out.

    ``separator`` is a key of `records.SEPARATORS`, ``decimal`` "." or ",", ``header`` whether the first line
    holds names, ``row_numbers`` whether the first column is passed over, ``class_column`` a place from 0.
    """

    separator: str | None = None
    decimal: str | None = None
    header: bool | None = None
    row_numbers: bool | None = None
    class_column: int | None = None


AS_FOUND = Reading()


@dataclass(frozen=True)
class Sheet:
    """A table before its columns have a meaning: ``names`` of the columns, ``rows`` of as many cells each."""

    names: tuple[str, ...]
    rows: list[list[str]]
    how: Reading  # `separator`, `header` and `class_column` are found by now, the rest is as it was asked for
    counted: bool  # the first column has no name, or one that is usual for row numbers
    notes: tuple[str, ...]

    @property
    def place(self) -> int:
        """Of the class column."""
        return len(self.names) - 1 if self.how.class_column is None else self.how.class_column


def read_sheet(raw: bytes, how: Reading = AS_FOUND) -> Sheet:
    """The columns and rows of a table.  Raises `DataError` for what is none."""
    notes: list[str] = []
    table, hint = records.without_hint(records.text(raw, notes))
    separator = how.separator or hint or records.separator(table)
    rows = records.records(table, separator)
    if not rows:
        raise DataError("The file is empty; give a table with two numeric columns and a class in the last one.")
    width, lines = records.usual_width(rows), sum(not row[0].startswith("#") for row in rows)
    rows = _without_preamble(rows, width, notes)
    short = len(rows[0]) == width - 1 and all(len(row) == width for row in rows[1:]) and how.header is not False
    while width > 1 and rows[1:] and all(len(row) != width or not row[-1].strip() for row in rows[1:]):
        if len(rows[0]) == width and rows[0][-1].strip():
            break  # an empty column that has a name
        rows = [row[:-1] if len(row) == width else row for row in rows]  # each line ends in a separator
        width, short = width - 1, False
    if width < 3:
        raise DataError(
            f"The table has {width} column{'s' * (width > 1)}; it needs two numeric feature columns and a class. "
            f"Columns may be separated by {either([*records.SEPARATORS.values()])}."
        )
    if short:  # as R writes its row names
        rows[0].insert(0, "")
    same = [row for row in rows if len(row) == width]
    if 2 * len(same) < lines:
        raise DataError(f"Rows have different numbers of columns, the most frequent is {width}; all need as many.")
    if len(same) < len(rows):
        notes.append(f"{len(rows) - len(same)} rows were left out because they do not have {width} columns.")
    place = width - 1 if how.class_column is None else min(max(how.class_column, 0), width - 1)
    header = (short or _is_header(same, place)) if how.header is None else how.header
    names = [_short(cell) for cell in same[0]] if header else [""] * width
    names[0] = names[0].lstrip("# ") or names[0]  # NumPy makes the line of names a comment
    return Sheet(
        names=tuple(name or f"column {i + 1}" for i, name in enumerate(names)), rows=same[1:] if header else same,
        how=Reading(separator, how.decimal, header, how.row_numbers, place),
        counted=header and names[0].lower() in _COUNTERS, notes=tuple(notes),
    )  # fmt: skip


def _without_preamble(rows: list[list[str]], width: int, notes: list[str]) -> list[list[str]]:
    """Without comments and titles above the names.

    Those are lines of another width, or that begin with # before another, or, as spreadsheets fill them up with
    separators, with a single cell that is not empty; or with less than half of them, and none for the class.
    """
    begin = 0
    while begin < len(rows) - 1:
        row, after = rows[begin], rows[begin + 1]
        comment = row[0].startswith("#") and (
            len(row) != width or after[0].startswith("#") or (begin + 2 < len(rows) and not _has_numbers(after))
        )
        names_of_r = len(row) == width - 1 and len(after) == width
        filled = sum(map(bool, map(str.strip, row)))
        title = width > 2 and (filled < 2 or (2 * filled < width and not row[-1].strip()))
        if not (comment or title) and (len(row) == width or names_of_r):
            break
        begin += 1
    if begin == len(rows) - 1:
        return rows
    if begin:
        notes.append(f"{begin} line{'s' * (begin > 1)} above the table {'were' if begin > 1 else 'was'} passed over.")
    return rows[begin:]


def _is_header(rows: list[list[str]], place: int) -> bool:
    """Whether the first row holds names.

    It does if none of its features is a number.  Names may be numbers themselves, years for one: then its class must
    be none of the classes that all other rows share.
    """
    first = [cell.strip() for cell in rows[0]]
    features = first[:place] + first[place + 1 :]
    if not _has_numbers(features):
        return True
    if len({*features, ""}) <= len(features):  # names differ, and are not empty
        return False
    classes = Counter(row[place].strip() for row in rows[1:])
    return first[place] not in classes and 0 < len(classes) <= MAX_CLASSES and min(classes.values()) > 1


def _has_numbers(cells: list[str]) -> bool:
    return any(bool(np.isfinite(numbers(cells, sign)).any()) for sign in DECIMALS)


def _short(name: str) -> str:
    """A name from the file in one line, short enough for a sentence."""
    name = " ".join(name.split())
    return name if len(name) <= 40 else f"{name[:39]}…"


def either(words: Sequence[str], last: str = "or") -> str:
    """The words in a row: a, b or c."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]
