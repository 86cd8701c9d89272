"""Charts: what is drawn is the data, and the specification does not change with it."""

import altair as alt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui import charts

SERIES = {"train": ("training loss", "train"), "test": ("test loss", "test")}


def history(length: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    steps = np.arange(length)
    return {"train": (steps, 1.0 / (steps + 1)), "test": (steps, 2.0 / (steps + 1))}


@given(st.integers(1, 5000))
def test_thinning_keeps_both_ends_the_order_and_the_limit(length: int) -> None:
    rows = charts.curve_rows(history(length), series=SERIES)
    line = rows[(rows.kind == "line") & (rows.label == "training loss")]
    assert len(line) == min(length, charts.POINTS)
    assert line.step.is_monotonic_increasing and line.step.is_unique
    assert (line.step.iloc[0], line.step.iloc[-1]) == (0, length - 1)
    np.testing.assert_array_equal(line.value, 1.0 / (line.step + 1))


def test_a_logarithmic_axis_leaves_out_what_has_no_logarithm() -> None:
    values = np.array([1.0, 0.0, -2.0, np.nan, np.inf, 0.5])
    rows = charts.curve_rows({"train": (np.arange(6), values)}, series=SERIES, log_y=True)
    assert list(rows[rows.kind == "line"].step) == [0, 5]


def test_the_band_lies_where_both_its_edges_have_points() -> None:
    past = history(4) | {"low": (np.array([0, 1, 3]), np.zeros(3)), "high": (np.array([1, 2, 3]), np.ones(3))}
    rows = charts.curve_rows(past, series=SERIES, band=("low", "high"))
    band = rows[rows.kind == "band"]
    assert list(band.step) == [1, 3]
    assert set(band.value) == {0.0} and set(band.top) == {1.0}


def test_ghosts_and_the_marker_have_rows_of_their_own() -> None:
    rows = charts.curve_rows(history(5), series=SERIES, ghost=[history(3), history(4)], marker=2)
    assert sorted(rows[rows.kind == "ghost"].run.unique()) == [1, 2]
    assert list(rows[rows.kind == "mark"].step) == [2]


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
        "kinds": (True, True, True),
    }
    return charts._curves_spec((("training loss", "train"), ("test loss", "test")), **(asked | settings))


def test_the_same_question_gives_the_same_specification() -> None:
    assert spec() is spec()
    assert spec() != spec(dark=True)


@pytest.mark.parametrize(
    "made",
    [
        spec(),
        charts._histograms_spec(("a", "b"), title="t", x_title="x", token="train", dark=False, lecture=False),
        charts._confusion_spec(("a", "b"), title="t", dark=True, lecture=False),
        charts._bars_spec(("a", "b"), title="t", x_title="x", token="train", dark=True, lecture=True),
    ],
)
def test_specifications_are_valid_bring_no_data_and_are_large_enough_to_read(made: dict) -> None:
    assert "datasets" not in made and "data" not in made
    assert not any("data" in layer for layer in made.get("layer", []))
    assert made["config"]["axis"]["labelFontSize"] >= 13
    assert made["config"]["legend"]["labelFontSize"] >= 13
    rows = charts.curve_rows(history(5), series=SERIES).to_dict("records")
    alt.Chart.from_dict(made | {"data": {"values": rows}})  # raises where the schema of Vega-Lite is broken
