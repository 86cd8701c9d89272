"""The app as a visitor would start it, and what it takes of the machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Server:
    """`streamlit run app.py` with its default number of workers; `ready` is how many seconds it took to answer."""

    def __init__(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the server runs)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PLAYGROUND_")}
        environment["PLAYGROUND_RUNS_PER_WORKER"] = "1000"  # a hundred visits in a row leave their runs behind
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.address=127.0.0.1",
             "--server.headless=true"],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.ready = self._wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait(self) -> float:
        while self.process.poll() is None and time.perf_counter() - self.began < 120:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - self.began
            except OSError:
                time.sleep(0.02)
        self.process.kill()
        self.log.seek(0)
        raise RuntimeError(f"The server did not start:\n{self.log.read().decode()}")

    def workers(self) -> list[int]:
        """Process ids of the worker processes."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((path / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
                if parent == self.process.pid and b"engine.runs.worker" in (path / "cmdline").read_bytes():
                    found.append(int(path.name))
            except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
                continue
        return sorted(found)


def proportional_mb(pid: int) -> float:
    """Memory of a process in MB; what it shares with others counts in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
