"""A file of somebody's as records: its bytes as text, its separator, its cells; within bounds from the first byte on.

The standard library's `csv` tells quotes and cells apart.  `pandas.read_csv` is not asked: it looks for the separator
in the first line only (a line break in a quoted name defeats it), fills short rows without a word, and has no bound on
columns or cells.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator

from engine.data.square import DataError

MAX_BYTES = 5_000_000
MAX_ROWS = 200_000
MAX_COLUMNS = 1_000
MAX_CELLS = 1_000_000  # about 60 MB while the table is read
MAX_CELL = 10_000  # characters
MAX_LINE = 500_000  # characters
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas", " ": "spaces"}  # at a tie the first

_HEAD, _HEAD_ROWS = 65_536, 200  # characters and records in which the separator is looked for
_NUMBER = re.compile(r"\s*[+-]?[0-9.,]*[0-9][.,]?(?:[eE][+-]?[0-9]+)?\s*")  # with a decimal point or comma
_WIDE = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods; xls


def text(raw: bytes, notes: list[str]) -> str:
    """`raw` as text, lines ending in a line feed: UTF-8, UTF-16 or UTF-32 by their marks, else Windows' Latin-1.

    What was assumed goes into `notes`.  Raises `DataError` for what is no text, or too long.
    """
    if len(raw) > MAX_BYTES:
        raise DataError(f"The file has {len(raw) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are accepted.")
    if raw.startswith(_WORKBOOKS):
        raise DataError("The file is a workbook and not text; save its sheet as CSV (UTF-8) and upload that.")
    decoded = _decoded(raw, notes)
    if "\0" in decoded:
        raise DataError("The file is not text; save the table as CSV (UTF-8) and upload that.")
    return re.sub("\r\n?", "\n", decoded)


def _decoded(raw: bytes, notes: list[str]) -> str:
    wide = next((name for mark, name in _WIDE.items() if raw.startswith(mark)), "")
    try:
        return raw.decode(wide or "utf-8-sig")
    except UnicodeDecodeError:
        if wide:
            raise DataError(
                f"The file begins as {wide.upper()} and is damaged further on; save the table as CSV (UTF-8)."
            ) from None
    if b"\0" in raw:
        raise DataError("The file is not text; save the table as CSV (UTF-8) and upload that.")
    notes.append("The text is not UTF-8; it was read as Latin-1.")
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def without_hint(table: str) -> tuple[str, str]:
    """The table without Excel's own hint, a first line such as ``sep=;``, and the separator that it names."""
    hint = re.match(r'\s*"?sep=([^\n"])"?[ ,;\t|]*(?:\n|$)', table, re.IGNORECASE)
    return (table[hint.end() :], hint[1]) if hint else (table, "")


def separator(table: str) -> str:
    """The key of `SEPARATORS` that divides the first records best.

    That is: into three columns or more, of which two hold numbers, and most records into the same number.  Separators
    within quotes do not count, nor does a line break there end a record.
    """
    head = table[:_HEAD]
    cut = len(table) > _HEAD and "\n" in head
    best, best_score = ",", (-1.0,) * 4
    for candidate in SEPARATORS:
        rows = list(itertools.islice(_cells(head[: head.rfind("\n")] if cut else head, candidate), _HEAD_ROWS))
        if not rows:
            continue
        width = usual_width(rows)
        same = [row for row in rows if len(row) == width]
        numeric = sum(
            2 * sum(map(bool, map(_NUMBER.fullmatch, cells))) >= len(same) for cells in zip(*same, strict=True)
        )
        score = (float(width > 2), float(min(numeric, 2)), len(same) / len(rows), float(width > 1))
        if score > best_score:
            best, best_score = candidate, score
    return best


def usual_width(rows: list[list[str]]) -> int:
    """How many cells most of `rows` have; of two that are equally frequent the larger."""
    counts = Counter(map(len, rows))
    return max(counts, key=lambda width: (counts[width], width))


def records(table: str, separator: str) -> list[list[str]]:
    """All records that are not blank, as lists of cells.  Raises `DataError` where a bound is passed, at once."""
    at = 0
    while len(table) - at > MAX_LINE:
        at = 1 + table.rfind("\n", at, at + MAX_LINE + 1)
        if not at:
            raise DataError(f"A line has more than {MAX_LINE:,} characters; each row needs a line of its own.")
    rows: list[list[str]] = []
    cells = 0
    reader = _cells(table, separator)
    while True:
        try:
            row = next(reader, None)
        except csv.Error:  # the module's own bound on a cell; carriage returns and zero bytes are gone by now
            raise _too_long() from None
        if row is None:
            break
        cells += len(row)
        if len(max(row, key=len)) > MAX_CELL:
            raise _too_long()
        if len(row) > MAX_COLUMNS:
            raise DataError(f"A row has {len(row):,} columns; at most {MAX_COLUMNS:,} are accepted.")
        if len(rows) == MAX_ROWS:
            raise DataError(f"The table has more than {MAX_ROWS:,} rows, the most that are accepted; upload a part.")
        if cells > MAX_CELLS:
            raise DataError(f"The table has more than {MAX_CELLS:,} cells, the most that are accepted; upload a part.")
        rows.append(row)
    if rows and table.count('"') % 2 and "\n" in rows[-1][-1].strip():
        raise DataError(
            f"The quotation mark before “{rows[-1][-1].split()[0][:40]}” is never closed; close or remove it."
        )
    return rows


def _cells(table: str, separator: str) -> Iterator[list[str]]:
    if separator == " ":  # columns are lined up with several of them
        table = re.sub(r" *\n *", "\n", re.sub(" {2,}", " ", table.strip(" ")))
    reader = csv.reader(io.StringIO(table, newline="\n"), delimiter=separator, skipinitialspace=separator != " ")
    return (row for row in reader if row and any(map(str.strip, row)))


def _too_long() -> DataError:
    return DataError(
        f"A cell has more than {MAX_CELL:,} characters, the most that are accepted; is a quotation mark not closed?"
    )
