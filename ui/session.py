"""Which player a browser tab looks at: found again after a reload, opened from a link, left with the tab."""

from __future__ import annotations

import streamlit as st

from engine import Config, ConfigError, runs
from engine.runs import story
from ui.link import set_config, settings
from ui.owner import owner
from ui.player import SPEEDS, Player

STORY = ("step", "did", "at", "compare")  # what a link tells of a run, beside its knobs
GONE = "The run in this address is not here any more. This is a new one, with the settings that the address names."


def _leave(players: list[Player]) -> None:
    for player in players:
        for watched in [player.on_stage, *player.compared]:
            if watched is not None:
                watched.run.leave()


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def _attended() -> list[Player]:
    """The player of the page that this session shows, if that has one.  Released when the browser tab goes."""
    return []


def attend(player: Player | None) -> None:
    """Say which player this session looks at.  The runs of the page before go on for a moment, and then pause."""
    attended = _attended()
    if not any(each is player for each in attended):
        _leave(attended)
        attended[:] = [player] if player else []


def name_in_link(player: Player) -> None:
    """Let the address bar say which run this is, for a reload and for other tabs."""
    if player.on_stage is not None and st.query_params.get("run") != player.on_stage.run.id:
        st.query_params["run"] = player.on_stage.run.id


def attach(slug: str, config_class: type[Config], *, speed: str) -> Player:
    """This session's player for a lab.

    A run that the link names is found again if this browser began it and its lease still lasts; with somebody else's
    the player has nothing on stage, and says so in `foreign`.
    """
    key = f"{slug}.player"
    named = st.query_params.get("run", "")
    if key in st.session_state:
        player: Player = st.session_state[key]
        if not player.foreign or player.foreign == named:
            return player
    player = st.session_state[key] = Player(slug, config_class(), config_class(), owner=owner(), speed=SPEEDS[speed])
    there = runs.current().find(named)
    mine = runs.current().mine(named, player.owner)
    if mine is not None and mine.slug == slug:
        player.go_on(mine)
        set_config(slug, player.wanted)
        here = settings(slug, config_class)
        here.lesson_due, st.session_state[f"{slug}.lesson_run"] = False, here.lesson or ""  # it goes on in its lesson
    elif there is not None and there.slug == slug:
        player.foreign = named
        return player
    else:
        if named:
            settings(slug, config_class).notices.append(GONE)
        if any(name in st.query_params for name in STORY):
            _open_link(player, config_class)
    _forget_story()
    return player


def take_over(player: Player) -> None:
    """The page goes on with a copy of somebody else's run, in no lesson: what that asks has begun without us."""
    if player.foreign:  # else a press that was carried out, but not to its end
        player.take_over()
    if player.foreign:
        return  # it could not be copied, and the player says why
    _forget_story()
    st.query_params.pop("lesson", None)
    set_config(player.slug, player.wanted)


def begin_own(player: Player) -> None:
    """The page forgets somebody else's run, and begins as the rest of the address says."""
    st.query_params.pop("run", None)
    st.session_state.pop(f"{player.slug}.player", None)


def _forget_story() -> None:
    for name in STORY:
        st.query_params.pop(name, None)


def _open_link(player: Player, config_class: type[Config]) -> None:
    """Open the runs that the link tells of and let each go as far as it went.  What cannot be read gets a sentence."""
    here = settings(player.slug, config_class)
    query = st.query_params.to_dict()
    try:
        told = story.read_story(here.config, query)
    except ConfigError as error:
        here.notices.append(f"In the link, {error} The run starts from the beginning.")
        return
    try:
        compared = story.read_compared(config_class, query.get("compare", ""))
    except ConfigError as error:
        here.notices.append(f"In the link, {error} The runs beside this one are left out.")
        compared = []
    player.follow(told.config)
    if player.on_stage is not None:
        if said := player.on_stage.run.retell(told.interventions, told.step, told.at):
            here.notices.append(f"In the link, {said}")
        player.on_stage.peek()
        for other, together in compared:
            if said := player.set_beside(other, together=together):
                here.notices.append(f"In the link, for a run beside this one, {said}")
