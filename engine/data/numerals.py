"""Cells of a table as numbers, whichever sign stands before their decimals.

What a number is, pandas decides (``1_000`` and the digits of other scripts are none).  Its own options for decimals and
thousands hold for a whole file, and with ``thousands="."`` it takes the date 01.03.2021 for 1032021; so a cell is
turned into what pandas reads only if it is written like a number from end to end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

DECIMALS = {".": "decimal points", ",": "decimal commas"}

# 1234.5 and 1,234.5 with their exponents; the other way round 1234,5 and 1.234,5
_WRITTEN = (
    r"[+-]?(?:[0-9]+(?:{d}[0-9]*)?|{d}[0-9]+|[1-9][0-9]{{0,2}}(?:{t}[0-9]{{3}})+(?:{d}[0-9]*)?)(?:[eE][+-]?[0-9]+)?"
)
_FORMS = {".": re.compile(_WRITTEN.format(d=r"\.", t=",")), ",": re.compile(_WRITTEN.format(d=",", t=r"\."))}
_THOUSANDS = re.compile("(?<=[0-9])[ '’\u00a0\u202f](?=[0-9]{3}(?![0-9]))")  # 1 234,5 in France, 1'234.5 in Switzerland


def decimal_sign(cells: Iterable[str], *, tie: str, separator: str = "") -> str:
    """The sign, "." or ",", before the decimals of most `cells` that can be read in one way only.

    If there are none, `tie`; but cells like 5,123 with a comma decide for it where commas do not separate columns.
    `separator` is left empty where that was decided before.
    """
    votes = {".": 0, ",": 0}
    unsure = False
    for cell in cells:
        if "," not in cell and "." not in cell:
            continue
        bare = _bare(cell)
        fits = [sign for sign, form in _FORMS.items() if form.fullmatch(bare)]
        if len(fits) == 1:
            votes[fits[0]] += 1
        unsure = unsure or (len(fits) == 2 and "," in cell)
    if votes["."] != votes[","]:
        return max(votes, key=votes.__getitem__)
    return "," if unsure and separator not in ("", ",") else tie


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
