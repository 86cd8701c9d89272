"""A table that somebody uploaded as points of the plane: two columns of numbers and a class.

How a table is written is found out, said in a sentence, and can be said by the visitor instead: `Reading`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import records
from engine.numerals import DECIMALS, decimal_sign, numbers
from engine.square import LIMIT, MAX_CLASSES, MAX_POINTS, DataError

MAX_CLASS_NAME = 100  # characters
FEWEST_ROWS = 4

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "inf", "-inf", "+inf", "infinity", "-infinity"})
_COUNTERS = frozenset(
    {"", "#", "id", "index", "row", "row.names", "rownames", "unnamed: 0", "...1", "no", "no.", "nr", "nr."}
)


@dataclass(frozen=True)
class Reading:
    """How a table is to be read; what is None is found out.

    ``separator`` is a key of `engine.records.SEPARATORS`, ``decimal`` "." or ",", ``header`` whether the first line
    holds names, ``row_numbers`` whether the first column is passed over, ``class_column`` a place from 0.
    """

    separator: str | None = None
    decimal: str | None = None
    header: bool | None = None
    row_numbers: bool | None = None
    class_column: int | None = None


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


@dataclass(frozen=True)
class Table:
    """An uploaded table as points of the plane.

    ``xy`` (N, 2) in [-LIMIT, LIMIT]; ``labels`` (N,) numbers from 0; ``names``: of the two features and the class
    column; ``class_names`` in the order of their numbers; ``notes``: how it was read, then a sentence for each thing
    that was converted; ``how``: all of it found out.
    """

    xy: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, str, str]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    how: Reading = Reading()


def read_csv(raw: bytes, how: Reading = Reading()) -> Table:
    """Read a table: the class in its last column, the features in the first two columns of numbers.

    Features are standardised to mean 0 and standard deviation 2.  Rows with missing values are left out, and of more
    than 500 rows a sample with equal class shares is kept; ``notes`` says so.  Raises `DataError` for what cannot be
    used.
    """
    return points(sheet(raw, how))


# ---------------------------------------------------------------- the sheet


def sheet(raw: bytes, how: Reading = Reading()) -> Sheet:
    """The columns and rows of a table.  Raises `DataError` for what is none."""
    notes: list[str] = []
    table, hint = records.without_hint(records.text(raw, notes))
    separator = how.separator or hint or records.separator(table)
    rows = records.records(table, separator)
    if not rows:
        raise DataError("The file is empty; give a table with two numeric columns and a class in the last one.")
    width = records.usual_width(rows)
    rows = _without_preamble(rows, width, notes)
    short = len(rows[0]) == width - 1 and all(len(row) == width for row in rows[1:]) and how.header is not False
    while width > 1 and rows[1:] and all(len(row) != width or not row[-1].strip() for row in rows[1:]):
        if len(rows[0]) == width and rows[0][-1].strip():
            break  # an empty column that has a name
        rows = [row[: width - 1] for row in rows]  # each line ends in a separator
        width, short = width - 1, False
    if width < 3:
        raise DataError(
            f"The table has {width} column{'s' * (width > 1)}; it needs two numeric feature columns and a class. "
            f"Columns may be separated by {_either([*records.SEPARATORS.values()])}."
        )
    if short:  # as R writes its row names
        rows[0].insert(0, "")
    same = [row for row in rows if len(row) == width]
    if len(same) < len(rows):
        notes.append(f"{len(rows) - len(same)} rows were left out because they do not have {width} columns.")
    place = width - 1 if how.class_column is None else min(max(how.class_column, 0), width - 1)
    header = (short or _is_header(same, place)) if how.header is None else how.header
    names = [_short(cell.lstrip("# ") or cell) for cell in same[0]] if header else [""] * width
    return Sheet(
        names=tuple(name or f"column {i + 1}" for i, name in enumerate(names)), rows=same[1:] if header else same,
        how=Reading(separator, how.decimal, header, how.row_numbers, place),
        counted=header and names[0].lower() in _COUNTERS, notes=tuple(notes),
    )  # fmt: skip


def _without_preamble(rows: list[list[str]], width: int, notes: list[str]) -> list[list[str]]:
    """Without comments and titles above the names: lines of another width, or that begin with # before another."""
    begin = 0
    while begin < len(rows) - 1:
        row, after = rows[begin], rows[begin + 1]
        comment = row[0].startswith("#") and (len(row) != width or after[0].startswith("#"))
        names_of_r = len(row) == width - 1 and len(after) == width
        if not comment and (len(row) == width or names_of_r):
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
    if not any(np.isfinite(numbers(features, sign)).any() for sign in DECIMALS):
        return True
    if len({*features, ""}) <= len(features):  # names differ, and are not empty
        return False
    classes = Counter(row[place].strip() for row in rows[1:])
    return first[place] not in classes and 0 < len(classes) <= MAX_CLASSES and min(classes.values()) > 1


def _short(name: str) -> str:
    """A name from the file in one line, short enough for a sentence."""
    name = " ".join(name.split())
    return name if len(name) <= 40 else f"{name[:39]}…"


# ---------------------------------------------------------------- its points


def points(sheet: Sheet) -> Table:
    """The points of a sheet.  Raises `DataError` if its columns do not hold two features and two or three classes."""
    place, names = sheet.place, sheet.names
    notes = list(sheet.notes)
    kept, words = _classes(sheet, notes)
    columns, decimals, row_numbers = _features(sheet, kept, notes)
    first, second = columns
    values = np.stack([columns[first], columns[second]], axis=1)  # (rows, 2), NaN if missing
    whole = np.isfinite(values).all(axis=1)
    values, words = values[whole], [word for word, good in zip(words, whole, strict=True) if good]
    if len(words) < len(sheet.rows):
        said = {kept[i][c].strip().lower() for c in columns for i in np.flatnonzero(~np.isfinite(columns[c]))}
        notes.append(f"{len(sheet.rows) - len(words)} of {len(sheet.rows)} rows were left out because a value is "
                     f"missing{'' if said <= _MISSING else ' or is no number'}.")  # fmt: skip
    if len(words) < FEWEST_ROWS:
        raise DataError(f"Only {len(words)} rows have all their values; at least {FEWEST_ROWS} are needed.")
    class_names = _require_classes(names[place], words, last=place == len(names) - 1)
    number = {name: k for k, name in enumerate(class_names)}
    labels = np.array([number[word] for word in words], dtype=np.int64)
    how = Reading(sheet.how.separator, sheet.how.decimal or decimals[first], sheet.how.header, row_numbers, place)
    how_read = _said(sheet, how, rows=len(labels), commas=[names[c] for c in columns if decimals[c] == ","])
    if len(labels) > MAX_POINTS:
        notes.append(f"A sample of {MAX_POINTS} of {len(labels)} rows is used, with the same share of each class.")
        chosen = _stratified(labels, MAX_POINTS)
        values, labels = values[chosen], labels[chosen]
    with np.errstate(over="ignore", invalid="ignore"):
        scale = values.std(axis=0)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise DataError(
            "A feature column has the same value in every row that is complete, or values too large to use."
        )
    notes.append(f"{names[first]} and {names[second]} were standardised: mean 0, standard deviation 2.")
    xy = 2 * (values - values.mean(axis=0)) / scale
    if (np.abs(xy) > LIMIT).any():
        notes.append(f"{int((np.abs(xy) > LIMIT).any(axis=1).sum())} points outside the plane were moved to its edge.")
    return Table(
        xy=np.clip(xy, -LIMIT, LIMIT).astype(np.float32), labels=labels, class_names=class_names,
        names=(names[first], names[second], names[place]), notes=(how_read, *notes), how=how,
    )  # fmt: skip


def _said(sheet: Sheet, how: Reading, *, rows: int, commas: list[str]) -> str:
    """How the table was read, in one sentence."""
    separator = records.SEPARATORS.get(how.separator or "", f"“{how.separator}” between columns")
    decimal = DECIMALS["," if commas else "."] + (f" in {commas[0]}" if len(commas) == 1 else "")
    last = sheet.place == len(sheet.names) - 1
    return (
        f"Read as: {separator}, {decimal}, {'' if how.header else 'no '}names in the first line, "
        f"{'last column' if last else 'column'} {sheet.names[sheet.place]} is the class, "
        f"{'row numbers passed over, ' if how.row_numbers else ''}{rows:,} rows."
    )


def _classes(sheet: Sheet, notes: list[str]) -> tuple[list[list[str]], list[str]]:
    """The rows that have a class, and the class of each.

    An empty cell is none.  Words such as NA are, where without them there would be less than two classes, or where
    they stand in more than a twentieth of the rows and make no fourth class.
    """
    place = sheet.place
    named = [(row, row[place].strip()) for row in sheet.rows]
    counts = Counter(word for _, word in named if word)
    if sheet.rows and not counts:
        raise DataError(f"The class column, {sheet.names[place]}, is empty in every row; each row needs a class.")
    doubtful = {word: count for word, count in counts.items() if word.lower() in _MISSING}
    others = len(counts) - len(doubtful)
    if others >= 2:
        many = {word for word, count in doubtful.items() if 20 * count > sum(counts.values())}
        accepted = many if others + len(many) <= MAX_CLASSES else set()
    else:
        accepted = set(doubtful)
    refused = doubtful.keys() - accepted
    if accepted:
        notes.append(f"{_either(sorted(accepted), 'and')} {'is' if len(accepted) == 1 else 'are'} taken for "
                     f"{'a class' if len(accepted) == 1 else 'classes'}, not for a missing value.")  # fmt: skip
    if refused:
        notes.append(f"{_either(sorted(refused), 'and')} in the class column {'is' if len(refused) == 1 else 'are'} "
                     "taken for a missing value.")  # fmt: skip
    kept = [(row, word) for row, word in named if word and word not in refused]
    if len(kept) < FEWEST_ROWS:
        raise DataError(f"The table has {len(kept)} rows with a class; at least {FEWEST_ROWS} are needed.")
    return [row for row, _ in kept], [word for _, word in kept]


def _features(
    sheet: Sheet, rows: list[list[str]], notes: list[str]
) -> tuple[dict[int, NDArray[np.float64]], dict[int, str], bool]:
    """The first two columns of numbers, by their place; their decimal signs; whether row numbers were passed over.

    A column counts if at least half of its cells are numbers, and not all the same.
    """
    how, names = sheet.how, sheet.names
    usual = decimal_sign((cell for row in rows[:200] for cell in row), tie=".", separator=how.separator or "")
    found: dict[int, NDArray[np.float64]] = {}
    decimals: dict[int, str] = {}
    passed_over: list[str] = []
    row_numbers, may_count = bool(how.row_numbers), False
    for column in range(int(row_numbers), len(names)):
        if column == sheet.place:
            continue
        cells = [row[column] for row in rows]
        decimals[column] = how.decimal or decimal_sign(cells, tie=usual)
        values = numbers(cells, decimals[column])
        finite = values[np.isfinite(values)]
        if column == 0 and how.row_numbers is None and sheet.counted and _all_differ(values):
            row_numbers = True
        elif 2 * len(finite) >= len(values) and finite.min() < finite.max():
            found[column] = values
            may_count |= (
                column == 0 and not how.header and how.row_numbers is None and bool((np.diff(values) == 1).all())
            )
        else:
            passed_over.append(names[column])
        if len(found) == 2 + may_count:
            break
    if len(found) == 3:  # a first column without a name that counts up, and two more
        del found[0]
        row_numbers = True
    if len(found) < 2:
        raise DataError(
            f"The table has {len(found)} numeric feature columns that vary{' besides its row numbers' * row_numbers}; "
            "two are needed besides the class."
        )
    if passed_over:
        some = passed_over[:5] + ["…"] * (len(passed_over) > 5)
        notes.append(f"Not used, because they are not numeric or do not vary: {', '.join(some)}.")
    features = len(names) - 1 - row_numbers
    if features > 2 + len(passed_over):
        notes.append(f"Of {features} feature columns the first two numeric ones are used.")
    return found, decimals, row_numbers


def _all_differ(values: NDArray[np.float64]) -> bool:
    """Whether `values` are whole numbers, each another one, as row numbers are, of a part of a table too."""
    return bool(np.isfinite(values).all() and (values == np.round(values)).all() and len({*values}) == len(values))


def _require_classes(column: str, words: Sequence[str], *, last: bool) -> tuple[str, ...]:
    """The names of the classes in order.  They are counted, and their length looked at, before any array is made."""
    named, counts = f"'{column}', the {'last' if last else 'class'} column,", Counter(words)
    if len(counts) < 2:
        raise DataError(f"All rows have the same class in {named} but two or three classes are needed.")
    if len(counts) > MAX_CLASSES:
        raise DataError(f"{named.rstrip(',')} has {len(counts)} different classes; two or three are accepted.")
    longest = max(map(len, counts))
    if longest > MAX_CLASS_NAME:
        raise DataError(
            f"A class in '{column}' has a name of {longest:,} characters; at most {MAX_CLASS_NAME} are accepted."
        )
    if min(counts.values()) < 2:
        raise DataError(f"A class in '{column}' has a single row; each needs at least two.")
    return tuple(sorted(counts))


def _stratified(labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Indices of about equal class shares, at least two of each class, `n` in all; the same ones every time."""
    rng = np.random.default_rng(0)
    counts = np.bincount(labels)
    wanted = np.maximum(2, np.floor(n * counts / len(labels)).astype(int))
    wanted[np.argmax(counts)] += n - wanted.sum()
    groups = [rng.permutation(np.flatnonzero(labels == c))[:k] for c, k in enumerate(wanted)]
    return np.sort(np.concatenate(groups))


def _either(words: Sequence[str], last: str = "or") -> str:
    """ "a, b or c"."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]
