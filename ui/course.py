"""The course: which lecture each lab belongs to, how long its lessons take, and what can be searched for.

The lectures stand in assets/course.toml, the lessons in the labs' folders, the terms in the glossary.  Nothing is known
of a visitor here: what they have done is told by their browser (`ui.mine`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.contract import registry
from engine.contract.card import Card
from engine.contract.lesson import Lesson, LessonError, lessons
from ui import terms
from ui.player import SPEEDS

FILE = Path(__file__).resolve().parent.parent / "assets" / "course.toml"
WORDS = 150  # that are read in a minute, with formulas among them
PREDICTING, LOOKING = 0.5, 1.0  # minutes, for committing to an answer and for looking at what happened
AT_MOST = 10 / 60  # minutes that a run takes to what a lesson shows, on two cores: CONTRIBUTING.md asks for it
BESIDE = "Beside the course"


@dataclass(frozen=True)
class Lecture:
    """One lecture: its labs that are here, as their cards, and the names of those that are still to come."""

    number: int
    title: str
    teaches: str
    labs: tuple[Card, ...]
    later: tuple[str, ...] = ()


def lectures(cards: Sequence[Card]) -> list[Lecture]:
    """The lectures in order, with the labs among `cards`; those that no lecture names come last, if there are any.

    A lab from outside joins the lecture that its card names, so that a course can be filled from elsewhere.
    """
    here = {card.slug: card for card in cards}
    told = _told()
    named = {slug for lecture in told for slug in lecture["labs"]}
    found = []
    for lecture in told:
        joining = [card for card in cards if card.slug not in named and card.lecture == lecture["number"]]
        own = [here[slug] for slug in lecture["labs"] if slug in here]
        later = tuple(slug.replace("_", " ") for slug in lecture["labs"] if slug not in here)
        found.append(Lecture(lecture["number"], lecture["title"], lecture["teaches"], (*own, *joining), later))
    placed = {card.slug for lecture in found for card in lecture.labs}
    if others := tuple(card for card in cards if card.slug not in placed):
        found.append(Lecture(0, BESIDE, "", others))
    return found


def in_order(cards: Sequence[Card]) -> list[Card]:
    """The labs in the order in which the course meets them, each once."""
    return list({card.slug: card for lecture in lectures(cards) for card in lecture.labs}.values())


def lessons_of(card: Card) -> tuple[Lesson, ...]:
    """The lessons of a lab; none if its file cannot be read: the lab's own page says what is wrong with it."""
    try:
        return lessons(card.slug)
    except (LessonError, KeyError, OSError):
        return ()


def name(card: Card, lesson: Lesson) -> str:
    """What a browser calls a lesson that was done: "gan/collapse"."""
    return f"{card.slug}/{lesson.slug}"


def minutes(lesson: Lesson) -> float:
    """About how long one person takes for a lesson.

    To read its question, its answers and what is told; to predict; the run to the step where it is told, at the
    lesson's own pace or, at full speed, as long as it may take; and to look at it.
    """
    words = " ".join((lesson.predict, *lesson.answers, lesson.explain or lesson.happened)).split()
    pace = SPEEDS.get(lesson.speed or "")
    run = lesson.at / pace / 60 if lesson.at and pace else AT_MOST
    return len(words) / WORDS + PREDICTING + run + LOOKING


def length(cards: Iterable[Card]) -> tuple[int, int]:
    """How many lessons these labs have together, and about how many minutes they take."""
    found = [lesson for card in cards for lesson in lessons_of(card)]
    return len(found), round(sum(map(minutes, found)))


def next_lesson(cards: Sequence[Card], done: Iterable[str]) -> tuple[Card, Lesson] | None:
    """Where to go on: the first lesson after the last one that was done, and not done itself; None at the end.

    Without any it is the first lesson of the course.  What was left out before that is not asked for again.
    """
    known = set(done)
    way = [(card, lesson) for card in in_order(cards) for lesson in lessons_of(card)]
    last = max((place for place, each in enumerate(way) if name(*each) in known), default=-1)
    return next((each for each in way[last + 1 :] if name(*each) not in known), None)


@dataclass(frozen=True)
class Found:
    """What a search has found: labs, lessons with their lab, and terms with their sentence and the labs they are in."""

    labs: tuple[Card, ...]
    lessons: tuple[tuple[Card, Lesson], ...]
    terms: tuple[tuple[str, str, tuple[Card, ...]], ...]


def search(cards: Sequence[Card], asked: str) -> Found:
    """All labs, lessons and terms that have every word of `asked` in their name or question."""
    words = asked.casefold().split()
    if not words:
        return Found((), (), ())

    def told(*texts: str) -> bool:
        text = " ".join(texts).casefold()
        return all(word in text for word in words)

    ordered = in_order(cards)
    names = {term for term in terms.glossary() if told(term)} | set(terms.terms(asked))
    return Found(
        tuple(card for card in ordered if told(card.title, card.question, card.slug.replace("_", " "), card.group)),
        tuple((card, each) for card in ordered for each in lessons_of(card) if told(each.title, each.predict)),
        tuple((term, terms.glossary()[term], tuple(card for card in ordered if term in _terms(card.slug)))
              for term in sorted(names, key=str.casefold)),
    )  # fmt: skip


@cache
def _told() -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["lecture"]
    return told


@cache
def _terms(slug: str) -> frozenset[str]:
    """The terms that a lab's lessons and mathematics speak of."""
    card = registry.card(slug)
    maths = registry.folder(slug) / "maths.md"
    texts = [card.question, maths.read_text(encoding="utf-8") if maths.exists() else ""]
    for lesson in lessons_of(card):
        texts += [lesson.title, lesson.predict, lesson.explain or lesson.happened]
    return frozenset(terms.terms("\n".join(texts)))
