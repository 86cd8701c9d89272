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
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STOPPED = 60.0  # seconds


class Server:
    """`streamlit run app.py` with its default number of workers; `ready` is how many seconds it took to answer.

    `root` is the tree that is served.  `roomy`: workers take any number of runs, since a hundred visits in a row leave
    theirs behind.  `asgi`: that app instead, by uvicorn, with the flags that docs/faults.md recommends.
    """

    def __init__(self, root: Path = ROOT, *, roomy: bool = True, asgi: str = "", **more: str) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the server runs)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PLAYGROUND_")}
        if roomy:
            environment["PLAYGROUND_RUNS_PER_WORKER"] = "1000"
        if asgi:
            command = ["uvicorn", asgi, f"--port={port}", "--host=127.0.0.1", "--ws-max-size=8388608",
                       "--ws-per-message-deflate=false", "--no-access-log"]  # fmt: skip
        else:
            command = ["streamlit", "run", "app.py", f"--server.port={port}", "--server.address=127.0.0.1",
                       "--server.headless=true"]  # fmt: skip
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=root, env=environment | more, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.ready = self._wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> float:
        """Seconds from SIGTERM until no process of the server is left; after `STOPPED` it is killed."""
        pids, began = [self.process.pid, *self.workers()], time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        while any(map(lives, pids)) and time.perf_counter() - began < STOPPED:
            time.sleep(0.01)
        took = time.perf_counter() - began
        self.process.kill()
        self.process.wait()
        return took

    def _wait(self) -> float:
        while self.process.poll() is None and time.perf_counter() - self.began < 120:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - self.began
            except OSError:
                time.sleep(0.02)
        self.process.kill()
        raise RuntimeError(f"The server did not start:\n{self.said()}")

    def said(self) -> str:
        """Its log.  Not by moving in the file: where the server goes on writing is shared with it."""
        file = self.log.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")

    def parts(self) -> dict[str, list[int]]:
        """Process ids of all that serves, by what they do."""
        return {"web": [self.process.pid], "workers": self.workers()}

    def workers(self) -> list[int]:
        """Process ids of the worker processes."""
        return sorted(pid for pid, command in descendants(self.process.pid).items() if "engine.runs.worker" in command)


def descendants(ancestor: int) -> dict[int, str]:
    """Process ids of the children of a process, of theirs and so on, each with its command line."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
            children.setdefault(int(_stat(int(path.name))[1]), []).append(int(path.name))
    found: dict[int, str] = {}
    new = children.get(ancestor, [])
    while new:
        pid = new.pop()
        with suppress(FileNotFoundError, ProcessLookupError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        new += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """What the system says of a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def lives(pid: int) -> bool:
    """Whether a process is there, and not only its exit status."""
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processor_seconds(pid: int) -> float:
    """Processor time of a process with all its threads, those that have ended too; in steps of a clock tick."""
    return sum(map(int, _stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")  # in user and in system mode


def proportional_mb(pid: int) -> float:
    """Memory of a process in MB; what it shares with others counts in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def resident_mb(pid: int) -> float:
    """Memory of a process in MB, that counts which it shares with others too: read in no time."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
