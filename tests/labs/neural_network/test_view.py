"""What is written and drawn of the inside of a network is what its frame says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moments import moment

from engine.contract.figure import LEFT, RIGHT, Chart, Picture, Table, Text
from engine.contract.view import View
from engine.labs import neural_network as lab
from engine.labs.neural_network import view as drawn
from engine.labs.neural_network.frame import SCORES


def seen(steps: int = 2, **knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**({"samples": 40} | knobs)))
    return moment(experiment, steps)


@pytest.mark.parametrize("seeds", [1, 4])
def test_many_seeds_have_a_band_and_one_has_none(seeds: int) -> None:
    [[error], [loss]] = [row for row in drawn.curves(seen(seeds=seeds)).rows if row]
    assert {each["metric"] for panel in (loss, error) for each in panel["series"]} == set(SCORES)
    assert [len(panel["bands"]) for panel in (loss, error)] == [int(seeds > 1)] * 2
    assert ("80 %" in loss["title"]) is (seeds > 1)


def test_before_the_first_step_there_are_no_curves() -> None:
    assert not any(drawn.curves(seen(0)).rows)


def test_every_layer_has_its_numbers_and_long_ones_say_what_is_left_out() -> None:
    view = seen(hidden=(12, 3))
    figures = drawn.inside(view)
    tables = [figure for figure in figures if isinstance(figure, Table)]
    texts = [figure.text for figure in figures if isinstance(figure, Text)]
    point = view.frame.followed
    assert f"Point {point.index} at" in texts[0] and f"loss **{point.loss:.4f}**" in texts[0]
    assert texts[1:] == ["**Layer 1** · 2 more neurons", "**Layer 2**", "**Output**"]
    assert [len(table.rows) for table in tables] == [10, 3, 1]
    for table, layer in zip(tables, point.layers, strict=True):
        for i, row in enumerate(table.rows):
            assert list(row[1:5]) == [drawn.signed(float(layer[name][i])) for name in ("z", "a", "delta", "db")]
    assert [row[-1].count(",") for row in tables[1].rows] == [6] * 3  # of twelve gradients six are written
    assert all(row[-1].endswith("…") for row in tables[1].rows)
    assert not any("…" in row[-1] for row in tables[2].rows)
    assert not any(" " in row[-1] for table in tables for row in table.rows)  # or each would stand on a line of its own


def test_zero_has_no_sign() -> None:
    told = [drawn.signed(x) for x in (-0.0, -4e-5, 4e-5, -0.25, 1.0)]
    assert told == ["0.0000", "0.0000", "0.0000", "−0.2500", "+1.0000"]


def test_classes_have_a_confusion_matrix_and_values_an_error() -> None:
    for knobs, words in (({}, []), ({"data": "regression_plane"}, ["Test error (RMSE)"])):
        view = seen(**knobs)
        beside = [figure for figure in drawn.inside(view) if figure.column == RIGHT]
        charts = [figure for figure in beside if isinstance(figure, Chart)]
        assert [chart.key for chart in charts] == ([] if words else ["confusion"]) + ["gradients"]
        told = [figure.text for figure in beside if isinstance(figure, Text)]
        assert told == [f"#### {each}: {view.frame.scores['test_error']:.3f}" for each in words]
        if not words:
            assert np.array_equal(charts[0].data["count"], view.frame.confusion.ravel())


def test_without_a_hidden_layer_only_gradients_of_the_output_are_told() -> None:
    figures = drawn.inside(seen(hidden=()))
    assert [figure.key for figure in figures if isinstance(figure, Chart)] == ["confusion", "gradients"]
    [bent] = [figure for figure in figures if isinstance(figure, Picture)]
    assert bent.column == LEFT and len(bent.scene.to_bytes()) > 1000
