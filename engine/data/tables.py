"""A table that somebody uploaded as points of the plane: two columns of numbers and a class.

What a table's form was taken for is in the first of its notes; `Reading` says it instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import records
from engine.data.numerals import DECIMALS, evidence, numbers, usual_sign
from engine.data.sheets import AS_FOUND, Reading, Sheet, either, read_sheet
from engine.data.square import LIMIT, MAX_CLASSES, MAX_POINTS, DataError

MAX_CLASS_NAME = 100  # characters
FEWEST_ROWS = 4

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "inf", "-inf", "+inf", "infinity", "-infinity"})


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
    how: Reading = AS_FOUND


def read_csv(raw: bytes, how: Reading = AS_FOUND) -> Table:
    """Read a table: the class in its last column, the features in the first two columns of numbers.

    Features are standardised to mean 0 and standard deviation 2.  Rows with missing values are left out, and of more
    than 500 rows a sample with equal class shares is kept; ``notes`` says so.  Raises `DataError` for what cannot be
    used.
    """
    return points(read_sheet(raw, how))


def points(sheet: Sheet) -> Table:
    """The points of a sheet.  Raises `DataError` if its columns do not hold two features and two or three classes."""
    place, names = sheet.place, sheet.names
    notes = list(sheet.notes)
    kept, words = _classes(sheet, notes)
    columns, decimals, row_numbers = _features(sheet, kept, notes)
    first, second = columns
    values = np.stack([columns[first], columns[second]], axis=1)  # (rows, 2), NaN if missing
    whole: NDArray[np.bool_] = np.all(np.isfinite(values), axis=1)
    values, words = values[whole], [word for word, good in zip(words, whole.tolist(), strict=True) if good]
    if len(words) < len(sheet.rows):
        said = {kept[i][c].strip().lower() for c in columns for i in np.flatnonzero(~np.isfinite(columns[c]))}
        notes.append(f"{len(sheet.rows) - len(words)} of {len(sheet.rows)} rows were left out because a value is "
                     f"missing{'' if said <= _MISSING else ' or is no number'}.")  # fmt: skip
    if len(words) < FEWEST_ROWS:
        raise DataError(
            f"Of {_rows(len(sheet.rows))} {len(words)} have all their values; at least {FEWEST_ROWS} are needed."
        )
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
        outside = int((np.abs(xy) > LIMIT).any(axis=1).sum())
        notes.append(f"{outside} point{'s' * (outside > 1)} outside the plane moved to its edge.")
    return Table(
        xy=np.clip(xy, -LIMIT, LIMIT).astype(np.float32), labels=labels, class_names=class_names,
        names=(names[first], names[second], names[place]), notes=(how_read, *notes), how=how,
    )  # fmt: skip


def _said(sheet: Sheet, how: Reading, *, rows: int, commas: list[str]) -> str:
    """How the table was read, in one sentence."""
    separator = records.SEPARATORS.get(how.separator or "", f"“{how.separator}” between columns")
    decimal = DECIMALS["," if commas else "."] + (f" in {commas[0]}" if len(commas) == 1 else "")
    last = sheet.place == len(sheet.names) - 1
    name, number = sheet.names[sheet.place], f"column {sheet.place + 1}"
    named = "" if name == number else f" {name}"
    column = f"last column{named}" if last else f"column{named}" if named else number
    return (
        f"Read as: {separator}, {decimal}, {'' if how.header else 'no '}names in the first line, "
        f"{column} is the class, "
        f"{'row numbers passed over, ' if how.row_numbers else ''}{_rows(rows)}."
    )


def _classes(sheet: Sheet, notes: list[str]) -> tuple[list[list[str]], list[str]]:
    """The rows that have a class, and the class of each.

    An empty cell is none.  Words such as NA are, where without them there would be less than two classes, or where
    they stand in more than a tenth of the rows and make no fourth class.
    """
    place = sheet.place
    named = [(row, row[place].strip()) for row in sheet.rows]
    counts = Counter(word for _, word in named if word)
    if sheet.rows and not counts:
        raise DataError(f"The class column, {sheet.names[place]}, is empty in every row; each row needs a class.")
    doubtful = {word: count for word, count in counts.items() if word.lower() in _MISSING}
    others = len(counts) - len(doubtful)
    if others >= 2:
        many = {word for word, count in doubtful.items() if 10 * count > sum(counts.values())}
        accepted = many if others + len(many) <= MAX_CLASSES else set()
    else:
        accepted = set(doubtful)
    refused = doubtful.keys() - accepted
    if accepted:
        notes.append(f"{either(sorted(accepted), 'and')} {'is' if len(accepted) == 1 else 'are'} taken for "
                     f"{'a class' if len(accepted) == 1 else 'classes'}, not for a missing value.")  # fmt: skip
    if refused:
        notes.append(f"{either(sorted(refused), 'and')} in the class column {'is' if len(refused) == 1 else 'are'} "
                     "taken for a missing value.")  # fmt: skip
    kept = [(row, word) for row, word in named if word and word not in refused]
    if len(kept) < FEWEST_ROWS:
        raise DataError(f"The table has {_rows(len(kept))} with a class; at least {FEWEST_ROWS} are needed.")
    return [row for row, _ in kept], [word for _, word in kept]


def _features(
    sheet: Sheet, rows: list[list[str]], notes: list[str]
) -> tuple[dict[int, NDArray[np.float64]], dict[int, str], bool]:
    """The first two columns of numbers, by their place; their decimal signs; whether row numbers were passed over.

    A column counts if at least half of its cells are numbers, and not all the same.
    """
    how, names = sheet.how, sheet.names
    usual, sure = usual_sign([*zip(*rows[:200], strict=True)], how.separator or "")
    found: dict[int, NDArray[np.float64]] = {}
    decimals: dict[int, str] = {}
    unsure: dict[int, str] = {}  # a number that could be another one, of columns that hold such
    passed_over: list[str] = []
    row_numbers, counted = bool(how.row_numbers), False
    for column in range(int(row_numbers), len(names)):
        if column == sheet.place:
            continue
        cells = [row[column] for row in rows]
        said = evidence(dict.fromkeys(cells))
        decimals[column] = how.decimal or said.sign or usual
        if said.either and not how.decimal and (said.sizes or not (said.sign or sure)):
            unsure[column] = said.either
        values = numbers(cells, decimals[column])
        finite = values[np.isfinite(values)]
        if column == 0 and how.row_numbers is None and sheet.counted and _all_differ(values):
            row_numbers = True
        elif 2 * len(finite) >= len(values) and finite.min() < finite.max():
            found[column] = values
            counted |= column == 0 and how.row_numbers is None and _counts_up(values, sheet)
        else:
            passed_over.append(names[column])
        if len(found) == 2 + counted:
            break
    if len(found) == 3:  # a first column that counts up, and two more
        del found[0]
        row_numbers = True
    some = ", ".join(passed_over[:5] + ["…"] * (len(passed_over) > 5))
    if len(found) < 2:
        raise DataError(
            f"The table has {len(found)} numeric feature columns that vary{' besides its row numbers' * row_numbers}; "
            "two are needed besides the class." + (f" Not numeric, or always the same: {some}." if some else "")
        )
    notes += [_doubt(unsure[c], names[c], decimals[c]) for c in found if c in unsure]
    if counted and row_numbers and how.header:
        notes.append(f"{names[0]} counts the rows and was passed over; choose below if it is data.")
    if passed_over:
        notes.append(f"Not used, because they are not numeric or do not vary: {some}.")
    features = len(names) - 1 - row_numbers
    if features > 2 + len(passed_over):
        notes.append(f"Of {features} feature columns the first two numeric ones are used.")
    return found, decimals, row_numbers


def _all_differ(values: NDArray[np.float64]) -> bool:
    """Whether `values` are whole numbers, each another one, as row numbers are, of a part of a table too."""
    return bool(np.isfinite(values).all() and (values == np.round(values)).all() and len({*values}) == len(values))


def _counts_up(values: NDArray[np.float64], sheet: Sheet) -> bool:
    """Whether the first column counts the rows, one by one: all of them, or `values`, those that have a class.

    From 0 or 1 if it has a name: years have one, and are data.
    """
    return any(
        np.isfinite(column).all()
        and (column == column[0] + np.arange(len(column))).all()
        and (column[0] in (0, 1) or not sheet.how.header)
        for column in (values, numbers([row[0] for row in sheet.rows]))
    )


def _doubt(cell: str, name: str, decimal: str) -> str:
    """That `cell` of the column `name` could be another number than the one as which it was read."""
    other = DECIMALS["," if decimal == "." else "."]
    some = f"Numbers such as {cell} in {name} were read as"
    if decimal in cell:
        return f"{some} decimals; choose {other} below if they are thousands."
    return f"{some} thousands, {cell.replace(',', '').replace('.', '')}; choose {other} below if they are not."


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


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"
