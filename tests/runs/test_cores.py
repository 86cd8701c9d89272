"""There is a worker for each core that this process may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.runs.cores import cores
from engine.runs.limits import Limits


@pytest.fixture(autouse=True)
def six(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)


def grouped(folder: Path, said: str, **limits: str) -> tuple[Path, Path]:
    """A file that says in which group a process is, and the groups, by their names with __ for /."""
    mine, groups = folder / "cgroup", folder / "groups"
    mine.write_text(said, encoding="utf-8")
    for name, text in limits.items():
        group = groups / name.replace("top", "").replace("__", "/")
        group.mkdir(parents=True, exist_ok=True)
        (group / "cpu.max").write_text(text, encoding="utf-8")
    return mine, groups


@pytest.mark.parametrize(("said", "limits", "wanted"), [
    ("0::/\n", {"top": "250000 100000\n"}, 2),  # as in a container with --cpus=2.5
    ("0::/\n", {"top": "50000 100000\n"}, 1),  # half a core: one nevertheless
    ("0::/\n", {"top": "max 100000\n"}, 6),
    ("0::/\n", {"top": "900000 100000\n"}, 6),  # more than there are
    ("4:memory:/a\n0::/a/b\n", {"a": "300000 100000\n", "a__b": "max 100000\n"}, 3),  # the one around it is limited
    ("0::/a/b\n", {"a": "300000 100000\n", "a__b": "200000 100000\n"}, 2),
    ("4:cpu:/a\n", {"a": "100000 100000\n"}, 6),  # version 1: not read
    ("0::/a\n", {"a": "what\n"}, 6),
    ("0::/a\n", {"a": "1 0\n"}, 6),
    ("", {}, 6),
])  # fmt: skip
def test_a_container_s_share_counts_where_it_can_be_read(
    tmp_path: Path, said: str, limits: dict[str, str], wanted: int
) -> None:
    assert cores(*grouped(tmp_path, said, **limits)) == wanted


def test_where_nothing_can_be_read_the_cores_count_that_it_may_run_on(tmp_path: Path) -> None:
    assert cores(tmp_path / "none", tmp_path / "none") == 6


def test_elsewhere_than_on_linux_the_cores_of_the_machine_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert cores(tmp_path / "none", tmp_path / "none") == 4


def test_there_are_eight_workers_at_most() -> None:
    assert 1 <= Limits().workers <= 8
