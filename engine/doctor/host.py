"""The machine, or the share of it that a container has: cores, memory, disk, open files."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.contract.folder import data_folder
from engine.doctor.finding import OK, WARNING, WRONG, Finding
from engine.doctor.settings import limits
from engine.runs.cores import cores, memory_mb
from engine.runs.limits import Limits

WORKER_MB, WEB_MB = 540, 250  # of a worker that has used every lab, and of a web process with a class
OTHER_FILES = 256  # that a web process has open beside the two sockets of each visitor
CLASS = 50  # viewers that any host should have room for
LEAST_MB = 200  # free on a disk: less is gone with the next data set
SHARED, SHARED_MB = Path("/dev/shm"), 1000  # where shared memory lies, and what Ray should have of it


def examine() -> Iterator[Finding]:
    bounds = limits()
    yield _cores(bounds, cores())
    yield _memory(bounds, memory_mb())
    yield _data(bounds, data_folder())
    yield _temporary()
    yield from _shared()
    yield from _files(bounds)


def _cores(bounds: Limits, there: int) -> Finding:
    said = f"{bounds.workers} workers on {there} cores."
    if bounds.workers > there:
        return Finding(
            "cores", WARNING, said, f"They take time from each other and from pages: PLAYGROUND_WORKERS={there}."
        )
    if bounds.workers < there and bounds.workers < 8:
        return Finding("cores", OK, said, "A worker for every core would train more at once.")
    return Finding("cores", OK, said)


def _memory(bounds: Limits, there: float) -> Finding:
    """Against what workers take at rest, and what they may come to."""
    least = WEB_MB + bounds.workers * WORKER_MB
    most = WEB_MB + bounds.workers * bounds.worker_memory_mb
    said = f"{there:,.0f} MB of memory; {bounds.workers} workers and the web process take {least:,} MB at rest."
    if there < least:
        fewer = max(1, int((there - WEB_MB) / WORKER_MB))
        return Finding("memory", WRONG, said, f"Give more memory, or set PLAYGROUND_WORKERS={fewer}.")
    if there < most:
        each = int((there - WEB_MB) / bounds.workers)
        said = f"{said} They take new runs until each has {bounds.worker_memory_mb:,} MB, together more than there is."
        return Finding("memory", WARNING, said, f"Set PLAYGROUND_WORKER_MEMORY_MB={each} or less.")
    return Finding("memory", OK, said)


def _data(bounds: Limits, folder: Path) -> Finding:
    """The data folder: data sets, networks on their way between pages, and parked runs."""
    problem, free = _written(folder)
    if problem:
        level = WRONG if "PLAYGROUND_DATA" in os.environ else WARNING
        said = (
            f"Nothing can be kept in the data folder {folder}: {problem}. No data set can be fetched, no network taken "
        )
        said += "from page to page, and runs that nobody watches stay in the workers' memory."
        return Finding("data folder", level, said, "Set PLAYGROUND_DATA to a folder that the server's user may write.")
    said = f"{free:,.0f} MB are free in the data folder {folder}."
    wanted = bounds.shelf_mb + getattr(bounds, "parked_mb", bounds.parked * bounds.checkpoint_mb)
    if free < LEAST_MB:
        return Finding("data folder", WRONG, said, "Make room, or set PLAYGROUND_DATA to a folder on another disk.")
    if free < wanted:
        said = f"{said} Networks and parked runs may take {wanted:,.0f} MB."
        return Finding("data folder", WARNING, said, "Make room, or lower PLAYGROUND_PARKED and PLAYGROUND_SHELF_MB.")
    return Finding("data folder", OK, said)


def _temporary() -> Finding:
    """The temporary folder: what visitors bring lies there for a moment."""
    try:
        folder = Path(tempfile.gettempdir())
    except OSError:  # none of the usual ones
        folder = Path(os.environ.get("TMPDIR", "/tmp"))
    problem, free = _written(folder)
    if problem:
        said = (
            f"Nothing can be written to the temporary folder {folder}: {problem}. Large files from visitors cannot "
            "be read, and only `streamlit run` can start the server."
        )
        return Finding("temporary files", WARNING, said, "Mount a tmpfs there, or set TMPDIR to another folder.")
    said = f"{free:,.0f} MB are free in the temporary folder {folder}."
    if free < LEAST_MB:
        return Finding("temporary files", WARNING, said, "What visitors bring is laid there for a moment: make room.")
    return Finding("temporary files", OK, said)


def _written(folder: Path) -> tuple[str, float]:
    """Why nothing can be written to a folder, "" if it can, and the MB that are free there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"doctor")
            file.flush()
        return "", shutil.disk_usage(folder).free / 1e6
    except OSError as error:
        return error.strerror or str(error), 0.0


def _shared() -> Iterator[Finding]:
    """Shared memory, which only Ray needs: it keeps its objects there."""
    if not SHARED.is_dir():
        return
    there = shutil.disk_usage(SHARED).total / 1e6
    said = f"{there:,.0f} MB of shared memory."
    if "RAY_ADDRESS" in os.environ and there < SHARED_MB:
        yield Finding(
            "shared memory", WARNING, f"{said} Ray keeps its objects there.", "Start the container with --shm-size=2g."
        )
    else:
        yield Finding("shared memory", OK, said)


def _files(bounds: Limits) -> Iterator[Finding]:
    """Open files: each visitor has two sockets, one of Streamlit and one of a run."""
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = 2 * bounds.viewers + OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        fits = max(1, (hard - OTHER_FILES) // 2)
        yield Finding(
            "open files", WARNING if fits >= CLASS else WRONG,
            f"A process may have {hard:,} files open, and {bounds.viewers:,} viewers need {wanted:,}.",
            f"Raise the limit (ulimit -Hn, LimitNOFILE=, --ulimit nofile=), or set PLAYGROUND_VIEWERS={fits}.",
        )  # fmt: skip
    else:
        many = "as many files open as it likes" if hard == resource.RLIM_INFINITY else f"{hard:,} files open"
        yield Finding("open files", OK, f"A process may have {many}; {bounds.viewers:,} viewers need {wanted:,}.")
