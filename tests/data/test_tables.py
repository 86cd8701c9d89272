"""How tables are written, and how they are read: what was found out is right, and what a visitor says counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.numerals import numbers
from engine.data.plane import DataError, read_csv
from engine.data.records import SEPARATORS
from engine.data.sheets import Reading

RNG = np.random.default_rng(0)
ROWS = [(float(x), float(y), "ab"[i % 2]) for i, (x, y) in enumerate(RNG.normal(size=(24, 2)).round(2) + 3)]
WANTED = read_csv("\n".join(["x,y,kind", *(f"{x},{y},{kind}" for x, y, kind in ROWS)]).encode())


def point(value: float) -> str:
    return f"{value:.2f}"


def comma(value: float) -> str:
    return point(value).replace(".", ",")


def body(separator: str = ",", write: Callable[[float], str] = point, quote: str = "", end: str = "") -> list[str]:
    return [separator.join([write(x), write(y), f"{quote}{kind}{quote}"]) + end for x, y, kind in ROWS]


def counted(rows: list[str], separator: str = ",", *, start: int = 1, quote: str = "") -> list[str]:
    return [f"{quote}{i}{quote}{separator}{row}" for i, row in enumerate(rows, start)]


ALIKE = {
    "a separator at the end of each line": ["x,y,kind,", *body(end=",")],
    "one at the end of each line but the first": ["x,y,kind", *body(end=",")],
    "two at the end": ["x;y;kind;;", *body(";", comma, end=";;")],
    "a comment first": ["# measured in March", "x,y,kind", *body()],
    "a comment with separators": ["# measured, in, March", "x,y,kind", *body()],
    "a comment that could be R's names": ["# measured, in March", "x,y,kind", *body()],
    "NumPy's names": ["# x,y,kind", *body()],
    "a title and a blank line": ["Measured in March", "", "x;y;kind", *body(";")],
    "an index from 0": [",x,y,kind", *counted(body(), start=0)],
    "an index from 1, quoted": ['"","x","y","kind"', *counted(body(), quote='"')],
    "a column called id": ["Id,x,y,kind", *counted(body())],
    "row numbers without names": counted(body()),
    "row numbers of a part of a table": [",x,y,kind", *(f"{7 * i + 50},{row}" for i, row in enumerate(body()))],
    "R with spaces and row numbers": ['"x" "y" "kind"', *counted(body(" ", quote='"'), " ", quote='"')],
    "R with row names": ["x\ty\tkind", *(f"car {i}\t{row}" for i, row in enumerate(body("\t")))],
    "columns that are lined up": ["   x      y   kind", *(f" {x:6.2f}  {y:6.2f}   {kind} " for x, y, kind in ROWS)],
    "spaces after commas": ['"x", "y", "kind"', *(row.replace(",", ", ") for row in body(quote='"'))],
    "vertical bars": ["x|y|kind", *body("|")],
    "separators in quoted names": ['"x, y; and\nz"\t"y, (cm)"\tkind', *body("\t", comma)],
    "quoted decimal commas between commas": ["x,y,kind", *(f'"{comma(x)}","{comma(y)}",{k}' for x, y, k in ROWS)],
    "decimal commas in one column only": ["x,y,kind", *(f'"{comma(x)}",{point(y)},{k}' for x, y, k in ROWS)],
    "no names and decimal commas": body(";", comma),
    "German thousands": ["x;y;kind", *(f"1.00{comma(x)};{comma(y)};{kind}" for x, y, kind in ROWS)],
    "English thousands": ["x,y,kind", *(f'"1,00{point(x)}",{point(y)},{kind}' for x, y, kind in ROWS)],
    "French thousands": ["x;y;kind", *(f"1\u202f00{comma(x)};{comma(y)};{kind}" for x, y, kind in ROWS)],
    "Swiss thousands": ["x;y;kind", *(f"1'00{point(x)};{point(y)};{kind}" for x, y, kind in ROWS)],
    "a typeset minus": ["x;y;kind", *(f"−{point(10 - x)};{point(y)};{kind}" for x, y, kind in ROWS)],
    "dates first": ["day,x,y,kind", *(f"2021-03-{i:02} 10:00:00,{row}" for i, row in enumerate(body(), 1))],
    "German dates first": ["day;x;y;kind", *(f"{i:02}.03.2021;{row}" for i, row in enumerate(body(";", comma), 1))],
    "sep= with a tab": ["sep=\t", "x\ty\tkind", *body("\t", comma)],
    "sep= in quotes": ['"sep=;"', "x;y;kind", *body(";", comma)],
    "numbers for names": ["2019,2020,2021", *(f"{x},{y},{int(kind == 'b')}" for x, y, kind in ROWS)],
    "rows of separators at the end": ["x,y,kind", *body(), *[",,"] * 30],
    "Excel's title row": ["Messung 2024;;", ";;", "x;y;kind", *body(";", comma)],
    "a title row further right": [",Measured in 2024,", "x,y,kind", *body()],
    "a title row that is a number": ["2024,,", ",,", "x,y,kind", *body()],
    "a title row without names": ["Messung 2024;;", *body(";", comma)],
    "a title row that ends early": ["Messung 2024;", "x;y;kind", *body(";", comma)],
    "Excel's title and a comment": ["Messung 2024;;", "# by hand;;", "x;y;kind", *body(";", comma)],
    "things said above a wide table": ["Tag;12.03.2024;;;", "Temperatur;21;;;", ";;;;", "x;y;note;who;kind",
                                       *(row[:-1] + ";;" + row[-1] for row in body(";", comma))],
    "Excel's index from 1, of any name": ["Obs;x;y;kind", *counted(body(";", comma), ";")],
    "SAS' index from 0": ["Obs\tx\ty\tkind", *counted(body("\t"), "\t", start=0)],
}  # fmt: skip


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ALIKE)
def test_one_table_written_in_many_ways_has_the_same_points(name: str, newline: str) -> None:
    read = read_csv(newline.join(ALIKE[name]).encode())
    assert np.allclose(read.xy, WANTED.xy, atol=0.01) and np.array_equal(read.labels, WANTED.labels)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_one_table_in_many_encodings(encoding: str) -> None:
    read = read_csv("\n".join(["größe;preis (€);kind", *body(";", comma)]).encode(encoding))
    assert read.names[:2] == ("größe", "preis (€)") and np.array_equal(read.xy, WANTED.xy)


def test_the_first_note_says_how_the_table_was_read() -> None:
    assert read_csv("\n".join(counted(body(";", comma), ";")).encode()).notes[0] == (
        "Read as: semicolons, decimal commas, no names in the first line, last column is the class, "
        "row numbers passed over, 24 rows."
    )
    assert WANTED.notes[0] == (
        "Read as: commas, decimal points, names in the first line, last column kind is the class, 24 rows."
    )


@pytest.mark.parametrize("decimals", [".", ","])
def test_three_decimals_are_no_thousands(decimals: str) -> None:
    rows = [f"{x:.3f};{y:.3f};{kind}".replace(".", decimals) for x, y, kind in ROWS]
    assert np.array_equal(read_csv("\n".join(["x;y;kind", *rows]).encode()).xy, WANTED.xy)


INCOMES = [1877, 950, 2022, 640, 1310, 880, 3405, 720, 1999, 101, 12050, 999] * 2
AGES = [20 + 7 * i % 50 for i in range(24)]


def grouped(values: list[int], sign: str, quote: str = "") -> list[str]:
    return [f"{quote}{value:,}{quote}".replace(",", sign) if value > 999 else str(value) for value in values]


def incomes(cells: list[str], separator: str, header: str, others: list[str] | None = None) -> bytes:
    others = others or [str(age) for age in AGES]
    rows = (separator.join(row) for row in zip(cells, others, "ab" * 12, strict=True))
    return "\n".join([header.replace(";", separator), *rows]).encode()


PLAIN_INCOMES = read_csv(incomes([str(v) for v in INCOMES], ";", "Einkommen;Alter;k"))
THOUSANDS = {
    "German": incomes(grouped(INCOMES, "."), ";", "Einkommen;Alter;k"),
    "German, without names": incomes(grouped(INCOMES, "."), ";", "Einkommen;Alter;k").split(b"\n", 1)[1],
    "English, with tabs": incomes(grouped(INCOMES, ",", '"'), "\t", "Einkommen;Alter;k"),
    "English, with tabs, unquoted": incomes(grouped(INCOMES, ","), "\t", "Einkommen;Alter;k"),
    "English, with semicolons": incomes(grouped(INCOMES, ","), ";", "Einkommen;Alter;k"),
    "English, with commas": incomes(grouped(INCOMES, ",", '"'), ",", "Einkommen;Alter;k"),
    "German, negative": incomes(["-" + cell for cell in grouped(INCOMES, ".")], ";", "Einkommen;Alter;k"),
    "German, beside years": incomes(grouped(INCOMES, "."), ";", "Einkommen;Jahr;k", [str(1990 + i) for i in AGES]),
    "German, beside decimal commas": incomes(grouped(INCOMES, "."), ";", "a;b;k", [f"{i},5" for i in AGES]),
    "English, beside decimal points": incomes(grouped(INCOMES, ",", '"'), "\t", "a;b;k", [f"{i}.5" for i in AGES]),
    "Spanish, four digits without a sign": incomes(
        [f"{10 * v:,}".replace(",", ".") if v > 999 else str(10 * v) for v in INCOMES], ";", "a;b;k"),
}  # fmt: skip


@pytest.mark.parametrize("name", THOUSANDS)
def test_thousands_on_both_sides_of_a_thousand_are_no_decimals(name: str) -> None:
    read = read_csv(THOUSANDS[name])
    assert np.allclose(read.xy[:, 0] * (-1 if "negative" in name else 1), PLAIN_INCOMES.xy[:, 0], atol=1e-5)
    assert "decimals" in name or any("read as thousands" in note and "choose" in note for note in read.notes)


def test_a_column_that_is_clear_decides_for_one_beside_it_that_is_not() -> None:
    large = [1877 + 37 * i for i in range(24)]
    raw = incomes(grouped(large, "."), ";", "large;income;k", grouped(INCOMES, "."))
    plain = incomes([str(v) for v in large], ";", "large;income;k", [str(v) for v in INCOMES])
    assert np.allclose(read_csv(raw).xy, read_csv(plain).xy)
    assert sum("read as thousands" in note for note in read_csv(raw).notes) == 2


THREE = [1.877, 2.022, 5.123, 4.318, 3.405, 2.781, 1.999, 6.045, 7.051, 2.064, 8.431, 9.905] * 2
DECIMALS_AFTER_ALL = {
    "only numbers with a sign": [f"{v:.3f}" for v in THREE],
    "small integers beside them": [f"{v:.3f}" if i % 4 else str(round(v)) for i, v in enumerate(THREE)],
    "hundreds beside hundreds": [f"{100 + v:.3f}" if i % 4 else str(round(100 + v)) for i, v in enumerate(THREE)],
    "a code for missing values": [f"{v:.3f}" if i else "999" for i, v in enumerate(THREE)],
    "per cent": [f"{10 * v:.3f}" if i % 6 else "100" for i, v in enumerate(THREE)],
}


@pytest.mark.parametrize("sign", [".", ","])
@pytest.mark.parametrize("name", DECIMALS_AFTER_ALL)
def test_what_could_be_thousands_and_is_taken_for_decimals_is_said(name: str, sign: str) -> None:
    cells = DECIMALS_AFTER_ALL[name]
    raw = incomes([cell.replace(".", sign) for cell in cells], ";", "a;b;k")
    read = read_csv(raw)
    assert np.allclose(read.xy[:, 0], read_csv(incomes([str(float(c)) for c in cells], ";", "a;b;k")).xy[:, 0])
    other = {".": "decimal commas", ",": "decimal points"}[sign]
    assert any("read as decimals" in said and f"choose {other} below if they are thou" in said for said in read.notes)
    chosen = read_csv(raw, Reading(decimal={".": ",", ",": "."}[sign]))
    assert not any("below if" in note for note in chosen.notes)


def test_nothing_is_asked_where_another_cell_decides() -> None:
    for more in ("0.125", "12.5", "1234.567"):
        raw = incomes([f"{v:.3f}" for v in THREE[1:]] + [more], ";", "a;b;k")
        assert not any("below if" in note for note in read_csv(raw).notes)
    raw = incomes([f"{v:.3f}" for v in THREE], ";", "a;b;k", [f"{i}.5" for i in AGES])
    assert not any("below if" in note for note in read_csv(raw).notes)


@pytest.mark.parametrize(
    "cell",
    ["1_000", "١٢", "１２", "0x10", "True", "01.03.2021", "12:30", "1.2.3", "1,23,4", "1 2", "5%", "--1", "", "a"],
)
def test_what_is_no_number_is_not_read_as_one(cell: str) -> None:
    assert np.isnan(numbers([cell, "1"], ".")[0]) and np.isnan(numbers([cell, "1"], ",")[0])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_read_as_python_reads_it(value: float) -> None:
    assert numbers([repr(value)]) == pytest.approx([value], rel=1e-15)
    assert numbers([repr(value).replace(".", ",")], ",") == pytest.approx([value], rel=1e-15)


# ---------------------------------------------------------------- classes with the names of missing values


@pytest.mark.parametrize("names", [("NA", "ZA"), ("none", "null"), ("?", "!"), ("-", "+"), ("n/a", "nan")])
def test_names_of_missing_values_are_classes_where_there_are_no_other_two(names: tuple[str, str]) -> None:
    rows = ["x,y,kind", *(f"{x},{y},{names[kind == 'b']}" for x, y, kind in ROWS)]
    read = read_csv("\n".join(rows).encode())
    assert set(read.class_names) == set(names) and len(read.labels) == 24


@pytest.mark.parametrize(("more", "classes"), [(2, 2), (12, 3)])
def test_beside_two_classes_they_are_a_third_if_they_are_many(more: int, classes: int) -> None:
    read = read_csv("\n".join(["x,y,kind", *body(), *[f"{i},{i * i},none" for i in range(more)]]).encode())
    assert len(read.class_names) == classes
    assert any("none" in note and "missing value" in note for note in read.notes)


def test_beside_three_classes_they_are_no_fourth() -> None:
    rows = [row[:-1] + "c" if i % 3 == 0 else row for i, row in enumerate(body())]
    read = read_csv("\n".join(["x,y,kind", *rows, *["1,2,NA"] * 12]).encode())
    assert read.class_names == ("a", "b", "c") and any("12 of 36 rows" in note for note in read.notes)


# ---------------------------------------------------------------- what a visitor says


def test_another_class_column() -> None:
    raw = "\n".join(["kind,x,y", *(f"{kind},{x},{y}" for x, y, kind in ROWS)]).encode()
    with pytest.raises(DataError, match=r"1 numeric feature columns.*kind\."):
        read_csv(raw)
    read = read_csv(raw, Reading(class_column=0))
    assert read.names == ("x", "y", "kind") and np.array_equal(read.xy, WANTED.xy)
    assert "column kind is the class" in read.notes[0] and read.how.class_column == 0


@pytest.mark.parametrize("separator", SEPARATORS)
def test_another_separator(separator: str) -> None:
    others = "".join(SEPARATORS).replace(separator, "")
    rows = [separator.join([str(x), str(y), f'"{kind}{others}"']) for x, y, kind in ROWS]
    read = read_csv("\n".join(rows).encode(), Reading(separator=separator))
    assert np.array_equal(read.xy, WANTED.xy) and read.how.separator == separator


def test_another_decimal_sign() -> None:
    rows = [
        f"{i + 1};{i % 7 + 1}{'.125' * (i % 2)};{'ab'[i // 3 % 2]}" for i in range(24)
    ]  # 1.125, or more than a thousand
    raw = "\n".join(["x;y;kind", *rows]).encode()
    read, other = read_csv(raw), read_csv(raw, Reading(decimal=","))
    assert "decimal points" in read.notes[0] and "decimal commas" in other.notes[0]
    assert not np.allclose(read.xy, other.xy)


def test_names_or_a_row() -> None:
    raw = "\n".join(body()).encode()
    assert len(read_csv(raw).labels) == 24 and len(read_csv(raw, Reading(header=True)).labels) == 23
    named = "\n".join(["2019,2020,a", *body()]).encode()
    assert len(read_csv(named).labels) == 25 and len(read_csv(named, Reading(header=True)).labels) == 24


def test_row_numbers_or_data() -> None:
    raw = "\n".join([",x,y,kind", *counted(body())]).encode()
    read, other = read_csv(raw), read_csv(raw, Reading(row_numbers=False))
    assert read.how.row_numbers and read.names[:2] == ("x", "y")
    assert not other.how.row_numbers and other.names[:2] == ("column 1", "x")
    raw = "\n".join(["year,x,y,kind", *counted(body(), start=2001)]).encode()
    assert read_csv(raw).names[:2] == ("year", "x") and not read_csv(raw).how.row_numbers
    assert read_csv(raw, Reading(row_numbers=True)).names[:2] == ("x", "y")


@pytest.mark.parametrize("name", ["Obs", "Messung", "count", "lfd"])
@pytest.mark.parametrize("start", [0, 1])
def test_a_first_column_that_counts_the_rows_is_no_feature_unless_the_visitor_says_so(name: str, start: int) -> None:
    raw = "\n".join([f"{name},x,y,kind", *counted(body(), start=start)]).encode()
    read, other = read_csv(raw), read_csv(raw, Reading(row_numbers=False))
    assert read.how.row_numbers and np.array_equal(read.xy, WANTED.xy) and read.names == ("x", "y", "kind")
    assert "row numbers passed over" in read.notes[0]
    assert f"{name} counts the rows and was passed over; choose below if it is data." in read.notes
    assert other.names[:2] == (name, "x") and not any("passed over" in note for note in other.notes)


def test_rows_without_a_class_do_not_hide_that_the_first_column_counts() -> None:
    rows = [row[:-1] if i % 5 == 0 else row for i, row in enumerate(counted(body()))]
    assert read_csv("\n".join(["Obs,x,y,kind", *rows]).encode()).names[:2] == ("x", "y")


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Obs,x,kind", [f"{i},{x},{kind}" for i, (x, _, kind) in enumerate(ROWS)]),  # the only other number
        ("Obs,x,note,kind", [f"{i},{x},word,{kind}" for i, (x, _, kind) in enumerate(ROWS)]),
        ("Obs,x,y,kind", counted(body(), start=2)),
        ("Obs,x,y,kind", [f"{2 * i},{row}" for i, row in enumerate(body())]),
        ("Obs,x,y,kind", [f"{i % 12},{row}" for i, row in enumerate(body())]),
    ],
)
def test_another_first_column_is_a_feature(header: str, rows: list[str]) -> None:
    read = read_csv("\n".join([header, *rows]).encode())
    assert read.names[:2] == ("Obs", "x") and not read.how.row_numbers


@pytest.mark.parametrize("name", [name for name in ALIKE if "title" in name or "above" in name])
def test_names_are_not_lost_below_a_title_and_it_is_said(name: str) -> None:
    read = read_csv("\n".join(ALIKE[name]).encode())
    assert read.names == (("column 1", "column 2", "column 3") if "without names" in name else ("x", "y", "kind"))
    assert len(read.labels) == 24 and any("above the table" in note for note in read.notes)


def test_a_class_column_without_a_name_is_named_once() -> None:
    assert "last column is the class" in read_csv("\n".join(["x,y,", *body()]).encode()).notes[0]
    raw = "\n".join(["x,,y", *(f"{x},{kind},{y}" for x, y, kind in ROWS)]).encode()
    assert ", column 2 is the class" in read_csv(raw, Reading(class_column=1)).notes[0]


READINGS = st.builds(
    Reading, separator=st.sampled_from([None, *SEPARATORS]), decimal=st.sampled_from([None, ".", ","]),
    header=st.sampled_from([None, True, False]), row_numbers=st.sampled_from([None, True, False]),
    class_column=st.none() | st.integers(0, 9),
)  # fmt: skip


@given(how=READINGS, table=st.lists(st.text("01.,;\t\" ab#-\n\rNA|'", max_size=12), min_size=1, max_size=9))
def test_any_table_read_in_any_way_is_points_or_a_sentence(how: Reading, table: list[str]) -> None:
    try:
        read = read_csv("\n".join(table).encode(), how)
    except DataError as error:
        assert str(error).endswith((".", "?"))
    else:
        assert np.isfinite(read.xy).all() and len(read.xy) == len(read.labels) == len(read.xy)


# ---------------------------------------------------------------- refusals

NAMES = "x,y,kind"
PROSE = "To be, or not to be\nthat is the question\nWhether 'tis nobler in the mind\nto suffer\nThe slings and arrows"
REFUSED: dict[str, tuple[bytes | list[str], str]] = {
    "a workbook": (b"PK\x03\x04" + bytes(99), "workbook"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(99), "workbook"),
    "UTF-16 without its mark": ("\n".join(body()).encode("utf-16-le"), "not text"),
    "UTF-16 that was cut": ("\n".join(body()).encode("utf-16")[:-1], "damaged"),
    "a zero byte": (b"x,y,kind\n1,2,\0a\n", "not text"),
    "one column": (b"x\n1\n2\n3\n", "1 column;.*commas"),
    "one line": (b"1,2,a", "1 row with a class"),
    "prose": (PROSE.encode(), "numbers of columns"),
    "a quotation mark that nobody closes": ([NAMES, *body()[:9], '1,2,"a', *body()], "“a” is never"),
    "an empty column of classes": (["x,y,note", *(row[:-1] for row in body())], "note, is empty"),
    "an index and one feature": ([",x,kind", *(f"{i},{x},{k}" for i, (x, _, k) in enumerate(ROWS))], "besides its row"),
    "percentages": ([NAMES, *(f"{x}%,{y},{kind}" for x, y, kind in ROWS)], "Not numeric.*: x"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_cause(name: str) -> None:
    given, cause = REFUSED[name]
    with pytest.raises(DataError, match=cause):
        read_csv(given if isinstance(given, bytes) else "\n".join(given).encode())


def test_a_value_that_is_no_number_is_not_called_missing() -> None:
    notes = read_csv("\n".join(["x,y,kind", *body(), "about 3,2,a"]).encode()).notes
    assert any("missing or is no number" in note for note in notes)
