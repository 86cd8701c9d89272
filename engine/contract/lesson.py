"""Lessons: a preset, a question to answer before the run, and what happened and why.

The text is content, not code: ``lessons.toml`` in the lab's folder, a table ``[[lesson]]`` for each.  There ``beside``
names only the knobs in which the second run differs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.contract.knobs import Config
from engine.contract.registry import folder


class LessonError(ValueError):
    """A lesson file does not say what a lesson needs.  The sentence names the file, the lesson and the key."""


@dataclass(frozen=True)
class Lesson:
    """One preset with its question.

    `params` are knobs as a link writes them; `beside` are all those of a second run that is shown next to it.
    `answers` are what a visitor can choose between, `right` is the place of the right one, and at step `runs_to` the
    explanation appears.  `speed` is the pace that shows it best, one of `ui.player.SPEEDS`.
    """

    slug: str
    title: str
    params: Mapping[str, str]
    predict: str
    explain: str
    answers: tuple[str, ...] = ()
    right: int | None = None
    runs_to: int | None = None
    speed: str | None = None
    beside: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.answers and (self.right is None or not 0 <= self.right < len(self.answers)):
            raise LessonError(f"right must be the place of one of the {len(self.answers)} answers, counted from 0")

    def config(self, config_class: type[Config]) -> Config:
        """The Config that this lesson sets.  Raises `ConfigError` for a value that a knob does not take."""
        return config_class.from_params(self.params)

    def compared(self, config_class: type[Config]) -> Config | None:
        """The Config of the second run, or None if the lesson is about one run.  Raises `ConfigError`."""
        return None if self.beside is None else config_class.from_params(self.beside)


@cache
def lessons(slug: str) -> tuple[Lesson, ...]:
    """The lessons of one lab, in the order of its file; none if it has no file.  Raises `LessonError`."""
    file = folder(slug) / "lessons.toml"
    return read(file) if file.exists() else ()


def read(file: Path) -> tuple[Lesson, ...]:
    """The lessons in a file, in its order.  Raises `LessonError`."""
    found = []
    for table in tomllib.loads(file.read_text(encoding="utf-8")).get("lesson", []):
        texts: dict[str, Any] = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in table.items()
            if name not in ("params", "beside", "answers")
        }
        params = _texts(table.get("params", {}))
        try:
            found.append(
                Lesson(
                    **texts,
                    params=params,
                    beside=params | _texts(table["beside"]) if "beside" in table else None,
                    answers=tuple(table.get("answers", ())),
                )
            )
        except (TypeError, LessonError) as error:
            raise LessonError(f"{file.parent.name}/{file.name}, lesson {table.get('slug', '?')}: {error}") from None
    return tuple(found)


def _texts(table: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in table.items()}
