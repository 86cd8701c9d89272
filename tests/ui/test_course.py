"""The course: its lectures, how long they take, what is found in it, and where to go on."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from engine.contract.card import Card
from engine.contract.lesson import Lesson, lessons
from ui import course, shell, terms

CARDS = shell.labs()
FILE = tomllib.loads(course.FILE.read_text(encoding="utf-8"))["lecture"]


def test_every_lab_of_ours_stands_in_the_lecture_that_its_card_names() -> None:
    """A lecture may have others too: attention is taught once, and looked into once more."""
    for card in CARDS:
        named = [lecture["number"] for lecture in FILE if card.slug in lecture["labs"]]
        assert card.lecture in named, f"{card.slug} says lecture {card.lecture}; assets/course.toml has it in {named}"
    assert [lecture["number"] for lecture in FILE] == list(range(1, 15))


def test_a_lecture_has_the_labs_that_are_here_and_names_those_to_come() -> None:
    found = course.lectures(CARDS)
    assert [each.number for each in found] == list(range(1, 15)), "nothing is beside the course"
    for each, told in zip(found, FILE, strict=True):
        here = {card.slug.replace("_", " ") for card in each.labs}
        assert here | set(each.later) == {slug.replace("_", " ") for slug in told["labs"]}
        assert not here & set(each.later)
    assert [card.slug for card in course.in_order(CARDS)][:2] == ["neural_network", "gradient_descent"]
    assert sorted(card.slug for card in course.in_order(CARDS)) == sorted(card.slug for card in CARDS)


def test_a_lab_from_outside_joins_its_lecture_or_stands_beside_the_course() -> None:
    fourth = Card("lottery", "Lottery", "casino", "Phenomena", "Which?", lecture=4)
    none = Card("moon", "Moon", "nightlight", "Sky", "When?")
    found = course.lectures([*CARDS, none, fourth])
    assert found[3].labs == (fourth,)
    assert found[-1] == course.Lecture(0, course.BESIDE, "", (none,))


def lesson(words: int, **what: object) -> Lesson:
    return Lesson("one", "One", {}, predict="word " * (words - 3), answers=("yes", "no"), right=0, explain="so", **what)  # type: ignore[arg-type]


def test_a_lesson_takes_as_long_as_it_is_read_predicted_run_and_looked_at() -> None:
    at_rest = course.PREDICTING + course.LOOKING
    assert course.minutes(lesson(300, at=60, speed="1 step/s")) == pytest.approx(2 + 1 + at_rest)
    assert course.minutes(lesson(150, at=600, speed="100 steps/s")) == pytest.approx(1 + 0.1 + at_rest)
    for more in ({"at": 5000, "speed": "full speed"}, {"at": 5000}, {}):  # ten seconds at most, whatever the steps
        assert course.minutes(lesson(150, **more)) == pytest.approx(1 + 1 / 6 + at_rest)
    count, minutes = course.length(CARDS)
    assert count == sum(len(lessons(card.slug)) for card in CARDS)
    assert 2 * count < minutes < 4 * count


def test_the_course_begins_with_its_first_lesson_and_goes_on_after_the_last_that_was_done() -> None:
    way = [(card, each) for card in course.in_order(CARDS) for each in lessons(card.slug)]
    names = [course.name(*each) for each in way]
    assert len(set(names)) == len(names)
    assert course.next_lesson(CARDS, []) == way[0]
    assert course.next_lesson(CARDS, [names[0], names[4]]) == way[5], "what was left out is not asked for again"
    assert course.next_lesson(CARDS, [names[3], "a/lesson-that-is-gone"]) == way[4]
    assert course.next_lesson(CARDS, [names[-1]]) is None


def test_a_search_finds_labs_lessons_and_terms() -> None:
    found = course.search(CARDS, "  Learning RATE ")
    assert "gradient_descent" in {card.slug for card in found.labs}
    assert "over_the_edge" in {each.slug for _, each in found.lessons}
    [(term, says, labs)] = [each for each in found.terms if each[0] == "learning rate"]
    assert says == terms.glossary()[term] and "gradient_descent" in {card.slug for card in labs}
    other = next(name for entry in terms._entries().values() for name in entry.get("also", ()))
    assert course.search(CARDS, other).terms, "by any of its names"
    assert course.search(CARDS, "   ") == course.Found((), (), ()) == course.search(CARDS, "no such word")


def test_a_lesson_file_that_cannot_be_read_costs_its_lab_the_lessons_only(tmp_path: Path, monkeypatch) -> None:
    import sys

    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "lessons.toml").write_text("[[lesson]]\nslug = ", encoding="utf-8")
    labs = sys.modules["engine.labs"]
    monkeypatch.setattr(labs, "__path__", [*labs.__path__, str(tmp_path)])
    torn = dataclasses.replace(CARDS[0], slug="torn")
    assert course.lessons_of(torn) == () and course.length([torn]) == (0, 0)
