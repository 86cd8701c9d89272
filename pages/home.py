"""Home: three doors to the same labs, a search over all of them, and what this browser remembers.

Nothing is trained here.
"""

import html

import streamlit as st

from ui import course, gallery, mine, session, shell, theme
from ui.plain import plain

session.attend(None)
MODE = "dark" if theme.dark() else "light"
DOORS = {
    "learn": "**I learn** The course in order, from the first lesson",
    "teach": "**I teach** Notes to print, lessons, a projector's view",
    "all": "**Show me everything** All labs at once, and all terms",
}
DOOR = "home.door"


def door() -> str:
    """The door in force: the one pressed last in this session, or the one that the address names."""
    asked = st.query_params.get("door")
    return st.session_state.setdefault("home.chosen", asked if asked in DOORS else "learn")


def _chosen() -> None:
    st.session_state["home.chosen"] = st.query_params["door"] = st.session_state[DOOR]


def remembered() -> None:
    """The runs of this browser."""
    with st.container(key="mine"):
        mine.place()


def learn(cards, done) -> None:
    """The course: where to begin or to go on, then lecture by lecture."""
    count, minutes = course.length(cards)
    with st.container(key="begin"):
        if (onward := course.next_lesson(cards, done)) is not None:
            lab, lesson = onward
            gallery.to_lesson(lab, lesson, label=gallery.onward(lab, lesson) if done else "Start the course")
        labs = f"{len(cards)} labs, {count} lessons, about {minutes / 60:.0f} hours"
        st.html(f'<p class="amount">{labs} ({gallery.HOW}).</p>')
    remembered()
    seen: set[str] = set()
    with st.container(key="course" if len(cards) <= gallery.ROOMY else "course_dense"):
        for each in course.lectures(cards):
            gallery.lecture(each, MODE, seen=seen, done=done)


def teach(cards) -> None:
    """The labs as somebody prepares a class with them."""
    st.html(
        '<div class="steps">'
        "<div><h2>Before the class</h2><p>Print the notes of a lab: what students believe, what to ask, what to press, "
        "what to look at, and how long each takes.</p></div>"
        "<div><h2>In the class</h2><p><em>Present</em> is the view for a projector. Let them predict before you press "
        "Play: a lesson locks the answer, and stops by itself where it shows.</p></div>"
        "<div><h2>For each student</h2><p>Send the address of a lesson, or put a lab on a slide: everybody gets a run "
        "of their own.</p></div></div>"
    )
    for each in course.lectures(cards):
        if each.labs:
            rows = "".join(gallery.teaching(lab, MODE) for lab in each.labs)
            st.html(gallery.heading(each, ()) + rows)


def everything(cards, done) -> None:
    """Every lab by its subject, and the glossary."""
    remembered()
    groups: dict[str, list] = {}
    for lab in cards:
        groups.setdefault(lab.group, []).append(lab)
    for number, (group, labs) in enumerate(groups.items()):
        st.html(f"<h2>{html.escape(group)}</h2>")
        with st.container(key=f"cards_of_{number}"):
            for lab in labs:
                gallery.card(lab, MODE, key=f"card_{lab.slug}", done=done)
    with st.expander("Every term of the glossary"):
        st.html(gallery.glossary())


with st.container(key="home"):
    shell.sheet("home")
    with st.container(key="top"):
        st.title("Deep-learning playground", anchor=False)
        asked = st.text_input("Search", key="home.search", type="search", live=True,
                              icon=":material/search:", placeholder="Labs, lessons, terms",
                              label_visibility="collapsed")  # fmt: skip
    st.html(
        '<p class="lede">Turn a knob and watch a network learn. Every page asks one question and answers it with a '
        "real training run that you can stop, step through, rewind and change.</p>"
    )
    st.session_state[DOOR] = door()
    st.segmented_control("What brings you here?", list(DOORS), format_func=DOORS.__getitem__, key=DOOR, required=True,
                         on_change=_chosen, label_visibility="collapsed", width="stretch")  # fmt: skip
    CARDS = course.in_order(shell.labs())
    DONE = mine.done()
    asked = (asked or "").strip()[: gallery.LONGEST]
    with st.container(key="gallery"):
        if asked:
            gallery.results(course.search(CARDS, asked), MODE, done=DONE)
        elif door() == "teach":
            teach(CARDS)
        elif door() == "all":
            everything(CARDS, DONE)
        else:
            learn(CARDS, DONE)
    for error in shell.missing():
        st.caption(f"One lab is missing. {plain(error)}")
