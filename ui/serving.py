"""How the app is served: which configuration holds, and where its own files are, wherever and however it is started."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import streamlit as st
from click import ClickException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FILES = 65_536  # that may be open at once: more sockets than anybody is let in with
log = logging.getLogger("playground")
_made: list[Path] = []  # the folder with the configuration that holds, if it had to be made
Place = Callable[[str], Mount | Route | WebSocketRoute]  # makes a route below a path such as "" or "/uni/play"


def script(main: Path, shell: Path) -> Path:
    """The script to give to `st.App`: `shell`, or one that draws it, with the configuration that is to hold beside it.

    That is `.streamlit/config.toml` beside `main`, and the administrator's STREAMLIT_* variables above it.  `streamlit
    run` sees to both itself, and its flags win over them.  Under another server, such as uvicorn, Streamlit (1.67)
    looks beside the script of `st.App` and where the server was started, and reads no variable but those of secrets:
    so a folder is made for as long as the process lasts.  To be called before an option is asked for.  Raises
    `SystemExit`, with a sentence, if a variable cannot be read.
    """
    if Path(sys.argv[0]).resolve() == main:
        return shell
    options = tomllib.loads((main.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    for name, value in _variables(main).items():
        *sections, last = name.split("_")
        table = options
        for section in sections:
            table = table.setdefault(section, {})
        table[last] = value
    folder = Path(tempfile.mkdtemp(prefix="playground."))
    _made.append(folder)
    (folder / ".streamlit").mkdir()
    lines = [f"{name} = {_toml(value)}\n" for name, value in options.items()]
    (folder / ".streamlit" / "config.toml").write_text("".join(lines), encoding="utf-8")
    drawing = folder / shell.name
    drawing.write_text("from ui.shell import main\n\nmain()\n", encoding="utf-8")
    st.App(drawing)  # the first one says where the configuration lies
    if any(st.get_option(name) != value for name, value in _each(options)):
        log.warning(
            "Streamlit's options were read before the playground was imported: its own configuration is not in force."
        )
    return drawing


@atexit.register
def tidy() -> None:
    """Remove the folder that was made.  A server that is stopped by a signal ends without what is done at an exit."""
    while _made:
        shutil.rmtree(_made.pop(), ignore_errors=True)


def _each(options: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every option that is one text, number or switch, by its whole name: "theme.light.linkColor"."""
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _each(value, f"{before}{name}.")
        elif not isinstance(value, (list, tuple)):
            yield f"{before}{name}", value


def _variables(main: Path) -> dict[str, Any]:
    """What the STREAMLIT_* variables say, by the names of the flags: "server_maxUploadSize".

    The command reads them, so that names, types and lists are the same.
    """
    [command] = entry_points(group="console_scripts", name="streamlit")
    try:
        said = command.load().commands["run"].make_context("run", [str(main)]).params
    except ClickException as error:
        raise SystemExit(f"The playground cannot start. {error.format_message()}") from None
    return {name: value for name, value in said.items() if name not in ("target", "args") and value not in (None, ())}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)} = {_toml(each)}' for name, each in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


class Assets(StaticFiles):
    """The files in a folder, and how long browsers and proxies may keep them.

    What is asked for by the `version` that is here is kept for good, and what is asked for without one for an hour.  By
    another version asks who got a page of another process, while a new release comes: that is the wrong file to keep.
    """

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__(directory=folder)
        self.version = version

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v")
        kept = "public, max-age=31536000, immutable" if asked == [self.version] else "no-cache"
        response.headers["cache-control"] = kept if asked else "public, max-age=3600"
        return response


def log_once() -> None:
    """Let each request stand in the log once: Streamlit (1.67) gives uvicorn's loggers a handler beside their own."""
    del logging.getLogger("uvicorn.access").handlers[1:]


def room_for_sockets() -> None:
    """Let this process have as many files open as the system allows it: each socket is one, and 1,024 are usual."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # a system with a bound that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def routes(*places: Place) -> list[BaseRoute]:
    """What the app serves beside Streamlit's own routes: below `server.baseUrlPath`, as these, and at the root.

    Streamlit (1.67) leaves the routes of `st.App` at the root, while pages look for them beside themselves.  So each
    is given as a function of the path that it stands below.  At the root it stays, unless it would hide the pages.
    """
    below = base()
    found: list[BaseRoute] = [place(below) for place in places] if below else []
    return found + [route for route in (place("") for place in places) if not f"{below}/".startswith(f"{route.path}/")]


def base() -> str:
    """The path that the app is served below, such as "/uni/play"; "" at the root."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""
