"""A table of 91 kB took 1.4 GB: an array of texts is as wide as the longest of them, in every row.

Comments in the last column, a quotation mark that nobody closed, or malice are enough.
"""

from __future__ import annotations

import tracemalloc

import pytest

from engine.data.plane import DataError, read_csv
from engine.data.tables import MAX_CLASS_NAME

ROWS = "x,y,kind\n" + "".join(f"{i % 97},{i % 89},{'uv'[i % 2]}\n" for i in range(4_000))
FILES = {
    "two cells of 30,000 characters": ROWS + f"1,2,{'w' * 30_000}\n3,4,{'w' * 30_000}\n",
    "two cells that are within the bound of a cell": ROWS + f"1,2,{'w' * 9_000}\n3,4,{'w' * 9_000}\n",
    "one character too many": ROWS + f"1,2,{'w' * (MAX_CLASS_NAME + 1)}\n" * 2,
    "remarks of many kinds": ROWS + "".join(f"1,2,{i} {'said and done ' * 30}\n" for i in range(4_000)),
    "a name of 1 MB": ROWS + f"1,2,{'w' * 1_000_000}\n" * 2,
    "a quotation mark that nobody closes": ROWS.replace(",v", ',"v', 1),
    "one that nobody closes near the end": ROWS + '1,2,"u\n' + "3,4,v\n" * 20,
    "a name of a column of 1 MB": ROWS.replace("kind", "k" * 1_000_000),
    "4 MB in one line": "1,2," * 1_000_000,
    "more columns than anybody has": "1,2,a" + ",1" * 2_000 + "\n",
    "more rows than are taken": "1,2,a\n3,4,b\n" * 130_000,
    "more cells than are taken": ("1," * 900 + "a\n") * 1_200,
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_too_long_is_refused_in_a_sentence_and_in_little_memory(name: str) -> None:
    raw = FILES[name].encode()
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            read_csv(raw)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100e6, f"{most / 1e6:.0f} MB"
    assert str(caught.value).endswith((".", "?")) and len(str(caught.value)) < 300


def test_a_class_name_of_the_greatest_length_is_read() -> None:
    name = "w" * MAX_CLASS_NAME
    assert read_csv((ROWS + f"1,2,{name}\n" * 2).encode()).class_names == ("u", "v", name)
