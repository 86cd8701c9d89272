"""A pad on which a visitor draws the points that a model then learns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from engine.contract.reading import ReadError
from engine.scene.scene import Scene
from ui.controls import says
from ui.inputs.reading import read
from ui.link import settings
from ui.plain import plain
from ui.player import Player
from ui.press import whole
from ui.scene import show

MOST = 500  # points


@dataclass(frozen=True)
class Paper:
    """What is drawn on: the plane from -`reach` to `reach`, with a pen for each class."""

    name: str  # by which the readers of points know it
    reach: float
    classes: int
    fewest: str  # what is asked for, as a sentence


CLOUD = Paper("cloud", reach=1.0, classes=1, fewest="Draw at least 10 points, then press Play.")
CLASSES = Paper("classes", reach=6.0, classes=3, fewest="Draw points of at least two classes, then press Play.")


@dataclass
class DrawnPoints:
    """What is on the pad: rows of x, y and class, and the text in force when it was last the same as they."""

    text: str
    rows: list[list[float]] = field(default_factory=list)
    said: str = ""  # why it cannot be learned yet


def points_input(player: Player, paper: Paper = CLOUD) -> None:
    """The pad, while the knob `data` is "drawn": what is drawn is packed into the text knob `points`.

    For the `extra=` hook of `ui.page.lab_page`.  While there are too few points a sentence says what is missing, and
    the run keeps what it has.
    """
    slug = player.slug
    if says(slug, type(player.wanted), "data") != "drawn":
        return
    drawing = _drawing(player, paper)
    points = np.array(drawing.rows).reshape(-1, 3)
    pen = 0
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        if paper.classes > 1:
            pen = st.segmented_control("Draw", range(paper.classes), default=0, required=True, key=f"{slug}.pen",
                                       format_func=lambda k: f"class {k}", label_visibility="collapsed",
                                       width="content")  # fmt: skip
        else:
            st.caption(f"{len(points)} points; the last {MOST} count.")
        st.button("Clear", icon=":material/delete:", key=f"{slug}.clear", disabled=not len(points),
                  on_click=whole(_clear), args=(slug,))  # fmt: skip
    scene = Scene(height=300)
    bounds = (-paper.reach, paper.reach)
    panel = scene.panel("pad", title="Draw here with the mouse", x=bounds, y=bounds, draw=True)
    panel.points(points[:, :2], points[:, 2].astype(int) if paper.classes > 1 else None, size=4)
    pick = show(scene, key=f"{slug}.pad")
    if pick and pick["kind"] == "draw":
        drawing.rows += [[*np.clip(point, *bounds), pen] for point in pick["points"]]
        del drawing.rows[:-MOST]  # the oldest make room
        try:
            text = read("points", json.dumps(drawing.rows).encode(), paper=paper.name)
        except ReadError as error:
            drawing.said = str(error)
        else:
            drawing.text, drawing.said = text, ""
            player.turn(data="drawn", points=text)
        st.rerun()
    if drawing.said or not drawing.rows:
        st.caption(plain(drawing.said or paper.fewest))


def _drawing(player: Player, paper: Paper) -> DrawnPoints:
    """What was drawn here; if other points are in force by now (a link, Undo, a lesson), these."""
    key = f"{player.slug}.drawn"
    text = settings(player.slug, type(player.wanted)).config.points  # type: ignore[attr-defined]
    held: DrawnPoints | None = st.session_state.get(key)
    if held is None or held.text != text:
        held = st.session_state[key] = DrawnPoints(text)
        try:
            held.rows = read("packed_points", text.encode(), paper=paper.name) if text else []
        except ReadError as error:  # a link's, not looked at as long as other data are chosen
            held.said = str(error)
    return held


def _clear(slug: str) -> None:
    drawing: DrawnPoints = st.session_state[f"{slug}.drawn"]
    drawing.rows, drawing.said = [], ""
