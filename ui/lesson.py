"""The bar of lessons on a page: which one is chosen, its question, and what happened and why."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from engine import Config
from engine.contract.facts import Facts
from engine.contract.lesson import Lesson, LessonError, lessons
from engine.runs.pool import PoolError
from ui.link import set_config, settings
from ui.press import whole

# Facts of the run on screen and of the one beside it: of the moment where they were to stop, else, if asked, of now.
Measured = Callable[[bool], tuple[Facts, Facts | None] | None]
NO_ANSWER = "You have predicted nothing before it began. Choose the lesson again to do so."


def lesson_bar(
    slug: str, config_class: type[Config], *, step: int | None, facts: Measured, begun: Callable[[], bool]
) -> Lesson | None:
    """Draw the lessons of a lab as a row of choices, and the question of the one that is chosen; return that one.

    Choosing one sets its Config and names it in the link.  Once the run has come to `step` far enough, the outcome is
    drawn too, with the `facts` that its text names.  `step` is None for a lesson that has just been chosen, whose run
    is still to be set.  When the run has `begun`, which is asked anew, there is nothing left to predict.
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
            if step is not None and not _locked(slug, chosen) and begun():
                st.session_state[_key(slug, chosen, "locked")] = True
            if late := _locked(slug, chosen):
                st.session_state[_answer_key(slug, chosen)] = st.session_state.get(_key(slug, chosen, "said"))
            st.radio(
                "Your answer", chosen.answers, index=None, key=_answer_key(slug, chosen), label_visibility="collapsed",
                disabled=late, on_change=whole(_commit), args=(slug, chosen, begun),
            )  # fmt: skip
    with answer:
        _outcome(slug, chosen, step=step or 0, facts=facts)
    return chosen


def asks(slug: str, lesson: Lesson | None) -> bool:
    """Whether a lesson still waits for an answer, which may be given or changed until its run begins."""
    return lesson is not None and bool(lesson.answers) and not _locked(slug, lesson)


def _locked(slug: str, lesson: Lesson) -> bool:
    return bool(st.session_state.get(_key(slug, lesson, "locked")))


def _outcome(slug: str, lesson: Lesson, *, step: int, facts: Measured) -> None:
    """What happened and why, once the run has reached the step that shows it; until then a button to see it at once."""
    shown = _key(slug, lesson, "shown")
    if not st.session_state.get(shown) and (lesson.runs_to is None or step < lesson.runs_to):
        st.session_state.pop(f"{shown}.told", None)
        st.button("What happened and why", key=f"{shown}.ask", icon=":material/visibility:", on_click=whole(_show),
                  args=(slug, lesson))  # fmt: skip
        return
    with st.container(key=f"{slug}.outcome", border=True):
        said = st.session_state.get(_key(slug, lesson, "said"))
        if said is not None and lesson.right is not None:
            right = lesson.answers[lesson.right]
            st.markdown(f":material/check: You predicted it: *{said}*" if said == right else f"You said: *{said}*")
        elif lesson.answers:
            st.markdown(f":gray[{NO_ANSWER}]")
        st.markdown(f"**What happened and why.** {_told(lesson, facts, key=f'{shown}.told')}")


def _told(lesson: Lesson, facts: Measured, *, key: str) -> str:
    """The text, with the numbers that the run had where it was to stop.

    Whoever reads it elsewhere reads those of the moment when it was first shown: they do not run on under the reader.
    """
    if lesson.explain:
        return lesson.explain
    try:
        found = facts(key not in st.session_state)
        if found is not None:
            st.session_state[key] = lesson.said(*found)
    except (PoolError, LessonError) as error:
        if key in st.session_state:
            return str(st.session_state[key])
        return f"The numbers of this run cannot be told yet: {error}"
    told: str = st.session_state[key]
    return told


def _choose(slug: str, config_class: type[Config]) -> None:
    here = settings(slug, config_class)
    here.lesson = st.session_state[f"{slug}.lesson"]
    for lesson in lessons(slug):
        if lesson.slug == here.lesson:
            for name in ("shown", "shown.told", "said", "locked", "answer"):
                st.session_state.pop(_key(slug, lesson, name), None)
            set_config(slug, lesson.config(config_class))


def _key(slug: str, lesson: Lesson, name: str) -> str:
    return f"{slug}.lesson.{lesson.slug}.{name}"


def _answer_key(slug: str, lesson: Lesson) -> str:
    return _key(slug, lesson, "answer")


def _commit(slug: str, lesson: Lesson, begun: Callable[[], bool]) -> None:
    """Take an answer, unless the run has begun meanwhile and the page does not know yet."""
    said = st.session_state[_answer_key(slug, lesson)]
    if not _locked(slug, lesson) and not begun():
        st.session_state[_key(slug, lesson, "said")] = said


def _show(slug: str, lesson: Lesson) -> None:
    """Who has read what happens predicts no more."""
    st.session_state[_key(slug, lesson, "shown")] = st.session_state[_key(slug, lesson, "locked")] = True
