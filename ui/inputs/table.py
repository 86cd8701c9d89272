"""A table of the visitor's own: uploaded, read, and, if it was read wrongly, read in another way."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from engine.contract.reading import ReadError
from ui.controls import says
from ui.inputs.reading import most, read
from ui.link import ECHO, settings
from ui.plain import plain
from ui.player import Player
from ui.press import whole


@dataclass
class Uploaded:
    """A file as it was read last.  It is read when it comes and when `asked` changes, at no other time.

    It is kept after its uploader has gone from the page with the choice of "csv": that one comes back empty.  How it
    is read is said by the names in `_CONTROLS`; what is not said is found out.
    """

    file_id: str
    raw: bytes = field(repr=False)
    how: Mapping[str, Any] = field(default_factory=dict)  # as it was to be read
    asked: Mapping[str, Any] = field(default_factory=dict)  # as the visitor wants it read by now
    found: Mapping[str, Any] = field(default_factory=dict)  # as it was read
    choices: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)  # what can be said, with the words for it
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    text: str = ""  # the points, as the knob `points` takes them
    refused: str = ""
    unfold: bool = False  # it could not be read as it came, so the controls are shown


def table_input(player: Player) -> None:
    """The upload while the knob `data` is "csv": its points are packed into the text knob `points`.

    For the `extra=` hook of `ui.page.lab_page`.  A table counts once, when it comes: whatever takes its place later
    (Undo, Back, a link, points that are drawn) stays.  What cannot be used gets a sentence, and the run keeps what it
    has.
    """
    slug = player.slug
    seen = f"{slug}.file_seen"  # whether the uploader had a file, when the page was drawn last; None: it was not there
    if says(slug, type(player.wanted), "data") != "csv":
        st.session_state[seen] = None
        return
    megabytes, most_mb = most("table")
    key, times = f"{slug}.table", f"{slug}.file_times"
    held: Uploaded | None = st.session_state.get(key)
    if held is not None and st.session_state.get(seen) is None:  # it comes back: a new one, of which no browser knows
        st.session_state[f"{slug}.file_back"] = time.monotonic()
        st.session_state[times] = st.session_state.get(times, 0) + 1
    name = f"{slug}.file" + (f".{again}" if (again := st.session_state.get(times, 0)) else "")
    file = st.file_uploader("A table: two numeric columns, and a column with the class", type=["csv", "tsv", "txt"],
                            key=name, help=f"At most {megabytes:g} MB; 2 or 3 classes.",
                            max_upload_size=most_mb, on_change=whole(_taken_away), args=(slug, name))  # fmt: skip
    st.session_state[seen] = file is not None
    if file is not None and (held is None or held.file_id != file.file_id):
        held = _read(Uploaded(file.file_id, file.getvalue()), {})
        held.unfold = bool(held.refused)
    elif held is None:
        return
    elif held.asked != held.how:
        held = _read(held, held.asked)
    if held is not st.session_state.get(key):
        used = _use(player, held)
        st.session_state[key] = held  # last: if this run ends early, the next one does it again
        if used:
            st.rerun()
    in_use = _in_use(player, held)
    if held.refused and not in_use:
        st.error(f"{plain(held.refused)} The network keeps the data it has.", icon=":material/block:")
    if in_use:
        for note in held.notes:
            st.caption(plain(note))
    elif held.text:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("The table is not in use: other points have taken its place.")
            st.button("Use the table", key=f"{slug}.use_table", icon=":material/redo:", type="tertiary",
                      on_click=whole(_use), args=(player, held))  # fmt: skip
    _controls(slug, held)


def _read(held: Uploaded, how: Mapping[str, Any]) -> Uploaded:
    """The same file read in another way."""
    held = replace(held, how=how, asked=how, text="", notes=(), refused="")
    try:
        table = read("table", held.raw, how=how)
    except ReadError as error:
        return replace(held, refused=str(error))
    return replace(held, text=table["points"], notes=table["notes"], refused=table["refused"], found=table["how"],
                   choices=table["choices"], columns=table["columns"])  # fmt: skip


def _taken_away(slug: str, name: str) -> None:
    """Forget the table when the visitor removes its file, and not when the uploader only was off the page.

    One that comes back is empty, and that may be told to us as a change: a browser remembers for a while what it had
    held, and may say so once more before it says that there is nothing.
    """
    back = time.monotonic() - st.session_state.get(f"{slug}.file_back", -math.inf) <= ECHO
    if st.session_state[name] is None and st.session_state.get(f"{slug}.file_seen") and not back:
        st.session_state.pop(f"{slug}.table", None)


def _use(player: Player, held: Uploaded) -> bool:
    """Put the points of the table in force.  False if there are none, or they are already, or the lab refuses them."""
    if not held.text or _in_use(player, held):
        return False
    player.turn(data="csv", points=held.text)
    held.refused, player.error = player.error, ""
    return not held.refused


def _in_use(player: Player, held: Uploaded) -> bool:
    here: Any = settings(player.slug, type(player.wanted)).config
    return (here.data, here.points) == ("csv", held.text)


# ---------------------------------------------------------------- how it is read

# What can be said of a table; "as found" stands before each list.  Where it is empty, the reader of the table fills it.
_CONTROLS: Mapping[str, tuple[str, Mapping[Any, str]]] = {
    "separator": ("Between columns", {}),
    "decimal": ("Numbers", {}),
    "header": ("First line", {True: "names", False: "the first row"}),
    "row_numbers": ("First column", {True: "row numbers, passed over", False: "data"}),
    "class_column": ("Class", {}),
}


def _controls(slug: str, held: Uploaded) -> None:
    box = st.expander("Read it in another way", expanded=held.unfold, key=f"{slug}.reading", on_change="rerun")
    with box:
        for name, (label, choices) in _CONTROLS.items() if box.open else ():
            if name == "class_column":
                choices = {place: f"{column} ({place + 1})" for place, column in enumerate(held.columns)}
            choices = choices or held.choices.get(name, {})
            found, key = held.found.get(name), f"{slug}.table_{name}"
            label = f"{label}: {plain(choices[found])}" if found in choices else label
            said = {"": "as found", **choices}  # the same words for every file: the browser remembers words
            value = asked if (asked := held.how.get(name)) in choices else ""
            if key not in st.session_state or st.session_state[key] != value:
                st.session_state[key] = value
            st.selectbox(label, list(said), key=key, format_func=said.__getitem__, on_change=whole(_ask),
                         args=(held, name, key))  # fmt: skip


def _ask(held: Uploaded, name: str, key: str) -> None:
    said = st.session_state[key]
    others = {other: value for other, value in held.how.items() if other != name}
    held.asked = others if said == "" else {**others, name: said}
