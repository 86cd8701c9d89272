"""Which player a browser tab looks at: found again after a reload, opened from a link, left with the tab."""

from __future__ import annotations

import streamlit as st

from engine import Config, ConfigError, runs
from engine.runs import story
from ui.link import set_config, settings
from ui.player import SPEEDS, Player, Watched


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
    """This session's player for a lab.  A run that the link names is found again if its lease still lasts."""
    key = f"{slug}.player"
    if key in st.session_state:
        player: Player = st.session_state[key]
        return player
    player = st.session_state[key] = Player(slug, config_class(), config_class(), speed=SPEEDS[speed])
    run = runs.current().find(st.query_params.get("run", ""))
    if run is not None and run.slug == slug:
        player.on_stage = Watched(run)
        look = player.on_stage.peek()
        player.config = player.wanted = look.config or player.config
        set_config(slug, player.config)
    elif any(name in st.query_params for name in ("step", "did", "at", "compare")):
        _open_link(player, config_class)
    for name in ("step", "did", "at", "compare"):
        st.query_params.pop(name, None)
    return player


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
