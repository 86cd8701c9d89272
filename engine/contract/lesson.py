"""Lessons: a preset, a question to answer before the run, and what happened and why.

The text is content, not code: ``lessons.toml`` in the lab's folder, a table ``[[lesson]]`` for each.  There ``beside``
names only the knobs in which the second run differs.  What happened is told in one of two ways: ``explain`` is a text
as it stands, ``happened`` one with numbers of the run in it, which may have an ``otherwise`` and says ``when``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.contract import facts as _facts
from engine.contract.facts import FactError, Facts
from engine.contract.knobs import Config
from engine.contract.registry import folder


class LessonError(ValueError):
    """A lesson file does not say what a lesson needs.  The sentence names the file, the lesson and the key."""


@dataclass(frozen=True)
class Point:
    """What a lesson points at: a panel of the stage by its key, and one of its layers by its name (empty: all)."""

    panel: str
    layer: str = ""


@dataclass(frozen=True)
class Lesson:
    """One preset with its question.

    `params` are knobs as a link writes them; `beside` are all those of a second run that is shown next to it.
    `answers` are what a visitor can choose between, two to four, and `right` is the place of the right one.  At step
    `at` the run stops and the text speaks (`runs_to` is its older name: both say the same here).  `point` is outlined
    then, `knobs` are those that are opened, and `panels` those whose tabs are, when it is told.  `speed` is the pace
    that shows it best, one of `card.PACES`.

    The text is `explain`, or `happened` if the condition `when` holds and else `otherwise`, both with facts of the run
    (see `engine.contract.facts`).
    """

    slug: str
    title: str
    params: Mapping[str, str]
    predict: str
    explain: str = ""
    answers: tuple[str, ...] = ()
    right: int | None = None
    runs_to: int | None = None
    speed: str | None = None
    beside: Mapping[str, str] | None = None
    at: int | None = None
    point: Point | None = None
    knobs: tuple[str, ...] = ()
    panels: tuple[str, ...] = ()
    happened: str = ""
    otherwise: str = ""
    when: str = ""

    def __post_init__(self) -> None:
        if self.answers and (self.right is None or not 0 <= self.right < len(self.answers)):
            raise LessonError(f"right must be the place of one of the {len(self.answers)} answers, counted from 0")
        if self.answers and not 2 <= len(self.answers) <= 4:
            raise LessonError(f"there are two to four answers to choose between, not {len(self.answers)}")
        self._require_text()
        if self.at is not None and self.runs_to is not None and self.at != self.runs_to:
            raise LessonError("at and runs_to are two names of one step; say at")
        stop = self.at if self.at is not None else self.runs_to
        if stop is not None and stop < 1:
            raise LessonError(f"at must be a step from 1 up, not {stop}")
        object.__setattr__(self, "at", stop)
        object.__setattr__(self, "runs_to", stop)

    def _require_text(self) -> None:
        if self.explain and self.happened:
            raise LessonError("it says both explain and happened; happened takes the place of explain")
        if not self.explain and not self.happened:
            raise LessonError("it lacks happened, or explain")
        if bool(self.otherwise) != bool(self.when):
            raise LessonError("otherwise and when go together: when says whether it is happened or otherwise")
        if self.otherwise and not self.happened:
            raise LessonError("otherwise needs happened, and not explain")
        self.names()

    def names(self) -> set[str]:
        """The facts that its texts name: ``modes``, ``beside.modes``.  Raises `LessonError`."""
        found = set()
        for name in ("happened", "otherwise"):
            try:
                found |= _facts.names(text=getattr(self, name))
            except FactError as error:
                raise LessonError(f"in {name}, {error}") from None
        try:
            return found | _facts.names(condition=self.when)
        except FactError as error:
            raise LessonError(f"in when, {error}") from None

    def config(self, config_class: type[Config]) -> Config:
        """The Config that this lesson sets.  Raises `ConfigError` for a value that a knob does not take."""
        return config_class.from_params(self.params)

    def compared(self, config_class: type[Config]) -> Config | None:
        """The Config of the second run, or None if the lesson is about one run.  Raises `ConfigError`."""
        return None if self.beside is None else config_class.from_params(self.beside)

    def holds(self, facts: Facts, beside: Facts | None = None) -> bool:
        """Whether `when` is true of the run, and of the one `beside` it; true without one.  Raises `LessonError`."""
        try:
            return not self.when or _facts.holds(self.when, facts, beside)
        except FactError as error:
            raise LessonError(f"lesson {self.slug}, when: {error}") from None

    def said(self, facts: Facts, beside: Facts | None = None) -> str:
        """What is told at step `at`, with the numbers of the run filled in.  Raises `LessonError` for a missing one."""
        if self.explain:
            return self.explain
        try:
            return _facts.filled(self.happened if self.holds(facts, beside) else self.otherwise, facts, beside)
        except FactError as error:
            raise LessonError(f"lesson {self.slug}: {error}") from None


@cache
def lessons(slug: str) -> tuple[Lesson, ...]:
    """The lessons of one lab, in the order of its file; none if it has no file.  Raises `LessonError`."""
    file = folder(slug) / "lessons.toml"
    return read(file) if file.exists() else ()


def read(file: Path) -> tuple[Lesson, ...]:
    """The lessons in a file, in its order.  Raises `LessonError`."""
    where = f"{file.parent.name}/{file.name}"
    try:
        told: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LessonError(f"{where} cannot be read: {error}") from None
    tables = told.get("lesson", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise LessonError(f"{where}: each lesson begins with [[lesson]]")
    found = []
    for table in tables:
        try:
            found.append(_lesson(table))
        except LessonError as error:
            raise LessonError(f"{where}, lesson {table.get('slug', '?')}: {error}") from None
    return tuple(found)


_NEEDED = ("slug", "title", "predict")
_KINDS: dict[str, tuple[type, str]] = {
    **dict.fromkeys((*_NEEDED, "explain", "happened", "otherwise", "when", "speed"), (str, "a text")),
    **dict.fromkeys(("right", "at", "runs_to"), (int, "a whole number")),
    **dict.fromkeys(("answers", "knobs", "panels"), (list, "a list of texts")),
    **dict.fromkeys(("params", "beside", "point"), (dict, "a table")),
}


def _lesson(table: Mapping[str, Any]) -> Lesson:
    """One table of the file.  Raises `LessonError` without the name of the file."""
    for name, value in table.items():
        if name not in _KINDS:
            raise LessonError(f"it says '{name}', which no lesson does")
        kind, words = _KINDS[name]
        texts = all(isinstance(item, str) for item in value) if isinstance(value, list) else True
        if type(value) is not kind or not texts:
            raise LessonError(f"{name} must be {words}")
    missing = [name for name in _NEEDED if not table.get(name)]
    if not table.get("explain") and not table.get("happened"):
        missing.append("happened (or explain)")
    if missing:
        raise LessonError(f"it lacks {', '.join(missing)}")
    point = table.get("point", {})
    if "point" in table and (point.keys() - {"panel", "layer"} or not point.get("panel")):
        raise LessonError('point must name a panel, and may name a layer: { panel = "plane", layer = "Points" }')
    params = _texts(table.get("params", {}))
    values: dict[str, Any] = {name: value.strip() if isinstance(value, str) else value for name, value in table.items()}
    values |= {name: tuple(table[name]) for name in ("answers", "knobs", "panels") if name in table}
    values |= {
        "params": params,
        "beside": params | _texts(table["beside"]) if "beside" in table else None,
        "point": Point(**_texts(point)) if "point" in table else None,
    }
    return Lesson(**values)


def _texts(table: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in table.items()}
