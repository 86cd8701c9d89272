"""The moving picture of the README: the app itself while a network learns, recorded from a browser."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "images" / "run.webp"
PAGE = "neural_network?seed=3"
WINDOW = {"width": 1280, "height": 720}
SIZE = (960, 540)  # pixels of the picture
FRAMES, LASTS = 40, 130  # pictures, and milliseconds for which each is shown; the last one stays
STAYS = 1800
QUALITY = 62
START = 180.0  # seconds until a server answers


def record(browser: Browser) -> Path:
    """Open a lab, press Play, and write what is seen as an animated WebP."""
    with _served() as address:
        page = browser.new_page(viewport=WINDOW)
        page.goto(f"{address}/{PAGE}")
        page.locator("section.panel canvas").first.wait_for(timeout=60_000)
        page.wait_for_timeout(2_000)  # until its fonts have come and nothing glides
        shots = [page.screenshot()]
        page.get_by_role("button", name="Play").first.click()
        for _ in range(FRAMES - 1):
            page.wait_for_timeout(LASTS)
            shots.append(page.screenshot())
        page.close()
    frames = [Image.open(io.BytesIO(shot)).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS) for shot in shots]
    frames[0].save(FILE, save_all=True, append_images=frames[1:], loop=0, quality=QUALITY, method=4,
                   duration=[3 * LASTS, *[LASTS] * (FRAMES - 2), STAYS])  # fmt: skip
    return FILE


@contextlib.contextmanager
def _served() -> Iterator[str]:
    """The app on a free port, for as long as it is recorded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = [f"--server.port={port}", "--server.address=127.0.0.1"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command + options, cwd=ROOT, env={"PLAYGROUND_WORKERS": "1", **os.environ}, **quiet)
    try:
        _wait(process, f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError("The app did not start.")
