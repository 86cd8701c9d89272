"""The picture that a network looks at: one of the data, one drawn by hand, or one uploaded."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st

from engine.data import images
from engine.data.images import ImageError
from engine.scene.scene import Scene
from ui.link import settings
from ui.plain import plain
from ui.player import Player
from ui.press import once, whole
from ui.scene import show

SOURCES = ("Test picture", "Draw", "Upload")
PENS = {"Thin": 0.7, "Medium": 1.0, "Thick": 1.4}
EXAMPLES = 500  # test pictures that the knob `example` reaches
MOST_POINTS = 4_000  # in one drawing


def picture_input(player: Player) -> None:
    """Controls for the knobs `data`, `example` and `picture`, for `extra=` of a lab's page.

    They take the place of a widget for `example`, which the page therefore names in `hidden=`.  Put `dataset_notice`
    before them.
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
            st.button(label, icon=f":material/{icon}:", key=f"{player.slug}.{label.lower()}", on_click=once(_go),
                      args=(player, to))  # fmt: skip
    st.caption(f"Test picture {here + 1} of {EXAMPLES}: none of them was learned from.")


def _go(player: Player, to: int | None) -> None:
    if to is None:
        to = random.choice([number for number in range(EXAMPLES) if number != _config(player).example])
    player.turn(example=to, picture="")


# ---------------------------------------------------------------- drawn


@dataclass
class Drawing:
    """What this visitor has drawn: strokes, each (T, 2) in [0, 1]^2 with y up."""

    strokes: list[np.ndarray] = field(default_factory=list)
    revision: int = field(default_factory=lambda: random.getrandbits(31))  # the browser keeps its own until it changes
    packed: str = ""  # the picture that was made of them

    def replace(self, strokes: list[np.ndarray]) -> None:
        self.strokes, self.revision = strokes, self.revision + 1


def _drawing(slug: str) -> Drawing:
    drawing: Drawing = st.session_state.setdefault(f"{slug}.drawing", Drawing())
    return drawing


def _draw(player: Player) -> None:
    slug, side, drawing = player.slug, images.side(_data(player)), _drawing(player.slug)
    if drawing.strokes and _config(player).picture != drawing.packed:  # undone, or another one came by a link
        drawing.replace([])
    st.session_state.setdefault(f"{slug}.pen", "Medium")
    pen = PENS[st.session_state[f"{slug}.pen"]]
    empty = not _config(player).picture
    raster = np.zeros((side, side), np.float32) if empty else images.unpack(_config(player).picture, side)
    scene = Scene(height=300)
    scene.pen("pad", title="Draw here", strokes=drawing.strokes, revision=drawing.revision,
              picture=raster, caption=["What it sees:", f"{side} × {side} pixels"], width=0.075 * pen)  # fmt: skip
    pick = show(scene, key=f"{slug}.pad")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Undo stroke", icon=":material/undo:", key=f"{slug}.undo_stroke", disabled=not drawing.strokes,
                  on_click=once(_take_back), args=(player, 1))  # fmt: skip
        st.button("Clear", icon=":material/delete:", key=f"{slug}.clear", on_click=once(_take_back),
                  args=(player, None), disabled=empty and not drawing.strokes)  # fmt: skip
        st.segmented_control("Pen", list(PENS), required=True, key=f"{slug}.pen", on_change=whole(_show_drawing),
                             args=(player, drawing), label_visibility="collapsed")  # fmt: skip
    if empty:
        st.caption("Draw with the mouse or a finger. Until then it looks at a test picture.")
    if _data(player) == "fashion_mnist":
        st.caption("Fashion-MNIST holds photographs of clothes: fill in what you outline.")
    if pick and pick["kind"] == "draw" and pick["revision"] == drawing.revision:
        try:
            drawing.strokes = _strokes(pick["strokes"])
            _show_drawing(player, drawing)
        except ImageError as error:
            drawing.replace([])
            st.error(plain(str(error)), icon=":material/block:")
            return
        st.rerun()


def _strokes(sent: Any) -> list[np.ndarray]:
    """What a browser sent, if it is strokes.  Raises `ImageError`."""
    strokes = [np.asarray(stroke, dtype=np.float64).reshape(-1, 2) for stroke in sent]
    if sum(len(stroke) for stroke in strokes) > MOST_POINTS:
        raise ImageError("The drawing has too many lines to be one digit; start again with fewer.")
    return strokes


def _show_drawing(player: Player, drawing: Drawing) -> None:
    if not drawing.strokes:
        return
    drawing.packed = _pack(player, drawing.strokes)
    player.turn(data=_data(player), picture=drawing.packed)


def _pack(player: Player, strokes: list[np.ndarray]) -> str:
    pen = PENS[st.session_state.get(f"{player.slug}.pen", "Medium")]
    return images.pack(images.rasterise(strokes, images.side(_data(player)), pen=pen))


def _take_back(player: Player, strokes: int | None) -> None:
    """Take back the last so many strokes, or all."""
    drawing = _drawing(player.slug)
    kept = drawing.strokes[:-strokes] if strokes else []
    packed = _pack(player, kept) if kept else ""
    player.turn(data=_data(player), picture=packed)
    drawing.replace(kept)  # last: see ui.press.whole
    drawing.packed = packed


def _refit(player: Player) -> bool:
    """After a change of data: a drawing is made anew in the new size, another picture is left out.  True if so."""
    data, picture, drawing = _data(player), _config(player).picture, _drawing(player.slug)
    if not picture or images.side(data) == images.side(_config(player).data):
        return False
    if drawing.strokes and picture == drawing.packed:
        _show_drawing(player, drawing)
    else:
        player.turn(data=data, picture="")
    return True


# ---------------------------------------------------------------- uploaded


def _upload(player: Player) -> None:
    slug, data = player.slug, _data(player)
    side = images.side(data)
    file = st.file_uploader(
        "A picture with light or dark ink on an even ground", type=["png", "jpg", "jpeg", "webp"],
        key=f"{slug}.picture_file", help="PNG, JPEG or WebP; at most 5 MB and 4 megapixels.", max_upload_size=5,
    )  # fmt: skip
    if file is not None:
        read: tuple[Any, str, list[str]] | None = st.session_state.get(f"{slug}.picture_read")
        what = (file.file_id, side)
        if read is None or read[0] != what:
            try:
                picture, notes = images.read_upload(file.getvalue(), side)
            except ImageError as error:
                st.error(f"{plain(str(error))} It goes on looking at the picture it has.", icon=":material/block:")
                return
            packed = images.pack(picture)
            st.session_state[f"{slug}.picture_read"] = (what, packed, notes)
            player.turn(data=data, picture=packed)
            st.rerun()
        for note in read[2] if read[1] == _config(player).picture else ():
            st.caption(plain(note))
    if _config(player).picture and images.side(_config(player).data) == side:
        scene = Scene(height=190)
        scene.heat_grid("uploaded", title=f"What it sees, {side} × {side}", low=0, high=1,
                        images=images.unpack(_config(player).picture, side)[None])  # fmt: skip
        show(scene, key=f"{slug}.uploaded")
    else:
        st.caption("Nothing is uploaded yet, so it looks at a test picture.")


# ---------------------------------------------------------------- fetching a data set


@dataclass
class Fetching:
    """A data set on its way; all visitors share one."""

    name: str
    began: float = field(default_factory=time.monotonic)
    progress: str = ""
    error: str = ""
    done: bool = False

    def run(self) -> None:
        try:
            images.fetch(self.name, self._report)
        except ImageError as error:
            self.error = str(error)
        finally:
            self.done = True

    def _report(self, progress: str) -> None:
        self.progress = progress


_fetching: dict[str, Fetching] = {}
_starting = threading.Lock()


def _start(player: Player, name: str) -> None:
    """Fetch `name` in a thread, unless that is already going on."""
    with _starting:
        going = _fetching.get(name)
        if going is None or going.done:
            going = _fetching[name] = Fetching(name)
            threading.Thread(target=going.run, name=f"fetch {name}", daemon=True).start()
    st.session_state[f"{player.slug}.fetching"] = going


def dataset_notice(player: Player) -> None:
    """If the chosen data set is not on this server: a button that fetches it, then how far that has come.

    Until it is there the run keeps the data it has; if it cannot be fetched, the knob goes back to the digits.
    """
    slug, name = player.slug, _chosen(player)
    key = f"{slug}.fetching"
    watched: Fetching | None = st.session_state.get(key)
    if watched is not None and watched.error:
        st.error(f"{plain(watched.error)} The page stays with the data it has.", icon=":material/cloud_off:")
        if name == watched.name and not images.fetched(name):
            st.session_state[f"{slug}.data"] = _config(player).data
        del st.session_state[key]
        return
    if images.fetched(name):
        return
    going = _fetching.get(name)
    if going is not None and not going.done:
        st.session_state[key] = going
        st.fragment(_progress, run_every=1.0)(going)
        return
    title, megabytes = _title(name), {"mnist": 15, "fashion_mnist": 31}[name]
    with st.container(horizontal=True, gap="small"):
        st.button(f"Fetch {title}", icon=":material/download:", key=f"{slug}.fetch", type="primary",
                  on_click=once(_start), args=(player, name))  # fmt: skip
        st.button("Stay with the digits", key=f"{slug}.stay", on_click=once(_stay), args=(player,))
    st.caption(f"{title} comes from openml.org, about {megabytes} MB, once for everybody here.")


def _progress(going: Fetching) -> None:
    """Looks once a second, in a fragment of its own; the page around it goes on training."""
    if going.done:
        st.rerun(scope="app")
    st.status(f"Fetching {going.progress or _title(going.name)}", state="running")


def _title(name: str) -> str:
    return images.TITLES[images.DATASETS.index(name)]


def _stay(player: Player) -> None:
    st.session_state[f"{player.slug}.data"] = _config(player).data


def _config(player: Player) -> Any:
    """What is in force, with what a callback has just turned."""
    return settings(player.slug, type(player.wanted)).config


def _chosen(player: Player) -> str:
    """The data set that its widget says, which may have to be fetched first."""
    name: str = st.session_state.get(f"{player.slug}.data", _config(player).data)
    return name


def _data(player: Player) -> str:
    """The data set that the run has, or takes next."""
    name = _chosen(player)
    return name if images.fetched(name) else _config(player).data
