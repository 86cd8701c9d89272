"""Lessons: a preset, a question to answer before the run, and what happened and why.

The text is content, not code: `assets/lessons/<slug>.toml`, a table `[[lesson]]` for each.  There `beside` names only
the knobs in which the second run differs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st

from engine import Config
from ui.link import set_config, settings
from ui.press import whole

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "lessons"


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
def lessons(slug: str, folder: Path = FOLDER) -> tuple[Lesson, ...]:
    """The lessons of one lab, in the order of its file; none if it has no file.  Raises `LessonError`."""
    file = folder / f"{slug}.toml"
    if not file.exists():
        return ()
    found = []
    for table in tomllib.loads(file.read_text(encoding="utf-8")).get("lesson", []):
        texts = {
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
            raise LessonError(f"{file.name}, lesson {table.get('slug', '?')}: {error}") from None
    return tuple(found)


def _texts(table: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in table.items()}


def lesson_bar(slug: str, config_class: type[Config], *, step: int | None = None) -> Lesson | None:
    """Draw the lessons of a lab as a row of choices, and the question of the one that is chosen; return that one.

    Choosing one sets its Config and names it in the link.  With `step` the outcome is drawn too; a page whose step
    counts up inside a fragment calls `outcome` there instead.
    """
    known = {lesson.slug: lesson for lesson in lessons(slug)}
    if not known:
        return None
    here = settings(slug, config_class)
    if here.lesson is not None and here.lesson not in known:
        here.notices.append(f"The link names the lesson '{here.lesson[:40]}'; the lessons here are {', '.join(known)}.")
        here.lesson, here.lesson_due = None, False
    if here.lesson is not None and here.lesson_due:
        here.lesson_due = False
        set_config(slug, known[here.lesson].config(config_class))
    key = f"{slug}.lesson"
    st.session_state[key] = here.lesson
    st.pills(
        "Lessons", list(known), format_func=lambda name: known[name].title, key=key, on_change=whole(_choose),
        args=(slug, config_class), label_visibility="collapsed",
    )  # fmt: skip
    chosen = known.get(here.lesson or "")
    if chosen is None:
        return None
    question, answer = st.columns(2)
    with question, st.container(key=f"{slug}.predict", border=True):
        st.markdown(f"**Predict.** {chosen.predict}")
        if chosen.answers:
            st.radio(
                "Your answer", chosen.answers, index=None, key=_answer_key(slug, chosen), label_visibility="collapsed",
                on_change=whole(_commit), args=(slug, chosen),
            )  # fmt: skip
    if step is not None:
        with answer:
            outcome(slug, chosen, step=step)
    return chosen


def outcome(slug: str, lesson: Lesson, *, step: int) -> None:
    """What happened and why, once the run has reached the step that shows it; until then a button to see it at once."""
    shown = f"{slug}.lesson.{lesson.slug}.shown"
    if not st.session_state.get(shown) and (lesson.runs_to is None or step < lesson.runs_to):
        st.button("What happened and why", key=f"{shown}.ask", icon=":material/visibility:", on_click=whole(_show),
                  args=(shown,))  # fmt: skip
        return
    with st.container(key=f"{slug}.outcome", border=True):
        said = st.session_state.get(f"{slug}.lesson.{lesson.slug}.said")
        if said is not None and lesson.right is not None:
            right = lesson.answers[lesson.right]
            st.markdown(f":material/check: You predicted it: *{said}*" if said == right else f"You said: *{said}*")
        st.markdown(f"**What happened and why.** {lesson.explain}")


def _choose(slug: str, config_class: type[Config]) -> None:
    here = settings(slug, config_class)
    here.lesson = st.session_state[f"{slug}.lesson"]
    for lesson in lessons(slug):
        if lesson.slug == here.lesson:
            st.session_state.pop(f"{slug}.lesson.{lesson.slug}.shown", None)
            set_config(slug, lesson.config(config_class))


def _answer_key(slug: str, lesson: Lesson) -> str:
    return f"{slug}.lesson.{lesson.slug}.answer"


def _commit(slug: str, lesson: Lesson) -> None:
    st.session_state[f"{slug}.lesson.{lesson.slug}.said"] = st.session_state[_answer_key(slug, lesson)]


def _show(key: str) -> None:
    st.session_state[key] = True
