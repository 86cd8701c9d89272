"""Tables that Excel and R write by default were refused, or read with their row numbers as a feature.

Decimal commas beside a point in a name or in a date, tabs with decimal commas, `sep=;` in the first line, lines that
end in a carriage return, classes called + and - or none, years as names, row numbers with a name or without one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.data.plane import read_csv

TABLES = Path(__file__).parent / "tables"
WANTED = {
    "dots_in_header.csv": (("petal.length", "petal.width"), ("a", "b")),
    "row_numbers_quoted.csv": (("petal.length", "petal.width"), ("a", "b")),
    "date_column.csv": (("x", "y"), ("a", "b")),
    "tab_decimal_comma.tsv": (("x", "y"), ("a", "b")),
    "plus_minus.csv": (("x", "y"), ("+", "-")),
    "none_mild.csv": (("x", "y"), ("mild", "none")),
    "old_mac_lines.csv": (("x", "y"), ("a", "b")),
    "sep_line.csv": (("x", "y"), ("a", "b")),
    "line_break_in_header.csv": (("length (cm)", "width (cm)"), ("a", "b")),
    "years_as_names.csv": (("2019", "2020"), ("a", "b")),
    "unnamed_index.csv": (("x", "y"), ("a", "b")),
    "header_one_short.tsv": (("x", "y"), ("a", "b")),
}


def test_every_table_beside_this_test_is_looked_at() -> None:
    assert {path.name for path in TABLES.iterdir()} == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_all_24_rows_are_read_with_their_features_and_classes(name: str) -> None:
    features, classes = WANTED[name]
    read = read_csv((TABLES / name).read_bytes())
    assert read.names[:2] == features and read.class_names == classes
    assert np.bincount(read.labels).tolist() == [12, 12]
    assert "24 rows" in read.notes[0]
