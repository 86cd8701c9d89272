"""Charts that Vega draws: the specification does not change with the data, and lets go of what has gone."""

import altair as alt
import pandas as pd
import pytest
import vl_convert

from ui import charts, lens_chart, sweep_chart

SHOWN = pd.DataFrame({"part": ["line 0"] * 3, "label": ["a"] * 3, "step": [0, 1, 2], "value": [1.0, 0.5, 0.2]})


def spec(**settings: object) -> dict[str, object]:
    asked = {"title": "t", "x_title": "x", "token": "train", "dark": False, "lecture": False}
    return charts._bars_spec(("a", "b"), **(asked | settings))


def test_the_same_question_gives_the_same_specification() -> None:
    assert spec() is spec()
    assert spec() != spec(dark=True)


SWEEP = ("line 0", "line 1", "name", "dot", "band 0", "ghost 0", "rule")
SPECS = {
    "histograms": charts._histograms_spec(("a", "b"), title="t", x_title="x", token="train", dark=False, lecture=False),
    "confusion": charts._confusion_spec(("a", "b"), title="t", dark=True, lecture=False),
    "bars": spec(dark=True, lecture=True),
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
    rows = SHOWN.to_dict("records")
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
