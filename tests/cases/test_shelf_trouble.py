"""A full disk kept a part of every failed upload, and a user without a home got a RuntimeError."""

from __future__ import annotations

import os
import pwd
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets

from engine.__main__ import main
from engine.contract import whole_file
from engine.contract.folder import data_folder
from engine.data import images, openml, shelf
from engine.data.shelf import ShelfError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@contextmanager
def full_disk(room: int = 50_000) -> Iterator[None]:
    """Writing more than `room` bytes to a file fails, as it does on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_full_disk_keeps_nothing_of_a_failed_upload(folder: Path) -> None:
    kept = shelf.keep(b"a network that is there")
    with full_disk():
        for _ in range(3):
            with pytest.raises(ShelfError, match="This server cannot keep the network"):
                shelf.keep(os.urandom(200_000))
    assert files(folder) == [f"shelf/{kept}"]


@pytest.mark.parametrize("size", [200_000, 60_000, 50_001])
def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path, size: int) -> None:
    file = tmp_path / "page.md"
    whole_file.write(file, b"before")
    with full_disk(), pytest.raises(OSError):
        whole_file.write(file, bytes(size))
    assert file.read_bytes() == b"before" and files(tmp_path) == ["page.md"]
    whole_file.write(file, b"after")
    assert file.read_bytes() == b"after" and files(tmp_path) == ["page.md"]


def test_what_a_killed_process_left_behind_goes_even_if_the_disk_is_full(folder: Path) -> None:
    shelf.keep(b"a network")
    for name, age in (("coming.old", 3_600), ("coming.new", 0)):
        file = folder / "shelf" / name
        file.write_bytes(b"half a network")
        at = file.stat().st_mtime - age
        os.utime(file, (at, at))
    with full_disk(), pytest.raises(ShelfError):
        shelf.keep(bytes(100_000))
    assert [name for name in files(folder) if "coming" in name] == ["shelf/coming.new"]  # somebody may be writing it


def test_a_full_disk_keeps_nothing_of_a_data_set_and_names_no_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((70_000, 784), np.uint8)
    pixels[:, 0] = 255
    labels = (np.arange(70_000) % 10).astype(str).astype(object)
    monkeypatch.setattr(
        sklearn.datasets, "fetch_openml", lambda *_, **__: SimpleNamespace(data=pixels, target=labels)
    )  # what OpenML sends: there is no network here
    monkeypatch.setattr(sys, "argv", ["engine.data.openml", "mnist", str(folder / "images" / "mnist")])
    heard = signal.getsignal(signal.SIGTERM)
    try:
        with full_disk(), pytest.raises(SystemExit) as ended:
            openml.main()
    finally:
        signal.signal(signal.SIGTERM, heard)
    assert isinstance(ended.value.code, str) and str(folder) not in ended.value.code
    assert files(folder) == [] and not images.fetched("mnist")


def test_a_fetch_that_is_broken_off_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    def stop(_: str) -> None:
        if list((folder / "images").glob("mnist.coming.*/*")):
            raise Stopped

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the request and never answers
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Stopped):
            images.fetch("mnist", stop)
    assert list((folder / "images").iterdir()) == []


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user id without an entry, which a container may run under."""

    def nobody(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    for name in ("PLAYGROUND_DATA", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RuntimeError):
        Path.home()


@pytest.mark.usefixtures("no_home")
def test_without_a_home_the_temporary_directory_takes_what_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data_folder().parent == tmp_path
    assert shelf.fetch(shelf.keep(b"a network")) == b"a network"
    with pytest.raises(ShelfError, match="no longer on this server"):
        shelf.fetch("0" * 20)
    assert not images.fetched("mnist")
    assert main(["run", "cnn_filters", "--set", "data=mnist", "--steps", "1"]) == 2
    assert "MNIST is not on this server yet" in capsys.readouterr().err


def test_output_that_cannot_be_written_is_one_sentence() -> None:
    with Path("/dev/full").open("wb") as full:  # the device of Linux that is always full
        done = subprocess.run(
            [sys.executable, "-m", "engine", "list"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE,
            text=True, encoding="utf-8",
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "error: the output could not be written: No space left on device\n"
