"""The picture that a network looks at: one of the data, one drawn by hand, or one uploaded."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import streamlit as st

from engine.contract.knobs import ConfigError
from engine.contract.reading import ReadError
from engine.scene.scene import Scene
from ui.inputs.data_set import data_in_force
from ui.inputs.reading import most, read, remembered
from ui.link import settings
from ui.plain import plain
from ui.player import Player
from ui.press import whole
from ui.scene import show

SOURCES = ("Test picture", "Draw", "Upload")
PENS = {"Thin": 0.7, "Medium": 1.0, "Thick": 1.4}
EXAMPLES = 500  # test pictures that the knob `example` reaches


def picture_input(player: Player) -> None:
    """Controls for the knobs `data`, `example` and `picture`, for `extra=` of a lab's page.

    They take the place of a widget for `example`, which the page therefore names in `hidden=`.  Put
    `ui.inputs.data_set.dataset_notice` before them.
    """
    if _refit(player):
        st.rerun()
    key = f"{player.slug}.input"
    if key not in st.session_state or (_config(player).picture and st.session_state[key] == SOURCES[0]):
        st.session_state[key] = SOURCES[1 if _config(player).picture else 0]
    source = st.segmented_control("The picture it looks at", SOURCES, default=st.session_state[key], required=True,
                                  key=key, on_change=whole(_choose), args=(player,), width="stretch")  # fmt: skip
    if source == "Draw":
        _draw(player)
    elif source == "Upload":
        _upload(player)
    else:
        _browse(player)


def _choose(player: Player) -> None:
    """Another source was chosen: what it has is looked at, if it has something."""
    source, drawing = st.session_state[f"{player.slug}.input"], _drawing(player.slug)
    if source == "Draw" and drawing.strokes:
        _show_drawing(player, drawing)
    elif source == SOURCES[0]:
        player.turn(picture="")


# ---------------------------------------------------------------- from the data


def _browse(player: Player) -> None:
    here = _config(player).example
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, icon, to in (
            ("Previous", "chevron_left", (here - 1) % EXAMPLES),
            ("Next", "chevron_right", (here + 1) % EXAMPLES),
            ("Random", "shuffle", None),
        ):
            st.button(label, icon=f":material/{icon}:", key=f"{player.slug}.{label.lower()}", on_click=whole(_go),
                      args=(player, to))  # fmt: skip
    st.caption(f"Test picture {here + 1} of {EXAMPLES}: none of them was learned from.")


def _go(player: Player, to: int | None) -> None:
    if to is None:
        to = random.choice([number for number in range(EXAMPLES) if number != _config(player).example])
    player.turn(example=to, picture="")


# ---------------------------------------------------------------- drawn


@dataclass
class DrawnPicture:
    """What this visitor has drawn: strokes, each (T, 2) in [0, 1]^2 with y up."""

    strokes: list[np.ndarray] = field(default_factory=list)
    revision: int = field(default_factory=lambda: random.getrandbits(31))  # the browser keeps its own until it changes
    packed: str = ""  # the picture that was made of them

    def replace(self, strokes: list[np.ndarray]) -> None:
        self.strokes, self.revision = strokes, self.revision + 1


def _drawing(slug: str) -> DrawnPicture:
    drawing: DrawnPicture = st.session_state.setdefault(f"{slug}.drawing", DrawnPicture())
    return drawing


def _draw(player: Player) -> None:
    slug, drawing = player.slug, _drawing(player.slug)
    if drawing.strokes and _config(player).picture != drawing.packed:  # undone, or another one came by a link
        drawing.replace([])
    st.session_state.setdefault(f"{slug}.pen", "Medium")
    pen = PENS[st.session_state[f"{slug}.pen"]]
    empty = not _config(player).picture
    try:
        raster = _unpacked(player)
    except ReadError as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    scene = Scene(height=300)
    scene.pen("pad", title="Draw here", strokes=drawing.strokes, revision=drawing.revision,
              picture=raster, caption=["What it sees:", f"{len(raster)} × {len(raster)} pixels"],
              width=0.075 * pen)  # fmt: skip
    pick = show(scene, key=f"{slug}.pad")
    if pick and pick["kind"] == "draw" and pick["revision"] == drawing.revision:  # before Streamlit ends this run
        try:
            packed = _pack(player, pick["strokes"])
        except ReadError as error:
            drawing.replace([])
            st.error(plain(str(error)), icon=":material/block:")
        else:
            drawing.strokes = [np.asarray(stroke, dtype=np.float64).reshape(-1, 2) for stroke in pick["strokes"]]
            drawing.packed = packed
            player.turn(data=data_in_force(player), picture=packed)
            st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Undo stroke", icon=":material/undo:", key=f"{slug}.undo_stroke", disabled=not drawing.strokes,
                  on_click=whole(_take_back), args=(player, 1))  # fmt: skip
        st.button("Clear", icon=":material/delete:", key=f"{slug}.clear", on_click=whole(_take_back),
                  args=(player, None), disabled=empty and not drawing.strokes)  # fmt: skip
        st.segmented_control("Pen", list(PENS), required=True, key=f"{slug}.pen", on_change=whole(_show_drawing),
                             args=(player, drawing), label_visibility="collapsed")  # fmt: skip
    if empty:
        st.caption("Draw with the mouse or a finger. Until then it looks at a test picture.")
    if data_in_force(player) == "fashion_mnist":
        st.caption("Fashion-MNIST holds photographs of clothes: fill in what you outline.")


def _show_drawing(player: Player, drawing: DrawnPicture) -> None:
    if not drawing.strokes:
        return
    try:
        drawing.packed = _pack(player, [stroke.tolist() for stroke in drawing.strokes])
    except ReadError as error:
        player.error = str(error)
    else:
        player.turn(data=data_in_force(player), picture=drawing.packed)


def _pack(player: Player, strokes: list[Any]) -> str:
    """Strokes as the picture for a link.  Raises `ReadError`, also for what a browser sends and is none."""
    pen = PENS[st.session_state.get(f"{player.slug}.pen", "Medium")]
    packed: str = read("strokes", json.dumps(strokes).encode(), data_set=data_in_force(player), pen=pen)
    return packed


def _unpacked(player: Player) -> np.ndarray:
    """The picture in force, (side, side) in [0, 1]; an empty one if there is none.  Raises `ReadError`."""
    packed: str = _config(player).picture
    picture: np.ndarray = remembered(f"{player.slug}.unpacked", "packed_picture", packed.encode(),
                                     data_set=data_in_force(player))  # fmt: skip
    return picture


def _take_back(player: Player, strokes: int | None) -> None:
    """Take back the last so many strokes, or all."""
    drawing = _drawing(player.slug)
    kept = drawing.strokes[:-strokes] if strokes else []
    try:
        packed = _pack(player, [stroke.tolist() for stroke in kept]) if kept else ""
    except ReadError as error:
        player.error = str(error)
        return
    player.turn(data=data_in_force(player), picture=packed)
    drawing.replace(kept)  # last: see ui.press.whole
    drawing.packed = packed


def _refit(player: Player) -> bool:
    """After a change of data: a drawing is made anew in the new size, another picture is left out.  True if so."""
    data, picture, drawing = data_in_force(player), _config(player).picture, _drawing(player.slug)
    if not picture or _fits(player, data, picture):
        return False
    if drawing.strokes and picture == drawing.packed:
        _show_drawing(player, drawing)
    if _config(player).picture == picture:
        player.turn(data=data, picture="")
    return True


def _fits(player: Player, data: str, picture: str) -> bool:
    """Whether a packed picture has the size of those in `data`."""
    try:
        replace(_config(player), data=data, picture=picture)
    except ConfigError as error:
        return error.knob != "picture"
    return True


# ---------------------------------------------------------------- uploaded


@dataclass(frozen=True)
class Uploaded:
    """What became of a file: a packed picture with notes on how it was read, or why it was refused."""

    file_id: str
    packed: str = ""
    notes: tuple[str, ...] = ()
    refused: str = ""


def _upload(player: Player) -> None:
    slug, data = player.slug, data_in_force(player)
    megabytes, most_mb = most("picture")
    file = st.file_uploader(
        "A picture with light or dark ink on an even ground", type=["png", "jpg", "jpeg", "webp"],
        key=f"{slug}.picture_file", help=f"PNG, JPEG or WebP; at most {megabytes:g} MB and 4 megapixels.",
        max_upload_size=most_mb,
    )  # fmt: skip
    if file is not None:
        key = f"{slug}.picture_read"
        held: Uploaded | None = st.session_state.get(key)
        if held is None or held.file_id != file.file_id or (held.packed and not _fits(player, data, held.packed)):
            held = _read(file.file_id, file.getvalue(), data)
            if held.packed:
                player.turn(data=data, picture=held.packed)
            st.session_state[key] = held  # last: if this run ends early, the next one does it again
            if held.packed:
                st.rerun()
        if held.refused:
            st.error(f"{plain(held.refused)} It goes on looking at the picture it has.", icon=":material/block:")
            return
        for note in held.notes if held.packed == _config(player).picture else ():
            st.caption(plain(note))
    if not _config(player).picture:
        st.caption("Nothing is uploaded yet, so it looks at a test picture.")
        return
    try:
        picture = _unpacked(player)
    except ReadError as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    scene = Scene(height=190)
    scene.heat_grid("uploaded", title=f"What it sees, {len(picture)} × {len(picture)}", low=0, high=1,
                    images=picture[None])  # fmt: skip
    show(scene, key=f"{slug}.uploaded")


def _read(file_id: str, data: bytes, data_set: str) -> Uploaded:
    try:
        packed, notes = read("picture", data, data_set=data_set)
    except ReadError as error:
        return Uploaded(file_id, refused=str(error))
    return Uploaded(file_id, packed, tuple(notes))


def _config(player: Player) -> Any:
    """What is in force, with what a callback has just turned."""
    return settings(player.slug, type(player.wanted)).config
