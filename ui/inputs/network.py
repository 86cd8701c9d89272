"""A network that comes from a file: checked, put on the shelf, and named by the knob `network`."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from engine.contract.reading import ReadError
from engine.runs.pool import PoolError
from ui import shell
from ui.inputs.reading import most, read, remembered
from ui.link import settings
from ui.plain import plain
from ui.player import Player
from ui.press import whole
from ui.words import capital


def network_input(player: Player) -> None:
    """An upload for the knob `network`, for `extra=` of a lab's page; a knob `model` is set to "taken" with it.

    What is no network, or does not fit the lab, gets a sentence, and the page keeps the network it has.
    """
    slug = player.slug
    megabytes, most_mb = most("network")
    file = st.file_uploader(
        "A network that was downloaded here", type=["safetensors"], key=f"{slug}.network_file",
        help=f"The file that “Weights” under “Link and export” gives; at most {megabytes:g} MB.",
        max_upload_size=most_mb,
    )  # fmt: skip
    seen = f"{slug}.network_seen"
    if file is None:
        st.session_state.pop(seen, None)
    elif st.session_state.get(seen, ("", ""))[0] != file.file_id:
        refused = _take(player, file.getvalue())
        st.session_state[seen] = (file.file_id, refused)
        if not refused:
            st.rerun()
    refused = st.session_state.get(seen, ("", ""))[1]
    if refused:
        st.error(f"{plain(refused)} The page keeps the network it has.", icon=":material/block:")
    key = settings(slug, type(player.wanted)).config.network
    if key:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(_origin(key))
            st.button("Without it", key=f"{slug}.without_network", icon=":material/close:", type="tertiary",
                      on_click=whole(_leave), args=(player,))  # fmt: skip


def take_along(player: Player, to: str, label: str, knobs: Mapping[str, str] | None = None) -> None:
    """A button that puts the network on stage onto the shelf, and opens the lab `to` with it, and with `knobs`.

    Without them the knob `model` of that lab is set to "taken".
    """
    entry = next((entry for entry in shell.labs() if entry.slug == to), None)
    if entry is None or player.on_stage is None:
        return
    if st.button(label, icon=":material/bolt:", key=f"{player.slug}.take_along"):
        try:
            key = player.on_stage.run.keep_weights()
        except (PoolError, ReadError) as error:
            st.warning(plain(str(error)))
            return
        st.switch_page(shell.page(entry), query_params={**(knobs or {"model": "taken"}), "network": key})


def _take(player: Player, data: bytes) -> str:
    """Put the network on the shelf and turn the knob.  Returns why not, or nothing."""
    try:
        key = read("network", data)
    except ReadError as error:
        return str(error)
    player.error = ""
    model = {"model": "taken"} if "model" in player.wanted.knobs() else {}
    player.turn(network=key, **model)
    refused, player.error = player.error, ""
    refused = refused.removeprefix(f"network = {key!r} is not accepted: ")
    return capital(refused)


def _leave(player: Player) -> None:
    knobs = player.wanted.knobs()
    player.turn(network="", **({"model": knobs["model"].default} if "model" in knobs else {}))


def _origin(key: str) -> str:
    """Where a network on the shelf comes from, in a few words."""
    try:
        about = remembered("network.about", "kept_network", key.encode())
    except ReadError as error:
        return plain(str(error))
    data = f", trained on {_named(about['data'].replace('_', '-'))}" if "data" in about else ""
    return f"In use: a network from the page {_named(about['lab'].replace('_', ' '))}{data}."


def _named(name: str) -> str:
    """A name that the file gives, which may be anybody's."""
    return plain(name, most=40)
