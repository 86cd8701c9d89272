"""Charts: what is drawn is the data, and the specification does not change with it."""

import altair as alt
import numpy as np
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from ui import charts, lens_chart, sweep_chart

SERIES = {"train": ("training loss", "train"), "test": ("test loss", "test")}


def history(length: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    steps = np.arange(length)
    return {"train": (steps, 1.0 / (steps + 1)), "test": (steps, 2.0 / (steps + 1))}


@given(st.integers(1, 5000))
def test_thinning_keeps_both_ends_the_order_and_the_limit(length: int) -> None:
    rows = charts.curve_rows(history(length), series=SERIES)
    line = rows[rows.part == "line 0"]
    assert set(line.label) == {"training loss"}
    assert len(line) == min(length, charts.POINTS)
    assert line.step.is_monotonic_increasing and line.step.is_unique
    assert (line.step.iloc[0], line.step.iloc[-1]) == (0, length - 1)
    np.testing.assert_array_equal(line.value, 1.0 / (line.step + 1))


def test_a_logarithmic_axis_leaves_out_what_has_no_logarithm() -> None:
    values = np.array([1.0, 0.0, -2.0, np.nan, np.inf, 0.5])
    rows = charts.curve_rows({"train": (np.arange(6), values)}, series=SERIES, log_y=True)
    assert list(rows[rows.part == "line 0"].step) == [0, 5]


def test_the_band_lies_where_both_its_edges_have_points() -> None:
    past = history(4) | {"low": (np.array([0, 1, 3]), np.zeros(3)), "high": (np.array([1, 2, 3]), np.ones(3))}
    rows = charts.curve_rows(past, series=SERIES, band=("low", "high"))
    band = rows[rows.part == "band"]
    assert list(band.step) == [1, 3]
    assert set(band.value) == {0.0} and set(band.top) == {1.0}


def test_ghosts_and_the_marker_have_rows_of_their_own() -> None:
    rows = charts.curve_rows(history(5), series=SERIES, ghost=[history(3), history(4)], marker=2)
    ghosts = rows[rows.part.str.startswith("ghost")]
    assert ghosts.groupby("part").size().to_dict() == {"ghost 1 0": 3, "ghost 1 1": 3, "ghost 2 0": 4, "ghost 2 1": 4}
    assert list(rows[rows.part == "mark"].step) == [2]


def test_columns_keep_their_types_without_data() -> None:
    assert dict(charts.curve_rows({}, series=SERIES).dtypes) == dict(
        charts.curve_rows(history(3), series=SERIES).dtypes
    )


def spec(**settings: object) -> dict[str, object]:
    asked = {
        "title": "t",
        "x_title": "step",
        "y_title": "loss",
        "log_y": True,
        "dark": False,
        "lecture": False,
        "parts": ("line 0", "tip", "end", "line 1", "ghost 1 1", "band", "mark"),
    }
    return charts._curves_spec((("training loss", "train"), ("test loss", "test")), **(asked | settings))


def test_the_same_question_gives_the_same_specification() -> None:
    assert spec() is spec()
    assert spec() != spec(dark=True)


SWEEP = ("line 0", "line 1", "name", "dot", "band 0", "ghost 0", "rule")
SPECS = {
    "curves": spec(),
    "histograms": charts._histograms_spec(("a", "b"), title="t", x_title="x", token="train", dark=False, lecture=False),
    "confusion": charts._confusion_spec(("a", "b"), title="t", dark=True, lecture=False),
    "bars": charts._bars_spec(("a", "b"), title="t", x_title="x", token="train", dark=True, lecture=True),
    "lens": lens_chart._spec(("a", "b"), 5, title="t", dark=False, lecture=False),
    "sweep": sweep_chart._sweep_spec(
        (("a", "train"), ("b", "test")), ghosts=("train",), parts=SWEEP, title="t", x_title="x", y_title="y",
        log_y=True, dark=False, lecture=False,
    ),
}  # fmt: skip
every_chart = pytest.mark.parametrize("made", SPECS.values(), ids=SPECS)


@every_chart
def test_specifications_are_valid_bring_no_data_and_are_large_enough_to_read(made: dict) -> None:
    assert "datasets" not in made and "values" not in made["data"]
    assert not any("data" in layer for layer in made["layer"])
    assert made["config"]["axis"]["labelFontSize"] >= 13
    assert made["config"]["legend"]["labelFontSize"] >= 13
    rows = charts.curve_rows(history(5), series=SERIES).to_dict("records")
    alt.Chart.from_dict(made | {"data": {"values": rows}})  # raises where the schema of Vega-Lite is broken


def transforms(compiled: object) -> set[str]:
    """Everything that stands between the rows and a mark in a specification of Vega: transforms, facets."""
    if isinstance(compiled, list):
        return set().union(*map(transforms, compiled))
    if not isinstance(compiled, dict):
        return set()
    here = {step["type"] for step in compiled.get("transform", [])}
    here |= {"facet"} if "facet" in compiled.get("from", {}) else set()
    return here.union(*map(transforms, compiled.values()))


@every_chart
def test_rows_reach_their_marks_on_a_way_that_vega_clears_behind_them(made: dict) -> None:
    compiled = vl_convert.vegalite_to_vega(made)
    assert transforms(compiled["data"]) | transforms(compiled["marks"]) <= {"filter"}
