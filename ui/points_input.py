"""A pad on which a visitor draws the distribution that a model then learns."""

from __future__ import annotations

import numpy as np
import streamlit as st

from engine import data, point_clouds
from ui.player import Player
from ui.press import once
from ui.scene import Scene, show

FRAME = (-1.0, 1.0)


def points_input(player: Player, knob: str = "points") -> None:
    """The pad, while the knob `data` is "drawn": what is drawn is packed into the text knob called `knob`.

    For the `extra=` hook of `ui.page.lab_page`.  With too few points a sentence says how many there must be, and the
    run keeps what it has.
    """
    slug = player.slug
    if st.session_state.get(f"{slug}.data", player.wanted.data) != "drawn":
        return
    drawn: list[list[float]] = st.session_state.setdefault(f"{slug}.drawn", _from(getattr(player.wanted, knob)))
    scene = Scene(height=300)
    panel = scene.panel("pad", title="Draw here with the mouse", x=FRAME, y=FRAME, draw=True)
    panel.points(np.array(drawn).reshape(-1, 2), size=3)
    pick = show(scene, key=f"{slug}.pad")
    if pick and pick["kind"] == "draw":
        drawn.extend([float(np.clip(v, *FRAME)) for v in point] for point in pick["points"])
        del drawn[: -data.MAX_POINTS]  # the oldest make room
        try:
            text = point_clouds.pack(drawn)
        except point_clouds.CloudError as error:
            st.session_state[f"{slug}.pad.said"] = str(error)
        else:
            st.session_state.pop(f"{slug}.pad.said", None)
            player.turn(**{"data": "drawn", knob: text})
        st.rerun()
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        said = st.session_state.get(f"{slug}.pad.said")
        enough = f"{len(drawn)} points; the last {data.MAX_POINTS} count."
        st.caption(said or (enough if drawn else f"Draw at least {point_clouds.FEWEST} points, then press Play."))
    with right:
        st.button("Clear", icon=":material/delete:", key=f"{slug}.clear", disabled=not drawn, on_click=once(_clear),
                  args=(slug,))  # fmt: skip


def _clear(slug: str) -> None:
    st.session_state[f"{slug}.drawn"] = []
    st.session_state.pop(f"{slug}.pad.said", None)


def _from(text: str) -> list[list[float]]:
    """The points that a link brought."""
    try:
        return [[float(v) for v in point] for point in point_clouds.unpack(text)] if text else []
    except point_clouds.CloudError:
        return []
