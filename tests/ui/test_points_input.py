"""What the pad says of the points that it takes is what their readers accept."""

from __future__ import annotations

import json

import pytest

from engine import runs
from engine.contract.reading import ReadError
from engine.data import cloud_shapes, square
from ui.inputs.points import CLASSES, CLOUD, MOST, Paper
from ui.inputs.reading import read


@pytest.fixture(autouse=True)
def _no_run_is_left():
    runs.stop()
    yield
    runs.stop()


def test_the_pad_and_the_readers_agree_on_how_many_points_and_how_far() -> None:
    assert (MOST, CLASSES.reach, CLASSES.classes) == (square.MAX_POINTS, square.LIMIT, square.MAX_CLASSES)
    assert f"at least {cloud_shapes.FEWEST} points" in CLOUD.fewest


@pytest.mark.parametrize("paper", [CLOUD, CLASSES], ids=lambda paper: paper.name)
def test_points_go_into_a_link_and_come_back(paper: Paper) -> None:
    rows = [[paper.reach * (i / 10 - 1), paper.reach * (1 - i / 20), i % paper.classes] for i in range(21)]
    packed = read("points", json.dumps(rows).encode(), paper=paper.name)
    again = read("packed_points", packed.encode(), paper=paper.name)
    assert all(row == pytest.approx(back, abs=paper.reach / 30_000) for row, back in zip(rows, again, strict=True))


@pytest.mark.parametrize(
    ("paper", "rows", "said"),
    [
        (CLOUD, [[0, 0, 0]] * 3, "There are 3 points; draw at least 10."),
        (CLASSES, [[0, 0, 1], [1, 1, 1]], "All points are of one class; draw points of at least two classes."),
    ],
    ids=["cloud", "classes"],
)
def test_what_cannot_be_learned_gets_a_sentence(paper: Paper, rows: list[list[float]], said: str) -> None:
    with pytest.raises(ReadError) as caught:
        read("points", json.dumps(rows).encode(), paper=paper.name)
    assert str(caught.value) == said
