"""The bar of lessons on a page: which one is chosen, its question, and what happened and why."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Protocol

import streamlit as st

from engine import Config
from engine.contract import registry
from engine.contract.facts import Facts
from engine.contract.lesson import Lesson, LessonError, lessons
from engine.runs.pool import PoolError
from ui import course
from ui.link import set_config, settings
from ui.press import whole


class Runs(Protocol):
    """The run on screen and the one beside it, as a lesson sees them: see `ui.taught.Taught`."""

    @property
    def ended(self) -> bool: ...

    def begun(self) -> bool: ...

    def facts(self, now: bool) -> tuple[Facts, Facts | None] | None: ...

    def strays(self, lesson: Lesson) -> str: ...

    def play_to(self, step: int) -> None: ...


NO_ANSWER = "You have predicted nothing before it began. Choose the lesson again to do so."


def lesson_bar(
    slug: str,
    config_class: type[Config],
    runs: Runs,
    *,
    step: int | None,
    after: Callable[[str], None] | None = None,
) -> Lesson | None:
    """Draw the lessons of a lab as a row of choices, and the question of the one that is chosen; return that one.

    Choosing one sets its Config and names it in the link.  Once the run has come to `step` far enough, or can go no
    further, the outcome is drawn too, with the facts that its text names.  `step` is None for a lesson that has just
    been chosen, whose run is still to be set.  When the run has begun, there is nothing left to predict.  `after` draws
    what follows the last lesson.
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
    shown = _shown(slug, chosen, runs, step=step)
    with st.container(key=f"{slug}.asked"):
        text, answer = st.columns([3, 2], gap="medium")
        with text, st.container(key=f"{slug}.asking"):
            if shown:
                _outcome(slug, chosen, runs)
            else:
                st.markdown(f"**Predict.** {chosen.predict}")
        with answer, st.container(key=f"{slug}.predict", gap="xsmall"):
            if chosen.answers:
                _answers(slug, chosen, runs, step=step, shown=shown)
        _more(slug, chosen, shown=shown)
    _next(slug, config_class, chosen, runs, shown=shown, after=after)
    return chosen


def _answers(slug: str, chosen: Lesson, runs: Runs, *, step: int | None, shown: bool) -> None:
    """What can be answered until the run has begun.  When it is told that it happened, the right one is marked."""
    if step is not None and not _locked(slug, chosen) and runs.begun():
        st.session_state[_key(slug, chosen, "locked")] = True
    if late := _locked(slug, chosen):
        st.session_state[_answer_key(slug, chosen)] = st.session_state.get(_key(slug, chosen, "said"))
    right = chosen.answers[chosen.right or 0] if shown and _held(slug, chosen) else ""
    st.radio(
        "Your answer", chosen.answers, index=None, key=_answer_key(slug, chosen), label_visibility="collapsed",
        format_func=lambda each: f":material/check: **{each}**" if each == right else each,
        disabled=late, on_change=whole(_commit), args=(slug, chosen, runs),
    )  # fmt: skip


def asks(slug: str, lesson: Lesson | None) -> bool:
    """Whether a lesson still waits for an answer, which may be given or changed until its run begins."""
    return lesson is not None and bool(lesson.answers) and not _locked(slug, lesson)


def pointed(slug: str, lesson: Lesson | None) -> dict[str, str] | None:
    """The panel and the layer of the stage that a lesson points at, once its text speaks of the run."""
    if lesson is None or lesson.point is None or not told(slug, lesson):
        return None
    return {"panel": lesson.point.panel, "layer": lesson.point.layer}


def opened(slug: str, lesson: Lesson | None) -> list[str]:
    """The panels whose tabs a lesson opens once it is told: its text names numbers that stand there."""
    return list(lesson.panels) if lesson is not None and told(slug, lesson) else []


def told(slug: str, lesson: Lesson) -> bool:
    """Whether what happened has been told."""
    return f"{_key(slug, lesson, 'shown')}.told" in st.session_state


def _held(slug: str, lesson: Lesson) -> bool:
    """Whether the run did what the lesson is about; in one that did not, no answer is right."""
    return bool(lesson.explain or st.session_state.get(f"{_key(slug, lesson, 'shown')}.held"))


def _locked(slug: str, lesson: Lesson) -> bool:
    return bool(st.session_state.get(_key(slug, lesson, "locked")))


def _shown(slug: str, lesson: Lesson, runs: Runs, *, step: int | None) -> bool:
    """Whether what happened is told: the run has reached the step that shows it, or somebody asked for it."""
    there = step is not None and lesson.at is not None and (step >= lesson.at or (step > 0 and runs.ended))
    shown = _key(slug, lesson, "shown")
    if not there and not st.session_state.get(shown):
        for held in ("told", "held"):
            st.session_state.pop(f"{shown}.{held}", None)
        return False
    return True


def _outcome(slug: str, lesson: Lesson, runs: Runs) -> None:
    """What happened: its first paragraph, after how the prediction fared, if the run did what was asked about."""
    with st.container(key=f"{slug}.outcome"):
        text = _told(lesson, runs, key=_key(slug, lesson, "shown"))
        said = st.session_state.get(_key(slug, lesson, "said"))
        verdict = "**What happened.**"
        if not _held(slug, lesson):
            verdict = "**Not this time.**" if told(slug, lesson) else ""
        elif said is not None and lesson.right is not None:
            right = said == lesson.answers[lesson.right]
            verdict = ":material/check: **You predicted it.**" if right else "**Not what you predicted.**"
        st.markdown(f"{verdict} {_parted(text)[0]}".strip())


def _parted(text: str) -> tuple[str, str]:
    """What happened in two sentences, and why."""
    first, _, rest = text.strip().partition("\n\n")
    return first, rest


def _more(slug: str, lesson: Lesson, *, shown: bool) -> None:
    """Why it happened, with the question once more, where it was asked for."""
    key = _key(slug, lesson, "shown")
    if not shown or not st.session_state.get(f"{key}.more"):
        return
    with st.container(key=f"{slug}.why"):
        if rest := _parted(lesson.explain or str(st.session_state.get(f"{key}.told", "")))[1]:
            st.markdown(rest)
        late = f" {NO_ANSWER}" if lesson.answers and st.session_state.get(_key(slug, lesson, "said")) is None else ""
        st.caption(f"The question was: {lesson.predict}{late}")


def _next(
    slug: str,
    config_class: type[Config],
    lesson: Lesson,
    runs: Runs,
    *,
    shown: bool,
    after: Callable[[str], None] | None,
) -> None:
    """What can be done now: play to where it shows; then read why, and go to the next lesson."""
    key = _key(slug, lesson, "shown")
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"{slug}.onward"):
        if not shown:
            waits = bool(lesson.happened) and lesson.at is not None
            if waits and st.session_state.get(_key(slug, lesson, "said")) is not None:
                label, sign = "Play to the moment", ":material/play_arrow:"
            else:
                label, sign = "Do not ask, show me" if waits else "What happened and why", ":material/visibility:"
            st.button(label, key=f"{key}.ask", icon=sign, on_click=whole(_play if waits else _show),
                      args=(slug, lesson, runs), type="tertiary")  # fmt: skip
            return
        open_ = bool(st.session_state.get(f"{key}.more"))
        st.button("Less" if open_ else "Why?", key=f"{key}.unfold", type="tertiary", on_click=whole(_unfold),
                  args=(f"{key}.more", not open_),
                  icon=":material/expand_less:" if open_ else ":material/expand_more:")  # fmt: skip
        known = list(lessons(slug))
        place = next(n for n, each in enumerate(known) if each.slug == lesson.slug)
        if place + 1 < len(known):
            st.button(f"Next: {known[place + 1].title}", key=f"{key}.next", icon=":material/arrow_forward:",
                      type="tertiary", on_click=whole(_go_on),
                      args=(slug, config_class, known[place + 1].slug))  # fmt: skip
        elif after is not None:
            after(slug)


def _unfold(key: str, there: bool) -> None:
    st.session_state[key] = there


def onward(slug: str) -> None:
    """The way to the first lesson of the next page of the course, if there is one."""
    pages = st.session_state.get("shell.pages", {})  # as the shell made them
    cards = course.in_order([card for card in registry.cards()[0] if card.slug in pages])
    after = [card for here, card in itertools.pairwise(cards) if here.slug == slug]
    for card in [each for each in after if lessons(each.slug)]:
        st.page_link(pages[card.slug], label=f"Next page: {card.question}", icon=":material/arrow_forward:",
                     query_params={"lesson": lessons(card.slug)[0].slug})  # fmt: skip


def _told(lesson: Lesson, runs: Runs, *, key: str) -> str:
    """The text, with the numbers that the run had where it was to stop.

    Whoever reads it elsewhere reads those of the moment when it was first shown: they do not run on under the reader.
    Of a run that is no longer the lesson's it says nothing.
    """
    if lesson.explain:
        return lesson.explain
    try:
        if f"{key}.told" not in st.session_state and (how := runs.strays(lesson)):
            return f"This is no longer the run that the lesson is about: {how}. Choose the lesson again to see it."
        found = runs.facts(f"{key}.told" not in st.session_state)
        if found is not None:
            st.session_state[f"{key}.told"] = lesson.said(*found)
            st.session_state[f"{key}.held"] = lesson.holds(*found)
    except (PoolError, LessonError) as error:
        if f"{key}.told" in st.session_state:
            return str(st.session_state[f"{key}.told"])
        return f"The numbers of this run cannot be told yet: {error}"
    return str(st.session_state[f"{key}.told"])


def _choose(slug: str, config_class: type[Config]) -> None:
    chosen = st.session_state[f"{slug}.lesson"]
    if not settings(slug, config_class).lags(chosen):
        _take(slug, config_class, chosen)


def _go_on(slug: str, config_class: type[Config], name: str) -> None:
    settings(slug, config_class).go_to(name)
    _take(slug, config_class, name)


def _take(slug: str, config_class: type[Config], name: str | None) -> None:
    """Begin with the lesson `name`, or leave them."""
    here = settings(slug, config_class)
    here.lesson = name
    for lesson in lessons(slug):
        if lesson.slug == here.lesson:
            for held in ("shown", "shown.told", "shown.held", "shown.more", "said", "locked", "answer"):
                st.session_state.pop(_key(slug, lesson, held), None)
            set_config(slug, lesson.config(config_class))


def _key(slug: str, lesson: Lesson, name: str) -> str:
    return f"{slug}.lesson.{lesson.slug}.{name}"


def _answer_key(slug: str, lesson: Lesson) -> str:
    return _key(slug, lesson, "answer")


def _commit(slug: str, lesson: Lesson, runs: Runs) -> None:
    """Take an answer, unless the run has begun meanwhile and the page does not know yet."""
    said = st.session_state[_answer_key(slug, lesson)]
    if not _locked(slug, lesson) and not runs.begun():
        st.session_state[_key(slug, lesson, "said")] = said


def _show(slug: str, lesson: Lesson, runs: Runs) -> None:
    """Who has read what happens predicts no more."""
    st.session_state[_key(slug, lesson, "shown")] = st.session_state[_key(slug, lesson, "locked")] = True


def _play(slug: str, lesson: Lesson, runs: Runs) -> None:
    """Nor who wants to be shown it: the run goes to where the text speaks, as fast as it can."""
    st.session_state[_key(slug, lesson, "locked")] = True
    runs.play_to(lesson.at or 0)
