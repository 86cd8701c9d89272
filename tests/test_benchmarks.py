"""What of the benchmarks decides something: when a table of metrics says that it has happened, and what a class saw."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks import report
from benchmarks.class_load import Seen
from benchmarks.phenomena import PHENOMENA, Phenomenon
from ui import shell

ROWS = [
    {"step": "1", "error": "0.5", "modes": "8"},
    {"step": "2", "error": "0.1", "modes": ""},  # modes were not measured here: the 8 still counts
    {"step": "3", "error": "0.01", "modes": "7"},
]


def shown(least: dict[str, float], most: dict[str, float]) -> int | None:
    return Phenomenon("lab", "what", 10.0, least=least, most=most).shown_at(ROWS)


def test_a_phenomenon_is_shown_when_all_its_bounds_hold_at_once() -> None:
    assert shown({"modes": 8}, {"error": 0.2}) == 2
    assert shown({}, {"error": 0.01}) == 3
    assert shown({"modes": 8}, {"error": 0.05}) is None
    assert shown({"unheard_of": 0}, {}) is None


def test_every_phenomenon_is_of_a_page_that_there_is() -> None:
    pages = {entry.slug for entry in shell.labs()}
    assert {each.path.partition("?")[0] for each in PHENOMENA} <= pages


def seen(*stages: tuple[float, int]) -> Seen:
    """A client that got stages of a run at these seconds, each of a step, in ten seconds; and curves between them."""
    pictures = [[at, part, 0, 0, step, 100] for at, step in stages for part in ("stage", "curves")]
    told: dict[str, Any] = {"page": "gan", "status": "running", "message": "", "watches": False, "full": False}
    return Seen(told | {"trouble": "", "first": None, "pictures": pictures}, seconds=10.0)


def test_gaps_are_those_between_stages_and_to_both_ends_of_the_time_that_counts() -> None:
    client = seen((1.0, 5), (2.0, 10), (3.0, 20), (4.0, 30))
    assert client.gaps == [1.0, 1.0, 1.0, 1.0, 6.0]
    assert client.uneven == 6.0
    assert seen().uneven == math.inf


def test_steps_of_a_run_that_began_anew_go_on_counting() -> None:
    assert seen((1.0, 5), (2.0, 25), (3.0, 0), (6.0, 30)).rate == pytest.approx(10.0)
    assert seen((1.0, 5)).rate == 0.0


def test_a_topic_stands_behind_the_one_that_it_is_read_with_and_what_was_not_measured_stays() -> None:
    def page(*topics: report.Topic, before: str = "") -> str:
        return report.page([], [*topics], command="", minutes=1.0, before=before)

    first = page(report.Topic("A class", "Thirty."), report.Topic("A crowd", "Three hundred."))
    both = page(report.Topic("A cluster", "Three machines.", beside="A class"), before=first)
    assert [line for line in both.splitlines() if line.startswith("## ")] == [
        "## A class",
        "## A cluster",
        "## A crowd",
    ]
    assert "Three hundred." in both and "Kept from the run before: A class; A crowd." in both
