"""`uvicorn app:app` from another folder passed over `.streamlit/config.toml`: it had Streamlit's own settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from visitor import serve

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / ".streamlit" / "config.toml"


def flat(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every option that `table` sets, by the name that Streamlit gives it: "theme.light.sidebar.backgroundColor"."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


WRITTEN = dict(flat(tomllib.loads(FILE.read_text(encoding="utf-8"))))


def start(folder: Path, *, first: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Import `app` in a process that stands in `folder`, as a server does, and print the options as JSON."""
    names = [*WRITTEN, "server.baseUrlPath", "server.corsAllowedOrigins"]
    code = f"{first}\nimport app, json, streamlit\nprint(json.dumps({{n: streamlit.get_option(n) for n in {names}}}))"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, encoding="utf-8",
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def options(folder: Path, **how: str) -> dict[str, Any]:
    done = start(folder, **how)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def differing(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name, value in WRITTEN.items() if found[name] != value}


def test_every_line_of_the_configuration_holds_from_another_folder(tmp_path: Path) -> None:
    assert "browser.gatherUsageStats" in WRITTEN and "theme.dark.sidebar.backgroundColor" in WRITTEN
    assert differing(options(tmp_path)) == {}


def test_it_holds_where_another_configuration_lies(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text("[browser]\ngatherUsageStats = true\n", encoding="utf-8")
    assert differing(options(tmp_path)) == {}
    assert "own configuration" not in start(tmp_path).stderr


def test_where_options_were_read_before_the_log_says_that_it_does_not_hold(tmp_path: Path) -> None:
    """Streamlit reads its files once; a server that asks it for an option before it imports the app comes too early."""
    done = start(tmp_path, first="import streamlit; streamlit.get_option('server.port')")
    assert done.returncode == 0 and "its own configuration is not in force" in done.stderr


def test_the_folder_that_is_made_for_a_process_goes_with_it(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert differing(options(tmp_path, TMPDIR=str(temporary))) == {}
    assert list(temporary.glob("playground.*")) == []
    with serve(tmp_path / "log.txt", asgi="app:app", TMPDIR=str(temporary), PLAYGROUND_WORKERS="1") as server:
        assert len(list(temporary.glob("playground.*"))) == 1
        server.stop()
    assert list(temporary.glob("playground.*")) == []
    asked = re.findall(r'127\.0\.0\.1:\d+ - "GET', (tmp_path / "log.txt").read_text(encoding="utf-8"))
    assert len(asked) == len(set(asked)) > 0  # each request, known by its port, stands in the log once


def test_what_an_administrator_sets_by_variable_wins(tmp_path: Path) -> None:
    found = options(
        tmp_path, STREAMLIT_SERVER_MAX_UPLOAD_SIZE="7", STREAMLIT_BROWSER_GATHER_USAGE_STATS="true",
        STREAMLIT_SERVER_BASE_URL_PATH="uni/play", STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS="one two",
    )  # fmt: skip
    assert differing(found) == {"server.maxUploadSize": 7, "browser.gatherUsageStats": True}
    assert found["server.baseUrlPath"] == "uni/play" and found["server.corsAllowedOrigins"] == ["one", "two"]


def test_the_flags_of_streamlit_run_win(tmp_path: Path) -> None:
    """They are read, with the variables, before the app is: here as `streamlit run app.py` reads them."""
    first = (
        "import sys\nfrom streamlit import config\nfrom streamlit.web import bootstrap\n"
        f"sys.argv = [{str(ROOT / 'app.py')!r}]\n"
        f"config._main_script_path = {str(ROOT / 'app.py')!r}\n"
        "bootstrap.load_config_options({'server_maxUploadSize': 3})"
    )
    assert differing(options(tmp_path, first=first, STREAMLIT_SERVER_MAX_UPLOAD_SIZE="7")) == {
        "server.maxUploadSize": 3
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "seven"),
        ("STREAMLIT_SERVER_HEADLESS", "perhaps"),
        ("PLAYGROUND_WORKERS", "seven"),
    ],
)
def test_a_variable_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, name: str, value: str) -> None:
    done = start(tmp_path, **{name: value})
    assert done.returncode != 0 and "Traceback" not in done.stderr
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("The playground cannot start.") and value in said and name in said
