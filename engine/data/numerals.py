"""Cells of a table as numbers, whichever sign stands before their decimals.

What a number is, pandas decides (``1_000`` and the digits of other scripts are none).  Its own options for decimals and
thousands hold for a whole file, and with ``thousands="."`` it takes the date 01.03.2021 for 1032021; so a cell is
turned into what pandas reads only if it is written like a number from end to end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DECIMALS = {".": "decimal points", ",": "decimal commas"}

# 1234.5 and 1,234.5 with their exponents; the other way round 1234,5 and 1.234,5
_WRITTEN = (
    r"[+-]?(?:[0-9]+(?:{d}[0-9]*)?|{d}[0-9]+|[1-9][0-9]{{0,2}}(?:{t}[0-9]{{3}})+(?:{d}[0-9]*)?)(?:[eE][+-]?[0-9]+)?"
)
_FORMS = {".": re.compile(_WRITTEN.format(d=r"\.", t=",")), ",": re.compile(_WRITTEN.format(d=",", t=r"\."))}
_GROUP = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3}|\.[0-9]{3})")
_PLAIN = re.compile("[+-]?[0-9]+")
_CODES = frozenset({"999", "-999", "9999", "-9999"})  # stand for missing values, so their size says nothing
_THOUSANDS = re.compile("(?<=[0-9])[ '’\u00a0\u202f](?=[0-9]{3}(?![0-9]))")  # 1 234,5 in France, 1'234.5 in Switzerland


@dataclass(frozen=True)
class Evidence:
    """What cells say of the sign, "." or ",", before their decimals; `sign` is empty where they leave it open."""

    sign: str
    lead: int  # how many more cells are for it than against it
    sizes: bool  # it follows from the sizes of the numbers only
    either: str  # the first cell that can be read in both ways, such as 5,123


def evidence(cells: Iterable[str]) -> Evidence:
    """What the `cells` of one column say: most of those that can be read in one way only, else the sizes."""
    votes = {".": 0, ",": 0}
    either: list[str] = []
    plain: list[str] = []
    groups = True  # each cell with a sign has three digits behind it
    for cell in cells:
        if "," not in cell and "." not in cell:
            plain.append(cell)
            continue
        bare = _bare(cell)
        fits = [sign for sign, form in _FORMS.items() if form.fullmatch(bare)]
        if len(fits) == 1:
            votes[fits[0]] += 1
        elif fits:
            either.append(cell.strip())
        groups = groups and (bool(_GROUP.fullmatch(bare)) or not any(map(str.isdigit, bare)))
    first, lead = either[0] if either else "", abs(votes["."] - votes[","])
    if lead:
        return Evidence(max(votes, key=votes.__getitem__), lead, sizes=False, either=first)
    sign = _thousands(either, plain) if either and groups else ""
    return Evidence({".": ",", ",": "."}.get(sign, ""), len(either), sizes=bool(sign), either=first)


def _thousands(either: list[str], without: list[str]) -> str:
    """The sign in `either` if it stands between thousands, by the size of the integers beside them, `without` a sign.

    1.877 and 2.022 beside 950 are 1877 and 2022: read so, numbers with and without the sign come closer to each other.
    Numbers from 100 to a million spread so far that they also overlap if read with decimals; but a table that leaves
    out zeros behind the sign would have 1.5 and 1.25 too, so it is enough that all are about a thousand where they
    meet.
    """
    signs = {sign for cell in either for sign in DECIMALS if sign in cell}
    integers = (bare for bare in map(_bare, without) if _PLAIN.fullmatch(bare) and bare not in _CODES)
    plain = [size for size in map(abs, map(float, integers)) if size]
    if len(signs) != 1 or not plain or max(plain) < 100:
        return ""
    bare = [abs(float(_bare(cell).replace(",", "."))) for cell in either]
    low, high = min(bare), max(bare)

    def apart(factor: float) -> float:  # how many times larger one kind is than the other; 1 where they overlap
        return max(1.0, factor * low / max(plain), min(plain) / (factor * high))

    meet = max(plain) < 1000 and apart(1000) < 10
    return signs.pop() if meet or apart(1000) < apart(1) else ""


def usual_sign(columns: Sequence[Sequence[str]], separator: str) -> tuple[str, bool]:
    """The sign before the decimals of most cells of a table, and whether cells that can be read in one way say so.

    Else the sizes in its columns say it.  If they do not, it is a point, but a comma where there are cells like 5,123
    and commas do not separate columns.
    """
    found = [evidence(cells) for cells in columns]
    for sizes in (False, True):
        votes = {sign: sum(c.lead for c in found if c.sign == sign and c.sizes is sizes) for sign in DECIMALS}
        if votes["."] != votes[","]:
            return max(votes, key=votes.__getitem__), not sizes
    return "," if separator != "," and any("," in column.either for column in found) else ".", False


def numbers(cells: Sequence[str], decimal: str = ".") -> NDArray[np.float64]:
    """What stands in `cells`, (N,): NaN for what is no number, infinities for what is too large for one."""
    import pandas as pd  # half a second, which only those wait for who bring a table

    read = np.full(len(cells), np.nan)
    if decimal == ".":
        read[:] = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
    left = np.flatnonzero(np.isnan(read)).tolist()
    turned = [_turned(cells[i], decimal) for i in left]
    read[left] = pd.to_numeric(pd.Series(turned, dtype=object), errors="coerce")
    return read


def _bare(cell: str) -> str:
    cell = cell.strip()
    return (
        cell if cell.isascii() and " " not in cell and "'" not in cell else _THOUSANDS.sub("", cell.replace("−", "-"))
    )


def _turned(cell: str, decimal: str) -> str:
    """A number with a decimal point and without thousands; empty if `cell` is none."""
    bare = _bare(cell)
    if not _FORMS[decimal].fullmatch(bare):
        return ""
    return bare.replace(",", "") if decimal == "." else bare.replace(".", "").replace(",", ".")
