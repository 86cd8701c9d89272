"""What is written and drawn of a network's mistakes and sizes is what its frame says."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
from moments import moment

from engine.contract.figure import Chart, Picture, Table, Text
from engine.contract.view import Turn, View
from engine.labs import cnn_filters as lab
from engine.labs.cnn_filters import view as drawn
from engine.nets.convnet import POOL, output_size

SUM = r"\$\\lfloor\((\d+) \+ 2\\cdot(\d+) - (\d+)\\cdot\((\d+)-1\) - 1\)/(\d+)\\rfloor \+ 1 = (\d+)\$"


def seen(steps: int, **knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**({"data": "digits", "start": "scratch", "channels": (16, 32)} | knobs)))
    return moment(experiment, steps)


@pytest.fixture(scope="module")
def young() -> View:
    """A network that errs often."""
    return seen(3)


def test_before_the_first_test_there_are_only_sizes_and_a_hint() -> None:
    view = seen(0)
    hint, *rest = drawn.inside(view)
    assert isinstance(hint, Text) and hint.tone == "hint"
    assert [type(figure) for figure in rest] == [Text, Table, Text]
    assert not any(drawn.curves(view).rows)


def test_curves_tell_how_many_pictures_were_judged(young: View) -> None:
    [[loss], [accuracy], [said]] = [row for row in drawn.curves(young).rows if row]
    assert [each["metric"] for each in accuracy["series"]] == list(drawn.READS)
    assert loss["kind"] == accuracy["kind"] == "curves"
    assert f"about {young.frame.evaluated} test pictures" in said["rows"][0][0][0]["text"]


def test_a_click_on_a_mistake_shows_that_picture_as_it_was_tested(young: View) -> None:
    [picture] = [figure for figure in drawn.inside(young) if isinstance(figure, Picture)]
    [panel] = [panel for row in picture.scene.rows for panel in row]  # type: ignore[attr-defined]
    frame = young.frame
    assert len(panel["captions"]) == len(frame.mistaken) > 1
    for place, (example, truth, taken) in enumerate(frame.mistaken):
        assert panel["captions"][place].startswith(f"{frame.classes[truth]} → {frame.classes[taken]},")
        turned = drawn.answer(young, {"panel": "mistakes", "kind": "node", "index": place})
        assert turned == Turn({"example": int(example), "picture": "", "shift_x": 0, "shift_y": 0})
        config = dataclasses.replace(young.config, **turned.knobs)
        assert lab.Experiment(config).frame().label == truth
    gone = {"panel": "mistakes", "kind": "node", "index": len(frame.mistaken)}  # it has learned in the meantime
    assert drawn.answer(young, gone) is None


def test_charts_show_the_counts_and_what_layers_tell(young: View) -> None:
    charts = {figure.key: figure for figure in drawn.inside(young) if isinstance(figure, Chart)}
    assert np.array_equal(charts["confusion"].data["count"], young.frame.confusion.ravel())
    assert charts["told"].data["value"] == pytest.approx(young.frame.class_correlation)


@pytest.mark.parametrize(
    "knobs", [{}, {"stride": 2, "padding": 2, "depth": 4}, {"dilation": 2, "padding": 2, "pooling": "none"}], ids=str
)
def test_the_sizes_are_those_of_the_formula(knobs: dict[str, Any]) -> None:
    view = seen(0, **knobs)
    [table] = [figure for figure in drawn.inside(view) if isinstance(figure, Table)]
    assert len(table.rows) == len(view.frame.rows)
    for cells, row in zip(table.rows, view.frame.rows, strict=True):
        found = re.fullmatch(SUM, cells[2])
        assert found is not None
        n, p, d, k, s, places = map(int, found.groups())
        assert output_size(n, k, s, p, d) == places == row.side_conv
        assert cells[3] == (f"{places} / {POOL} → {output_size(places, POOL, POOL)}" if row.pools else "–")
