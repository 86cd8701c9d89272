"""What is written and drawn of a mixture and the networks beside it is what its frame says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moments import moment

from engine.contract.figure import Table, Text
from engine.contract.view import View
from engine.labs import moe_routing as lab
from engine.labs.moe_routing import view as drawn


def seen(steps: int, **knobs: Any) -> View:
    experiment = lab.Experiment(lab.Config(**knobs))
    return moment(experiment, steps)


def test_before_the_first_step_there_are_no_curves() -> None:
    assert not any(drawn.curves(seen(0)).rows)


@pytest.mark.parametrize(("data", "kind"), [("clusters", "cluster"), ("text", "character")])
def test_three_errors_stand_above_balance_and_specialisation(data: str, kind: str) -> None:
    view = seen(2, data=data)
    [[error], [balance, special]] = [row for row in drawn.curves(view).rows if row]
    assert [each["metric"] for each in error["series"]] == ["moe", "equal_compute", "equal_size"]
    assert error["log"] is (data == "clusters") and ("nats" in error["y_label"]) is (data == "text")
    assert [each["metric"] for each in balance["series"]] == ["violation"]
    assert [each["metric"] for each in special["series"]] == ["information", "dropped"]
    assert special["series"][0]["name"] == f"mutual information of expert and {kind}"


def test_tables_say_what_is_stored_and_what_each_expert_does() -> None:
    view = seen(2, experts=6)
    stored, _, experts = drawn.inside(view)
    assert isinstance(stored, Table) and isinstance(experts, Table)
    frame = view.frame
    assert [row[2:] for row in stored.rows] == [
        [f"{size.stored:,}", f"{size.used:,}", f"{size.flops:,}", f"{score:.3f}"]
        for size, score in zip(frame.sizes, frame.scores, strict=True)
    ]
    assert [row[0] for row in experts.rows] == [f"{i + 1}" for i in range(6)]
    assert [row[1] for row in experts.rows] == [f"{load:.1%}" for load in frame.load]
    assert [row[2] == "–" for row in experts.rows] == list(np.isnan(frame.errors))


@pytest.mark.parametrize(
    ("knobs", "said"), [({"width": 0, "top_k": 2}, True), ({"width": 0}, False), ({"width": 8, "top_k": 2}, False)]
)
def test_that_sums_of_linear_maps_are_linear_is_said_where_they_are(knobs: dict[str, Any], said: bool) -> None:
    view = seen(0, **({"top_k": 1, "shared": 0} | knobs))
    [note] = [figure for figure in drawn.inside(view) if isinstance(figure, Text)]
    assert ("Linear maps" in note.text) is said
