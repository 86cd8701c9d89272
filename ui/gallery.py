"""Cards of labs: a clean picture, the question, how many lessons; and what a teacher finds beside each."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from urllib.parse import quote

import streamlit as st

from engine.contract.card import Card
from engine.contract.lesson import Lesson
from ui import course, shell, terms
from ui.course import Found, Lecture

ARROW = ":material/arrow_forward:"
ROOMY = 20  # labs up to which the course has large cards
LONGEST = 80  # characters that are searched for
MOST = 12  # lessons, or terms, that a search shows
HOW = "for each lesson: reading at 150 words a minute, predicting, the run, and a minute to look"


def amount(cards: Sequence[Card], done: Collection[str] = ()) -> str:
    """How many lessons labs have, about how long they take, and how many are done: "5 lessons · 14 min · 2 done"."""
    count, minutes = course.length(cards)
    if not count:
        return "No lessons yet"
    names = {course.name(card, lesson) for card in cards for lesson in course.lessons_of(card)}
    ticked = len(names & set(done))
    said = f"{count} lesson{'s' * (count != 1)} · {minutes} min"
    return said + (f" · {ticked} of {count} done" if ticked else "")


def card(lab: Card, mode: str, *, key: str, done: Collection[str] = ()) -> None:
    """A card that leads to the page of `lab` wherever it is pressed."""
    with st.container(key=key):
        st.html(_picture(lab, mode))
        st.page_link(shell.page(lab), label=lab.title, icon=f":material/{lab.icon}:")
        st.html(
            f'<p class="question">{html.escape(lab.question)}</p>'
            f'<p class="amount">{html.escape(amount([lab], done))}</p>'
        )


def lecture(each: Lecture, mode: str, *, seen: set[str], done: Collection[str]) -> None:
    """One lecture as a row: what is taught, and the cards of its labs.  `seen` are the labs that have a card above."""
    with st.container(key=f"lecture_{each.number}"):
        st.html(heading(each, done))
        if not each.labs:
            return
        with st.container(key=f"cards_{each.number}"):
            for lab in each.labs:
                key = f"card_{lab.slug}" + (f"_{each.number}" if lab.slug in seen else "")
                card(lab, mode, key=key, done=done)
                seen.add(lab.slug)


def heading(each: Lecture, done: Collection[str]) -> str:
    """Number, title and contents of a lecture, and what of it is still to come, as HTML."""
    number = f"<span>{each.number}</span> " if each.number else ""
    told = [f"<h2>{number}{html.escape(each.title)}</h2>"]
    if each.teaches:
        told.append(f"<p>{html.escape(each.teaches)}.</p>")
    if len(each.labs) > 1 and course.length(each.labs)[0]:  # else its card says it
        told.append(f'<p class="amount">{html.escape(amount(each.labs, done))}</p>')
    if each.later:
        told.append(f'<p class="later">To come: {html.escape(", ".join(each.later))}</p>')
    return f'<div class="lecture">{"".join(told)}</div>'


def teaching(lab: Card, mode: str) -> str:
    """A lab as somebody prepares a class with it: its notes, its page for a projector, each lesson; as HTML."""
    slug = quote(lab.slug)

    def link(address: str, text: str, kind: str = "") -> str:
        return f'<a{kind} href="{html.escape(address)}">{html.escape(text)}</a>'

    tools = [link(f"{slug}?view=lecture", "Present"), link(f"embed/{slug}", "As a slide")]
    if shell.notes(lab):
        tools.insert(0, link(f"teach/{slug}", "Teacher's notes", ' class="first"'))
    lessons = "".join(f"<li>{link(f'{slug}?lesson={each.slug}', each.title)}</li>" for each in course.lessons_of(lab))
    return (
        f'<div class="teaching" id="teaching-{slug}">{_picture(lab, mode)}<div>'
        f'<h3>{link(slug, lab.title)}</h3><p class="question">{html.escape(lab.question)}</p>'
        f'<p class="amount">{html.escape(amount([lab]))}</p><p class="tools">{"".join(tools)}</p></div>'
        f'<ol class="lessons" aria-label="Lessons of {html.escape(lab.title)}">{lessons}</ol></div>'
    )


def results(found: Found, mode: str, *, done: Collection[str]) -> None:
    """What a search has found, each kind below its own heading; a sentence if it is nothing."""
    if not (found.labs or found.lessons or found.terms):
        st.html('<p class="none">Nothing has these words in its name or its question. Try one word, such as '
                "<em>momentum</em> or <em>noise</em>.</p>")  # fmt: skip
    if found.labs:
        st.html("<h2>Labs</h2>")
        with st.container(key="found_labs"):
            for lab in found.labs:
                card(lab, mode, key=f"card_{lab.slug}", done=done)
    if found.lessons:
        st.html("<h2>Lessons</h2>")
        with st.container(key="found_lessons"):
            for lab, lesson in found.lessons[:MOST]:
                to_lesson(lab, lesson, label=f"{_plain(lesson.title)} · {lab.title}", icon=f":material/{lab.icon}:")
        _further(len(found.lessons))
    if found.terms:
        st.html("<h2>Terms</h2>")
        for term, says, labs in found.terms[:MOST]:
            with st.container(key=f"term_{''.join(c if c.isalnum() else '_' for c in term)}"):
                st.html(f'<p class="term"><strong>{html.escape(term)}</strong> {html.escape(says)}</p>')
                with st.container(horizontal=True, gap="small"):
                    for lab in labs:
                        st.page_link(shell.page(lab), label=lab.title, icon=f":material/{lab.icon}:")
        _further(len(found.terms))


def onward(lab: Card, lesson: Lesson) -> str:
    """What is written on the way back into the course."""
    return f"Go on: {_plain(lesson.title)} · {lab.title}"


def glossary() -> str:
    """Every term with its sentence, as HTML."""
    told = sorted(terms.glossary().items(), key=lambda entry: entry[0].casefold())
    return "<dl>" + "".join(f"<div><dt>{html.escape(t)}</dt><dd>{html.escape(s)}</dd></div>" for t, s in told) + "</dl>"


def to_lesson(lab: Card, lesson: Lesson, *, label: str, icon: str = ARROW) -> None:
    """A link that opens one lesson."""
    st.page_link(shell.page(lab), label=label, icon=icon, query_params={"lesson": lesson.slug})


def _further(count: int) -> None:
    if count > MOST:
        st.caption(f"And {count - MOST} more: one word more finds fewer.")


def _plain(title: str) -> str:
    """The title of a lesson where Markdown is read: it may have signs of mathematics, and none of Markdown's."""
    return title.replace("[", "(").replace("]", ")").replace("*", "∗").replace("$", "")


def _picture(lab: Card, mode: str) -> str:
    """The lab's picture as HTML; for a lab from outside, which has none, a field with its first letters."""
    if found := shell.picture(lab, mode):
        return f'<img class="picture" src="{found}" alt="">'
    return f'<div class="picture blank" aria-hidden="true">{html.escape(lab.title[:2])}</div>'
