"""A table of 91 kB took 1.4 GB: an array of texts is as wide as the longest of them, in every row.

Comments in the last column, a quotation mark that nobody closed, or malice are enough.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from engine.data.plane import DataError, read_csv
from engine.data.tables import MAX_CLASS_NAME

ROOT = Path(__file__).resolve().parents[2]
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


def measured() -> dict[str, tuple[float, str]]:
    """Of each file the most memory that its reading took, in bytes, and what was said."""
    found = {}
    for name, text in FILES.items():
        raw = text.encode()
        tracemalloc.start()
        try:
            read_csv(raw)
            said = ""
        except DataError as error:
            said = str(error)
        found[name] = tracemalloc.get_traced_memory()[1], said
        tracemalloc.stop()
    return found


@pytest.fixture(scope="module")
def readings() -> dict[str, tuple[float, str]]:
    """Measured in a process of its own.

    Where other threads are at work, such as those of a pool over Ray, `tracemalloc.stop` can bring the process down:
    https://github.com/python/cpython/issues/128679.
    """
    script = "import json, test_long_class_name; print(json.dumps(test_long_class_name.measured()))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    found: dict[str, tuple[float, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", FILES)
def test_what_is_too_long_is_refused_in_a_sentence_and_in_little_memory(
    name: str, readings: dict[str, tuple[float, str]]
) -> None:
    most, said = readings[name]
    assert most < 100e6, f"{most / 1e6:.0f} MB"
    assert said.endswith((".", "?")) and len(said) < 300


def test_a_class_name_of_the_greatest_length_is_read() -> None:
    name = "w" * MAX_CLASS_NAME
    assert read_csv((ROWS + f"1,2,{name}\n" * 2).encode()).class_names == ("u", "v", name)
