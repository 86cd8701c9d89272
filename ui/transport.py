"""What a visitor holds in the hand: buttons, the step, the timeline, and the sentence on how the run is."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui import theme
from ui.plain import plain
from ui.player import SPEEDS, Player, describe
from ui.press import once, whole
from ui.timeline import timeline

MARKED = 0.2  # seconds between two moves of the timeline's mark while a run trains; each costs part of a frame
PLAY, LARGE = 160, 230  # pixels, for Play and for Pause, so that nothing moves under the mouse; in a lecture hall


def transport(player: Player) -> None:
    """The row of buttons.  Drawn outside the live fragment, so that a press starts or ends its polling."""
    slug = player.slug
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{slug}.transport"):
        # No help on these: Streamlit draws a button that has one twice, and hides one of the two.
        # Play and Pause are one widget: two would stand side by side for a moment, and push the others away.
        label, icon, act = ("Pause", "pause", player.pause) if player.playing else ("Play", "play_arrow", player.play)
        st.button(label, key=f"{slug}.play", icon=f":material/{icon}:", type="primary", on_click=once(act),
                  shortcut="Space", width=LARGE if theme.lecture() else PLAY)  # fmt: skip
        st.button(
            "Step", key=f"{slug}.step_once", icon=":material/skip_next:", on_click=once(player.step), shortcut="S"
        )
        st.button("Reset", key=f"{slug}.reset", icon=":material/replay:", on_click=once(player.reset), shortcut="Home")
        st.button(
            "New seed", key=f"{slug}.new_seed", icon=":material/casino:", on_click=once(player.new_seed), shortcut="N"
        )
        speed = f"{slug}.speed"
        if speed not in st.session_state:
            st.session_state[speed] = next(name for name, pace in SPEEDS.items() if pace == player.speed)
        st.selectbox("Speed", list(SPEEDS), index=list(SPEEDS).index(st.session_state[speed]), key=speed,
                     on_change=whole(player.set_speed), label_visibility="collapsed",
                     width=190 if theme.lecture() else 130)  # fmt: skip


def status(player: Player, counter: DeltaGenerator, *, unit: str = "Step") -> None:
    """The step in `counter`, the timeline, and one sentence on how the run is.

    Drawn inside the live fragment.  `counter` is a place outside it: each element less in the fragment is time won for
    every frame.
    """
    assert player.on_stage is not None
    look = player.on_stage.look
    now = time.monotonic()
    if not player.active or now - player.marked[0] > MARKED:
        player.marked = (now, look)
    at = player.marked[1]
    key = f"{player.slug}.timeline"
    wanted = timeline(step=at.step, last_step=at.last_step, marks=at.changed_at, key=key)
    if wanted is not None and wanted != look.step:
        player.seek(wanted)
    counter.html(f"<b>{unit} {player.on_stage.look.step:,}</b>{_detail(player)}")
    look = player.on_stage.look
    if player.rewound:
        offer_branch(player)
    if player.error:
        st.error(plain(player.error), icon=":material/block:")
    elif look.message:
        show = {"diverged": st.warning, "failed": st.error, "lost": st.error}.get(look.status, st.info)
        show(plain(look.message))


def _detail(player: Player) -> str:
    assert player.on_stage is not None
    look = player.on_stage.look
    if look.busy and look.step < look.last_step:
        return " · going there …"
    if look.status == "running":
        return f" · {_rate(player, look.step):,.0f} a second"
    if look.step < look.last_step:
        return f" of {look.last_step:,} · looking back"
    words = {"paused": "paused" if look.step else "ready", "waiting": "waiting", "done": "finished",
             "diverged": "diverged", "failed": "stopped", "lost": "put away"}  # fmt: skip
    return f" · {words[look.status]}"


def _rate(player: Player, step: int) -> float:
    """Steps a second, taken over about a second so that the number can be read."""
    now = time.monotonic()
    since, before, _ = player.rate
    if now - since > 3 or step < before:
        player.rate = (now, step, 0.0)
    elif now - since > 0.7:
        player.rate = (now, step, (step - before) / (now - since))
    return player.rate[2]


def offer_branch(player: Player) -> None:
    """At an earlier moment: what Play would go on with, and the way to keep both futures."""
    turned = describe(player.wanted, player.config)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{player.slug}.looking_back"):
        if turned:
            st.markdown(f"Turned: **{turned}**. Play goes on from here and gives up the first future.")
        else:
            st.markdown("You look at an earlier moment. Turn a knob marked :primary[●] and branch to see both futures.")
        st.button("Branch from here", key=f"{player.slug}.branch", icon=":material/call_split:", shortcut="B",
                  on_click=whole(player.branch))  # fmt: skip
