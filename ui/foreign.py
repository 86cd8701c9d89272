"""What a page offers that was opened by the address of somebody else's run: it begins nothing and steers nothing."""

from __future__ import annotations

import streamlit as st

from ui.link import home
from ui.plain import plain
from ui.player import Player
from ui.press import whole
from ui.session import begin_own, take_over

SAID = (
    "**This is somebody else's run.** Only the browser that began it steers it. You can watch it as it learns, go on "
    "with a copy that has the same past and disturbs nobody, or begin your own with the settings in this address."
)


def offer(player: Player) -> None:
    """Watching, a copy, or a run of one's own."""
    slug = player.slug
    with st.container(key=f"{slug}.foreign"):
        st.info(SAID, icon=":material/group:")
        if player.error:
            st.error(plain(player.error), icon=":material/block:")
        with st.container(horizontal=True, gap="small"):
            st.link_button("Watch it live", f"{home()}watch/{player.foreign}", icon=":material/visibility:")
            st.button("Take over a copy", key=f"{slug}.take_over", icon=":material/content_copy:", type="primary",
                      on_click=whole(take_over), args=(player,))  # fmt: skip
            st.button("Begin my own", key=f"{slug}.begin_own", icon=":material/add:", on_click=whole(begin_own),
                      args=(player,))  # fmt: skip
