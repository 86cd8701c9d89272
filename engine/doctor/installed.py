"""Python, the packages beside it, and whether torch computes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.doctor.finding import OK, WARNING, WRONG, Finding

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (3, 11)  # of Python, as in pyproject.toml
PATIENCE = 120.0  # seconds for torch to be imported, on a slow disk too
INSTALL = "Install what is pinned: pip install -r requirements.txt."

# In a process of its own: a build for another processor ends whoever imports it, without a word.
TORCH = """
import json, torch
from engine.contract.device import resolve
device = resolve()
weights = torch.ones(3, device=device, requires_grad=True)
(weights @ weights).backward()
name = torch.cuda.get_device_name() if device.type == "cuda" else "the " + device.type.upper()
print(json.dumps([torch.__version__, torch.version.cuda, device.type, name, weights.grad.tolist() == [2.0, 2.0, 2.0]]))
"""


def examine() -> Iterator[Finding]:
    yield _python()
    yield _packages(ROOT)
    yield _torch()


def _python() -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        return Finding("python", WRONG, f"This is Python {here}.", f"Use {'.'.join(map(str, OLDEST))} or newer.")
    return Finding("python", OK, f"This is Python {here}.")


def _packages(root: Path) -> Finding:
    """What is installed, against what is pinned."""
    try:
        wanted, along = _pinned(root / "requirements.txt"), _pinned(root / "constraints.txt")
        if "RAY_ADDRESS" in os.environ:
            wanted |= _pinned(root / "requirements-ray.txt")
    except OSError as error:
        said = f"What should be installed cannot be read: {error.filename}: {error.strerror}."
        return Finding("packages", WARNING, said, "Run the doctor in a whole checkout.")
    missing = [name for name in wanted if _version(name) is None]
    if missing:
        return Finding("packages", WRONG, f"Not installed: {', '.join(missing)}.", INSTALL)
    others = []
    for name, pin in (along | wanted).items():
        there = _version(name)  # what only the tests need is pinned too, and may be missing
        if there is not None and there.partition("+")[0] != pin:  # torch says after a + for what it was built
            others.append(f"{name} {there} (tested with {pin})")
    if others:
        return Finding("packages", WARNING, f"Other versions than were tested: {', '.join(others)}.", INSTALL)
    return Finding("packages", OK, f"The {len(wanted)} packages that are needed are there, as they were tested.")


def _pinned(file: Path) -> dict[str, str]:
    """The exact version of each package in a list of requirements."""
    text = file.read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, flags=re.MULTILINE))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch() -> Finding:
    try:
        done = subprocess.run(
            [sys.executable, "-c", TORCH], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        said = f"torch was not there within {PATIENCE:.0f} seconds."
        return Finding("torch", WRONG, said, "Look whether the disk or the machine is overloaded, or a GPU hangs.")
    if done.returncode < 0:
        said = f"torch ended its process with signal {-done.returncode}."
        return Finding("torch", WRONG, said, "Install a build for this processor; signal 9 is often too little memory.")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Finding("torch", WRONG, f"torch does not work: {last}.", INSTALL)
    release, cuda, device, name, right = json.loads(done.stdout.splitlines()[-1])
    if not right:
        return Finding("torch", WRONG, f"torch {release} computes a wrong gradient on {name}.", INSTALL)
    if cuda and device == "cpu":
        return Finding(
            "torch", WARNING, f"torch {release} is built for CUDA {cuda}, but sees no GPU: runs train on the CPU.",
            "Hand the GPU to the container, or install a build for the CPU, which is smaller.",
        )  # fmt: skip
    return Finding("torch", OK, f"torch {release} trains on {name}.")
