"""How the app is served: which configuration holds, and where its own files are, wherever and however it is started."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from click import ClickException
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from streamlit import config
from streamlit.url_util import make_url_path
from streamlit.web import bootstrap, cli

FILES = 65_536  # that may be open at once: more sockets than anybody is let in with
Place = Callable[[str], Mount | Route | WebSocketRoute]  # makes a route below a path such as "" or "/uni/play"


def configure(main: Path) -> None:
    """Let `.streamlit/config.toml` beside `main` hold, and the administrator's STREAMLIT_* variables above it.

    `streamlit run` does the same, and its flags win over both: then nothing is left to do.  Under another server, such
    as uvicorn, Streamlit (1.67) would look beside the script of `st.App` and where the server was started, and would
    read no variable but those of secrets.  Raises `SystemExit`, with a sentence, if a variable cannot be read.
    """
    if config._main_script_path is not None:
        return
    try:  # the command itself reads the variables, so that names, types and lists are the same
        asked = cli.main_run.make_context("run", [str(main)]).params
    except ClickException as error:
        raise SystemExit(f"The playground cannot start. {error.format_message()}") from None
    config._main_script_path = str(main)
    bootstrap.load_config_options({name: value for name, value in asked.items() if name not in ("target", "args")})


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
    base = make_url_path(config.get_option("server.baseUrlPath") or "", "").rstrip("/")
    found: list[BaseRoute] = [place(base) for place in places] if base else []
    return found + [route for route in (place("") for place in places) if not f"{base}/".startswith(f"{route.path}/")]
