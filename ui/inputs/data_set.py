"""A data set of pictures that must be fetched first: the notice, the button, and how far it has come."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute

from engine.contract.knobs import ConfigError, StillMissing
from ui.link import settings
from ui.plain import plain
from ui.player import Player
from ui.press import whole
from ui.scene import loader

MEGABYTES = {"mnist": 15, "fashion_mnist": 31}
PICTURES = ("digits", "digits_28", *MEGABYTES)  # the data sets whose rows are pictures
ROOT = Path(__file__).resolve().parents[2]


def dataset_notice(player: Player) -> None:
    """If the chosen data set is not on this server: a button that fetches it, then how far that has come.

    Until it is there the run keeps the data it has; if it cannot be fetched, the knob goes back to the digits.
    """
    slug, name = player.slug, chosen(player)
    key = f"{slug}.fetching"
    watched: Fetching | None = st.session_state.get(key)
    if watched is not None and watched.error:
        st.error(f"{plain(watched.error)} The page stays with the data it has.", icon=":material/cloud_off:")
        if name == watched.name and not _fetched(player, name):
            st.session_state[f"{slug}.data"] = _config(player).data
        del st.session_state[key]
        return
    if _fetched(player, name):
        return
    going = _fetching.get(name)
    if going is not None and not going.done:
        st.session_state[key] = going
        _mount(key=f"{key}.line", data={"name": name, "said": going.said}, on_over_change=_nothing)
        _offer_to_stay(player)
        return
    title = _title(player, name)
    with st.container(horizontal=True, gap="small"):
        st.button(f"Fetch {title}", icon=":material/download:", key=f"{slug}.fetch", type="primary",
                  on_click=whole(_start), args=(player, name))  # fmt: skip
        _offer_to_stay(player)
    st.caption(f"{title} comes from openml.org, about {MEGABYTES[name]} MB, once for everybody here.")


def _offer_to_stay(player: Player) -> None:
    st.button("Stay with the digits", key=f"{player.slug}.stay", on_click=whole(_stay), args=(player,))


def chosen(player: Player) -> str:
    """The data set that its widget says, which may have to be fetched first."""
    name: str = st.session_state.get(f"{player.slug}.data", _config(player).data)
    return name


def data_in_force(player: Player) -> str:
    """The data set that the run has, or takes next."""
    name = chosen(player)
    return name if _fetched(player, name) else _config(player).data


def _fetched(player: Player, name: str) -> bool:
    """Whether the data set is on this server: the lab refuses one that is not."""
    try:
        replace(_config(player), data=name, picture="")
    except StillMissing as error:
        return error.knob != "data"
    except ConfigError:  # something else does not go with it
        return True
    return True


def _config(player: Player) -> Any:
    """What is in force, with what a callback has just turned."""
    return settings(player.slug, type(player.wanted)).config


def _title(player: Player, name: str) -> str:
    return player.wanted.knobs()["data"].title(name)


# ---------------------------------------------------------------- on its way


@dataclass
class Fetching:
    """A data set on its way; all visitors share one.  It is fetched by our command line, in a process of its own."""

    name: str
    title: str
    progress: str = ""
    error: str = ""
    done: bool = False

    @property
    def said(self) -> str:
        return f"Fetching {self.progress or self.title}"

    def run(self) -> None:
        said = f"error: {self.title} could not be fetched; the digits need no network."
        try:
            with subprocess.Popen(
                [sys.executable, "-m", "engine", "fetch", self.name], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
            ) as process:  # fmt: skip
                assert process.stderr is not None
                for line in process.stderr:
                    if line.startswith("error: "):
                        said = line.strip()
                    elif line.startswith(f"{self.title}: "):
                        self.progress = line.strip()
            if process.returncode:
                self.error = said.removeprefix("error: ")
        except OSError as error:
            self.error = f"{self.title} could not be fetched: {error.strerror}."
        finally:
            self.done = True


_fetching: dict[str, Fetching] = {}
_starting = threading.Lock()


def _start(player: Player, name: str) -> None:
    """Fetch `name` in a thread, unless that is already going on."""
    with _starting:
        going = _fetching.get(name)
        if going is None or going.done:
            going = _fetching[name] = Fetching(name, _title(player, name))
            threading.Thread(target=going.run, name=f"fetch {name}", daemon=True).start()
    st.session_state[f"{player.slug}.fetching"] = going


def _nothing() -> None:
    """Streamlit answers a trigger by a run of the page only if it has a callback: that is all there is to do."""


_LINE = "<p role='status'></p><progress aria-hidden='true'></progress>"
_LOOKS = """
p { margin: 0 0 0.4em; }
progress { width: 100%; accent-color: var(--st-primary-color); }
"""
# Past Streamlit, once a second: a run of the page happens when it is over, and not because time passes.
_mount = st.components.v2.component(
    "playground_fetching", html=_LINE, css=_LOOKS, js=loader("live/fetching.js"), isolate_styles=True
)


def progress(base: str) -> Mount | Route | WebSocketRoute:
    """Where a page asks how far a data set has come, below `base`."""
    return Route(f"{base}/fetching/{{name}}", _tell)


async def _tell(request: Request) -> JSONResponse:
    """As JSON what is `said` of it, and whether that is `over`: it has come, has failed, or nobody fetches it."""
    going = _fetching.get(request.path_params["name"])
    if going is None or going.done:
        return JSONResponse({"said": "", "over": True})
    return JSONResponse({"said": going.said, "over": False})


def _stay(player: Player) -> None:
    st.session_state[f"{player.slug}.data"] = _config(player).data
