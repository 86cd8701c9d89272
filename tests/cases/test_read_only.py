"""The whole app where nothing can be written: pages, runs, uploads and what is parked go on, or say a sentence."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from visitor import ROOT, Server, serve, visit, wait_until

HERE = Path(__file__).parent / "read_only"
TEXT = b"It was the best of times, it was the worst of times. " * 20


def start(folder: Path, **environment: str) -> dict[str, str]:
    """What a server is told that can write nowhere."""
    return {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "REFUSED": str(folder / "refused.txt"),
            "PLAYGROUND_DATA": str(folder / "data"), "HOME": str(folder / "home"), "PLAYGROUND_WORKERS": "1",
            "PLAYGROUND_LEAVE_AFTER": "0.5", **environment}  # fmt: skip


def refused(folder: Path) -> list[Path]:
    """Where somebody has tried to write."""
    lines = (folder / "refused.txt").read_text(encoding="utf-8").splitlines()
    return [Path(line.partition(" ")[2]) for line in lines]


def looks_for_a_temporary_directory(path: Path) -> bool:
    """Whether this is how Python tries which directory is one: the last is where the process was started."""
    there = [*map(Path, ("/tmp", "/var/tmp", "/usr/tmp")), ROOT]
    return path.parent in there and re.fullmatch(r"[a-z0-9_]{8}", path.name) is not None


def test_what_is_tried_is_refused_and_told(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, tempfile
for attempt in (lambda: open({str(tmp_path / "a")!r}, "w"), lambda: pathlib.Path({str(tmp_path / "b")!r}).mkdir(),
                lambda: tempfile.TemporaryFile(), lambda: os.remove(__import__("sitecustomize").__file__)):
    try:
        attempt()
    except OSError as error:
        print(type(error).__name__)
open({str(HERE / "sitecustomize.py")!r}).close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=start(tmp_path), capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert len(done.stdout.split()) == 4 and not (tmp_path / "a").exists()
    assert len(refused(tmp_path)) >= 4


def used(browser: Browser, server: Server, folder: Path) -> None:
    """A visitor trains, leaves and comes back, and brings a text that can be kept nowhere."""
    with visit(browser, server.address) as visitor:
        visitor.open("lstm_gates", seed="3", task="text")
        step = visitor.play_to(3)
        run, link = visitor.link["run"], visitor.page.url
        visitor.page.goto("about:blank")
        wait_until(lambda: folder / "data" / "parked" in refused(folder), "the run to be parked")
        visitor.follow(link)
        assert visitor.link["run"] == run and visitor.step_number() == step
        visitor.step()
        assert visitor.step_number() == step + 1
        visitor.page.get_by_role("button", name="Learn from your own text").click()
        visitor.page.locator("input[type=file]").set_input_files(
            {"name": "own.txt", "mimeType": "text/plain", "buffer": TEXT}
        )
        visitor.page.get_by_text("This server cannot keep the text.").wait_for()
        visitor.step()
        assert visitor.tracebacks() == 0


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_nothing_has_to_be_written(browser: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "log.txt", **start(tmp_path)) as server:
        used(browser, server, tmp_path)
        server.stop()
        log = server.log.read_text(encoding="utf-8")
    assert "Traceback" not in log, log
    tried = [path for path in refused(tmp_path) if not looks_for_a_temporary_directory(path)]
    assert [path for path in tried if not path.is_relative_to(tmp_path / "data")] == []  # no home, nothing in the code


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_temporary_directory_is_all_that_another_server_needs(browser: Browser, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = start(tmp_path, WRITABLE=str(temporary), TMPDIR=str(temporary))
    with serve(tmp_path / "log.txt", folder=temporary, asgi="app:app", **environment) as server:
        used(browser, server, tmp_path)
        server.stop()
        assert "Traceback" not in server.log.read_text(encoding="utf-8")
    assert [path.name for path in temporary.iterdir() if not path.name.startswith("torchinductor")] == []
