"""Mounts a scene on a page, and says what the visitor did in it."""

from __future__ import annotations

import copy
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from engine.contract.figure import Packs
from engine.scene.scene import Scene
from ui import theme

TALLER = 1.25  # how much more room curves have in the view for a lecture hall, where their type is larger


def show(scene: Packs, *, key: str) -> dict[str, Any] | None:
    """Mount `scene`, or redraw the one that has this key, and return what the visitor did since the last run.

    A pick is a dict with `panel` (its key), `kind` ("plane", "point", "node", "edge", "draw", "sample" or "latent") and
    what belongs to that kind: `x`, `y`, `index`, `layer`, `source`, `target`, `weight`, `value`, `points`, `strokes`,
    `revision`.  It is returned once: act on it before the next call of Streamlit, which may end this run in favour of
    a newer one.
    """
    pick, seen = _mount(key=key, data=scene.to_bytes(), on_pick_change=_nothing).get("pick"), f"{key} last pick"
    if not isinstance(pick, dict) or st.session_state.get(seen) == pick["id"]:
        return None  # a run that was cut short is given its trigger again
    st.session_state[seen] = pick["id"]
    return {name: value for name, value in pick.items() if name != "id"}


def roomy(scene: Packs) -> Packs:
    """A scene of curves, in the view for a lecture hall taller than at a desk; any other as it is."""
    kinds = {panel["kind"] for row in scene.rows for panel in row} if isinstance(scene, Scene) else set()
    if not (theme.lecture() and isinstance(scene, Scene) and "curves" in kinds and kinds <= {"curves", "text"}):
        return scene
    grown = copy.copy(scene)
    grown.height = round(TALLER * scene.height)
    return grown


def _nothing() -> None:
    """Streamlit returns a trigger only if it has a callback."""


@cache
def version() -> str:
    """A name for what the browser loads, so that it never draws with the assets of an older release."""
    folder = Path(__file__).resolve().parent.parent / "assets"
    names = ("*.js", "*.css", "*.json", "scene/*.js", "live/*")
    files = [file for name in names for file in sorted(folder.glob(name))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def loader(module: str) -> str:
    """The script of a component that a module among the assets draws: "scene.js".  It exports `mount(component)`.

    Only this travels with every scene.  Streamlit takes a string in one line with a slash in it for a path.
    """
    return f"""
let drawing;
export default function (component) {{
  drawing ??= import(new URL('assets/{module}?v={version()}', document.baseURI));
  return drawing.then((module) => module.mount(component));
}}
"""


_mount = st.components.v2.component(
    "scene", html="<div class='scene'></div>", js=loader("scene.js"), isolate_styles=True
)
