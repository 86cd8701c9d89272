"""The anatomy of a lab's page: question, lesson, player, stage with the knobs beside it, tabs.

A page in ``pages/`` gives three functions that draw, and calls `lab_page`.  Everything that a page offers besides its
pictures (transport, timeline, branch, compare, link, export) is here and in `ui.player`, once for all labs.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import engine
from engine import Config
from engine.contract import registry
from engine.contract import view as contract
from engine.contract.figure import Chart, Figure
from engine.runs import export, story
from engine.runs.history import Curves, Look
from engine.runs.pool import PoolError
from engine.scene import ghosts
from ui import lesson
from ui.controls import controls
from ui.figures import figures
from ui.link import settings
from ui.plain import plain
from ui.player import Player, Watched, describe
from ui.press import once
from ui.scene import show
from ui.session import attach, attend, name_in_link
from ui.transport import status, transport
from ui.words import capital

SLOW = 1.0  # seconds between two drawings of curves: they move less than what is on stage
SENT = 0.03  # seconds in which Streamlit has sent what a page drew; it sends every 10 ms


@dataclass(frozen=True)
class View:
    """One run as a page draws it.  `key` tells apart what is drawn for several runs; `player` takes what is picked."""

    look: Look
    curves: Curves
    key: str
    player: Player
    label: str = ""
    ghosts: Sequence[Curves] = ()

    @property
    def frame(self) -> Any:
        return self.look.frame

    @property
    def config(self) -> Any:
        return self.look.config

    @property
    def marker(self) -> int | None:
        """The step under the timeline, if it is not the last one."""
        return self.look.step if self.look.step < self.look.last_step else None


Draw = Callable[[View], None]


def seldom(view: View, name: str, write: Callable[[], str]) -> str:
    """What `write` says, anew every `SLOW` seconds while the run trains: numbers that flicker cannot be read.

    `name` tells apart what stands on one stage.
    """
    key = f"{view.key}.{name}.said"
    said: tuple[float, str] | None = st.session_state.get(key)
    if said is None or view.look.status != "running" or time.monotonic() - said[0] > SLOW:
        said = st.session_state[key] = (time.monotonic(), write())
    return said[1]


def lab_page(
    slug: str,
    *,
    curves: Draw | None = None,
    inside: Draw | None = None,
    stage: Draw | None = None,
    extra: Callable[[Player], None] | None = None,
    unit: str = "",
    hidden: Sequence[str] = (),
) -> None:
    """Draw the page of the lab `slug`, as its card says.

    What moves is drawn by the lab's ``view.stage``, or here by `stage`, and the metrics by ``view.curves``, or here by
    `curves`; `inside` draws what is inside the model.  Each gets a `View`.  `extra` draws controls that no knob
    describes (an upload, a class to draw with).  `unit` is what one step is called and `hidden` are the knobs without a
    widget, if not as on the card.
    """
    card, config_class = registry.card(slug), engine.lab(slug).Config
    unit = unit or card.unit
    player = attach(slug, config_class, speed=card.speed)
    attend(player)
    st.header(card.question, anchor=False)
    begun = st.session_state.get(f"{slug}.lesson_run", "") == (settings(slug, config_class).lesson or "")
    steps = player.on_stage.look.last_step if player.on_stage and begun else 0  # a lesson just chosen starts anew
    chosen = lesson.lesson_bar(slug, config_class, step=steps)
    notices = st.container()  # above everything, or on a phone they would stand below the stage
    left, right = st.columns([5, 2], gap="medium")
    with right, st.container(key="knobs"):
        if extra is not None:
            extra(player)
        config = controls(slug, config_class, show=card.show, hidden=hidden or card.hidden, notices=notices)
    _start_lesson(player, chosen, config_class)
    player.follow(config)
    name_in_link(player)
    with left:
        if player.on_stage is None:
            st.warning(plain(player.error), icon=":material/hourglass_top:")
            st.button("Try again", icon=":material/refresh:", key=f"{slug}.again")
            return
        player.peek()
        transport(player)
        player.drawn = player.showing
        ends = chosen.runs_to if chosen and chosen.runs_to is not None and steps < chosen.runs_to else None
        with st.container(key="live"):
            with st.container(key="step"):
                counter = st.empty()
            every = player.burst.begin(player.interval)
            st.fragment(_live, run_every=every)(player, stage or draw_stage, counter, unit=unit, ends=ends)
        _compared(player)
        _tabs(
            player,
            curves or draw_curves,
            inside or (draw_inside if hasattr(views(slug), "inside") else None),
            card.sources,
        )
    if player.active:
        time.sleep(SENT)  # docs/decisions/a-page-is-sent-first.md


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


def views(slug: str) -> ModuleType:
    """The lab's ``view.py``, for a page that draws more than it."""
    return registry.view(slug)


def _seen(view: View) -> contract.View:
    look = view.look
    return contract.View(view.frame, view.config, view.curves, look.step, look.last_step, _beside(view.player))


def draw_stage(view: View) -> None:
    """What the lab's view makes of this moment, and what it answers to a pick."""
    if pick := show(views(view.player.slug).stage(_seen(view)), key=view.key):
        _answered(view, pick)


def _answered(view: View, pick: dict[str, Any]) -> None:
    """Do what the lab answers to a pick."""
    player = view.player
    answer = views(player.slug).answer(_seen(view), pick)
    if isinstance(answer, contract.Turn):
        player.turn(**answer.knobs)
    elif isinstance(answer, contract.Edit):
        player.edit(dict(answer.change))
    if answer is not None:
        st.rerun(scope="app")


def _live(player: Player, stage: Draw, counter: DeltaGenerator, *, unit: str, ends: int | None) -> None:
    """The part of the page that looks again and again while something moves; at step `ends` a lesson is over."""
    player.burst.draw(
        lambda: _look(player, stage, counter, unit=unit, ends=ends),
        more=lambda: player.active, every=lambda: player.interval,
    )  # fmt: skip


def _look(player: Player, stage: Draw, counter: DeltaGenerator, *, unit: str, ends: int | None) -> None:
    """One picture."""
    assert player.on_stage is not None
    look = player.peek()
    if not look.busy and look.config is not None and look.config != player.config:
        # The run took other knobs: an earlier moment, a link's story, or another tab that steers it too.
        player.config = look.config
        here = settings(player.slug, type(look.config))
        said = here.notices  # about the link: they stay until the visitor turns something
        player.turn(**{name: getattr(look.config, name) for name in look.config.knobs()})
        here.notices = said
        st.rerun(scope="app")
    status(player, counter, unit=unit)  # may have looked again, at the moment that the timeline was dragged to
    look = player.on_stage.look
    side_by_side = [w for w in player.compared if w.look.frame is not None][:1] if _beside(player) else []
    if look.frame is None:
        st.skeleton(height=480)
    elif side_by_side:
        for column, watched in zip(st.columns(2), [player.on_stage, *side_by_side], strict=True):
            with column:
                st.markdown(f"**{_difference(player, watched)}**")
                stage(_view(player, watched))
    else:
        stage(_view(player, player.on_stage))
    if player.drawn != player.showing or (ends is not None and look.last_step >= ends):
        st.rerun(scope="app")  # the buttons, or how often we look, are no longer right


def _difference(player: Player, watched: Watched) -> str:
    """What sets this run apart from the one beside it."""
    other = player.compared[0] if watched is player.on_stage else player.on_stage
    assert other is not None
    if watched.look.config is None or other.look.config is None:
        return ""
    words = describe(watched.look.config, other.look.config) or ("on stage" if other.label else watched.label)
    return capital(words)


def _beside(player: Player) -> bool:
    return bool(player.compared) and bool(st.session_state.get(f"{player.slug}.side_by_side", True))


def _view(player: Player, watched: Watched) -> View:
    on_stage = watched is player.on_stage
    return View(
        look=watched.look, curves=watched.curves, player=player, label=watched.label,
        key=f"{player.slug}.{'stage' if on_stage else 'beside'}",
        ghosts=[w.curves for w in player.compared] if on_stage else [],
    )  # fmt: skip


def _compared(player: Player) -> None:
    """One line for each run that is compared, with what can be done to it."""
    slug = player.slug
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{slug}.comparing"):
        st.button("Keep for comparison", key=f"{slug}.keep", icon=":material/bookmark_add:", on_click=once(player.keep))
        with st.popover("Link and export", icon=":material/share:", key=f"{slug}.share", on_change="rerun") as share:
            if share.open:
                _share(player)
        if player.compared:
            st.toggle("Side by side", value=True, key=f"{slug}.side_by_side")
    for number, watched in enumerate(player.compared):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{slug}.compared.{number}"):
            st.markdown(f":gray[Dashed:] **{watched.label}**")
            st.button("On stage", key=f"{slug}.swap.{number}", icon=":material/swap_vert:", type="tertiary",
                      on_click=once(player.swap), args=(number,))  # fmt: skip
            st.button("Remove", key=f"{slug}.drop.{number}", icon=":material/close:", type="tertiary",
                      on_click=once(player.drop), args=(number,))  # fmt: skip


# ---------------------------------------------------------------------- tabs


def draw_curves(view: View) -> None:
    """What the lab's view makes of the metrics so far, and of those of compared runs."""
    drawn, player = views(view.player.slug), view.player
    scene = drawn.curves(_seen(view))
    compared = [w for w in player.compared if w.look.frame is not None] if view.ghosts else []
    ghosts.beside(scene, [drawn.curves(_seen(_view(player, w))) for w in compared])
    if not any(panel["kind"] == "curves" for row in scene.rows for panel in row):
        st.info("Press Play: what is measured is drawn here, step by step.", icon=":material/show_chart:")
    if any(scene.rows):
        show(scene, key=f"{view.key}.curves")


def _inside(slug: str) -> Draw | None:
    return draw_inside if hasattr(views(slug), "inside") else None


def draw_inside(view: View) -> None:
    """What the lab's view shows of the inside of the model."""
    seen = _seen(view)
    key = f"{view.player.slug}.inside"
    drawn = [_still(figure, key, view.look.active) for figure in views(view.player.slug).inside(seen)]
    figures(drawn, key=key, picked=lambda pick: _answered(view, pick))


def _still(figure: Figure, key: str, moving: bool) -> Figure:
    """The figure, or as it was when the run last rested if it should stand still meanwhile."""
    if not (isinstance(figure, Chart) and figure.still):
        return figure
    held: Chart | None = st.session_state.get(f"{key}.{figure.key}.still")
    if moving and held is not None:
        return held
    st.session_state[f"{key}.{figure.key}.still"] = figure
    return figure


def _tabs(player: Player, curves: Draw, inside: Draw | None, sources: Sequence[str]) -> None:
    slug = player.slug
    slow = max(SLOW, player.interval) if player.active else None
    # Not st.tabs: it searches its panels for something to focus at every change, which costs a fifth of a frame.
    tabs = ["Curves", *(["Inside"] if inside else []), "Source", "Mathematics"]
    chosen = st.segmented_control(
        "Figures", tabs, default="Curves", required=True, key=f"{slug}.tab", label_visibility="collapsed"
    )
    if chosen == "Source":
        _sources(slug, sources)
    elif chosen == "Mathematics":
        st.markdown((registry.folder(slug) / "maths.md").read_text(encoding="utf-8"))
    else:
        st.fragment(_figures, run_every=slow)(player, inside if inside and chosen == "Inside" else curves)


def _figures(player: Player, draw: Draw) -> None:
    """Curves and figures of the newest look; it is the stage that asks for it."""
    assert player.on_stage is not None
    if player.on_stage.look.frame is not None:
        draw(_view(player, player.on_stage))
    if player.active:
        player.burst.resume()


def _sources(slug: str, further: Sequence[str]) -> None:
    import importlib

    st.caption("This is the code that is running, as it stands on the server.")
    lab = engine.lab(slug).__name__
    for name in [f"{lab}.{part}" for part in registry.parts(slug)] + list(further):
        st.markdown(f"**{name.replace('.', '/')}.py**")
        st.code(inspect.getsource(importlib.import_module(name)), language="python", line_numbers=True)


# ---------------------------------------------------------------------- taking it home


def _share(player: Player) -> None:
    """The link that reproduces what is on screen, and everything that can be downloaded."""
    assert player.on_stage is not None
    run, slug = player.on_stage.run, player.slug
    try:
        told = run.story()
        compared = [(other.run.story(), other.together) for other in player.compared]
    except PoolError as error:
        st.warning(plain(str(error)))
        return
    where = urlsplit(st.context.url or "")
    base = f"{where.scheme}://{where.netloc}{where.path.rsplit('/', 1)[0]}/" if where.netloc else ""
    others = ", with those beside it" if compared else ""
    address = base + story.link(slug, told, compared)
    if refused := story.too_much(address, [told, *(other for other, _ in compared)]):
        st.warning(f"{refused} The Python file and the notebook below repeat it.", icon=":material/link_off:")
    else:
        st.markdown(f"**This link** repeats the run on screen{others}, seed and changes included.")
        st.code(address, language=None, wrap_lines=True)
    config, steps, did = told["config"], told["step"], told["interventions"]
    name = f"{slug}-seed{config.seed}-step{steps}"
    with st.container(horizontal=True, gap="small"):
        for label, suffix, mime, make in (
            ("Python", "py", "text/x-python", lambda: export.script(slug, config, steps=steps, interventions=did)),
            ("Notebook", "ipynb", "application/x-ipynb+json",
             lambda: export.notebook(slug, config, steps=steps, interventions=did)),
            ("Metrics", "csv", "text/csv", lambda: export.table(run.peek(-1).curves)),
            ("Weights", "safetensors", "application/octet-stream", run.weights),
            ("Settings", "json", "application/json", lambda: json.dumps(config.to_params(), indent=1)),
        ):  # fmt: skip
            st.download_button(label, data=make, file_name=f"{name}.{suffix}", mime=mime, on_click="ignore",
                               key=f"{slug}.export.{suffix}", icon=":material/download:")  # fmt: skip
    st.caption("Pictures: PNG on each panel of the stage, and the three dots on each chart, save what you see.")
