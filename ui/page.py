"""The anatomy of a lab's page: question, lesson, player, stage with the knobs beside it, tabs.

Everything that a page offers (transport, timeline, branch, compare, link, export) is here and in `ui.player`, once
for all labs; what moves comes by a socket from the worker that trains.  A page in ``pages/`` calls `lab_page`, and adds
at most what is truly Streamlit.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

import engine
from engine import Config
from engine.contract import registry
from engine.contract.figure import Chart, Figure, Picture
from engine.contract.view import Edit, Turn
from engine.scene import ghosts
from engine.scene.scene import Scene
from ui import lesson, theme
from ui.controls import controls
from ui.figures import figures
from ui.foreign import offer
from ui.link import settings, went_back
from ui.memory import remembered
from ui.mount import place
from ui.plain import plain
from ui.player import SPEEDS, Player, describe
from ui.press import whole
from ui.session import attach, attend, name_in_link
from ui.share import python, share
from ui.taught import Taught
from ui.terms import glossary, terms
from ui.watched import Watched

STEP = 232  # pixels for the step: what it says of itself comes and goes, and the timeline beside it stays


def lab_page(
    slug: str,
    *,
    extra: Callable[[Player], None] | None = None,
    unit: Callable[[Any], str] | None = None,
    hidden: Sequence[str] = (),
) -> None:
    """Draw the page of the lab `slug`, as its card says.

    The worker that trains draws what moves, the metrics and what is inside the model, by the lab's ``view.py``.
    `extra` draws controls that no knob describes (an upload, a class to draw with).  `unit` says what one step
    of a config is called and `hidden` are the knobs without a widget, if not as on the card.
    """
    card, config_class = registry.card(slug), engine.lab(slug).Config
    player = attach(slug, config_class, speed=card.speed)
    step = unit(player.wanted) if unit else card.unit
    attend(player)
    with st.container(key="above", gap=None):  # what has to leave room for the picture: see assets/theme.css
        with st.container(key="title"):
            st.header(card.question, anchor=False)
        if player.foreign:
            offer(player)
            return
        tools = st.container(key="tools", horizontal=True, gap="xsmall")
        set_for_it = st.session_state.get(f"{slug}.lesson_run", "") == (settings(slug, config_class).lesson or "")
        steps = player.on_stage.look.last_step if player.on_stage and set_for_it else None
        chosen = lesson.lesson_bar(slug, config_class, Taught(player), step=steps, after=lesson.onward)
        steered = st.container(key="steered", horizontal=True, vertical_alignment="center", gap="small")
        notices = st.container(key="notices")
    with st.container(key="desk"):
        left, right = st.columns([5, 2], gap="medium")
    below = st.container(key="below")
    with right, st.container(key="knobs"):
        above = st.container(key="above_groups")
        if extra is not None:
            extra(player)
        config = controls(slug, config_class, first=card.tries, show=card.show, hidden=hidden or card.hidden,
                          opened=chosen.knobs if chosen else (), above=above, notices=notices)  # fmt: skip
    _start_lesson(player, chosen, config_class)
    player.follow(config)
    name_in_link(player)
    if player.on_stage is None:
        with notices:
            st.warning(plain(player.error), icon=":material/hourglass_top:")
            st.button("Try again", icon=":material/refresh:", key=f"{slug}.again")
        return
    if player.hear():
        st.rerun()
    with steered:
        there = _steered(player, chosen, unit=step)
    with notices:
        _notices(player)
    with tools:
        _tools(player)
    with left:
        told = chosen.slug if chosen and lesson.told(slug, chosen) else None
        place("progress", player.on_stage.run, key=f"{slug}.says", back=whole(went_back), unit=step, slug=slug,
              lessons=[each.slug for each in lesson.lessons(slug)], told=told)  # fmt: skip
        if there:
            pointed = lesson.pointed(slug, chosen)
            first = chosen.point if chosen and (chosen.beside or pointed) else None  # what is spoken of is in sight
            hero = first.panel if first else card.hero
            _stage(player, unit=step, hero=hero, point=pointed, opened=lesson.opened(slug, chosen))
    with below:
        _compared(player)
        _tabs(player, card.sources)


def _start_lesson(player: Player, chosen: lesson.Lesson | None, config_class: type[Config]) -> None:
    """A lesson that compares brings its second run with it."""
    name = chosen.slug if chosen else ""
    if st.session_state.get(f"{player.slug}.lesson_run", "") == name:
        return
    st.session_state[f"{player.slug}.lesson_run"] = name
    player.drop_all()
    if chosen is not None:
        player.begin(chosen.config(config_class))  # paused: the visitor should predict before anything moves
    if chosen is not None and chosen.speed is not None:
        player.set_speed(chosen.speed)
    other = chosen.compared(config_class) if chosen else None
    if chosen is not None and other is not None:
        player.beside(other, describe(other, chosen.config(config_class)))


# ---------------------------------------------------------------------- what moves


def _steered(player: Player, chosen: lesson.Lesson | None, *, unit: str) -> bool:
    """The places that steer the run by its socket, in one row; whether there is a run."""
    assert player.on_stage is not None
    slug, run, look = player.slug, player.on_stage.run, player.on_stage.look
    if look.status == "lost":
        st.error(plain(look.message), icon=":material/error:")
        st.button("Reset", icon=":material/replay:", key=f"{slug}.again", on_click=whole(player.reset), shortcut="Home")
        return False
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="buttons", width="content"):
        pace = next((name for name, speed in SPEEDS.items() if speed == player.speed), "full speed")
        place("transport", run, key=f"{slug}.transport", nudged=whole(player.nudged), width="content", pace=pace,
              until=chosen.runs_to if chosen else None, lock=lesson.asks(slug, chosen),
              beside=player.marching(), known=[look.version, look.step, look.status], nudges=player.nudges,
              memory=remembered(player, unit=unit))  # fmt: skip
        st.button("New seed", key=f"{slug}.new_seed", icon=":material/casino:", on_click=whole(player.new_seed),
                  shortcut="N")  # fmt: skip
    with st.container(key="step", width=STEP):
        place("step", run, key=f"{slug}.step", unit=unit)
    place("timeline", run, key=f"{slug}.timeline")
    return True


def _notices(player: Player) -> None:
    """What there is to be said before the run goes on.  The place is always there: below it nothing is mounted anew."""
    with st.container(key="said", gap="xsmall"):
        if player.on_stage is not None and player.on_stage.look.status != "lost":
            if player.rewound:
                _offer_branch(player)
            if player.error:
                st.error(plain(player.error), icon=":material/block:")


def _tools(player: Player) -> None:
    """Taking the run home, and the view in which the picture fills the window."""
    box = st.popover("Link and export", icon=":material/share:", key=f"{player.slug}.share", on_change="rerun")
    with box:
        if box.open:
            share(player)
    presents = theme.lecture()
    st.button("Leave" if presents else "Present", key="present", shortcut="F", on_click=whole(theme.present),
              args=(not presents,), icon=":material/close_fullscreen:" if presents else ":material/present_to_all:",
              help="The picture alone, as large as the window, for a projector. Esc ends it.")  # fmt: skip


def _stage(player: Player, *, unit: str, hero: str, point: dict[str, str] | None, opened: list[str]) -> None:
    """The pictures of the run on stage, and of the one beside it; `point` is what a lesson points at in them.

    The panel `hero` is what is seen first, and the tabs of those in `opened` open; see assets/live/layout.js.
    """
    assert player.on_stage is not None
    run = player.on_stage.run
    beside = player.compared[:1] if player.side_by_side else []
    shown = [player.on_stage, *beside]
    with st.container(key="stages"):
        for column, watched in zip(st.columns(len(shown)), shown, strict=True):
            with column:
                title = _difference(player, watched) if beside else ""
                place("stage", run, key=_key(player, watched), of=watched.run.id, title=title, unit=unit, hero=hero,
                      point=point, opened=opened, alone=bool(beside) or theme.lecture())  # fmt: skip


def _offer_branch(player: Player) -> None:
    """At an earlier moment: what Play would go on with, and the way to keep both futures."""
    turned = describe(player.wanted, player.config)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{player.slug}.looking_back"):
        if turned:
            st.markdown(f"Turned: **{turned}**. Play goes on from here and gives up the first future.")
        else:
            st.markdown("You look at an earlier moment. Turn a knob marked :primary[●] and branch to see both futures.")
        st.button("Branch from here", key=f"{player.slug}.branch", icon=":material/call_split:", shortcut="B",
                  on_click=whole(player.branch))  # fmt: skip


def _key(player: Player, watched: Watched) -> str:
    return f"{player.slug}.{'stage' if watched is player.on_stage else 'beside'}"


def answered(player: Player, watched: Watched, pick: dict[str, Any]) -> bool:
    """Do what the lab answers to a pick in a figure of a run; whether it answered."""
    with player.refusals_shown():
        match watched.run.answer(pick):
            case Turn(knobs):
                player.turn_at_once(**knobs)
                return True
            case Edit(change):
                player.edit(dict(change))
                return True
            case None:  # also where the lab failed over it: that is said at once
                return player.peek().status == "failed"
    return bool(player.error)


def _difference(player: Player, watched: Watched) -> str:
    """What sets this run apart from the one beside it.  Left and right are said: on a phone one is above the other."""
    first = watched is player.on_stage
    side, other = ("Left", player.compared[0]) if first else ("Right", player.on_stage)
    assert other is not None
    if watched.look.config is None or other.look.config is None:
        return side
    words = describe(watched.look.config, other.look.config) or ("on stage" if other.label else watched.label)
    return f"{side}: {words}"


def _compared(player: Player) -> None:
    """One line for each run that is compared, with what can be done to it."""
    slug = player.slug
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{slug}.comparing"):
        st.button("Keep for comparison", key=f"{slug}.keep", icon=":material/bookmark_add:",
                  on_click=whole(player.keep))  # fmt: skip
        if player.compared:
            st.toggle("Side by side", value=True, key=f"{slug}.side_by_side")
    for number, watched in enumerate(player.compared):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{slug}.compared.{number}"):
            st.markdown(f":gray[Compared:] **{watched.label}**")
            st.button("On stage", key=f"{slug}.swap.{number}", icon=":material/swap_vert:", type="tertiary",
                      on_click=whole(player.swap), args=(number,))  # fmt: skip
            st.button("Remove", key=f"{slug}.drop.{number}", icon=":material/close:", type="tertiary",
                      on_click=whole(player.drop), args=(number,))  # fmt: skip


# ---------------------------------------------------------------------- tabs


def _tabs(player: Player, sources: Sequence[str]) -> None:
    slug = player.slug
    assert player.on_stage is not None
    # Not st.tabs: it searches its panels for something to focus at every change, which costs a fifth of a frame.
    tabs = ["Curves", *(["Inside"] if registry.draws(slug, "inside") else []), "Source", "Mathematics"]
    chosen = st.segmented_control(
        "Figures", tabs, default="Curves", required=True, key=f"{slug}.tab", label_visibility="collapsed"
    )
    if chosen == "Source":
        _sources(player, sources)
    elif chosen == "Mathematics":
        _mathematics(slug)
    elif chosen == "Curves":
        place("curves", player.on_stage.run, key=f"{slug}.curves")
    else:
        _inside(player, player.on_stage)
        if player.on_stage.look.status == "running":
            st.button("Refresh", icon=":material/refresh:", key=f"{slug}.refresh")


def _mathematics(slug: str) -> None:
    """The formulas, and a sentence for each term of the page: a finger finds none by resting on it."""
    maths = (registry.folder(slug) / "maths.md").read_text(encoding="utf-8")
    st.markdown(maths)
    said = [registry.card(slug).question, maths]
    said += [text for each in lesson.lessons(slug) for text in (each.predict, each.explain, each.happened)]
    if found := terms("\n".join(said)):
        st.markdown("#### Terms\n" + "\n".join(f"- **{term}**: {glossary()[term]}" for term in found))


def _inside(player: Player, watched: Watched) -> None:
    """What is inside the model, with the curves of compared runs drawn into its own."""
    key = f"{player.slug}.inside"
    drawn = [_still(figure, watched) for figure in watched.inside()]
    mine = _scenes(drawn)
    compared = player.compared if any(map(ghosts.has_curves, mine.values())) else []
    others = [(other.label, _scenes(other.inside())) for other in compared]
    for name, scene in mine.items():
        ghosts.beside(scene, [(called, theirs[name]) for called, theirs in others if name in theirs])
    figures(drawn, key=key, picked=lambda pick: _picked_inside(player, watched, pick))


def _scenes(drawn: Sequence[Figure]) -> dict[str, Scene]:
    """The scenes among figures, by the names of their pictures."""
    return {each.key: each.scene for each in drawn if isinstance(each, Picture) and isinstance(each.scene, Scene)}


def _picked_inside(player: Player, watched: Watched, pick: dict[str, Any]) -> None:
    if answered(player, watched, pick):
        st.rerun(scope="app")


def _still(figure: Figure, watched: Watched) -> Figure:
    """The figure, or as it was when the run last rested if it should stand still meanwhile and shows the same."""
    if not (isinstance(figure, Chart) and figure.still):
        return figure
    held = watched.held.get(figure.key)
    if watched.look.active and held is not None and held.still == figure.still:
        return held
    watched.held[figure.key] = figure
    return figure


def _sources(player: Player, further: Sequence[str]) -> None:
    """The lab in plain PyTorch, where there is such a form, and then the code that is running."""
    slug = player.slug
    if (form := python(slug, player.wanted)) is not None:
        st.markdown("**In plain PyTorch**, with the knobs as they are set")
        st.caption(form.said)
        st.code(form.text, language="python", line_numbers=True, wrap_lines=True)
    st.caption("This is the code that is running, as it stands on the server.")
    for name in [f"{engine.lab(slug).__name__}.{part}" for part in registry.parts(slug)] + list(further):
        found = importlib.util.find_spec(name)  # read, not imported: the code runs elsewhere
        assert found is not None and found.origin is not None
        st.markdown(f"**{name.replace('.', '/')}.py**")
        st.code(Path(found.origin).read_text(encoding="utf-8"), language="python", line_numbers=True,
                wrap_lines=True)  # fmt: skip
