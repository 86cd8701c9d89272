"""The text that a lab learns from: the embedded one, typed, or uploaded; a knob holds its key on the shelf."""

from __future__ import annotations

import streamlit as st

from engine.contract.reading import ReadError
from ui.inputs.reading import most, read, remembered
from ui.link import settings
from ui.plain import plain
from ui.player import Player
from ui.press import whole

SHORTEST = 200  # characters


def text_input(player: Player, knob: str = "text_key") -> None:
    """Choose the text for `knob`, for `extra=` of a lab's page.

    What is no text gets a sentence, and the page keeps the text it has.
    """
    slug = player.slug
    megabytes, most_mb = most("text")
    refused_at, seen = f"{slug}.text_refused", f"{slug}.text_seen"
    with st.popover("Learn from your own text", icon=":material/upload_file:", key=f"{slug}.text"):
        st.text_area("Type or paste it", key=f"{slug}.text_typed", height=160, max_chars=100_000,
                     placeholder=f"At least {SHORTEST} characters; thousands are better.")  # fmt: skip
        st.button("Learn this text", key=f"{slug}.text_use", on_click=whole(_typed), args=(player, knob))
        file = st.file_uploader(f"Or a file: UTF-8, at most {megabytes:g} MB", key=f"{slug}.text_file",
                                max_upload_size=most_mb, type=["txt", "md", "csv", "py", "tex", "html"])  # fmt: skip
    if file is None:
        st.session_state.pop(seen, None)
    elif st.session_state.get(seen) != file.file_id:
        taken = _take(player, knob, file.getvalue())
        st.session_state[seen] = file.file_id  # last: if this run ends early, the next one does it again
        if taken:
            st.rerun()
    if refused := st.session_state.get(refused_at):
        st.error(f"{plain(refused)} The page keeps the text it has.", icon=":material/block:")
    if key := getattr(settings(slug, type(player.wanted)).config, knob):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(_origin(key))
            st.button("Without it", key=f"{slug}.text_without", icon=":material/close:", type="tertiary",
                      on_click=whole(_leave), args=(player, knob))  # fmt: skip
    else:
        st.caption("It learns from English prose: the documentation of Python.")


def _typed(player: Player, knob: str) -> None:
    _take(player, knob, st.session_state.get(f"{player.slug}.text_typed", "").encode())


def _take(player: Player, knob: str, data: bytes) -> bool:
    """Put the text on the shelf and turn the knob; or remember why not."""
    refused_at = f"{player.slug}.text_refused"
    try:
        key = read("text", data)
    except ReadError as error:
        st.session_state[refused_at] = str(error)
        return False
    st.session_state.pop(refused_at, None)
    player.turn(**{knob: key})
    return True


def _leave(player: Player, knob: str) -> None:
    player.turn(**{knob: ""})


def _origin(key: str) -> str:
    """The beginning of the text on the shelf, and how long it is."""
    try:
        kept = remembered("text.kept", "kept_text", key.encode())
    except ReadError:  # a page that cannot say what it learns from is better than none
        return "In use: a text of your own."
    if kept is None:
        return "In use: a text that this server no longer has."
    length, beginning = kept
    return f"In use: {length:,} characters, “{plain(beginning)} …”"
