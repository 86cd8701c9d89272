"""Mounts a scene on a page, and says what the visitor did in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import streamlit as st

from engine.scene.scene import Scene


def show(scene: Scene, *, key: str) -> dict[str, Any] | None:
    """Mount `scene`, or redraw the one that has this key, and return what the visitor did since the last run.

    A pick is a dict with `panel` (its key), `kind` ("plane", "point", "node", "edge", "draw", "sample" or "latent") and
    what belongs to that kind: `x`, `y`, `index`, `layer`, `source`, `target`, `weight`, `value`, `points`, `strokes`,
    `revision`.  It is returned once: act on it before the next call of Streamlit, which may end this run in favour of
    a newer one.
    """
    pick = _new(_mount(key=key, data=scene.to_bytes(), on_pick_change=_nothing).get("pick"), key)
    if pick is not None:
        st.session_state[_seen(key)] = pick.pop("id")
    return pick


def coming(key: str) -> dict[str, Any] | None:
    """What `show` is going to return in this run, for a page that answers a pick in the picture it is about to draw."""
    mounted = st.session_state.get(key)
    pick = _new(mounted.get("pick") if mounted is not None else None, key)
    return pick and {name: value for name, value in pick.items() if name != "id"}


def _new(pick: object, key: str) -> dict[str, Any] | None:
    """A pick that was not returned before: a run that was cut short is given its trigger again."""
    return dict(pick) if isinstance(pick, dict) and st.session_state.get(_seen(key)) != pick.get("id") else None


def _seen(key: str) -> str:
    return f"{key} last pick"


def _nothing() -> None:
    """Streamlit returns a trigger only if it has a callback."""


def _version() -> str:
    """A name for what the browser loads, so that it never draws with the assets of an older release."""
    folder = Path(__file__).resolve().parent.parent / "assets"
    files = [folder / "scene.js", folder / "scene.css", folder / "palette.json", *sorted(folder.glob("scene/*.js"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


# Only this loader travels with every frame.  Streamlit takes a string in one line with a slash in it for a path.
_LOADER = f"""
let drawing;
export default function (component) {{
  drawing ??= import(new URL('assets/scene.js?v={_version()}', document.baseURI));
  return drawing.then((module) => module.mount(component));
}}
"""


_mount = st.components.v2.component("scene", html="<div class='scene'></div>", js=_LOADER, isolate_styles=True)
