"""The timeline under the player: a slider whose end moves while the run goes on, without losing its place."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

_HTML = """
<div class="timeline">
  <span class="start"></span>
  <div class="track"><input type="range" min="0" step="1" value="0" aria-label="Timeline: the step that is shown" /><div
    class="marks"></div></div>
  <span class="end"></span>
</div>
"""
_CSS = """
.timeline { display: flex; align-items: center; gap: 0.6rem; font: 0.9rem var(--st-font); color: var(--st-text-color); }
.timeline span { font-variant-numeric: tabular-nums; opacity: 0.75; }
.track { position: relative; flex: 1; height: 1.8rem; }
.marks { position: absolute; inset: 0 9px; pointer-events: none; }
.marks i { position: absolute; top: 1.35rem; width: 7px; height: 7px; margin-left: -3.5px; border-radius: 50%;
  background: var(--st-primary-color); pointer-events: auto; }
input { -webkit-appearance: none; appearance: none; width: 100%; height: 1.8rem; margin: 0; background: transparent;
  cursor: pointer; }
input:disabled { cursor: default; opacity: 0.4; }
input::-webkit-slider-runnable-track { height: 6px; border-radius: 3px; background: linear-gradient(to right,
  var(--st-primary-color) var(--filled, 0%), var(--st-border-color) var(--filled, 0%)); }
input::-moz-range-track { height: 6px; border-radius: 3px; background: var(--st-border-color); }
input::-moz-range-progress { height: 6px; border-radius: 3px; background: var(--st-primary-color); }
input::-webkit-slider-thumb { -webkit-appearance: none; width: 18px; height: 18px; margin-top: -6px; border-radius: 50%;
  background: var(--st-primary-color); border: 3px solid var(--st-background-color);
  box-shadow: 0 0 0 1.5px var(--st-primary-color); }
input:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; border-radius: 6px; }
"""
_JS = """
const timeline = import(new URL('assets/timeline.js', document.baseURI));
export default function (component) {
  timeline.then((module) => module.draw(component));
}
"""
_mount = st.components.v2.component("playground_timeline", html=_HTML, css=_CSS, js=_JS)


def timeline(*, step: int, last_step: int, marks: Sequence[int], key: str) -> int | None:
    """Show where `step` stands among `last_step` steps, and return the step that the visitor dragged to, once.

    `marks` are the steps at which something was changed by hand.
    """
    data = {"step": step, "last": last_step, "marks": list(marks)}
    seek, seen = _mount(key=key, data=data, on_seek_change=_nothing).seek, f"{key} last seek"
    if not isinstance(seek, dict) or st.session_state.get(seen) == seek["id"]:
        return None
    st.session_state[seen] = seek["id"]
    return int(seek["step"])


def _nothing() -> None:
    """Streamlit returns a trigger only if it has a callback."""
