"""The one piece of the benchmarks that decides something: when a table of metrics says that it has happened."""

from __future__ import annotations

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
