"""On Windows the command line failed as soon as it was redirected: the code page has no β, and é was no UTF-8."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from engine.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


ENCODINGS = ("cp1252", "ascii", "cp932")


def redirected(commands: list[list[str]], encoding: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What arrives in the file to which the output is redirected, on a system whose own encoding is this one."""
    written = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        for words in commands:
            assert main(words) == 0
        sys.stdout.flush()
        return written.getvalue()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_knobs_of_every_lab_can_be_redirected(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = redirected([["describe", slug] for slug in engine.labs()], encoding, monkeypatch).decode("utf-8")
    assert "β" in text and "λ" in text


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("tokens", ["aéb", "日本", "a'\"b", "\\n", "\U0001f600", "\ud800"])
def test_an_exported_file_is_python_in_every_encoding(
    encoding: str, tokens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["export", "attention_heads", "--steps", "0", "--set", f"tokens={tokens}"]
    file = redirected([words], encoding, monkeypatch)
    assert file.isascii()
    scope: dict[str, object] = {}
    exec(compile(file, "run.py", "exec"), scope)
    assert scope["config"] == engine.lab("attention_heads").Config(tokens=tokens)


def test_the_command_itself_writes_utf8(tmp_path: Path) -> None:
    """In a process of its own, for what Python does with the streams at its beginning and at its end."""
    with (tmp_path / "vae.txt").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "engine", "describe", "vae"], cwd=ROOT, stdout=out, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert "β" in (tmp_path / "vae.txt").read_text(encoding="utf-8")
