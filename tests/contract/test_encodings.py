"""Files are read and written as UTF-8, whatever the system's own encoding is: that of Windows is another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("app.py", "engine", "ui", "pages", "benchmarks", "tests")


def unsaid(source: bytes) -> Iterator[tuple[int, str]]:
    """(line, call) of everything in `source` that reads or writes text and does not say in which encoding."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        given = {word.arg: word.value for word in node.keywords}
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = node.func.id if isinstance(node.func, ast.Name) else method
        mode = given.get("mode", node.args[1] if len(node.args) > 1 else None)
        binary = isinstance(mode, ast.Constant) and "b" in str(mode.value)
        process = called in ("run", "Popen", "check_call", "check_output")
        if (
            called in ("read_text", "write_text")
            or (called in ("open", "fdopen") and not method and not binary)
            or (process and not given.keys().isdisjoint({"text", "universal_newlines"}))
        ):
            yield node.lineno, ast.unparse(node)[:80]


@pytest.mark.parametrize("part", PARTS)
def test_every_file_is_opened_in_an_encoding_that_is_said(part: str) -> None:
    files = [ROOT / part] if part.endswith(".py") else sorted((ROOT / part).rglob("*.py"))
    assert files
    assert [
        f"{file.relative_to(ROOT)}:{line}: {call}" for file in files for line, call in unsaid(file.read_bytes())
    ] == []


@pytest.mark.parametrize(
    "call",
    ["open('a')", "open('a', 'w')", "open(a, mode='r')", "a.read_text()", "a.write_text('b')",
     "subprocess.run(a, text=True)", "Popen(a, universal_newlines=True)"],
)  # fmt: skip
def test_every_form_is_seen(call: str) -> None:
    assert [line for line, _ in unsaid(call.encode())] == [1]


@pytest.mark.parametrize("call", ["open('a', 'rb')", "open(a, encoding='utf-8')", "place.open('a')", "a.read_bytes()"])
def test_bytes_have_no_encoding(call: str) -> None:
    assert list(unsaid(call.encode())) == []
