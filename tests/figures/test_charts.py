"""Charts that Vega draws: the specification does not change with the data, and lets go of what has gone."""

from __future__ import annotations

import json
from typing import Any, cast

import altair as alt
import numpy as np
import pytest
import vl_convert

from engine.contract.figure import FULL, LEFT, RIGHT, Chart, Table, Text
from engine.figures.bars import bars
from engine.figures.confusion import confusion
from engine.figures.histograms import histograms
from engine.figures.lens import logit_lens
from engine.figures.surface import surface
from engine.runs.history import Look
from engine.runs.run import Run
from engine.scene import palette
from engine.scene.curves import curves
from engine.scene.scene import Scene
from engine.scene.text import minus
from ui import figures, page, theme
from ui.player import Watched
from ui.scene import roomy

EDGES = np.linspace(0, 1, 4)
CHARTS = {
    "histograms": histograms(EDGES, {"a": np.array([1, 0, 2]), "b": np.zeros(3)}, key="h", title="t", x_title="x"),
    "confusion": confusion(np.array([[3, 1], [0, 0]]), ("a", "b"), key="c", title="t"),
    "bars": bars({"a": 1.0, "b": -2.0}, key="b", title="t", x_title="x"),
    "lens": logit_lens(["a"] * 5, [""] * 5, [["b"] * 5] * 3, np.full((3, 5), 0.5), np.full((3, 5), np.nan), key="l",
                       title="t"),
}  # fmt: skip
every_chart = pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)


@pytest.fixture(params=[(False, False), (True, False), (False, True)], ids=["light", "dark", "hall"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, bool]:
    """Whether the page is dark, and in a lecture hall."""
    dark, lecture = request.param
    monkeypatch.setattr(theme, "dark", lambda: dark)
    monkeypatch.setattr(theme, "lecture", lambda: lecture)
    return dark, lecture


def on_page(chart: Chart) -> dict[str, Any]:
    """The specification as a page draws it."""
    themed: dict[str, Any] = figures._themed(chart.spec, figures._colours()) | {"config": figures._config()}
    return themed


def texts(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [text for value in part.values() for text in texts(value)]
    if isinstance(part, list | tuple):
        return [text for value in part for text in texts(value)]
    return [part] if isinstance(part, str) else []


def test_the_same_question_gives_the_same_specification() -> None:
    def asked(value: float, colour: str = "positive") -> Chart:
        return bars({"a": value}, key="k", title="t", x_title="x", colour=colour)

    assert asked(1.0).spec is asked(2.0).spec
    assert asked(1.0).spec != asked(1.0, "negative").spec
    with pytest.raises(ValueError, match="no colour 'red'"):
        asked(1.0, "red")


def test_no_number_stands_upon_its_bar() -> None:
    assert CHARTS["bars"].data["right"].tolist() == [1.0, 0.0]


@every_chart
def test_specifications_are_valid_bring_no_data_and_have_a_column_for_every_field(
    chart: Chart, room: tuple[bool, bool]
) -> None:
    made = on_page(chart)
    assert "datasets" not in made and "values" not in made["data"]
    assert not any("data" in layer for layer in made["layer"])
    assert made["config"]["axis"]["labelFontSize"] >= (19 if room[1] else 13)
    assert not any(text.startswith("@") for text in texts(made)), "a token is left"
    columns = {name: np.asarray(column).tolist() for name, column in chart.data.items()}
    assert len({len(column) for column in columns.values()}) == 1
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    alt.Chart.from_dict(made | {"data": {"values": rows}})  # raises where the schema of Vega-Lite is broken
    fields = {text.split(":")[0] for text in _fields(made)}
    assert fields and fields <= columns.keys()


def _fields(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["field"]] if isinstance(part.get("field"), str) else []
        return own + [field for value in part.values() for field in _fields(value)]
    return [field for value in part for field in _fields(value)] if isinstance(part, list) else []


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
def test_rows_reach_their_marks_on_a_way_that_vega_clears_behind_them(chart: Chart, room: tuple[bool, bool]) -> None:
    compiled = vl_convert.vegalite_to_vega(on_page(chart))
    assert transforms(compiled["data"]) | transforms(compiled["marks"]) <= {"filter"}


def test_text_grows_in_a_hall_and_ink_can_be_read_on_the_cell_below_it(room: tuple[bool, bool]) -> None:
    dark, lecture = room
    numbers = on_page(CHARTS["confusion"])["layer"][1]
    assert numbers["mark"]["fontSize"] == (19 if lecture else 14)
    strong, weak = numbers["encoding"]["color"]["condition"]["value"], numbers["encoding"]["color"]["value"]
    stops = palette.colour_map("sequential", dark)
    assert on_page(CHARTS["confusion"])["layer"][0]["encoding"]["color"]["scale"]["range"] == stops
    for ink, ground in ((strong, stops[-1]), (weak, stops[0])):
        assert abs(_light(ink) - _light(ground)) > 0.4


def _light(colour: str) -> float:
    """How light "#rrggbb" is, from 0 to 1."""
    return sum(int(colour[at : at + 2], 16) * share for at, share in ((1, 0.299), (3, 0.587), (5, 0.114))) / 255


def test_a_surface_stands_still_and_has_the_colours_of_the_page(room: tuple[bool, bool]) -> None:
    path = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    chart = surface(np.eye(3), (0, 1, 0, 1), key="s", title="t", z_title="z", paths={"Adam": ("adam", path)})
    assert chart.still and chart.library == "plotly"
    made = figures._themed(chart.spec, figures._colours())
    heights, line = made["data"]
    assert heights["colorscale"][0] == [0.0, palette.colour_map("loss", room[0])[0]]
    assert heights["colorscale"][-1] == [1.0, palette.colour_map("loss", room[0])[-1]]
    assert line["line"]["color"] == palette.colour("adam", room[0])
    assert made["layout"]["font"]["size"] == (19 if room[1] else 14)
    np.testing.assert_allclose(line["z"], path[:, 2] + 0.01)  # on the surface and not in it
    json.dumps(made, default=np.ndarray.tolist)


def test_what_stands_still_is_let_go_when_it_shows_something_else() -> None:
    def raced(values: np.ndarray, *steps: list[float]) -> Chart:
        return surface(values, (0, 1, 0, 1), key="s", title="t", z_title="z", paths={"Adam": ("adam", np.array(steps))})

    run = Watched(cast(Run, None), look=Look(status="paused"))
    rests = raced(np.eye(3), [0.0, 0.0, 1.0])
    further = raced(np.eye(3), [0.0, 0.0, 1.0], [1.0, 1.0, 0.0])
    another = raced(np.ones((3, 3)), [0.0, 0.0, 1.0])
    assert page._still(rests, run) is rests
    run.look = Look(status="running")
    assert page._still(further, run) is rests
    assert page._still(another, run) is another
    assert page._still(further, Watched(cast(Run, None), look=run.look)) is further  # another run has another path
    run.look = Look(status="paused")
    assert page._still(further, run) is further


def test_curves_have_more_room_in_a_hall_and_other_scenes_as_much_as_at_a_desk(room: tuple[bool, bool]) -> None:
    measured, plane = Scene(height=300), Scene(height=300)
    curves(measured, "c", history={}, series={"test": ("test", "test")}, title="t", y_title="loss")
    plane.panel("p", title="t")
    for _ in range(2):  # it is asked for at every picture
        assert cast(Scene, roomy(measured)).height == (375 if room[1] else 300)
    assert measured.height == 300 and roomy(plane) is plane


@pytest.mark.parametrize(("width", "lines"), [(330, 2), (700, 1)])
def test_a_title_that_is_wider_than_its_chart_has_two_lines(width: int, lines: int) -> None:
    title = "How much a layer's answers tell about the class"
    spec = dict(bars({"a": 1.0}, key="b", title=title, x_title="x").spec)
    spec |= {"title": spec["title"] | {"text": figures._in_lines(title, 16)}, "width": width}
    spec["data"] = {"values": [{"label": "a", "value": 1.0, "right": 1.0}]}
    spec = json.loads(json.dumps(spec).replace("@positive", "#0072b2").replace("@text", "#000000"))
    drawn = vl_convert.vegalite_to_svg(spec)
    parts = ["How much a layer's answers", "tell about the class"] if lines == 2 else [title]
    assert all(f">{part}<" in drawn.replace("&#39;", "'").replace("&apos;", "'") for part in parts)
    assert figures._in_lines("Cache", 16) == "Cache"


def test_after_one_on_the_right_the_next_on_the_left_begins_another_row() -> None:
    places = [FULL, FULL, LEFT, RIGHT, LEFT, LEFT, RIGHT, RIGHT, FULL, RIGHT]
    found = figures.rows([Text(str(number), column=place) for number, place in enumerate(places)])
    assert ["".join(each.text for each in row if isinstance(each, Text)) for row in found] == [
        "0", "1", "23", "4567", "8", "9",
    ]  # fmt: skip
    assert figures.rows([]) == []


def test_a_number_below_zero_has_a_minus() -> None:
    assert minus("-0.5 ± 0.1 and 2e-07, not x-1 or --seed") == "−0.5 ± 0.1 and 2e−07, not x-1 or --seed"
    table = Table(("name", "m"), [("plain", "-6.27"), ("formula", "$-1$")])
    assert figures._table(table).splitlines()[-2:] == ["| plain | −6.27 |", "| formula | $-1$ |"]
