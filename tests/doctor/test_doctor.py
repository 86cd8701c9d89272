"""The doctor over hosts that are really broken: each finding, with what is wrong and what to do."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.doctor import host, installed, settings
from engine.doctor.finding import OK, WARNING, WRONG, Finding
from engine.runs.limits import Limits

ROOT = Path(__file__).resolve().parents[2]


def doctor(*arguments: str, python: tuple[str, ...] = (), **environment: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, what `--json` tells, and what went to standard error."""
    done = subprocess.run(
        [sys.executable, *python, "-m", "engine", "doctor", "--json", *arguments], cwd=ROOT, capture_output=True,
        text=True, encoding="utf-8", env={**os.environ, "PORT": "9", **environment},
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def found(told: dict[str, Any], about: str) -> dict[str, str]:
    [one] = [each for each in told["findings"] if each["about"] == about]
    return dict(one)


def the(findings: Any) -> Finding:
    [one] = list(findings)
    assert isinstance(one, Finding)
    return one


# ---------------------------------------------------------------------- the command


def test_a_host_on_which_the_tests_pass_is_healthy(tmp_path: Path) -> None:
    """Nothing is served at port 9, so that is free."""
    status, told, said = doctor(PLAYGROUND_DATA=str(tmp_path), PLAYGROUND_WORKERS="1", PLAYGROUND_PARKED="1")
    assert (status, said) == (0, "") and told["healthy"] is True
    levels = {each["about"]: each["level"] for each in told["findings"]}
    assert {levels[about] for about in ("python", "packages", "torch", "environment", "cores", "data folder")} == {OK}
    assert "the port is free" in found(told, "server")["said"]


def test_where_nothing_is_installed_it_says_so_without_a_traceback(tmp_path: Path) -> None:
    """`-S` leaves out everything that is not Python's own."""
    status, told, said = doctor(python=("-S",), PLAYGROUND_DATA=str(tmp_path))
    assert (status, said) == (1, "") and told["healthy"] is False
    missing = found(told, "packages")
    assert missing["level"] == WRONG and "torch" in missing["said"] and "pip install" in missing["advice"]


def test_for_people_each_finding_is_a_line_that_ends_with_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine", "doctor"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "PORT": "9", "PLAYGROUND_DATA": str(tmp_path), "PLAYGROUND_WORKES": "2"},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and done.stderr == "" and lines[-1].startswith("This host is not healthy.")
    assert all(re.match(r"(ok|warning|wrong) +\w+.*[.?)]$", line) for line in lines[:-2]), done.stdout
    [wrong] = [line for line in lines if line.startswith("wrong")]
    assert "Nobody reads PLAYGROUND_WORKES. Did you mean PLAYGROUND_WORKERS?" in wrong


@pytest.mark.parametrize("url", ["play.example", "ftp://play.example", "https://play.example:port", "http://a/?b=c"])
def test_what_is_no_address_is_refused(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine", "doctor", "--url", url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 2 and "is no address" in done.stderr and "Traceback" not in done.stderr


# ---------------------------------------------------------------------- the environment


@pytest.mark.parametrize(("name", "value", "said", "advice"), [
    ("PLAYGROUND_WORKER", "2", "Nobody reads PLAYGROUND_WORKER.", "Did you mean PLAYGROUND_WORKERS?"),
    ("Playground_Data", "/data", "Nobody reads Playground_Data.", "Did you mean PLAYGROUND_DATA?"),
    ("PLAYGROUND_COLOUR_OF_THE_SKY", "blue", "Nobody reads PLAYGROUND_COLOUR_OF_THE_SKY.", "Remove it"),
    ("PLAYGROUND_WORKERS", "many", "PLAYGROUND_WORKERS='many' is no whole number.", "does not start"),
    ("PLAYGROUND_VIEWERS", "0", "PLAYGROUND_VIEWERS=0: give more than 0, and at most 1,000,000,000.", "does not start"),
    ("PLAYGROUND_POOL", "threads", "PLAYGROUND_POOL='threads' is no pool", "does not start"),
    ("PLAYGROUND_LOG", "xml", "PLAYGROUND_LOG='xml' is no form of the log", "does not start"),
    ("PLAYGROUND_LABS", "/no/such/folder", "/no/such/folder, which is no folder", "Correct"),
    ("PLAYGROUND_METRICS", "1", "must be a token of 16 characters", "does not start"),
    ("PLAYGROUND_METRICS", "two words that are long", "must be a token of 16 characters", "does not start"),
])  # fmt: skip
def test_a_variable_that_does_nothing_or_harm_is_named(name: str, value: str, said: str, advice: str) -> None:
    finding = the(settings.examine({name: value, "HOME": "/"}))
    assert finding.level == WRONG and said in finding.said and advice in finding.advice


def test_a_short_token_is_not_said() -> None:
    finding = the(settings.examine({"PLAYGROUND_METRICS": "hunter2"}))
    assert "hunter2" not in finding.said + finding.advice


def test_what_can_be_set_is_accepted() -> None:
    given = {
        "PLAYGROUND_WORKERS": "2", "PLAYGROUND_DATA": "/data", "PLAYGROUND_LOG": "json", "PLAYGROUND_POOL": "processes",
        "PLAYGROUND_METRICS": "0123456789abcdef", "PLAYGROUND_SHELF_MB": "12.5", "PLAYGROUND_LABS": "",
    }  # fmt: skip
    assert the(settings.examine(given)).level == OK
    assert the(settings.examine({})).said == "Nothing is set."


def test_every_variable_that_is_read_or_written_of_is_known() -> None:
    files = [
        *(ROOT / "engine").rglob("*.py"), *(ROOT / "ui").rglob("*.py"), *(ROOT / "pages").rglob("*.py"),
        *ROOT.glob("*.py"), *ROOT.glob("*.md"), *ROOT.glob("*.yaml"), *(ROOT / "docs").rglob("*.md"),
        ROOT / "Dockerfile", ROOT / "Makefile",
    ]  # fmt: skip
    named = {
        name for file in files for name in re.findall(r"PLAYGROUND_[A-Z_]*[A-Z]", file.read_text(encoding="utf-8"))
    }
    assert named - settings.KNOWN == set()
    assert {"PLAYGROUND_DATA", "PLAYGROUND_WORKERS", "PLAYGROUND_METRICS"} <= named


# ---------------------------------------------------------------------- the host


def test_a_data_folder_that_cannot_be_written_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("PLAYGROUND_DATA", str(file / "below"))  # nobody can write there, root neither
    finding = host._data(Limits(), file / "below")
    assert finding.level == WRONG and "Not a directory" in finding.said and "PLAYGROUND_DATA" in finding.advice
    monkeypatch.delenv("PLAYGROUND_DATA")
    assert host._data(Limits(), file / "below").level == WARNING, "nobody asked for one"


def test_a_full_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/shm")  # a disk of its own, with less room than anybody could want below
    finding = host._data(Limits(shelf_mb=1e9), full)
    assert finding.level == WARNING and "1,000,0" in finding.said
    monkeypatch.setattr(host, "LEAST_MB", 1e12)
    assert host._data(Limits(), full).level == WRONG


def test_where_nothing_temporary_can_be_written_it_says_what_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr(host.tempfile, "tempdir", str(file / "below"))
    finding = host._temporary()
    assert finding.level == WARNING and "Large files" in finding.said and "TMPDIR" in finding.advice


def test_more_workers_than_cores_and_than_memory_are_found() -> None:
    bounds = Limits(workers=8, worker_memory_mb=6000)
    finding = host._cores(bounds, 2)
    assert finding.level == WARNING and "PLAYGROUND_WORKERS=2" in finding.advice
    finding = host._memory(bounds, 2000.0)
    assert finding.level == WRONG and "PLAYGROUND_WORKERS=3" in finding.advice
    finding = host._memory(bounds, 16_000.0)
    assert finding.level == WARNING and "PLAYGROUND_WORKER_MEMORY_MB=1968" in finding.advice
    assert host._memory(dataclasses.replace(bounds, worker_memory_mb=1900), 16_000.0).level == OK
    assert host._cores(bounds, 8).level == OK


@pytest.mark.parametrize(("limit", "level"), [(300, WRONG), (1024, WARNING), (4096, OK)])
def test_a_limit_of_open_files_below_what_viewers_need_is_found(limit: int, level: str) -> None:
    """In a process that the system really lets open so many."""
    code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))\n" \
        "from engine.doctor import host\nfrom engine.runs.limits import Limits\n" \
        "[found] = host._files(Limits(viewers=1000))\nprint(found.level, found.advice)"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.split()[0] == level
    assert level == OK or "PLAYGROUND_VIEWERS=" in done.stdout


def test_little_shared_memory_matters_where_ray_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert the(host._shared()).level == OK
    monkeypatch.setattr(host, "SHARED_MB", 1e12)
    assert the(host._shared()).level == OK
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert the(host._shared()).level == WARNING


# ---------------------------------------------------------------------- what is installed


def test_packages_that_are_missing_or_others_are_named(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("# pins\nanyio==0.1\nnever_heard_of==1\n", encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("-c constraints.txt\nnumpy==0.1\n", encoding="utf-8")
    finding = installed._packages(tmp_path)
    assert finding.level == WARNING and "numpy" in finding.said and "(tested with 0.1)" in finding.said
    assert "anyio" in finding.said and "never_heard_of" not in finding.said, "only the tests may need it"
    (tmp_path / "requirements.txt").write_text(
        'not_there==1.0; sys_platform != "win32"\nnumpy==0.1\n', encoding="utf-8"
    )
    finding = installed._packages(tmp_path)
    assert finding.level == WRONG and "Not installed: not_there." in finding.said
    assert installed._packages(tmp_path / "nowhere").level == WARNING


def test_where_a_cluster_is_named_ray_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "constraints.txt").touch()
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "requirements-ray.txt").write_text("not_there==1.0\n", encoding="utf-8")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert installed._packages(tmp_path).level == OK
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert "Not installed: not_there." in installed._packages(tmp_path).said


@pytest.mark.parametrize(("torch", "said"), [
    ("raise OSError('libtorch.so: cannot open shared object file')", "libtorch.so: cannot open"),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGILL)", "signal 4"),
])  # fmt: skip
def test_a_torch_that_cannot_be_used_is_found(
    torch: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a build for another processor, which ends whoever imports it."""
    (tmp_path / "torch.py").write_text(torch, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = installed._torch()
    assert finding.level == WRONG and said in finding.said
